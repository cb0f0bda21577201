package status

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// issuers are CAs of every algorithm.
func issuers(t testing.TB) map[string]ca.Signer {
	t.Helper()
	sm, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]ca.Signer{"issuing": issuer(t, sm), "issuing-rsa": issuer(t, rs), "issuing-p256": issuer(t, ec)}
}

func issuer(t testing.TB, key crypto.Signer) ca.Signer {
	t.Helper()
	template := &smx509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"测试"}, CommonName: "签发"},
		NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(9, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign, SubjectKeyId: []byte("key id of twenty oct"),
	}
	der, err := smx509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ca.Signer{
		Certificate: c,
		Sign:        func(m []byte) ([]byte, error) { return gm.SignAny(rand.Reader, key, m) },
		SignDigest:  func(d []byte) ([]byte, error) { return gm.SignDigest(rand.Reader, key, d) },
	}
}

var head = Head{Number: 1772366400123, ThisUpdate: noon, NextUpdate: noon.AddDate(0, 0, 7)}

// signed is the whole list with these entries.
func signed(t testing.TB, s ca.Signer, h Head, entries ...Entry) []byte {
	t.Helper()
	var d Draft
	defer d.Close()
	for _, e := range entries {
		if err := d.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	l, err := d.Sign(s, h)
	if err != nil {
		t.Fatal(err)
	}
	der, err := l.Bytes()
	if err != nil || int64(len(der)) != l.Size() || l.Entries != int64(len(entries)) {
		t.Fatal(len(der), l.Size(), l.Entries, err)
	}
	return der
}

// edges are entries at the borders of their encoding.
func edges() []Entry {
	entries := []Entry{
		{"01", noon, ReasonUnspecified},
		{"7f", noon, 1},
		{"80", noon, 4}, // its first bit would make it negative
		{"ff00", noon.Add(time.Second), ReasonCertificateHold},
		{"40000000000000000000000000000001", time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), 9},
		{"ffffffffffffffffffffffffffffffffffffffff", time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), 10},
	}
	return append(entries, Entry{"0102", noon.In(certhall.Beijing), 5})
}

// What is to be signed is byte for byte what others make, and its signature
// verifies, for every algorithm and at the borders of lengths.
func TestListIsAsOthersMakeIt(t *testing.T) {
	for name, s := range issuers(t) {
		for _, n := range []int{0, 1, 2, 3, 4, 7, 8, 2000} { // 2: shorter and longer than 128 octets; 2000: than 65536
			t.Run(fmt.Sprint(name, "/", n), func(t *testing.T) {
				entries := edges()
				for i := len(entries); i < n; i++ {
					entries = append(entries, Entry{certhall.Serial(fmt.Sprintf("40%030x", i)), noon.Add(time.Duration(i) * time.Hour), []int{0, 1, 3, 4, 5, 6, 9}[i%7]})
				}
				entries = entries[:n]
				der := signed(t, s, head, entries...)
				got, err := smx509.ParseRevocationList(der)
				if err != nil {
					t.Fatal(err)
				}
				if err := got.CheckSignatureFrom(s.Certificate); err != nil {
					t.Error(err)
				}
				if want := others(t, s, entries); !bytes.Equal(got.RawTBSRevocationList, want) {
					t.Errorf("to be signed:\n%x\nothers:\n%x", got.RawTBSRevocationList, want)
				}
			})
		}
	}
}

// others has smx509 make the list, and answers what it signs.
func others(t *testing.T, s ca.Signer, entries []Entry) []byte {
	t.Helper()
	template := &smx509.RevocationList{Number: big.NewInt(head.Number), ThisUpdate: head.ThisUpdate, NextUpdate: head.NextUpdate}
	for _, e := range entries {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			smx509.RevocationListEntry{SerialNumber: e.Serial.Big(), RevocationTime: e.At, ReasonCode: e.Reason})
	}
	der, err := smx509.CreateRevocationList(rand.Reader, template, s.Certificate, messageSigner{s})
	if err != nil {
		t.Fatal(err)
	}
	l, err := smx509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return l.RawTBSRevocationList
}

// messageSigner is a ca.Signer as crypto/x509 wants it: SM2 comes as the whole
// message, the others as a digest.
type messageSigner struct{ ca.Signer }

func (m messageSigner) Public() crypto.PublicKey { return m.Certificate.PublicKey }

func (m messageSigner) Sign(_ io.Reader, b []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() == 0 {
		return m.Signer.Sign(b)
	}
	return m.SignDigest(b)
}

