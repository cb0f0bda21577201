package ca

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

var (
	oidCountry = oidCountryName
	oidName    = oidCommonName
	oidOrg     = asn1.ObjectIdentifier{2, 5, 4, 10}
)

// drafted is a CA with an issuer and the content of one certificate.
func drafted(t testing.TB) (*CA, issuer, content) {
	t.Helper()
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	ca := New(Options{ID: "test", Policy: DefaultPolicy(), Profiles: Profiles(), Addresses: AddressesAt("https://hall.example"), Random: rand.Reader})
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := MarshalName(Attribute{oidCountry, "CN"}, Attribute{oidOrg, "测试单位"}, Attribute{oidName, "测试单位"})
	if err != nil {
		t.Fatal(err)
	}
	identity, err := asn1.Marshal([]extension{{ID: asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, 4}, Value: []byte("\x13\x1291110000MA00000000")}})
	if err != nil {
		t.Fatal(err)
	}
	serial, err := certhall.NewSerial(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	profile := ca.opt.Profiles["organisation"]
	return ca, issuer{selfSigned(t, now), authority.MainIssuer}, content{serial, subject, identity, &key.PublicKey, now, now.AddDate(1, 0, 0), profile, profile.Sign}
}

// selfSigned is an issuer for tests of what is drafted (package ceremony
// imports this one, so it cannot be asked).
func selfSigned(t testing.TB, now time.Time) Signer {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := MarshalName(Attribute{oidCountry, "CN"}, Attribute{oidName, "测试签发"})
	if err != nil {
		t.Fatal(err)
	}
	template := &smx509.Certificate{SerialNumber: big.NewInt(1), RawSubject: subject, IsCA: true, BasicConstraintsValid: true,
		SubjectKeyId: make([]byte, 20), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0), KeyUsage: smx509.KeyUsageCertSign}
	der, err := smx509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Signer{Certificate: c, Sign: func(m []byte) ([]byte, error) { return gm.Sign(rand.Reader, key, m) }}
}

func TestDraftedCertificateReadsBack(t *testing.T) {
	ca, by, c := drafted(t)
	tbs, err := ca.draft(by, c)
	if err != nil {
		t.Fatal(err)
	}
	der, err := sealTBS(by, tbs)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignatureFrom(by.Certificate); err != nil {
		t.Error(err)
	}
	if cert.OCSPServer[0] != "https://hall.example/ocsp" || cert.CRLDistributionPoints[0] != "https://hall.example/crl/issuing.crl" || cert.IssuingCertificateURL[0] != "https://hall.example/ca/issuing.cer" {
		t.Errorf("addresses: %v %v %v", cert.OCSPServer, cert.CRLDistributionPoints, cert.IssuingCertificateURL)
	}
	if cert.IsCA || !cert.BasicConstraintsValid || certhall.SerialOf(cert.SerialNumber) != c.Serial || !cert.NotAfter.Equal(c.NotAfter) {
		t.Errorf("wrong content: %+v", cert)
	}
}

