package ceremony

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// ocspNoCheck marks the delegated OCSP certificate (RFC 6960, 4.2.2.2.1).
var ocspNoCheck = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}

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

// make issues a certificate under issuer, or under itself if issuer is nil.
func (f *founder) make(issuer *Party, role string, years int, fill func(*smx509.Certificate)) Party {
	if f.err != nil {
		return Party{}
	}
	party, err := f.tryMake(issuer, role, years, fill)
	f.err = err
	return party
}

func (f *founder) tryMake(issuer *Party, role string, years int, fill func(*smx509.Certificate)) (Party, error) {
	key, err := sm2.GenerateKey(f.Random)
	if err != nil {
		return Party{}, err
	}
	serial, err := certhall.NewSerial(f.Random)
	if err != nil {
		return Party{}, err
	}
	spki, err := gm.MarshalPublicKey(&key.PublicKey)
	if err != nil {
		return Party{}, err
	}
	name := []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: asn1.RawValue{Tag: asn1.TagPrintableString, Bytes: []byte("CN")}},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: utf8(f.Name)},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: utf8(f.Name + " " + role)},
	}
	rdns := make(pkix.RDNSequence, len(name))
	for i, a := range name {
		rdns[i] = pkix.RelativeDistinguishedNameSET{a}
	}
	subject, err := asn1.Marshal(rdns)
	if err != nil {
		return Party{}, err
	}
	t := &smx509.Certificate{
		SerialNumber: serial.Big(), RawSubject: subject, SignatureAlgorithm: smx509.SM2WithSM3,
		SubjectKeyId: gm.SM3(spki)[:20], NotBefore: f.now.Add(-5 * time.Minute),
		NotAfter: certhall.AddYears(f.now, years), BasicConstraintsValid: true,
	}
	fill(t)
	parent, signing := t, key
	if issuer != nil {
		parent, signing = issuer.Certificate, issuer.Key
		if t.NotAfter.After(parent.NotAfter) {
			t.NotAfter = parent.NotAfter
		}
		if t.NotBefore.Before(parent.NotBefore) {
			t.NotBefore = parent.NotBefore
		}
		f.addresses(t, parent)
	} else {
		t.AuthorityKeyId = t.SubjectKeyId
	}
	der, err := smx509.CreateCertificate(f.Random, t, parent, &key.PublicKey, signing)
	if err != nil {
		return Party{}, err
	}
	c, err := gm.ParseCertificate(der)
	return Party{c, key}, err
}

// addresses tells where the issuer's CRL and certificate are: a folder of the
// public address each, by the issuer's name.
func (f *founder) addresses(t, issuer *smx509.Certificate) {
	name := "issuing"
	if issuer.MaxPathLen > 0 {
		name = "root"
	}
	t.CRLDistributionPoints = []string{f.Address + "/crl/" + name + ".crl"}
	t.IssuingCertificateURL = []string{f.Address + "/ca/" + name + ".cer"}
}

func utf8(s string) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(s)} }