func TestWhatNoListIsMadeOf(t *testing.T) {
	s := issuer(t, must(sm2.GenerateKey(rand.Reader)))
	for _, serial := range []certhall.Serial{"", "1", "0g", "FG", certhall.Serial(hex.EncodeToString(make([]byte, 21)))} {
		var d Draft
		if err := d.Add(Entry{serial, noon, 0}); !errors.Is(err, errSerial) {
			t.Errorf("serial %q: %v", serial, err)
		}
	}
	for _, reason := range []int{-1, 0, 7, 8, 11, 300} { // none of RFC 5280's for a complete CRL
		l, err := smx509.ParseRevocationList(signed(t, s, head, Entry{"01", noon, reason}))
		if err != nil || l.RevokedCertificateEntries[0].ReasonCode != 0 || len(l.RevokedCertificateEntries[0].Extensions) != 0 {
			t.Errorf("reason %d: %v %v", reason, l, err)
		}
	}
	var d Draft
	if _, err := d.Sign(s, Head{1, noon, noon}); err == nil {
		t.Error("a list that ends as it begins")
	}
	other := s
	other.Certificate = issuer(t, must(sm2.GenerateKey(rand.Reader))).Certificate
	if _, err := d.Sign(other, head); !errors.Is(err, gm.ErrSignature) {
		t.Errorf("a key that is not the certificate's: %v", err)
	}
	leaf := *s.Certificate
	leaf.KeyUsage = smx509.KeyUsageCertSign
	if _, err := d.Sign(ca.Signer{Certificate: &leaf, SignDigest: s.SignDigest}, head); err == nil {
		t.Error("signed with a certificate that is none for CRLs")
	}
	broken := errors.New("the device is gone")
	if _, err := d.Sign(ca.Signer{Certificate: s.Certificate, SignDigest: func([]byte) ([]byte, error) { return nil, broken }}, head); !errors.Is(err, broken) {
		t.Errorf("a device that fails: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Many entries lie in a file that is gone afterwards; the list is the same.
func TestLongListLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := issuer(t, must(sm2.GenerateKey(rand.Reader)))
	const n = spoolMemory/40 + 1000
	var d Draft
	for i := range n {
		if err := d.Add(Entry{certhall.Serial(fmt.Sprintf("40%030x", i)), noon, 4}); err != nil {
			t.Fatal(err)
		}
	}
	if d.body.file == nil {
		t.Fatal("the list is too short to see a file")
	}
	l, err := d.Sign(s, head)
	if err != nil {
		t.Fatal(err)
	}
	der, err := l.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := smx509.ParseRevocationList(der)
	if err != nil || got.CheckSignatureFrom(s.Certificate) != nil || len(got.RevokedCertificateEntries) != n {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := l.Bytes(); err == nil {
		t.Error("read of a closed draft")
	}

	var full Draft
	t.Setenv("TMPDIR", filepath.Join(dir, "not there"))
	err = nil
	for i := 0; i < n && err == nil; i++ {
		err = full.Add(Entry{certhall.Serial(fmt.Sprintf("40%030x", i)), noon, 4})
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no room for a long list: %v", err)
	}
}

// The tags and lengths that this package writes itself.
func TestHeaders(t *testing.T) {
	for _, n := range []int64{0, 1, 127, 128, 255, 256, 65535, 65536, 1<<24 - 1, 1 << 24, 1 << 32} {
		want, err := asn1.Marshal(asn1.RawValue{Tag: 16, IsCompound: true, Bytes: make([]byte, min(n, 1<<20))})
		if err != nil {
			t.Fatal(err)
		}
		got := appendHeader(nil, sequenceTag, n)
		if n <= 1<<20 && !bytes.Equal(got, want[:len(want)-int(n)]) {
			t.Errorf("%d: %x", n, got)
		}
		if n == 1<<32 && hex.EncodeToString(got) != "30850100000000" {
			t.Errorf("%d: %x", n, got)
		}
	}
}

// What is read of a list is what was written, and a list that is none breaks nothing.
func TestReadCRL(t *testing.T) {
	s := issuer(t, must(sm2.GenerateKey(rand.Reader)))
	for n := range len(edges()) + 1 {
		der := signed(t, s, head, edges()[:n]...)
		var serials []certhall.Serial
		number, err := ReadCRL(der, func(s certhall.Serial) { serials = append(serials, s) })
		if err != nil || number != head.Number || len(serials) != n {
			t.Fatal(number, serials, err)
		}
		for i, e := range edges()[:n] {
			if serials[i] != e.Serial {
				t.Errorf("%s read as %s", e.Serial, serials[i])
			}
		}
		for i := range der {
			_, _ = ReadCRL(der[:i], func(certhall.Serial) {})
		}
		if _, err := ReadCRL(append(der, 0), func(certhall.Serial) {}); err == nil {
			t.Error("something stands behind it")
		}
	}
	if _, err := ReadCRL(s.Certificate.Raw, func(certhall.Serial) {}); err == nil {
		t.Error("a certificate is read as a CRL")
	}
}
