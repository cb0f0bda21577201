package ocsp

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"

	"github.com/emmansun/gmsm/smx509"
)

// responder is openssl's, over an index of its own.
type responder struct {
	t         *testing.T
	dir       string
	issuer    *smx509.Certificate
	issuerKey crypto.Signer
	now       time.Time
}

func newResponder(t *testing.T, key crypto.Signer) *responder {
	r := &responder{t: t, dir: t.TempDir(), now: time.Now(), issuerKey: key}
	r.issuer = r.certificate("ca", 1, key, nil, func(c *smx509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, smx509.KeyUsageCertSign
	})
	r.write("index.txt", fmt.Sprintf("V\t%s\t\t0A\tunknown\t/CN=good\nR\t%s\t%s,keyCompromise\t0B\tunknown\t/CN=revoked\n",
		r.stamp(time.Hour), r.stamp(time.Hour), r.stamp(-time.Hour)))
	return r
}

func (r *responder) stamp(d time.Duration) string {
	return r.now.Add(d).UTC().Format("060102150405Z")
}

func (r *responder) write(name, content string) string {
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// certificate makes name.pem and name.key; under the issuer, or under itself.
func (r *responder) certificate(name string, serial int64, key crypto.Signer, signer *smx509.Certificate, fill func(*smx509.Certificate)) *smx509.Certificate {
	t := &smx509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: r.now.Add(-time.Hour), NotAfter: r.now.Add(time.Hour)}
	fill(t)
	signing := key
	if signer == nil {
		signer = t
	} else {
		signing = r.issuerKey
	}
	der, err := smx509.CreateCertificate(rand.Reader, t, signer, key.Public(), signing)
	if err != nil {
		r.t.Fatal(err)
	}
	pkcs8, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	r.write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	c, err := smx509.ParseCertificate(der)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// answer has openssl answer a request in the name of signer.
func (r *responder) answer(request []byte, signer string, more ...string) []byte {
	r.t.Helper()
	in, out := r.write("request.der", string(request)), filepath.Join(r.dir, "answer.der")
	args := append([]string{"ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", signer + ".pem", "-rkey", signer + ".key",
		"-reqin", in, "-respout", out, "-ndays", "1"}, more...)
	command := exec.Command("openssl", args...)
	command.Dir = r.dir
	if said, err := command.CombinedOutput(); err != nil {
		r.t.Fatalf("openssl: %v\n%s", err, said)
	}
	der, err := os.ReadFile(out)
	if err != nil {
		r.t.Fatal(err)
	}
	return der
}

// odd makes odd.pem, a certificate that smx509 does not parse, as real CAs have them.
func (r *responder) odd() {
	command := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "odd.key", "-out", "odd.pem",
		"-subj", "/CN=odd", "-addext", "subjectAltName=email:ü@example.com")
	command.Dir = r.dir
	if said, err := command.CombinedOutput(); err != nil {
		r.t.Fatalf("openssl: %v\n%s", err, said)
	}
}

func keys(t *testing.T) map[string]crypto.Signer {
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": rs, "ECDSA": ec}
}

func TestAnswersOfOpenSSL(t *testing.T) {
	for name, key := range keys(t) {
		t.Run(name, func(t *testing.T) {
			r := newResponder(t, key)
			ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			asDelegate := func(c *smx509.Certificate) { c.ExtKeyUsage = []smx509.ExtKeyUsage{smx509.ExtKeyUsageOCSPSigning} }
			r.certificate("delegate", 2, ec, r.issuer, asDelegate)
			r.certificate("nobody", 3, ec, r.issuer, func(*smx509.Certificate) {})
			r.certificate("expired", 4, ec, r.issuer, func(c *smx509.Certificate) { asDelegate(c); c.NotAfter = r.now.Add(-10 * time.Minute) })
			nonce := []byte("0123456789abcdef")
			request, err := Request(r.issuer, nonce, big.NewInt(10), big.NewInt(11), big.NewInt(12))
			if err != nil {
				t.Fatal(err)
			}
			for _, signer := range []string{"ca", "delegate"} {
				answers, err := Parse(r.answer(request, signer), r.issuer, nonce, r.now)
				if err != nil || len(answers) != 3 {
					t.Fatalf("%s: %v %v", signer, answers, err)
				}
				for i, want := range []Standing{Good, Revoked, Unknown} {
					if answers[i].Standing != want || answers[i].Serial.Int64() != int64(10+i) || answers[i].NextUpdate.IsZero() {
						t.Errorf("%s: %+v", signer, answers[i])
					}
				}
				if a := answers[1]; a.Reason != 1 || a.RevokedAt.Sub(r.now.Add(-time.Hour)).Abs() > time.Minute {
					t.Errorf("revoked: %+v", a)
				}
			}
			more := []string{"-rother", "odd.pem"}
			if name == "RSA" {
				more = append(more, "-rmd", "sha384")
			}
			r.odd()
			if answers, err := Parse(r.answer(request, "ca", more...), r.issuer, nonce, r.now); err != nil || len(answers) != 3 {
				t.Errorf("with an odd certificate sent along, by another digest: %v %v", answers, err)
			}
			r.refusals(request, nonce)
		})
	}
}

// refusals: what must not be believed is not.
func (r *responder) refusals(request, nonce []byte) {
	t := r.t
	fine := r.answer(request, "delegate")
	bare, err := Request(r.issuer, nil, big.NewInt(10))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		der   []byte
		nonce []byte
		now   time.Time
		want  error
	}{
		"no delegate":      {r.answer(request, "nobody"), nonce, r.now, ErrUntrusted},
		"expired delegate": {r.answer(request, "expired"), nonce, r.now, ErrUntrusted},
		"other nonce":      {fine, []byte("fedcba9876543210"), r.now, ErrNonce},
		"no nonce":         {r.answer(bare, "delegate"), nonce, r.now, ErrNonce},
		"too old":          {r.answer(request, "ca"), nonce, r.now.Add(30 * time.Hour), ErrStale},
		"before its time":  {r.answer(request, "ca"), nonce, r.now.Add(-time.Hour), ErrStale},
		"changed":          {flip(fine), nonce, r.now, ErrUntrusted},
		"behind it":        {append(bytes.Clone(fine), 0), nonce, r.now, ErrMalformed},
		"refused":          {[]byte{0x30, 3, 0x0a, 1, 3}, nonce, r.now, ErrRefused},
		"nothing":          {nil, nonce, r.now, ErrMalformed},
		"huge":             {make([]byte, MaxAnswer+1), nonce, r.now, ErrMalformed},
	} {
		if _, err := Parse(c.der, r.issuer, c.nonce, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range fine { // cut off anywhere: an error, no panic
		if _, err := Parse(fine[:n], r.issuer, nonce, r.now); err == nil {
			t.Fatalf("cut at %d: believed", n)
		}
	}
	other := r.certificate("other", 9, r.issuerKey, nil, func(c *smx509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	if answers, err := Parse(r.answer(request, "ca"), other, nonce, r.now); err == nil && len(answers) > 0 {
		t.Error("answers about another issuer are taken")
	}
}

// flip changes one bit of what is signed: in the serial number of an answer.
func flip(der []byte) []byte {
	changed := bytes.Clone(der)
	at := strings.LastIndex(string(changed), "\x02\x01\x0a")
	changed[at+2] ^= 1
	return changed
}