// Every departure from what was meant is refused, whoever made it.
func TestLintRefuses(t *testing.T) {
	ca, by, c := drafted(t)
	good, err := ca.buildTBS(by, c)
	if err != nil {
		t.Fatal(err)
	}
	find := func(t *tbsCertificate, id asn1.ObjectIdentifier) *extension {
		for i := range t.Extensions {
			if t.Extensions[i].ID.Equal(id) {
				return &t.Extensions[i]
			}
		}
		return nil
	}
	otherKey, _ := sm2.GenerateKey(rand.Reader)
	spki, _ := gm.MarshalPublicKey(&otherKey.PublicKey)
	for name, change := range map[string]func(*tbsCertificate){
		"version 1":           func(t *tbsCertificate) { t.Version = 0 },
		"another serial":      func(t *tbsCertificate) { t.Serial.FullBytes, _ = asn1.Marshal(big.NewInt(7)) },
		"another algorithm":   func(t *tbsCertificate) { t.Algorithm.FullBytes = gm.ECDSA.Identifier() },
		"another issuer":      func(t *tbsCertificate) { t.Issuer = t.Subject },
		"another subject":     func(t *tbsCertificate) { t.Subject = t.Issuer },
		"another key":         func(t *tbsCertificate) { t.PublicKey.FullBytes = spki },
		"longer":              func(t *tbsCertificate) { t.Validity.NotAfter = t.Validity.NotAfter.AddDate(0, 0, 1) },
		"earlier":             func(t *tbsCertificate) { t.Validity.NotBefore = t.Validity.NotBefore.AddDate(0, 0, -1) },
		"a CA":                func(t *tbsCertificate) { find(t, oidBasic).Value = []byte{0x30, 3, 1, 1, 0xff} },
		"basic not critical":  func(t *tbsCertificate) { find(t, oidBasic).Critical = false },
		"signs certificates":  func(t *tbsCertificate) { find(t, oidKeyUsage).Value = []byte{3, 2, 2, 0xc4} },
		"usage not critical":  func(t *tbsCertificate) { find(t, oidKeyUsage).Critical = false },
		"another issuer key":  func(t *tbsCertificate) { find(t, oidAKI).Value[5] ^= 1 },
		"another subject key": func(t *tbsCertificate) { find(t, oidSKI).Value[5] ^= 1 },
		"no CRL address":      func(t *tbsCertificate) { find(t, oidCRLDP).Value = []byte{0x30, 0} },
		"no issuer's address": func(t *tbsCertificate) {
			e := find(t, oidAIA)
			e.Value = bytes.Replace(e.Value, []byte("/ca/issuing.cer"), []byte("/ca/another.cer"), 1)
		},
		"an address going on": func(t *tbsCertificate) {
			e := find(t, oidCRLDP)
			e.Value = bytes.Replace(e.Value, []byte{0x86, 36}, []byte{0x86, 37}, 1)
		},
		"another purpose":   func(t *tbsCertificate) { find(t, oidExtKeyUsage).Value[11] ^= 7 },
		"identity changed":  func(t *tbsCertificate) { t.Extensions[len(t.Extensions)-1].Value = []byte("\x13\x01x") },
		"identity critical": func(t *tbsCertificate) { t.Extensions[len(t.Extensions)-1].Critical = true },
		"identity gone":     func(t *tbsCertificate) { t.Extensions = t.Extensions[:len(t.Extensions)-1] },
		"twice":             func(t *tbsCertificate) { t.Extensions = append(t.Extensions, t.Extensions[0]) },
		"one more": func(t *tbsCertificate) {
			t.Extensions = append(t.Extensions, extension{ID: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 0}})
		},
		"key usage gone": func(t *tbsCertificate) {
			*find(t, oidKeyUsage) = extension{ID: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var tbs tbsCertificate
			if _, err := asn1.Unmarshal(good, &tbs); err != nil {
				t.Fatal(err)
			}
			change(&tbs)
			bad, err := asn1.Marshal(tbs)
			if err != nil {
				t.Fatal(err)
			}
			if err := ca.lint(bad, by, c); err == nil {
				t.Error("passed")
			}
		})
	}
	if err := ca.lint(append(good, 0), by, c); err == nil {
		t.Error("bytes behind the structure passed")
	}
}

func TestLintTerm(t *testing.T) {
	ca, by, c := drafted(t)
	c.NotAfter = by.Certificate.NotAfter.Add(time.Second)
	if _, err := ca.draft(by, c); err == nil {
		t.Error("a certificate that outlives its issuer passed")
	}
}

func TestLintName(t *testing.T) {
	name := func(attributes ...Attribute) []byte {
		der, err := MarshalName(attributes...)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	if err := lintName(name(Attribute{oidCountry, "CN"}, Attribute{oidName, "单位"})); err != nil {
		t.Errorf("a good name: %v", err)
	}
	printable, _ := asn1.MarshalWithParams([]struct {
		ID    asn1.ObjectIdentifier
		Value string `asn1:"printable"`
	}{{oidName, "abc"}}, "set")
	outer, _ := asn1.Marshal([]asn1.RawValue{{FullBytes: printable}})
	for what, der := range map[string][]byte{
		"empty":                {0x30, 0},
		"no common name":       name(Attribute{oidCountry, "CN"}),
		"two common names":     name(Attribute{oidName, "a"}, Attribute{oidName, "b"}),
		"empty value":          name(Attribute{oidName, ""}),
		"overlong":             name(Attribute{oidName, strings.Repeat("长", 65)}),
		"country of three":     name(Attribute{oidCountry, "CHN"}, Attribute{oidName, "a"}),
		"control character":    name(Attribute{oidName, "a\x00b"}),
		"printable string":     outer,
		"trailing":             append(name(Attribute{oidName, "a"}), 0),
		"garbage":              []byte("garbage"),
		"country in digits":    name(Attribute{oidCountry, "12"}, Attribute{oidName, "a"}),
		"reordering mark":      name(Attribute{oidName, "a\u202eb"}),
		"escape":               name(Attribute{oidName, "a\x1bb"}),
		"more in an attribute": {0x30, 0x0f, 0x31, 0x0d, 0x30, 0x0b, 6, 3, 0x55, 4, 3, 0x0c, 1, 'a', 1, 1, 0},
	} {
		if lintName(der) == nil {
			t.Errorf("%s: passed", what)
		}
	}
}

func TestLintIdentity(t *testing.T) {
	ca, by, c := drafted(t)
	for what, value := range map[string][]byte{
		"empty": {}, "not DER": {1}, "two values": []byte("\x13\x01a\x13\x01b"), "huge": append([]byte{0x13, 0x82, 1, 0}, make([]byte, 256)...),
	} {
		c.Identity, _ = asn1.Marshal([]extension{{ID: asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, 4}, Value: value}})
		if _, err := ca.draft(by, c); err == nil {
			t.Errorf("%s passed", what)
		}
	}
}
