// Package earlier plays an earlier system's issuing CA for tests: certificates
// as such systems gave them away (SM2 pairs, single ones for all uses, RSA),
// CRLs, and officers' records about it. It is for tests only.
package earlier

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/ocsp"
	"github.com/certhall/certhall/proof"
)

// CA is an earlier system's issuing CA.
type CA struct {
	tb          testing.TB
	Certificate *smx509.Certificate
	Key         crypto.Signer
	Base        string // address of its list, in certificates
	serial      int64
	number      int64
}

// New makes one with a key of this kind, at a time.
func New(tb testing.TB, kind gm.Algorithm, name string, at time.Time) *CA {
	tb.Helper()
	c := &CA{tb: tb, Key: NewKey(tb, kind), serial: 1000}
	t := &smx509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{Country: []string{"CN"}, Organization: []string{name}, CommonName: name + " 签发"},
		NotBefore: at.AddDate(-10, 0, 0), NotAfter: at.AddDate(10, 0, 0), BasicConstraintsValid: true, IsCA: true,
		KeyUsage: smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign, SubjectKeyId: []byte(name), SignatureAlgorithm: Signature(kind),
	}
	der, err := smx509.CreateCertificate(rand.Reader, t, t, c.Key.Public(), c.Key)
	c.must(err)
	c.Certificate, err = gm.ParseCertificate(der)
	c.must(err)
	return c
}

// NewKey makes a key.
func NewKey(tb testing.TB, kind gm.Algorithm) crypto.Signer {
	tb.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case gm.SM2:
		key, err = sm2.GenerateKey(rand.Reader)
	case gm.RSA:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// Signature is the algorithm that goes with a kind of key.
func Signature(kind gm.Algorithm) smx509.SignatureAlgorithm {
	return map[gm.Algorithm]smx509.SignatureAlgorithm{
		gm.SM2: smx509.SM2WithSM3, gm.RSA: smx509.SHA256WithRSA, gm.ECDSA: smx509.ECDSAWithSHA256,
	}[kind]
}

func (c *CA) must(err error) {
	c.tb.Helper()
	if err != nil {
		c.tb.Fatal(err)
	}
}

// Usages of certificates.
const (
	Signing    = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
	Encryption = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement
	All        = Signing | Encryption
)

// Code is the organisation's code in the certificates, in the older scheme's
// extension.
const Code = "91310000MA1K35XE0L"

// Issue gives a certificate for a key: sequential serials, as such systems do.
func (c *CA) Issue(name string, pub crypto.PublicKey, usage smx509.KeyUsage, from, to time.Time) *smx509.Certificate {
	c.tb.Helper()
	c.serial++
	code, err := asn1.MarshalWithParams(Code, "printable")
	c.must(err)
	kind, err := gm.AlgorithmOf(c.Key.Public())
	c.must(err)
	t := &smx509.Certificate{
		SerialNumber: big.NewInt(c.serial), NotBefore: from, NotAfter: to, KeyUsage: usage, SubjectKeyId: []byte{1, 2, 3, byte(c.serial)},
		Subject:            pkix.Name{Country: []string{"CN"}, Province: []string{"上海市"}, Organization: []string{name}, CommonName: name},
		SignatureAlgorithm: Signature(kind), BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, 4}, Value: code}},
	}
	if c.Base != "" {
		t.CRLDistributionPoints = []string{c.Base}
	}
	der, err := smx509.CreateCertificate(rand.Reader, t, c.Certificate, pub, c.Key)
	c.must(err)
	issued, err := gm.ParseCertificate(der)
	c.must(err)
	return issued
}

// Skip leaves a serial number out.
func (c *CA) Skip() { c.serial++ }

// Revocation is one entry of a CRL.
type Revocation struct {
	Certificate *smx509.Certificate
	Reason      int
}

// CRL is the list made at a time, good for a while.
func (c *CA) CRL(at time.Time, life time.Duration, revoked ...Revocation) []byte {
	c.tb.Helper()
	c.number++
	kind, err := gm.AlgorithmOf(c.Key.Public())
	c.must(err)
	t := &smx509.RevocationList{Number: big.NewInt(c.number), ThisUpdate: at, NextUpdate: at.Add(life), SignatureAlgorithm: Signature(kind)}
	for _, r := range revoked {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries, smx509.RevocationListEntry{
			SerialNumber: r.Certificate.SerialNumber, RevocationTime: at, ReasonCode: r.Reason,
		})
	}
	der, err := smx509.CreateRevocationList(rand.Reader, t, c.Certificate, c.Key)
	c.must(err)
	return der
}

// What an OCSP answer says (CertStatus, RFC 6960, 4.2.1).
var (
	Good    = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0}
	Revoked = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: []byte("\x18\x0f20260101000000Z")}
	Unknown = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2}
)

// OCSP is the CA's own answer about a certificate, made at a time and good for
// a while (RFC 6960, 4.2.1).
func (c *CA) OCSP(about *smx509.Certificate, standing asn1.RawValue, at time.Time, life time.Duration) []byte {
	c.tb.Helper()
	question, err := ocsp.Request(c.Certificate, nil, about.SerialNumber)
	c.must(err)
	var asked struct {
		TBS struct{ Questions []struct{ ID asn1.RawValue } }
	}
	_, err = asn1.Unmarshal(question, &asked)
	c.must(err)
	kind, err := gm.AlgorithmOf(c.Key.Public())
	c.must(err)
	type single struct {
		ID         asn1.RawValue
		Status     asn1.RawValue
		ThisUpdate time.Time `asn1:"generalized"`
		NextUpdate time.Time `asn1:"generalized,explicit,tag:0"`
	}
	tbs, err := asn1.Marshal(struct {
		Responder  asn1.RawValue
		ProducedAt time.Time `asn1:"generalized"`
		Answers    []single
	}{
		asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: c.Certificate.RawSubject}, at.UTC(),
		[]single{{asked.TBS.Questions[0].ID, standing, at.UTC(), at.Add(life).UTC()}},
	})
	c.must(err)
	signature, err := gm.SignAny(rand.Reader, c.Key, tbs)
	c.must(err)
	basic, err := asn1.Marshal(struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, asn1.RawValue{FullBytes: kind.Identifier()}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	c.must(err)
	type content struct {
		Type asn1.ObjectIdentifier
		DER  []byte
	}
	der, err := asn1.Marshal(struct {
		Status asn1.Enumerated
		Bytes  content `asn1:"explicit,tag:0"`
	}{0, content{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, basic}})
	c.must(err)
	return der
}

// Takeover is the officers' record about this CA, to be signed.
func (c *CA) Takeover(authority, name, crl, ocsp string, expiry time.Time) proof.Takeover {
	c.tb.Helper()
	nonce, err := proof.NewNonce(rand.Reader)
	c.must(err)
	return proof.Takeover{Authority: authority, Name: name, Certificate: c.Certificate.Raw, CRL: crl, OCSP: ocsp, Nonce: nonce, Expiry: expiry.UTC().Truncate(time.Second)}
}
