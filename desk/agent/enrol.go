package agent

import (
	"context"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// What importing a certificate answers beside the key's errors.
var (
	// ErrNoKeyFor: no key pair on the key belongs to the certificate.
	ErrNoKeyFor = certhall.NewError("certificate-fits-no-key", certhall.NotFound)
	// ErrOtherCertificate: another certificate lies there already.
	ErrOtherCertificate = certhall.NewError("certificate-present", certhall.Conflict)
)

// enrolled begins the names of containers made by Enrol.
const enrolled = "enrol-"

// Enrol makes a signing key in a container of its own, and a P10 for it, as
// officers and reviewers need. A key whose certificate never came is used again.
func (a *Agent) Enrol(ctx context.Context, keySerial, commonName string) (p10 []byte, err error) {
	err = a.with(ctx, keySerial, act{purpose: "enrol"}, func(key token.Key, env token.Env) error {
		all, err := token.Look(ctx, key)
		if err != nil {
			return err
		}
		if err := env.Unlock(ctx); err != nil {
			return err
		}
		name := enrolled + certhall.NewID(a.clock.Now(), a.random)
		for _, h := range all {
			if strings.HasPrefix(h.Name(), enrolled) && h.Sign == nil && h.Enc == nil {
				if ok, err := token.SelfTest(ctx, h, a.random); err != nil {
					return err
				} else if ok || h.Empty() {
					name = h.Name()
				}
			}
		}
		h, err := token.WithKey(ctx, key, name, gm.SM2)
		if err != nil {
			return err
		}
		p10, _, err = token.Request(ctx, h, commonName, a.random)
		return err
	})
	return p10, err
}

// ImportCertificate writes an issued certificate beside the signing key it is for.
func (a *Agent) ImportCertificate(ctx context.Context, keySerial string, der []byte) error {
	c, err := gm.ParseCertificate(der)
	if err != nil {
		return ErrNoKeyFor.Because(err)
	}
	pub, err := gm.CertificateKey(c)
	if err != nil {
		return ErrNoKeyFor.Because(err)
	}
	return a.with(ctx, keySerial, act{purpose: "import"}, func(key token.Key, env token.Env) error {
		all, err := token.Look(ctx, key)
		if err != nil {
			return err
		}
		for _, h := range all {
			switch {
			case !gm.SameKey(h.SignKey, pub):
				continue
			case h.Sign != nil && h.Sign.Equal(c):
				return nil
			case h.Sign != nil:
				return ErrOtherCertificate
			}
			if err := env.Unlock(ctx); err != nil {
				return err
			}
			return h.ImportCertificate(ctx, token.Signing, der)
		}
		return ErrNoKeyFor
	})
}
