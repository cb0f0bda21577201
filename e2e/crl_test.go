package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
)

// fetch gets a document of the house by its address, and its ETag.
func fetch(t *testing.T, address, media, etag string) (body []byte, tag string, status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusOK && answer.Header.Get("Content-Type") != media {
		t.Errorf("%s: %v", address, answer.Header)
	}
	return body, answer.Header.Get("Etag"), answer.StatusCode
}

const crlMedia, certMedia = "application/pkix-crl", "application/pkix-cert"

// TestCRLsByOthers holds a certificate of the running demo, finds it on the CRL
// that it names within a minute, and lets openssl and Bouncy Castle verify
// every CRL of every CA.
func TestCRLsByOthers(t *testing.T) {
	t.Parallel() // mostly it waits for changes to be gathered
	h := newHouse(t)
	base := "http://" + h.listen
	db, err := sqldb.Open(t.Context(), "sqlite:"+filepath.Join(h.dir, ".demo", "authority.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var lineage certhall.LineageID
	var der []byte
	serials := make([]string, 2)
	err = db.Read(t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow("SELECT lineage, sign_serial, enc_serial, sign FROM pairs JOIN certificates ON certificates.n = pairs.n WHERE state = 'current' ORDER BY pairs.n DESC LIMIT 1").
			Scan(&lineage, &serials[0], &serials[1], &der)
	})
	if err != nil {
		t.Fatal(err)
	}
	held, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	address := held.CRLDistributionPoints[0]
	if !strings.HasPrefix(address, base) || len(held.IssuingCertificateURL) != 1 {
		t.Fatalf("the certificate names %s and %v", address, held.IssuingCertificateURL)
	}
	if issuer, _, _ := fetch(t, held.IssuingCertificateURL[0], certMedia, ""); !slices.Equal(mustParse(t, issuer).RawSubject, held.RawIssuer) {
		t.Error("another issuer's certificate lies where the certificate says")
	}
	_, etag, status := fetch(t, address, crlMedia, "")
	for end := time.Now().Add(patience); status != http.StatusOK && time.Now().Before(end); { // the first is on its way
		_, etag, status = fetch(t, address, crlMedia, "")
	}
	if _, _, status := fetch(t, address, crlMedia, etag); status != http.StatusNotModified {
		t.Errorf("a CRL that is known: %d", status)
	}

	authority := ca.New(ca.Options{ID: "demo", Store: authoritystore.New(db), Policy: ca.DefaultPolicy(), Clock: certhall.SystemClock{}, Random: rand.Reader})
	if err := authority.Suspend(t.Context(), lineage, "lost on the way"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for body := []byte(nil); !bytes.Contains(body, mustSerial(t, serials[0])); <-tick.C {
		if time.Since(began) > time.Minute {
			t.Fatal("not on the CRL within a minute")
		}
		if body, _, status = fetch(t, address, crlMedia, etag); status == http.StatusNotModified {
			body = nil
		}
	}

	dir := t.TempDir()
	names := []string{"issuing", "issuing-rsa", "issuing-p256", "root", "root-rsa", "root-p256"}
	numbers := map[string]string{}
	for _, name := range names {
		crl, _, _ := fetch(t, base+"/crl/"+name+".crl", crlMedia, "")
		cert, _, _ := fetch(t, base+"/ca/"+name+".cer", certMedia, "")
		l, err := smx509.ParseRevocationList(crl)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		numbers[name] = l.Number.String()
		forged := bytes.Clone(crl)
		forged[len(forged)-1] ^= 1
		for file, data := range map[string][]byte{
			".crl": crl, ".cer": cert, ".forged": forged, ".tbs": l.RawTBSRevocationList, ".sig": l.Signature,
			".pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		} {
			if err := os.WriteFile(filepath.Join(dir, name+file), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		opensslCRL(t, dir, name)
	}

	classes := t.TempDir()
	java(t, "javac", "-d", classes, "-cp", bouncyCastle, "bc/Crl.java")
	out := java(t, "java", append([]string{"-cp", classes + ":" + bouncyCastle, "Crl", dir}, names...)...)
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		want := names[i] + " valid " + numbers[names[i]] + " issuer's"
		if names[i] == "issuing" {
			on := []string{serials[0] + ":CRLReason: certificateHold", serials[1] + ":CRLReason: certificateHold"}
			slices.Sort(on)
			want += " " + strings.Join(on, " ")
		}
		if strings.TrimSpace(line) != want {
			t.Errorf("Bouncy Castle reads %q, want %q", line, want)
		}
	}
	if _, _, status := fetch(t, base+"/crl/nobody.crl", crlMedia, ""); status != http.StatusNotFound {
		t.Errorf("a CRL there is not: %d", status)
	}
}

// opensslCRL lets openssl read and verify NAME.crl by NAME.pem; of SM2 it
// verifies only what was cut out (it takes no distinguishing id with crl).
func opensslCRL(t *testing.T, dir, name string) {
	t.Helper()
	run := func(args ...string) (string, error) {
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	text, err := run("crl", "-inform", "DER", "-in", name+".crl", "-noout", "-text")
	if err != nil || !strings.Contains(text, "Version 2 (0x1)") || !strings.Contains(text, "X509v3 CRL Number") {
		t.Errorf("openssl reads of %s: %v\n%s", name, err, text)
	}
	if name == "issuing" && strings.Count(text, "Certificate Hold") != 2 {
		t.Errorf("openssl reads of %s:\n%s", name, text)
	}
	if strings.Contains(name, "-") {
		for file, want := range map[string]string{".crl": "verify OK", ".forged": "verify failure"} {
			if out, _ := run("crl", "-inform", "DER", "-in", name+file, "-noout", "-CAfile", name+".pem"); !strings.Contains(out, want) {
				t.Errorf("openssl says of %s%s: %s", name, file, out)
			}
		}
		return
	}
	key, err := run("x509", "-in", name+".pem", "-noout", "-pubkey")
	if err != nil {
		t.Fatal(key)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".pub"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{".tbs": "Verified OK", ".crl": "Verification failure"} {
		if out, _ := run("dgst", "-sm3", "-verify", name+".pub", "-sigopt", distid, "-signature", name+".sig", name+file); !strings.Contains(out, want) {
			t.Errorf("openssl says of %s%s: %s", name, file, out)
		}
	}
}

func mustParse(t *testing.T, der []byte) *smx509.Certificate {
	t.Helper()
	c, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mustSerial is a serial as it stands in DER.
func mustSerial(t *testing.T, serial string) []byte {
	t.Helper()
	b := certhall.Serial(serial).Big().Bytes()
	if len(b) < 16 {
		t.Fatalf("serial %s", serial)
	}
	return b
}
