// Package ceremony founds an authority: root, issuing CA, escrow key pair,
// notary, origin-list signer and OCSP certificate, each key sealed under a
// passphrase in a folder of its own. The root's key is written apart, so that
// it can leave the machine: day-to-day work never needs it.
package ceremony

import (
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// Terms of the authority's own certificates, in years.
const (
	rootYears    = 30
	issuingYears = 15
	serviceYears = 15 // notary, origin list
	ocspYears    = 2
)

// Plan says what to found.
type Plan struct {
	ID      string // of the authority: short, lower-case letters and digits
	Name    string // as people know it; in the subjects
	Address string // public address, such as https://hall.example; every certificate carries it
	Clock   certhall.Clock
	Random  io.Reader
	KDFCost int // iterations that protect each key; 0 means the default
}

// Authority is a founded authority with its keys in the clear: only ever in
// memory.
type Authority struct {
	ID      string
	Root    Party
	Issuing Party
	Notary  Party
	Origins Party // signs lists of portals
	OCSP    Party
	Escrow  *sm2.PrivateKey
}

// ErrAddress says that the public address is none that certificates could carry.
var ErrAddress = certhall.NewError("public-address-malformed", certhall.Invalid)

// checkAddress wants scheme and host alone, short enough for every extension.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || address != u.Scheme+"://"+u.Host || len(address) > 100 {
		return ErrAddress
	}
	return nil
}

// Party is a certificate with its key; the key is nil while it is away.
type Party struct {
	Certificate *smx509.Certificate
	Key         *sm2.PrivateKey
}

// Found makes all keys and certificates.
func Found(p Plan) (*Authority, error) {
	if err := checkAddress(p.Address); err != nil {
		return nil, err
	}
	f := founder{Plan: p, now: p.Clock.Now().UTC().Truncate(time.Second)}
	a := &Authority{ID: p.ID}
	a.Root = f.make(nil, "根证书", rootYears, func(t *smx509.Certificate) { asCA(t, 1) })
	a.Issuing = f.make(&a.Root, "签发证书", issuingYears, func(t *smx509.Certificate) { asCA(t, 0) })
	a.Notary = f.make(&a.Root, "公证", serviceYears, func(t *smx509.Certificate) {
		t.KeyUsage = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{proof.OIDNotary}
	})
	a.Origins = f.make(&a.Root, "门户名单", serviceYears, func(t *smx509.Certificate) {
		t.KeyUsage = smx509.KeyUsageDigitalSignature
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{proof.OIDOriginList}
	})
	a.OCSP = f.make(&a.Issuing, "OCSP", ocspYears, func(t *smx509.Certificate) {
		t.KeyUsage = smx509.KeyUsageDigitalSignature
		t.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageOCSPSigning}
		t.ExtraExtensions = append(t.ExtraExtensions, ocspNoCheck)
	})
	if f.err != nil {
		return nil, fmt.Errorf("ceremony: %w", f.err)
	}
	var err error
	if a.Escrow, err = sm2.GenerateKey(p.Random); err != nil {
		return nil, fmt.Errorf("ceremony: escrow key: %w", err)
	}
	return a, nil
}

// Keys are what unsealing the CA takes.
func (a *Authority) Keys(random io.Reader) ca.Keys {
	return ca.Keys{Issuer: a.Issuing.signer(random), Notary: a.Notary.signer(random), Origins: a.Origins.signer(random)}
}

// Chain is what lies between a user's certificate and the root.
func (a *Authority) Chain() [][]byte { return [][]byte{a.Issuing.Certificate.Raw} }

// EscrowKey is the public half that encryption keys are escrowed to.
func (a *Authority) EscrowKey() *ecdsa.PublicKey { return &a.Escrow.PublicKey }

func (p Party) signer(random io.Reader) ca.Signer {
	return ca.Signer{
		Certificate: p.Certificate,
		Sign:        func(m []byte) ([]byte, error) { return gm.Sign(random, p.Key, m) },
		SignDigest:  func(d []byte) ([]byte, error) { return gm.SignDigest(random, p.Key, d) },
	}
}
