package token

import (
	"bytes"
	"context"
	"crypto"
	"errors"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// parts are a bundle's parts, each proved: both certificates chain to one
// trusted root and carry the same subject, the envelope's key is the
// encryption certificate's. Of a single certificate, enc and encKey are nil.
type parts struct {
	attempt
	proof.Bundle
	sign, enc       *smx509.Certificate
	signKey, encKey crypto.PublicKey
	root            *smx509.Certificate
}

func (e Env) prove(authority string, b proof.Bundle) (*parts, error) {
	a, err := attemptOf(authority, b.Authority, b.Case, b.Attempt)
	if err != nil {
		return nil, err
	}
	p := &parts{attempt: a, Bundle: b}
	if p.sign, p.signKey, err = parse(b.Sign); err != nil {
		return nil, err
	}
	if p.root, err = e.Trust.Root(p.sign, b.Chain); err != nil {
		return nil, err
	}
	if b.OldSerial == "" && !bytes.Equal(p.sign.RawSubject, b.Subject) {
		return nil, ErrBundle.Becausef("not the decision's subject")
	}
	if p.single() {
		if len(b.Envelope) != 0 || len(b.SealedNonce) != 0 {
			return nil, ErrBundle.Becausef("an encryption key without its certificate")
		}
		if !forEverything(p.sign) {
			return nil, ErrBundle.Becausef("a signing certificate without its encryption half")
		}
		return p, nil
	}
	return p, p.proveEncryption(e.Trust)
}

// single tells whether there is no encryption half.
func (p *parts) single() bool { return len(p.Bundle.Enc) == 0 }

func (p *parts) proveEncryption(t *Trust) (err error) {
	if _, err := gm.SM2Key(p.signKey); err != nil { // only to such a key an encryption key can be enveloped
		return ErrBundle.Becausef("an encryption half beside a certificate for everything: %v", err)
	}
	if p.enc, p.encKey, err = parse(p.Bundle.Enc); err != nil {
		return err
	}
	if root, err := t.Root(p.enc, p.Chain); err != nil || !root.Equal(p.root) {
		return ErrUntrusted.Becausef("encryption certificate under another root: %v", err)
	}
	wrapped, err := gm.EnvelopedPublicKey(p.Envelope)
	if err != nil || !gm.SameKey(wrapped, p.encKey) {
		return ErrBundle.Becausef("the envelope holds another key than the certificate's: %v", err)
	}
	if !bytes.Equal(p.sign.RawSubject, p.enc.RawSubject) {
		return ErrBundle.Becausef("two subjects")
	}
	return nil
}

func parse(der []byte) (*smx509.Certificate, crypto.PublicKey, error) {
	c, err := gm.ParseCertificate(der)
	if err != nil {
		return nil, nil, ErrBundle.Because(err)
	}
	pub, err := gm.CertificateKey(c)
	if err != nil {
		return nil, nil, ErrBundle.Because(err)
	}
	return c, pub, nil
}

// home finds the bundle's container; a reason for Trouble where it is not
// there or holds another signing key.
func (p *parts) home(all []*Holding) (*Holding, string) {
	h := byName(all, p.container())
	switch {
	case h == nil || h.SignKey == nil:
		return h, proof.Absent
	case !gm.SameKey(h.SignKey, p.signKey):
		return h, proof.AnotherKey
	case h.EncKey != nil && (p.single() || !gm.SameKey(h.EncKey, p.encKey)):
		return h, proof.AnotherKey
	}
	return h, ""
}

// complete tells whether all four parts, or both of a single certificate, lie
// in the container.
func (p *parts) complete(h *Holding) bool {
	if !gm.SameKey(h.SignKey, p.signKey) || h.Sign == nil || !h.Sign.Equal(p.sign) {
		return false
	}
	if p.single() {
		return h.EncKey == nil && h.Enc == nil
	}
	return gm.SameKey(h.EncKey, p.encKey) && h.Enc != nil && h.Enc.Equal(p.enc)
}

// encSerial is the serial of the encryption certificate; "" of a single one.
func (p *parts) encSerial() string {
	if p.single() {
		return ""
	}
	return string(certhall.SerialOf(p.enc.SerialNumber))
}

// test proves that a complete container works and opens the bundle's nonce.
// reason says why not; untestable that the driver cannot decrypt.
func (p *parts) test(ctx context.Context, h *Holding, e Env) (nonce []byte, untestable bool, reason string, err error) {
	if ok, err := SelfTest(ctx, h, e.Random); err != nil {
		return nil, false, "", err
	} else if !ok {
		return nil, false, proof.FailingSelfTest, nil
	}
	if p.single() {
		return nil, false, "", nil
	}
	nonce, err = h.Decrypt(ctx, p.SealedNonce)
	switch {
	case errors.Is(err, ErrUntestable):
		return nil, true, "", nil // home and complete have compared the public keys
	case errors.Is(err, ErrCiphertext) || err == nil && len(nonce) != proof.NonceLength:
		return nil, false, "", ErrBundle.Becausef("the nonce does not open: %v", err)
	case err != nil && faulty(err):
		return nil, false, proof.FailingSelfTest, nil
	}
	return nonce, false, "", err
}
