package e2e

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/gm"
)

const distid = "distid:1234567812345678"

// openssl runs openssl in the folder of the files; want stands in what it says.
func (i issued) openssl(t *testing.T, want string, args ...string) string {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = i.dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("openssl %s: %v, without %q:\n%s", strings.Join(args, " "), err, want, out)
	}
	return string(out)
}

func TestOpensslVerifies(t *testing.T) {
	i := issue(t)
	i.openssl(t, "verify OK", "req", "-verify", "-inform", "DER", "-in", "request.p10", "-noout", "-vfyopt", distid)
	i.openssl(t, "OK", "verify", "-CAfile", "root.pem", "-vfyopt", distid, "ca.pem")
	i.openssl(t, "OK", "verify", "-CAfile", "root.pem", "-vfyopt", distid, "notary.pem")
	i.openssl(t, "OK", "verify", "-CAfile", "root.pem", "-vfyopt", distid, "origins.pem")
	for _, leaf := range []string{"sign.pem", "enc.pem", "ocsp.pem"} {
		i.openssl(t, "OK", "verify", "-x509_strict", "-partial_chain", "-trusted", "ca.pem", "-vfyopt", distid, leaf)
	}
	i.file(t, "notary.pub", []byte(i.openssl(t, "BEGIN PUBLIC KEY", "x509", "-in", "notary.pem", "-noout", "-pubkey")))
	i.openssl(t, "Verified OK", "dgst", "-sm3", "-verify", "notary.pub", "-sigopt", distid, "-signature", "ticket.sig", "ticket.msg")

	// The check must be able to fail: one bit of the certificate's signature.
	forged := bytes.Clone(i.bundle.Sign)
	forged[len(forged)-1] ^= 1
	i.file(t, "forged.cer", forged)
	cmd := exec.Command("openssl", "verify", "-partial_chain", "-trusted", "ca.pem", "-vfyopt", distid, "forged.cer")
	cmd.Dir = i.dir
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("openssl takes a forged certificate: %s", out)
	}
}

func TestOpensslReads(t *testing.T) {
	i := issue(t)
	for name, want := range map[string][]string{
		"sign.cer": {"Digital Signature, Non Repudiation\n", "CA:FALSE", "URI:http://hall.example/crl/issuing.crl",
			"OCSP - URI:http://hall.example/ocsp", "CA Issuers - URI:http://hall.example/ca/issuing.cer", "X509v3 Authority Key Identifier", "1.2.156.10260.4.4"},
		"enc.cer": {"Key Encipherment, Data Encipherment, Key Agreement\n", "CA:FALSE", "X509v3 Subject Key Identifier"},
		"ca.cer":  {"Certificate Sign, CRL Sign\n", "CA:TRUE, pathlen:0"},
	} {
		text := i.openssl(t, "X509v3 Key Usage: critical", "x509", "-inform", "DER", "-in", name, "-noout", "-text", "-nameopt", "utf8")
		for _, w := range append(want, "SM2-with-SM3", "ASN1 OID: SM2") {
			if !strings.Contains(text, w) {
				t.Errorf("%s: openssl does not read %q:\n%s", name, w, text)
			}
		}
	}
	subject := i.openssl(t, "PRINTABLESTRING", "asn1parse", "-inform", "DER", "-in", "sign.cer")
	if !strings.Contains(subject, "UTF8STRING") {
		t.Errorf("no UTF8String in the subject:\n%s", subject)
	}
}

// TestOpensslOpensEnvelope unwraps SM2EnvelopedKey (GB/T 35276) with openssl
// alone: the key in it is the encryption certificate's.
func TestOpensslOpensEnvelope(t *testing.T) {
	i := issue(t)
	var e struct {
		Algorithm asn1.RawValue
		Cipher    asn1.RawValue
		PublicKey asn1.BitString
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(i.bundle.Envelope, &e); err != nil || len(rest) > 0 {
		t.Fatal(err)
	}
	i.file(t, "wrapped.der", e.Cipher.FullBytes)
	i.file(t, "private.enc", e.Key.Bytes)
	i.openssl(t, "", "pkeyutl", "-decrypt", "-inkey", "signing.pem", "-in", "wrapped.der", "-out", "sm4.key")
	kek, err := os.ReadFile(filepath.Join(i.dir, "sm4.key"))
	if err != nil || len(kek) != 16 {
		t.Fatalf("symmetric key of %d bytes, %v", len(kek), err)
	}
	i.openssl(t, "", "enc", "-d", "-sm4-ecb", "-nopad", "-K", hex.EncodeToString(kek), "-in", "private.enc", "-out", "private.bin")
	d, err := os.ReadFile(filepath.Join(i.dir, "private.bin"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := sm2.NewPrivateKey(d)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := gm.ParseCertificate(i.bundle.Enc)
	if err != nil {
		t.Fatal(err)
	}
	certified, err := gm.CertificateKey(enc)
	if err != nil || !gm.SameKey(certified, &key.PublicKey) {
		t.Errorf("the envelope holds another key than the certificate's: %v", err)
	}
}
