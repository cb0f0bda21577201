package pkcs11

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// ImportEncryptionKey puts the enveloped key beside the signing pair, as the
// profile says. The private key is written first: without its public one it is
// as good as absent, and a repeated import clears it away.
func (c *container) ImportEncryptionKey(ctx context.Context, envelope []byte) error {
	signing, pub, err := c.private(ctx, token.Signing)
	if err != nil {
		return err
	}
	if a, _ := gm.AlgorithmOf(pub); a != gm.SM2 {
		return unsupported(a.String() + "-encryption-pair")
	}
	s := c.key.m.profile.SM2
	if s == nil || s.Import == "" {
		return unsupported("sm2-encryption-pair")
	}
	inner, err := gm.EnvelopedPublicKey(envelope)
	if err != nil {
		return token.ErrEnvelope.Because(err)
	}
	public, err := c.encryptionPublic(inner)
	if err != nil {
		return token.ErrEnvelope.Because(err)
	}
	left, err := c.keys(classPrivate, token.Encryption)
	if err != nil {
		return explained(err)
	}
	if err := c.key.destroy(ctx, left); err != nil {
		return explained(err)
	}
	private := c.named().number(attrClass, classPrivate).number(attrKeyType, s.KeyType).
		yes(attrToken, attrPrivate, attrSensitive, attrDecrypt).no(attrExtractable, attrSign)
	if s.Import == importUnwrap {
		err = c.unwrap(signing, envelope, private)
	} else {
		err = c.createPrivate(signing, envelope, inner, private)
	}
	if err != nil {
		return err
	}
	_, err = c.create(public)
	return explained(err)
}

// encryptionPublic describes the public key's object.
func (c *container) encryptionPublic(pub *ecdsa.PublicKey) (*template, error) {
	s := c.key.m.profile.SM2
	point, err := shaped(pub, s.Point)
	if err != nil {
		return nil, err
	}
	t := c.named().number(attrClass, classPublic).number(attrKeyType, s.KeyType).yes(attrToken, attrEncrypt).no(attrPrivate, attrVerify).
		bytes(attrECPoint, point)
	if params, err := s.params(); err != nil || params == nil {
		return t, err
	} else {
		return t.bytes(attrECParams, params), nil
	}
}

// unwrap lets the token open the envelope.
func (c *container) unwrap(signing native.Ref, envelope []byte, private *template) error {
	s := c.key.m.profile.SM2
	wrapped := envelope
	if s.Envelope == skf {
		blob, err := gmskf.Standard.EnvelopedKey(envelope, gmskf.AtEnd)
		if err != nil {
			return token.ErrEnvelope.Because(err)
		}
		wrapped = blob
	}
	var ref native.Ref
	err := c.key.call("C_UnwrapKey", native.Mechanism(s.Unwrap, nil), native.Use(signing), native.In(wrapped), native.Word(uint64(len(wrapped))),
		private.arg(), private.count(), native.Handle(&ref))
	if answers(err, wrappedInvalid, wrappedLength, encryptedInvalid, encryptedLength) {
		return token.ErrEnvelope.Because(err)
	}
	return keyFault(err)
}

// envelopedKey is SM2EnvelopedKey (GB/T 35276, 7.4).
type envelopedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Cipher    asn1.RawValue
	PublicKey asn1.BitString
	Key       asn1.BitString
}

// createPrivate opens the envelope here, its inner key by the token: the
// private key passes through this process's memory.
func (c *container) createPrivate(signing native.Ref, envelope []byte, pub *ecdsa.PublicKey, private *template) error {
	var e envelopedKey
	if _, err := asn1.Unmarshal(envelope, &e); err != nil {
		return token.ErrEnvelope.Because(err)
	}
	session, err := c.decrypt(signing, e.Cipher.FullBytes)
	if err != nil {
		return err
	}
	defer clear(session)
	block, err := sm4.NewCipher(session)
	if err != nil {
		return token.ErrEnvelope.Because(err)
	}
	d := make([]byte, 32) // EnvelopedPublicKey has checked the length
	defer clear(d)
	for i := 0; i < len(d); i += sm4.BlockSize { // ECB, as the standard has it
		block.Decrypt(d[i:], e.Key.Bytes[i:])
	}
	key, err := sm2.NewPrivateKey(d)
	if err != nil || !gm.SameKey(&key.PublicKey, pub) {
		return token.ErrEnvelope.Becausef("the key does not fit its own public half: %v", err)
	}
	if params, err := c.key.m.profile.SM2.params(); err == nil && params != nil {
		private.bytes(attrECParams, params)
	}
	_, err = c.create(private.secret(attrValue, d))
	return explained(err)
}

// Decrypt decrypts an SM2Cipher with the encryption key.
func (c *container) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	ref, _, err := c.private(ctx, token.Encryption)
	if err != nil {
		return nil, err
	}
	return c.decrypt(ref, ciphertext)
}

func (c *container) decrypt(ref native.Ref, ciphertext []byte) ([]byte, error) {
	s := c.key.m.profile.SM2
	if s == nil || s.Decrypt == 0 {
		return nil, token.ErrUntestable
	}
	input, err := ciphered(ciphertext, s.Cipher)
	if err != nil {
		return nil, token.ErrCiphertext.Because(err)
	}
	plain, err := c.key.operate("C_DecryptInit", "C_Decrypt", ref, s.Decrypt, native.In(input), len(input), native.Hidden)
	switch {
	case answers(err, encryptedInvalid, encryptedLength):
		return nil, token.ErrCiphertext.Because(err)
	case answers(err, mechanismInvalid, mechanismParam, functionUnsupported):
		return nil, token.ErrUntestable.Because(err)
	}
	return plain, keyFault(err)
}

// ciphered brings an SM2Cipher into a form of Profile.
func ciphered(cipher []byte, form string) ([]byte, error) {
	splice := sm2.C1C3C2
	switch form {
	case "", der:
		return cipher, nil
	case c1c2c3:
		splice = sm2.C1C2C3
	}
	return sm2.ASN1Ciphertext2Plain(cipher, sm2.NewPlainEncrypterOpts(sm2.MarshalUncompressed, splice))
}
