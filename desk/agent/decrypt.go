package agent

import (
	"context"
	"crypto"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs7"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// ErrNotEnvelope says that a file is not an SM2 envelope (GB/T 35275).
var ErrNotEnvelope = certhall.NewError("envelope-unreadable", certhall.Invalid)

// Encrypt puts content into an envelope (GB/T 35275 envelopedData, SM4-CBC)
// for the holder of an encryption certificate.
func Encrypt(certificate *smx509.Certificate, content []byte) ([]byte, error) {
	if _, err := gm.SM2Key(certificate.PublicKey); err != nil {
		return nil, ErrNotEnvelope.Because(err)
	}
	return pkcs7.EncryptSM(pkcs.SM4CBC, content, []*smx509.Certificate{certificate})
}

// Decrypt opens an envelope with whichever encryption key of the key it was
// made for: containers kept as history included. token.ErrCiphertext if none is.
func (a *Agent) Decrypt(ctx context.Context, keySerial string, envelope []byte) (content []byte, err error) {
	p7, recipients, err := parseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	err = a.with(ctx, keySerial, act{purpose: "decrypt"}, func(key token.Key, env token.Env) error {
		all, err := token.Look(ctx, key)
		if err != nil {
			return err
		}
		for _, h := range all {
			if h.Enc == nil || h.EncKey == nil || !meant(recipients, h.Enc) {
				continue
			}
			if err := env.Unlock(ctx); err != nil {
				return err
			}
			d := &decrypter{ctx: ctx, h: h}
			if content, err = open(p7, d); err == nil {
				return nil
			}
			if d.err != nil {
				return d.err
			}
			return ErrNotEnvelope.Because(err)
		}
		return token.ErrCiphertext.Becausef("for none of the certificates on the key")
	})
	return content, err
}

func parseEnvelope(der []byte) (p7 *pkcs7.PKCS7, recipients []pkcs7.RecipientInfo, err error) {
	defer rescue(&err)
	if p7, err = pkcs7.Parse(der); err != nil {
		return nil, nil, ErrNotEnvelope.Because(err)
	}
	if recipients, err = p7.GetRecipients(); err != nil {
		return nil, nil, ErrNotEnvelope.Because(err)
	}
	return p7, recipients, nil
}

func meant(recipients []pkcs7.RecipientInfo, c *smx509.Certificate) bool {
	for _, r := range recipients {
		if r.SerialNumber != nil && r.SerialNumber.Cmp(c.SerialNumber) == 0 && string(r.RawIssuer) == string(c.RawIssuer) {
			return true
		}
	}
	return false
}

func open(p7 *pkcs7.PKCS7, d *decrypter) (content []byte, err error) {
	defer rescue(&err)
	return p7.Decrypt(d.h.Enc, d)
}

// decrypter lets pkcs7 decrypt the content's key by a container.
type decrypter struct {
	ctx context.Context
	h   *token.Holding
	err error // of the key
}

func (d *decrypter) Public() crypto.PublicKey { return d.h.EncKey }

func (d *decrypter) Decrypt(_ io.Reader, ciphertext []byte, _ crypto.DecrypterOpts) ([]byte, error) {
	plain, err := d.h.Decrypt(d.ctx, ciphertext)
	d.err = err
	return plain, err
}

// rescue turns a panic of the parser into an error: what it reads comes from anywhere.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = ErrNotEnvelope.Because(fmt.Errorf("parser gave up: %v", p))
	}
}
