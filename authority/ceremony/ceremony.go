// Package ceremony founds an authority: root, issuing CA, escrow and unlock key pairs,
// notary, origin-list signer and OCSP certificate, and for every further
// algorithm a root, an issuing CA and an OCSP certificate of its own. Each key
// lies sealed in a folder of its own. The roots' keys are written apart, so
// that they can leave the machine: day-to-day work never needs them.
package ceremony

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
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
	// Algorithms have an issuing CA each, beside SM2 that every authority has.
	Algorithms []gm.Algorithm
	Clock      certhall.Clock
	Random     io.Reader
	KDFCost    int // iterations that protect each key; 0 means the default
}

// Authority is a founded authority with its keys in the clear: only ever in
// memory.
type Authority struct {
	ID      string
	Root    Party // of the SM2 tree: what desks trust
	Notary  Party
	Origins Party    // signs lists of portals
	Issuers []Issuer // the main one (SM2) first
	Escrow  *sm2.PrivateKey
	Unlock  *sm2.PrivateKey // nil in a folder of an earlier release (MakeUnlockKey)
}

// Party is a certificate with its key; the key is nil while it is away.
type Party struct {
	Name        string // of its files, and of its public addresses if it is a CA
	Certificate *smx509.Certificate
	Key         crypto.Signer
}

// Issuer is an issuing CA: its certificate is the one under Root, which relying
// systems trust.
type Issuer struct {
	Party
	Algorithm gm.Algorithm
	Root      Party
	// Cross certifies the same name and key under the SM2 root, which desks
	// trust; nil for the main issuer, which lies under it anyhow.
	Cross *smx509.Certificate
	OCSP  Party // delegated (RFC 6960, 4.2.2.2)
}

// Desk is the issuer's certificate under the root that desks trust.
func (i *Issuer) Desk() *smx509.Certificate {
	if i.Cross != nil {
		return i.Cross
	}
	return i.Certificate
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

// algorithms are SM2 and the plan's others, each once, always in one order.
func (p Plan) algorithms() []gm.Algorithm {
	list := []gm.Algorithm{gm.SM2}
	for _, a := range []gm.Algorithm{gm.RSA, gm.ECDSA} {
		for _, wanted := range p.Algorithms {
			if wanted == a {
				list = append(list, a)
				break
			}
		}
	}
	return list
}

// Found makes all keys and certificates.
func Found(p Plan) (*Authority, error) {
	if err := checkAddress(p.Address); err != nil {
		return nil, err
	}
	f := founder{Plan: p, now: p.Clock.Now().UTC().Truncate(time.Second)}
	a := &Authority{ID: p.ID}
	a.Root = f.root(gm.SM2)
	for _, algorithm := range p.algorithms() {
		a.Issuers = append(a.Issuers, f.issuer(a.Root, algorithm))
	}
	a.Notary = f.make(&a.Root, "notary", gm.SM2, "公证", serviceYears, func(t *smx509.Certificate) {
		t.KeyUsage = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{proof.OIDNotary}
	})
	a.Origins = f.make(&a.Root, "origins", gm.SM2, "门户名单", serviceYears, func(t *smx509.Certificate) {
		t.KeyUsage = smx509.KeyUsageDigitalSignature
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{proof.OIDOriginList}
	})
	if f.err != nil {
		return nil, fmt.Errorf("ceremony: %w", f.err)
	}
	var err error
	if a.Escrow, err = sm2.GenerateKey(p.Random); err != nil {
		return nil, fmt.Errorf("ceremony: escrow key: %w", err)
	}
	if a.Unlock, err = sm2.GenerateKey(p.Random); err != nil {
		return nil, fmt.Errorf("ceremony: unlock key: %w", err)
	}
	return a, nil
}

// issuer makes an issuing CA with its OCSP certificate. Where it is not of the
// SM2 tree it has a root of its own algorithm, and a second certificate for the
// same name and key under the root that desks trust.
func (f *founder) issuer(desk Party, a gm.Algorithm) Issuer {
	i := Issuer{Algorithm: a, Root: desk}
	if a != gm.SM2 {
		i.Root = f.root(a)
	}
	intermediate := func(t *smx509.Certificate) { asCA(t, 0) }
	i.Party = f.make(&i.Root, authority.IssuerFor(a), a, "签发证书", issuingYears, intermediate)
	if a != gm.SM2 && f.err == nil {
		i.Cross = f.certify(&desk, i.Key.Public(), nil, "签发证书", issuingYears, intermediate)
	}
	i.OCSP = f.make(&i.Party, authority.FileName("ocsp", a), a, "OCSP", ocspYears, asResponder)
	return i
}

// Main is the issuing CA that every authority has.
func (a *Authority) Main() Issuer { return a.Issuers[0] }

// Keys are what unsealing the CA takes.
func (a *Authority) Keys(random io.Reader) ca.Keys {
	k := ca.Keys{Issuers: map[string]ca.Signer{}, Notary: a.Notary.signer(random), Origins: a.Origins.signer(random), Unlock: a.Unlock}
	for _, i := range a.Issuers {
		k.Issuers[i.Name] = i.signer(random)
	}
	return k
}

// Chains are what lies between users' certificates and the root that desks
// trust, by the issuing CA's name.
func (a *Authority) Chains() map[string][][]byte { return chains(a.Issuers) }

// Chain is that of the main issuer.
func (a *Authority) Chain() [][]byte { return a.Chains()[authority.MainIssuer] }

func chains(issuers []Issuer) map[string][][]byte {
	m := map[string][][]byte{}
	for _, i := range issuers {
		m[i.Name] = [][]byte{i.Desk().Raw}
	}
	return m
}

// EscrowKey is the public half that encryption keys are escrowed to.
func (a *Authority) EscrowKey() *ecdsa.PublicKey { return &a.Escrow.PublicKey }

func (p Party) signer(random io.Reader) ca.Signer {
	return ca.Signer{
		Certificate: p.Certificate,
		Sign:        func(m []byte) ([]byte, error) { return gm.SignAny(random, p.Key, m) },
		SignDigest:  func(d []byte) ([]byte, error) { return gm.SignDigest(random, p.Key, d) },
	}
}
