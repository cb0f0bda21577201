package token

import (
	"context"
	"crypto"
	"errors"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// Holding is what lies in a container, as far as it can be read without a PIN.
// Parts that are absent, and certificates that cannot be parsed (half written),
// are nil.
type Holding struct {
	Container
	Sign, Enc       *smx509.Certificate
	SignKey, EncKey crypto.PublicKey
}

// Empty tells whether nothing was ever written into it.
func (h *Holding) Empty() bool {
	return h.SignKey == nil && h.EncKey == nil && h.Sign == nil && h.Enc == nil
}

// Fits tells whether the signing certificate is for the signing key that lies there.
func (h *Holding) Fits() bool {
	if h.Sign == nil {
		return false
	}
	pub, err := gm.CertificateKey(h.Sign)
	return err == nil && gm.SameKey(pub, h.SignKey)
}

// Single tells whether the certificate is for every use and has no encryption
// half beside it.
func (h *Holding) Single() bool { return h.Sign != nil && forEverything(h.Sign) }

// forEverything tells whether a certificate stands alone: with RSA and ECDSA
// always, with SM2 where its key usage says so.
func forEverything(c *smx509.Certificate) bool {
	a, err := gm.AlgorithmOf(c.PublicKey)
	return err == nil && (a != gm.SM2 || c.KeyUsage&forSecrets != 0)
}

// forSecrets are the key usages of a certificate that others encrypt to.
const forSecrets = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement

// Whole tells whether all parts lie there and belong together: four of a pair,
// two of a single certificate.
func (h *Holding) Whole() bool {
	if !h.Fits() {
		return false
	}
	if h.Enc == nil && h.EncKey == nil {
		return h.Single()
	}
	return h.encFits()
}

// encFits tells whether the encryption certificate is for the encryption key.
func (h *Holding) encFits() bool {
	if h.Enc == nil {
		return false
	}
	pub, err := gm.CertificateKey(h.Enc)
	return err == nil && gm.SameKey(pub, h.EncKey)
}

// Look reads every container of a key.
func Look(ctx context.Context, key Key) ([]*Holding, error) {
	names, err := key.Containers(ctx)
	if err != nil {
		return nil, err
	}
	var all []*Holding
	for _, name := range names {
		h, err := lookAt(ctx, key, name)
		if errors.Is(err, ErrNoContainer) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func lookAt(ctx context.Context, key Key, name string) (*Holding, error) {
	c, err := key.Container(ctx, name)
	if err != nil {
		return nil, err
	}
	h := &Holding{Container: c}
	if h.SignKey, err = absent(c.PublicKey(ctx, Signing))(ErrNoKey); err != nil {
		return nil, err
	}
	if h.EncKey, err = absent(c.PublicKey(ctx, Encryption))(ErrNoKey); err != nil {
		return nil, err
	}
	if h.Sign, err = certificate(ctx, c, Signing); err != nil {
		return nil, err
	}
	h.Enc, err = certificate(ctx, c, Encryption)
	return h, err
}

func certificate(ctx context.Context, c Container, u Usage) (*smx509.Certificate, error) {
	der, err := absent(c.Certificate(ctx, u))(ErrNoCertificate)
	if err != nil || der == nil {
		return nil, err
	}
	parsed, err := gm.ParseCertificate(der)
	if err != nil {
		return nil, nil // half written: as good as absent
	}
	return parsed, nil
}

// absent turns the error that says "there is none" into a zero value.
func absent[T any](v T, err error) func(none error) (T, error) {
	return func(none error) (T, error) {
		if errors.Is(err, none) {
			var zero T
			return zero, nil
		}
		return v, err
	}
}

// byName finds a container in what Look found; nil if it is not there.
func byName(all []*Holding, name string) *Holding {
	for _, h := range all {
		if h.Name() == name {
			return h
		}
	}
	return nil
}

// bySerial finds the container whose signing certificate has this serial and
// may be succeeded under this root; nil if there is none. Of two, the one whose
// key fits.
func (t *Trust) bySerial(all []*Holding, serial string, root *smx509.Certificate, chain [][]byte) *Holding {
	var found *Holding
	for _, h := range all {
		if h.Sign == nil || string(certhall.SerialOf(h.Sign.SerialNumber)) != serial {
			continue
		}
		if r, err := t.Under(h.Sign, chain); err != nil || !r.Equal(root) {
			continue
		}
		if found == nil || h.Fits() && !found.Fits() {
			found = h
		}
	}
	return found
}
