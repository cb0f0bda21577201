package skf

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"slices"
	"strings"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// ImportEncryptionKey writes an enveloped encryption key and makes sure that
// the right one lies there: its public half is read back, and where the library
// can decrypt, it must. Libraries look for the encrypted key in either half of
// its field.
func (c *container) ImportEncryptionKey(ctx context.Context, envelope []byte) error {
	const fn = "SKF_ImportECCKeyPair"
	pub, err := gm.EnvelopedPublicKey(envelope)
	if err != nil {
		return token.ErrEnvelope.Because(err)
	}
	m := c.key.m
	return c.write(ctx, func(h native.Ref) error {
		signing, err := m.publicKey(h, token.Signing) // which also tells the layout
		if err != nil {
			return err
		}
		if _, err := gm.SM2Key(signing); err != nil {
			return token.ErrEnvelope.Because(err)
		}
		var first error
		for _, at := range m.keyAt {
			err := c.importAt(h, fn, envelope, pub, at)
			if err == nil {
				m.keyAt = slices.Insert(slices.DeleteFunc(m.keyAt, func(a gmskf.KeyAt) bool { return a == at }), 0, at)
				return nil
			}
			if !anotherHalf(err) {
				return err
			}
			first = cmpErr(first, err)
		}
		if is(first, gmskf.InvalidParameter, gmskf.InputData, gmskf.InputLength, gmskf.DecryptPadding, gmskf.HashNotEqual, gmskf.Fail) {
			return token.ErrEnvelope.Because(first)
		}
		return first
	})
}

// anotherHalf tells whether it helps to write the encrypted key into the other
// half: the library says something of the data, or another key lies there.
func anotherHalf(err error) bool {
	e := meaning(err)
	return errors.Is(e, token.ErrDriverWrong) || errors.Is(e, token.ErrKeyPairBroken)
}

// importAt writes the key with its encrypted half at one place.
func (c *container) importAt(h native.Ref, fn string, envelope []byte, pub *ecdsa.PublicKey, at gmskf.KeyAt) error {
	m := c.key.m
	blob, err := m.layout.EnvelopedKey(envelope, at)
	if err != nil {
		return token.ErrEnvelope.Because(err)
	}
	if err := m.call(fn, native.Use(h), native.Secret(blob)); err != nil {
		return err
	}
	lies, err := m.publicKey(h, token.Encryption)
	if err != nil && !errors.Is(err, token.ErrNoKey) {
		return err
	}
	if err != nil || !gm.SameKey(lies, pub) {
		return wrong(fn, "another key lies there than was written")
	}
	if err := c.decrypts(h, pub); !errors.Is(err, token.ErrUntestable) {
		return err
	}
	return nil
}

// Decrypt decrypts an SM2Cipher with the encryption key.
func (c *container) Decrypt(ctx context.Context, ciphertext []byte) (plain []byte, err error) {
	m := c.key.m
	err = c.write(ctx, func(h native.Ref) error {
		pub, err := m.publicKey(h, token.Encryption)
		if err != nil {
			return err
		}
		enc, err := gm.SM2Key(pub)
		if err != nil {
			return token.ErrUntestable.Because(err)
		}
		if err := c.decrypts(h, enc); err != nil {
			return err
		}
		plain, err = m.open(*m.decrypt, h, ciphertext)
		if err != nil && errors.Is(meaning(err), token.ErrDriverWrong) {
			return token.ErrCiphertext.Because(err) // the key has just shown that it works
		}
		return err
	})
	return plain, err
}

// decryptor is a way to decrypt with the encryption key.
type decryptor struct {
	fn   string
	spec uint64 // for functions whose name begins with V_: which key
}

// encryptionKey names the encryption key to a V_ function.
const encryptionKey = 1

// decryptors are the ways to try: the one that is known, or all that the
// library has, in the order in which they are common.
func (m *Module) decryptors() []decryptor {
	if m.decrypt != nil {
		return []decryptor{*m.decrypt}
	}
	names := []string{"SKF_ECCDecrypt", "SKF_ECCPrvKeyDecrypt", "V_ECCPrvKeyDecrypt"}
	if m.Decrypt != "" {
		names = []string{m.Decrypt}
	}
	spec := uint64(m.KeySpec)
	if spec == 0 {
		spec = encryptionKey
	}
	var ways []decryptor
	for _, fn := range names {
		if m.lib.Has(fn) {
			ways = append(ways, decryptor{fn, spec})
		}
	}
	return ways
}

// decrypts proves that the encryption key works, by a secret of our own:
// token.ErrUntestable where the library has no function for it. What worked is
// remembered of the library, and of the key as long as it is open.
func (c *container) decrypts(h native.Ref, pub *ecdsa.PublicKey) error {
	m := c.key.m
	spki, err := gm.MarshalPublicKey(pub)
	if err != nil {
		return err
	}
	if m.decrypt != nil && c.key.decrypts[c.raw+string(spki)] {
		return nil
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	sealed, err := gm.Seal(rand.Reader, pub, secret)
	if err != nil {
		return token.ErrKeyPairBroken.Because(err)
	}
	verdict := error(token.ErrUntestable)
	for _, way := range m.decryptors() {
		plain, err := m.open(way, h, sealed)
		switch {
		case err == nil && bytes.Equal(plain, secret):
			m.decrypt = &way
			c.key.decrypts[c.raw+string(spki)] = true
			return nil
		case is(err, gmskf.NotSupported):
		case err != nil && !errors.Is(meaning(err), token.ErrDriverWrong):
			return err
		case is(err, gmskf.InvalidHandle):
			return err
		case m.decrypt == nil && is(err, gmskf.InvalidParameter): // it takes other arguments
		default:
			verdict = token.ErrKeyPairBroken.Because(cmpErr(err, wrong(way.fn, "another plaintext")))
		}
	}
	return verdict
}

// open decrypts an SM2Cipher by one of the ways. The plaintext is as long as
// the ciphertext within; what the library says of its length does not count.
func (m *Module) open(way decryptor, h native.Ref, ciphertext []byte) ([]byte, error) {
	blob, err := m.layout.Cipher(ciphertext)
	if err != nil {
		return nil, token.ErrCiphertext.Because(err)
	}
	args := []native.Arg{native.Use(h)}
	if strings.HasPrefix(way.fn, "V_") {
		args = append(args, native.Word(way.spec))
	}
	out := make([]byte, len(blob)+spare)
	n := uint64(len(out))
	if err := m.call(way.fn, append(args, native.In(blob), native.Hidden(out), native.ULong(&n))...); err != nil {
		return nil, err
	}
	return out[:len(blob)-m.layout.CipherSize(0)], nil
}
