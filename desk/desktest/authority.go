// Package desktest plays the authority for tests of the desk, which may not
// import the real one: root, issuing CA and notary in software, tickets, dual
// certificates in bundles, receipts and void notices; and a person who types
// PINs. It checks no evidence and is for tests only.
package desktest

import (
	"crypto"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Now is when everything in these tests happens.
var Now = time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)

// Clock is a clock that a test sets.
type Clock struct{ T time.Time }

// Now is the time the test set.
func (c *Clock) Now() time.Time { return c.T }

// Party is a certificate with its key.
type Party struct {
	Certificate *smx509.Certificate
	Key         crypto.Signer
}

// Authority is a small authority.
type Authority struct {
	tb                    testing.TB
	kind                  gm.Algorithm // of its own keys
	ID                    string
	Root, Issuing, Notary Party
	Lister                Party           // signs origin lists
	NextSerial            certhall.Serial // of the next certificate; drawn if empty
}

// New founds an authority that signs with SM2.
func New(tb testing.TB, id string) *Authority { return NewOf(tb, gm.SM2, id) }

// NewOf founds an authority that signs with keys of this kind.
func NewOf(tb testing.TB, kind gm.Algorithm, id string) *Authority {
	a := &Authority{tb: tb, kind: kind, ID: id}
	a.Root = a.issue(nil, id+" root", func(t *smx509.Certificate) { ca(t) }, 20)
	a.Issuing = a.issue(&a.Root, id+" issuing", func(t *smx509.Certificate) { ca(t); t.MaxPathLenZero = true }, 15)
	a.Notary = a.issue(&a.Root, id+" notary", func(t *smx509.Certificate) {
		t.KeyUsage = smx509.KeyUsageDigitalSignature
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{proof.OIDNotary}
	}, 10)
	a.Lister = a.issue(&a.Root, id+" origin list", func(t *smx509.Certificate) {
		t.KeyUsage = smx509.KeyUsageDigitalSignature
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{proof.OIDOriginList}
	}, 10)
	return a
}

// Origins is the signed list of portals with a number, good until expiry.
func (a *Authority) Origins(number int64, expiry time.Time, portals ...proof.Portal) []byte {
	return proof.Encode(SignAs(a.tb, a.Lister, proof.OriginList{
		Authority: a.ID, Number: number, NotBefore: Now.AddDate(-1, 0, 0), Expiry: expiry, Portals: portals,
	}))
}

func ca(t *smx509.Certificate) {
	t.IsCA = true
	t.KeyUsage = smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign
}

// Roots is what a desk trusts that trusts this authority.
func (a *Authority) Roots() []*smx509.Certificate {
	return []*smx509.Certificate{a.Root.Certificate}
}

// Chain is what lies between a pair and the root.
func (a *Authority) Chain() [][]byte { return [][]byte{a.Issuing.Certificate.Raw} }

// Notarize signs a message as the notary.
func (a *Authority) Notarize(m proof.Message) proof.Signed {
	return SignAs(a.tb, a.Notary, m)
}

