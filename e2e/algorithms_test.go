package e2e

import (
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	founding "github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
)

// TestInitAlgorithms founds an authority with an issuing CA of every algorithm
// and lets openssl verify both trees and the cross certificates.
func TestInitAlgorithms(t *testing.T) {
	t.Parallel()
	dir := workshop(t)
	out, code := shell(t, dir, `
set -euo pipefail
for who in a b; do
	bin/certhall-agent --yes --pin-fd 3 softkey new --out keys/$who.softkey --label $who 3<pin
	bin/certhall-agent --yes --pin-fd 3 enrol --key keys/$who.softkey --name "officer $who" --out $who.p10 3<pin
done
bin/certhall init --dir state --id acme --name "ACME CA" --public https://hall.example --algorithm rsa --algorithm p256 \
	--officer a.p10 --officer b.p10 --passphrase-fd 3 --root-passphrase-fd 4 3<daily 4<root
bin/certhall fsck --dir state
cd state/authority
for kind in rsa p256; do
	openssl verify -x509_strict -CAfile root-$kind.cer issuing-$kind.cer
	openssl verify -x509_strict -CAfile root-$kind.cer -untrusted issuing-$kind.cer ocsp-$kind.cer
	openssl verify -CAfile root.cer -vfyopt `+distid+` issuing-$kind.cross.cer
	for form in "" .cross; do openssl x509 -in issuing-$kind$form.cer -noout -pubkey -subject -ext subjectKeyIdentifier > $kind$form.is; done
	cmp $kind.is $kind.cross.is
	openssl x509 -in issuing-$kind.cer -noout -text | grep -q "https://hall.example/crl/root-$kind.crl"
	openssl x509 -in issuing-$kind.cross.cer -noout -text | grep -q "https://hall.example/crl/root.crl"
done
test -f offline/root-rsa.key -a -f offline/root-p256.key -a ! -e root-rsa.key
`)
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	before := read(t, filepath.Join(dir, "state/authority/ocsp-rsa.cer"))
	out, code = shell(t, dir, "bin/certhall admin ocsp-certificate --dir state --passphrase-fd 3 3<daily")
	if code != 0 || !strings.Contains(out, "ocsp-p256.cer") || read(t, filepath.Join(dir, "state/authority/ocsp-rsa.cer")) == before {
		t.Errorf("admin ocsp-certificate: exit code %d\n%s", code, out)
	}
	out, code = shell(t, dir, `openssl verify -CAfile state/authority/root-rsa.cer -untrusted state/authority/issuing-rsa.cer state/authority/ocsp-rsa.cer`)
	if code != 0 {
		t.Errorf("the renewed OCSP certificate: %s", out)
	}
	if _, err := founding.Responders(filepath.Join(dir, "state/authority")); err != nil {
		t.Error(certhall.CauseText(err))
	}
	if out, code = shell(t, dir, "bin/certhall init --dir other --id acme --name ACME --public https://hall.example --officer a.p10 --officer b.p10 --algorithm dsa"); code == 0 || !strings.Contains(out, "rsa, p256") {
		t.Errorf("an unknown algorithm: exit code %d\n%s", code, out)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSingleCertificates certifies keys and requests that openssl made. openssl
// verifies the certificate under the root of its algorithm, Bouncy Castle along
// the cross certificate under the SM2 root; and what openssl signs with the
// key, the authority takes as acknowledgement.
func TestSingleCertificates(t *testing.T) {
	ctx := t.Context()
	db, err := sqldb.Open(ctx, "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := sqldb.Migrate(ctx, db, authoritystore.Migrations()); err != nil {
		t.Fatal(err)
	}
	a, err := demo.NewAuthority(ctx, demo.Options{
		ID: "demo", Name: "测试机构", Store: authoritystore.New(db), Policy: ca.DefaultPolicy(), Algorithms: []gm.Algorithm{gm.RSA, gm.ECDSA},
		Base: "http://hall.example", Clock: certhall.SystemClock{}, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	classes := t.TempDir()
	java(t, "javac", "-d", classes, "-cp", bouncyCastle, "bc/Check.java")
	for _, c := range []struct {
		profile, newKey, signature, usage string
		issuer                            founding.Issuer
	}{
		{"rsa2048", "rsa:2048", "1.2.840.113549.1.1.11 with parameters", "[0, 1, 2]", a.Founded.Issuers[1]},
		{"p256", "ec -pkeyopt ec_paramgen_curve:P-256", "1.2.840.10045.4.3.2", "[0, 1]", a.Founded.Issuers[2]},
	} {
		t.Run(c.profile, func(t *testing.T) {
			dir := t.TempDir()
			run := func(script string) string {
				t.Helper()
				out, code := shell(t, dir, "set -e; "+script)
				if code != 0 {
					t.Fatalf("%s: exit code %d:\n%s", script, code, out)
				}
				return out
			}
			put := func(name string, der []byte) {
				t.Helper()
				for path, data := range map[string][]byte{name + ".cer": der, name + ".pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})} {
					if err := os.WriteFile(filepath.Join(dir, path), data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			run("openssl req -new -sha256 -newkey " + c.newKey + " -nodes -keyout key.pem -subj /CN=anything -outform DER -out request.p10")
			who := applicant
			who.Lineage, who.Profile = certhall.LineageID("lineage"+c.profile), c.profile
			id := certhall.CaseID("case" + c.profile)
			signed, err := a.CA.Ticket(ctx, authority.TicketRequest{Service: certhall.Apply, Case: id})
			if err != nil {
				t.Fatal(err)
			}
			ticket, err := proof.Decode[proof.Ticket](signed.Message)
			if err != nil {
				t.Fatal(err)
			}
			request := []byte(read(t, filepath.Join(dir, "request.p10")))
			decision, err := a.Decide(ctx, who, ticket, "KEY1", request)
			if err != nil {
				t.Fatal(err)
			}
			bundle, err := a.CA.Issue(ctx, authority.IssueRequest{Case: id, Attempt: 1, Request: request, Evidence: decision})
			if err != nil {
				t.Fatal(certhall.CauseText(err))
			}
			put("sign", bundle.Sign)
			put("root", a.Founded.Root.Certificate.Raw)
			put("ca", bundle.Chain[0])
			put("own-root", c.issuer.Root.Certificate.Raw)
			put("own-ca", c.issuer.Certificate.Raw)

			run("openssl verify -x509_strict -purpose sslclient -CAfile own-root.pem -untrusted own-ca.pem sign.pem")
			run("openssl verify -partial_chain -trusted ca.pem sign.pem")
			run("cp sign.pem forged.pem; openssl x509 -in sign.pem -outform DER | head -c -1 > forged.der; printf x >> forged.der; ! openssl verify -partial_chain -trusted ca.pem forged.der")
			text := run("openssl x509 -in sign.pem -noout -text")
			for _, want := range []string{"http://hall.example/crl/" + c.issuer.Name + ".crl", "http://hall.example/ca/" + c.issuer.Name + ".cer", "OCSP - URI:http://hall.example/ocsp", "CA:FALSE"} {
				if !strings.Contains(text, want) {
					t.Errorf("openssl does not read %q:\n%s", want, text)
				}
			}
			out := java(t, "java", "-Dfile.encoding=UTF-8", "-cp", classes+":"+bouncyCastle, "Check", dir)
			for _, want := range []string{"sign.path = valid", "sign.der = true", "sign.signature = " + c.signature, "sign.key-usage = " + c.usage,
				"sign.ca = false", "request.signature = valid", "request.key = the certificate's", "sign.critical = [2.5.29.15, 2.5.29.19]"} {
				if !strings.Contains(out, want+"\n") {
					t.Errorf("Bouncy Castle does not read %q:\n%s", want, out)
				}
			}

			view, err := a.CA.Pair(ctx, authority.PairQuery{Case: id})
			if err != nil {
				t.Fatal(err)
			}
			message := proof.Encode(proof.Acknowledgement{Authority: "demo", Case: string(id), Attempt: 1, SignSerial: string(view.Pair.SignSerial), KeyDigest: view.KeyDigest})
			if err := os.WriteFile(filepath.Join(dir, "ack"), message, 0o600); err != nil {
				t.Fatal(err)
			}
			run("openssl dgst -sha256 -sign key.pem -out ack.sig ack")
			ack := proof.Signed{Message: message, Signatures: []proof.Signature{{Certificate: bundle.Sign, Value: []byte(read(t, filepath.Join(dir, "ack.sig")))}}}
			if _, err := a.CA.Acknowledge(ctx, ack); err != nil {
				t.Error(certhall.CauseText(err))
			}
		})
	}
}
