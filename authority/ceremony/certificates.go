package ceremony

import (
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/smx509"
)

// RSA keys: a CA's must last for its whole term.
const caBits, serviceBits = 3072, 2048

// founder makes one certificate after the other and remembers the first failure.
type founder struct {
	Plan
	now time.Time
	err error
}

func asCA(t *smx509.Certificate, pathLength int) {
	t.IsCA, t.BasicConstraintsValid = true, true
	t.MaxPathLen, t.MaxPathLenZero = pathLength, pathLength == 0
	t.KeyUsage = smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign
}

// asResponder makes a delegated OCSP certificate, which itself is not asked
// about (RFC 6960, 4.2.2.2).
func asResponder(t *smx509.Certificate) {
	t.KeyUsage = smx509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageOCSPSigning}
	noCheck := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}
	t.ExtraExtensions = append(t.ExtraExtensions, noCheck)
}

// root makes the root of an algorithm's tree.
func (f *founder) root(a gm.Algorithm) Party {
	return f.make(nil, authority.FileName("root", a), a, "根证书", rootYears, func(t *smx509.Certificate) { asCA(t, 1) })
}

// make makes a key and its certificate under issuer, or under itself if issuer
// is nil.
func (f *founder) make(issuer *Party, name string, a gm.Algorithm, role string, years int, fill func(*smx509.Certificate)) Party {
	p := Party{Name: name}
	if f.err != nil {
		return p
	}
	bits := serviceBits
	if issuer == nil || issuer.Name == authority.FileName("root", a) {
		bits = caBits
	}
	if p.Key, f.err = a.GenerateKey(f.Random, bits); f.err == nil {
		p.Certificate = f.certify(issuer, p.Key.Public(), p.Key, role, years, fill)
	}
	return p
}

// certify makes a certificate for a key under issuer; if issuer is nil, under
// itself, which takes the private half, own.
func (f *founder) certify(issuer *Party, pub crypto.PublicKey, own crypto.Signer, role string, years int, fill func(*smx509.Certificate)) *smx509.Certificate {
	if f.err != nil {
		return nil
	}
	c, err := f.tryCertify(issuer, pub, own, role, years, fill)
	f.err = err
	return c
}

func (f *founder) tryCertify(issuer *Party, pub crypto.PublicKey, own crypto.Signer, role string, years int, fill func(*smx509.Certificate)) (*smx509.Certificate, error) {
	a, err := gm.AlgorithmOf(pub)
	if err != nil {
		return nil, err
	}
	spki, err := gm.MarshalPublicKey(pub)
	if err != nil {
		return nil, err
	}
	subject, err := subjectOf(f.Name, role, a)
	if err != nil {
		return nil, err
	}
	t := &smx509.Certificate{
		RawSubject: subject, SubjectKeyId: a.KeyID(spki), NotBefore: f.now.Add(-5 * time.Minute),
		NotAfter: certhall.AddYears(f.now, years), BasicConstraintsValid: true,
	}
	fill(t)
	if issuer == nil {
		t.AuthorityKeyId = t.SubjectKeyId
		return f.sign(t, t, pub, own)
	}
	t.CRLDistributionPoints = []string{f.Address + "/crl/" + issuer.Name + ".crl"}
	t.IssuingCertificateURL = []string{f.Address + "/ca/" + issuer.Name + ".cer"}
	return f.sign(t, issuer.Certificate, pub, issuer.Key)
}

// sign gives the template a serial, keeps it within its issuer's time and
// signs it.
func (f *founder) sign(t, issuer *smx509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*smx509.Certificate, error) {
	serial, err := certhall.NewSerial(f.Random)
	if err != nil {
		return nil, err
	}
	t.SerialNumber = serial.Big()
	if t.NotAfter.After(issuer.NotAfter) {
		t.NotAfter = issuer.NotAfter
	}
	if t.NotBefore.Before(issuer.NotBefore) {
		t.NotBefore = issuer.NotBefore
	}
	der, err := smx509.CreateCertificate(f.Random, t, issuer, pub, key)
	if err != nil {
		return nil, err
	}
	return gm.ParseCertificate(der)
}

// subjectOf is the Name of one of the authority's own certificates; each
// algorithm's has its own.
func subjectOf(name, role string, a gm.Algorithm) ([]byte, error) {
	label := map[gm.Algorithm]string{gm.RSA: " RSA", gm.ECDSA: " P-256"}[a]
	return ca.MarshalName(
		ca.Attribute{ID: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "CN"},
		ca.Attribute{ID: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: name},
		ca.Attribute{ID: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: name + " " + role + label},
	)
}