// SignAs signs a message with a software key.
func SignAs(tb testing.TB, p Party, m proof.Message) proof.Signed {
	tb.Helper()
	s, err := proof.Sign(m, p.Certificate.Raw, func(message []byte) ([]byte, error) {
		return gm.SignAny(rand.Reader, p.Key, message)
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Ticket is a ticket for an attempt.
func (a *Authority) Ticket(service certhall.Service, c certhall.CaseID, attempt int, old certhall.Serial) proof.Signed {
	return a.Notarize(proof.Ticket{
		Authority: a.ID, Service: string(service), Case: string(c), Attempt: attempt,
		OldSerial: string(old), Nonce: []byte("ticket's nonce.."), Expiry: Now.Add(time.Hour),
	})
}

// Pair is a pair that the authority issued, with the secrets of its bundle; a
// single certificate has none.
type Pair struct {
	Bundle proof.Bundle
	Enc    *sm2.PrivateKey
	Nonce  []byte
}

// Issue makes a pair for a signing key; a single certificate if it is no SM2 key.
func (a *Authority) Issue(c certhall.CaseID, attempt int, old certhall.Serial, commonName string, pub crypto.PublicKey, years int) Pair {
	a.tb.Helper()
	signing, err := gm.SM2Key(pub)
	if err != nil {
		sign := a.End(commonName, pub, smx509.KeyUsageDigitalSignature|smx509.KeyUsageContentCommitment, years)
		return Pair{Bundle: proof.Bundle{
			Authority: a.ID, Case: string(c), Attempt: attempt, OldSerial: string(old), Subject: sign.RawSubject, Sign: sign.Raw, Chain: a.Chain(),
		}}
	}
	enc, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		a.tb.Fatal(err)
	}
	envelope, err := gm.EnvelopeKey(rand.Reader, signing, enc)
	if err != nil {
		a.tb.Fatal(err)
	}
	nonce, err := proof.NewNonce(rand.Reader)
	if err != nil {
		a.tb.Fatal(err)
	}
	sealed, err := gm.Seal(rand.Reader, &enc.PublicKey, nonce)
	if err != nil {
		a.tb.Fatal(err)
	}
	sign := a.End(commonName, signing, smx509.KeyUsageDigitalSignature|smx509.KeyUsageContentCommitment, years)
	encipher := a.End(commonName, &enc.PublicKey, smx509.KeyUsageKeyEncipherment|smx509.KeyUsageDataEncipherment|smx509.KeyUsageKeyAgreement, years)
	return Pair{Enc: enc, Nonce: nonce, Bundle: proof.Bundle{
		Authority: a.ID, Case: string(c), Attempt: attempt, OldSerial: string(old), Subject: sign.RawSubject,
		Sign: sign.Raw, Enc: encipher.Raw, Chain: a.Chain(), Envelope: envelope, SealedNonce: sealed,
	}}
}

// Receipt is the receipt for a pair that follows old.
func (a *Authority) Receipt(p Pair, old *Pair, keySerial string, d certhall.Disposal, escrowed bool) proof.Signed {
	r := proof.Receipt{
		Authority: a.ID, Case: p.Bundle.Case, Attempt: p.Bundle.Attempt, NewSign: string(p.Sign()), NewEnc: string(p.EncSerial()),
		KeySerial: keySerial, Disposal: string(d), Escrowed: escrowed,
	}
	if old != nil {
		r.OldSign, r.OldEnc = string(old.Sign()), string(old.EncSerial())
	}
	c, err := gm.ParseCertificate(p.Bundle.Sign)
	if err != nil {
		a.tb.Fatal(err)
	}
	pub, err := gm.CertificateKey(c)
	if err != nil {
		a.tb.Fatal(err)
	}
	if r.KeyDigest, err = gm.KeyDigest(pub); err != nil {
		a.tb.Fatal(err)
	}
	return a.Notarize(r)
}

// Void is the void notice for an attempt.
func (a *Authority) Void(c certhall.CaseID, attempt int) proof.Signed {
	return a.Notarize(proof.VoidNotice{Authority: a.ID, Case: string(c), Attempt: attempt})
}

// Sign is the serial of the pair's signing certificate.
func (p Pair) Sign() certhall.Serial { return serial(p.Bundle.Sign) }

// EncSerial is the serial of the pair's encryption certificate; "" of a single one.
func (p Pair) EncSerial() certhall.Serial { return serial(p.Bundle.Enc) }

func serial(der []byte) certhall.Serial {
	c, err := gm.ParseCertificate(der)
	if err != nil {
		return ""
	}
	return certhall.SerialOf(c.SerialNumber)
}

// End issues an end entity's certificate that began at Now.
func (a *Authority) End(commonName string, pub crypto.PublicKey, usage smx509.KeyUsage, years int) *smx509.Certificate {
	return a.certify(&a.Issuing, commonName, pub, func(t *smx509.Certificate) { t.KeyUsage = usage }, years)
}

func (a *Authority) issue(issuer *Party, name string, fill func(*smx509.Certificate), years int) Party {
	key, err := a.kind.GenerateKey(rand.Reader, token.RSABits)
	if err != nil {
		a.tb.Fatal(err)
	}
	if issuer == nil {
		issuer = &Party{Key: key}
	}
	return Party{a.certify(issuer, name, key.Public(), fill, years), key}
}

func (a *Authority) certify(issuer *Party, name string, pub crypto.PublicKey, fill func(*smx509.Certificate), years int) *smx509.Certificate {
	a.tb.Helper()
	number, err := certhall.NewSerial(rand.Reader)
	if err != nil {
		a.tb.Fatal(err)
	}
	digest, err := gm.KeyDigest(pub)
	if err != nil {
		a.tb.Fatal(err)
	}
	t := &smx509.Certificate{
		SerialNumber: number.Big(), Subject: pkix.Name{Country: []string{"CN"}, CommonName: name},
		NotBefore: Now.AddDate(-1, 0, 0), NotAfter: certhall.AddYears(Now, years), SubjectKeyId: digest[:20],
		BasicConstraintsValid: true, SignatureAlgorithm: a.kind.Signature(),
	}
	if a.NextSerial != "" {
		t.SerialNumber, a.NextSerial = a.NextSerial.Big(), ""
	}
	fill(t)
	parent := issuer.Certificate
	if parent == nil {
		parent = t
	}
	der, err := smx509.CreateCertificate(rand.Reader, t, parent, pub, issuer.Key)
	if err != nil {
		a.tb.Fatal(err)
	}
	c, err := gm.ParseCertificate(der)
	if err != nil {
		a.tb.Fatal(err)
	}
	return c
}
