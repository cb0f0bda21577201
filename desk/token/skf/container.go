package skf

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"slices"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
	gmskf "github.com/certhall/certhall/gm/skf"
)

type container struct {
	key  *Key
	name string
	raw  string // as the library has it
}

func (c *container) Name() string { return c.name }

// with opens the container for one operation.
func (c *container) with(f func(h native.Ref) error) error {
	k := c.key
	var h native.Ref
	if err := k.m.call("SKF_OpenContainer", native.Use(k.handle), native.Text(c.raw), native.Handle(&h)); err != nil {
		if all, listed := k.containers(); listed == nil && !slices.Contains(all, c.raw) {
			return token.ErrNoContainer.Because(err) // each library says it in its own way
		}
		return err
	}
	defer k.m.call("SKF_CloseContainer", native.Use(h))
	return f(h)
}

func (c *container) read(ctx context.Context, f func(h native.Ref) error) error {
	return c.key.do(ctx, func() error { return c.with(f) })
}

func (c *container) write(ctx context.Context, f func(h native.Ref) error) error {
	return c.key.write(ctx, func() error { return c.with(f) })
}

// PublicKey reads one of the public keys. A key of a kind that is not used here
// counts as none.
func (c *container) PublicKey(ctx context.Context, u token.Usage) (pub crypto.PublicKey, err error) {
	err = c.read(ctx, func(h native.Ref) error {
		pub, err = c.key.m.publicKey(h, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := gm.AlgorithmOf(pub); err != nil {
		return nil, token.ErrNoKey.Because(err)
	}
	return pub, nil
}

// vague are codes by which some libraries say that there is no such key or
// certificate, and others that something went wrong.
var vague = []gmskf.Code{gmskf.Fail, gmskf.FileError, gmskf.ReadFileError, gmskf.ObjectError, gmskf.FileMissing, gmskf.KeyInfoType, gmskf.CertificateNotFound}

// publicKey reads a public key: token.ErrNoKey where none lies. The container's
// type alone is not believed: it only tells what a vague code means.
func (m *Module) publicKey(h native.Ref, u token.Usage) (crypto.PublicKey, error) {
	const fn = "SKF_ExportPublicKey"
	b, n, err := m.answer(fn, spare, native.Use(h), native.Bool(u == token.Signing))
	var kind uint64
	typed := m.call("SKF_GetContainerType", native.Use(h), native.ULong(&kind)) == nil
	empty := typed && gmskf.ContainerType(kind) == gmskf.Empty
	switch {
	case is(err, gmskf.InvalidHandle, gmskf.DeviceRemoved):
		return nil, err
	case is(err, gmskf.KeyNotFound), err != nil && empty, is(err, vague...) && (u == token.Encryption || !typed):
		return nil, token.ErrNoKey.Because(err)
	case err != nil:
		return nil, err
	}
	if zero := make([]byte, len(b)); n == 0 || bytes.Equal(b[16:], zero[16:]) { // 16: lengths and algorithm
		return nil, token.ErrNoKey
	}
	if gmskf.ContainerType(kind) != gmskf.RSAContainer {
		for _, l := range append([]gmskf.Layout{m.layout}, gmskf.Layouts...) {
			if pub, err := l.ParsePublicKey(b); err == nil {
				m.learn(l)
				return pub, nil
			}
		}
	}
	for _, l := range append([]gmskf.Layout{m.layout}, gmskf.Layouts...) {
		if pub, err := l.ParseRSAPublicKey(b); err == nil {
			m.learn(l)
			return pub, nil
		}
	}
	return nil, wrong(fn, "no public key in %d bytes", n)
}

// learn takes the size of ULONG from a structure that could be read. Whether
// numbers are aligned shows in DEVINFO alone.
func (m *Module) learn(l gmskf.Layout) { m.layout.ULong = l.ULong }

// Certificate reads one of the certificates.
func (c *container) Certificate(ctx context.Context, u token.Usage) (der []byte, err error) {
	err = c.read(ctx, func(h native.Ref) error {
		der, err = c.key.m.certificate(h, u)
		return err
	})
	return der, err
}

func (m *Module) certificate(h native.Ref, u token.Usage) ([]byte, error) {
	const fn = "SKF_ExportCertificate"
	b, n, err := m.answer(fn, gm.MaxCertificate, native.Use(h), native.Bool(u == token.Signing))
	switch {
	case is(err, gmskf.KeyNotFound) || is(err, vague...):
		return nil, token.ErrNoCertificate.Because(err)
	case err != nil:
		return nil, err
	case n == 0 || bytes.Equal(b[:n], make([]byte, n)):
		return nil, token.ErrNoCertificate
	}
	if whole := derLength(b); whole > 0 && whole <= len(b) {
		n = whole // the certificate knows better than the library
	}
	return b[:n], nil
}

// derLength is the length that a DER sequence tells of itself; 0 if it is none.
func derLength(b []byte) int {
	if len(b) < 4 || b[0] != 0x30 {
		return 0
	}
	switch {
	case b[1] < 0x80:
		return 2 + int(b[1])
	case b[1] == 0x81:
		return 3 + int(b[2])
	case b[1] == 0x82:
		return 4 + int(b[2])<<8 + int(b[3])
	}
	return 0
}

// ImportCertificate writes one of the certificates and reads it back.
func (c *container) ImportCertificate(ctx context.Context, u token.Usage, der []byte) error {
	const fn = "SKF_ImportCertificate"
	if len(der) == 0 || len(der) > gm.MaxCertificate {
		return token.ErrNoCertificate.Becausef("a certificate of %d bytes", len(der))
	}
	return c.write(ctx, func(h native.Ref) error {
		if err := c.key.m.call(fn, native.Use(h), native.Bool(u == token.Signing), native.In(der), native.Word(uint64(len(der)))); err != nil {
			return err
		}
		back, err := c.key.m.certificate(h, u)
		if err == nil && !bytes.Equal(back, der) || errors.Is(err, token.ErrNoCertificate) {
			return wrong(fn, "another certificate lies there")
		}
		return err
	})
}

// GenerateSigningKey makes a signing pair where none lies.
//
// ◆ On real keys SKF_GenECCKeyPair destroys a pair that lies there: it is
// looked for first, whoever calls. Afterwards what lies there counts, whatever
// the function said.
func (c *container) GenerateSigningKey(ctx context.Context, a gm.Algorithm) (pub crypto.PublicKey, err error) {
	m := c.key.m
	unsupported := token.ErrAlgorithmUnsupported.With("algorithm", a.String())
	if a != gm.SM2 && a != gm.RSA {
		return nil, unsupported
	}
	err = c.write(ctx, func(h native.Ref) error {
		for _, u := range []token.Usage{token.Signing, token.Encryption} {
			if _, err := m.publicKey(h, u); !errors.Is(err, token.ErrNoKey) {
				return cmpErr(err, token.ErrContainerExists.Becausef("a key lies in %s", c.name))
			}
		}
		fn, made := "SKF_GenECCKeyPair", error(nil)
		if a == gm.RSA {
			fn = "SKF_GenRSAKeyPair"
			made = m.call(fn, native.Use(h), native.Word(token.RSABits), native.Out(make([]byte, spare)))
		} else {
			made = m.generateSM2(fn, h)
		}
		if is(made, gmskf.NotSupported, gmskf.ModulusLength, gmskf.RSAModulusLength) {
			return unsupported.Because(made)
		}
		if pub, err = m.publicKey(h, token.Signing); errors.Is(err, token.ErrNoKey) {
			return cmpErr(made, wrong(fn, "no key lies there"))
		}
		if lies, unknown := gm.AlgorithmOf(pub); err == nil && (unknown != nil || lies != a) {
			return wrong(fn, "a key of another kind than was made")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return pub, nil
}

// generateSM2 makes a pair by the value for SGD_SM2_1 that the library takes:
// the one of vendors' headers, or the one that GM/T 0006 prints.
func (m *Module) generateSM2(fn string, h native.Ref) (err error) {
	values := []gmskf.Algorithm{gmskf.SM2Sign, gmskf.SM2SignPrinted}
	if m.sm2 != 0 {
		values = []gmskf.Algorithm{m.sm2}
	}
	for _, v := range values {
		err = m.call(fn, native.Use(h), native.Word(uint64(v)), native.Out(make([]byte, spare)))
		if !is(err, gmskf.NotSupported, gmskf.InvalidParameter, gmskf.KeyUsage) {
			if err == nil {
				m.sm2 = v
			}
			break
		}
	}
	return err
}

// Sign signs a message. The library gets its digest: e = SM3(Z‖M) with SM2,
// SHA-256 with RSA; what it answers must verify.
func (c *container) Sign(ctx context.Context, message []byte) (signature []byte, err error) {
	m := c.key.m
	err = c.write(ctx, func(h native.Ref) error {
		pub, err := m.publicKey(h, token.Signing)
		if err != nil {
			return err
		}
		digest, err := gm.NewHash(pub)
		if err != nil {
			return token.ErrNoKey.Because(err)
		}
		digest.Write(message)
		e := digest.Sum(nil)
		switch pub := pub.(type) {
		case *ecdsa.PublicKey:
			signature, err = m.signSM2(h, pub, e)
		case *rsa.PublicKey:
			signature, err = m.signRSA(h, pub, e)
		}
		return err
	})
	return signature, err
}

func (m *Module) signSM2(h native.Ref, pub *ecdsa.PublicKey, e []byte) ([]byte, error) {
	out := make([]byte, spare)
	if err := m.call("SKF_ECCSignData", native.Use(h), native.In(e), native.Word(uint64(len(e))), native.Out(out)); err != nil {
		return nil, err
	}
	der, err := gmskf.ParseSignature(out)
	if err == nil {
		err = gm.VerifyDigest(pub, e, der)
	}
	if err != nil {
		return nil, token.ErrKeyPairBroken.Because(err)
	}
	return der, nil
}

// signRSA signs a digest. Most libraries pad what they are given; some take
// the bare digest and put it into a DigestInfo themselves.
func (m *Module) signRSA(h native.Ref, pub *rsa.PublicKey, digest []byte) ([]byte, error) {
	var err error
	for _, bare := range []bool{m.bare, !m.bare} {
		data := gm.DigestInfo(digest)
		if bare {
			data = digest
		}
		out := make([]byte, spare)
		n := uint64(len(out))
		err = m.call("SKF_RSASignData", native.Use(h), native.In(data), native.Word(uint64(len(data))), native.Out(out), native.ULong(&n))
		if err == nil {
			signature := out[:pub.Size()]
			if err = gm.VerifyDigest(pub, digest, signature); err == nil {
				m.bare = bare
				return signature, nil
			}
			err = token.ErrKeyPairBroken.Because(err)
		} else if !is(err, gmskf.InputData, gmskf.InputLength, gmskf.InvalidParameter) {
			return nil, err
		}
	}
	return nil, err
}
