package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	founding "github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/rounds"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm/ocsp"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
	"github.com/certhall/certhall/web"
)

// asker asks one responder about certificates of one issuer.
type asker struct {
	t      *testing.T
	url    string // of /ocsp
	issuer *smx509.Certificate
}

// post gives the standing of a serial, as a client without a nonce sees it.
func (a asker) post(serial *big.Int) ocsp.Answer { return a.ask(serial, nil) }

func (a asker) ask(serial *big.Int, nonce []byte) ocsp.Answer {
	a.t.Helper()
	request, err := ocsp.Request(a.issuer, nonce, serial)
	if err != nil {
		a.t.Fatal(err)
	}
	response, err := http.Post(a.url, "application/ocsp-request", bytes.NewReader(request))
	if err != nil {
		a.t.Fatal(err)
	}
	return a.read(response, nonce)
}

// get asks as RFC 5019 has it: the request in the address.
func (a asker) get(serial *big.Int) (ocsp.Answer, http.Header) {
	a.t.Helper()
	request, err := ocsp.Request(a.issuer, nil, serial)
	if err != nil {
		a.t.Fatal(err)
	}
	response, err := http.Get(a.url + "/" + url.PathEscape(base64.StdEncoding.EncodeToString(request)))
	if err != nil {
		a.t.Fatal(err)
	}
	return a.read(response, nil), response.Header
}

func (a asker) read(response *http.Response, nonce []byte) ocsp.Answer {
	a.t.Helper()
	defer response.Body.Close()
	der, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	answers, err := ocsp.Parse(der, a.issuer, nonce, time.Now())
	if err != nil || len(answers) != 1 {
		a.t.Fatalf("%s: %d answers, %v", a.url, len(answers), err)
	}
	return answers[0]
}

// becomes asks until the standing is the wanted one. Whoever asks a second
// after the change or later must be told of it.
func (a asker) becomes(serial *big.Int, since time.Time, want ocsp.Standing, reason int) {
	a.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		asked := time.Now()
		got := a.post(serial)
		if got.Standing == want && got.Reason == reason {
			a.t.Logf("%s: %d after %v", a.url, want, time.Since(since).Round(time.Millisecond))
			return
		}
		if asked.Sub(since) > time.Second {
			a.t.Fatalf("%s: %+v, %v after the change", a.url, got, asked.Sub(since))
		}
	}
}

// Two nodes of an authority on one database, each with answers in memory: what
// one of them does the other tells within a second.
func TestOCSPVisibleWithinASecond(t *testing.T) {
	for _, kind := range []string{"sqlite-file", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			address := storetest.Address(t, kind)
			open := func() *authoritystore.Store {
				db, err := sqldb.Open(t.Context(), address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				if err := sqldb.Migrate(t.Context(), db, authoritystore.Migrations()); err != nil {
					t.Fatal(err)
				}
				return authoritystore.New(db)
			}
			store := open()
			a, err := demo.NewAuthority(t.Context(), demo.Options{
				ID: "demo", Name: "测试机构", Store: store, Policy: ca.DefaultPolicy(),
				Base: "http://hall.example", Clock: certhall.SystemClock{}, Random: rand.Reader,
			})
			if err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join(t.TempDir(), "authority")
			if err := founding.Write(folder, a.Founded, founding.Plan{ID: "demo", Name: "测试机构", Address: "http://hall.example", Clock: certhall.SystemClock{}, Random: rand.Reader, KDFCost: 1},
				false, founding.Passphrases{Root: []byte("root root"), Daily: []byte("daily daily")}); err != nil {
				t.Fatal(err)
			}
			issuers, err := founding.Responders(folder) // without a passphrase
			if err != nil {
				t.Fatal(err)
			}
			var nodes []asker
			for _, s := range []*authoritystore.Store{store, open()} {
				r := status.NewResponder(status.OCSPOptions{Store: s, Clock: certhall.SystemClock{}})
				if err := r.SetIssuers(issuers); err != nil {
					t.Fatal(err)
				}
				followed := make(chan struct{})
				go func() { defer close(followed); r.Follow(t.Context()) }()
				t.Cleanup(func() { <-followed })
				server := httptest.NewServer(web.New(web.Options{Random: rand.Reader, Public: web.Public{OCSP: web.OCSP(r, certhall.SystemClock{}, web.OCSPMaxAge)}}))
				t.Cleanup(server.Close)
				nodes = append(nodes, asker{t, server.URL + "/ocsp", issuers[0].Certificate})
			}
			numbered := make(chan struct{})
			go func() {
				defer close(numbered)
				rounds.Rounds{CA: a.CA, Sequencer: audit.Sequencer{Store: store}, Log: slog.New(slog.DiscardHandler)}.Run(t.Context())
			}()
			t.Cleanup(func() { <-numbered })

			serial := issueOne(t, a)
			everywhere := func(what string, want ocsp.Standing, reason int, change func() error) {
				t.Helper()
				for _, n := range nodes { // so that both hold an answer
					n.post(serial)
				}
				if err := change(); err != nil {
					t.Fatalf("%s: %s", what, certhall.CauseText(err))
				}
				since := time.Now()
				for _, n := range nodes {
					n.becomes(serial, since, want, reason)
				}
			}
			everywhere("issue", ocsp.Good, 0, func() error { return nil })
			for range 3 {
				everywhere("suspend", ocsp.Revoked, status.ReasonCertificateHold, func() error { return a.CA.Suspend(t.Context(), applicant.Lineage, "lost") })
				everywhere("resume", ocsp.Good, 0, func() error { return a.CA.Resume(t.Context(), order(t, a, proof.ResumeService, "")) })
			}
			// The pair was never acknowledged: it becomes void with its case.
			everywhere("revoke", ocsp.Revoked, 5, func() error { return a.CA.Revoke(t.Context(), order(t, a, string(certhall.Revoke), "keyCompromise")) })
		})
	}
}

// order is the reviewer's signed decision about the lineage.
func order(t *testing.T, a *demo.Authority, service, reason string) proof.Signed {
	t.Helper()
	nonce, err := proof.NewNonce(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := a.Reviewer.Sign(t.Context(), proof.Draft{Message: proof.Encode(proof.Decision{
		Authority: a.ID, Service: service, Lineage: string(applicant.Lineage), Verdict: proof.Approve, Reason: reason,
		Nonce: nonce, Expiry: time.Now().Add(time.Hour).UTC().Truncate(time.Second),
	})})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// issueOne issues a pair to a key in memory and gives its signing serial.
func issueOne(t *testing.T, a *demo.Authority) *big.Int {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := demo.Request(rand.Reader, key, "anything")
	if err != nil {
		t.Fatal(err)
	}
	id := certhall.CaseID(certhall.NewID(time.Now(), rand.Reader))
	signed, err := a.CA.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Apply, Case: id})
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	if err != nil {
		t.Fatal(err)
	}
	decision, err := a.Decide(t.Context(), applicant, ticket, "KEY1", request)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := a.CA.Issue(t.Context(), authority.IssueRequest{Case: id, Attempt: 1, Request: request, Evidence: decision})
	if err != nil {
		t.Fatal(certhall.CauseText(err))
	}
	c, err := smx509.ParseCertificate(bundle.Sign)
	if err != nil {
		t.Fatal(err)
	}
	return c.SerialNumber
}

// TestOCSPOfTheDemo asks the running program as the world does: openssl and
// Bouncy Castle, for SM2, RSA and P-256.
func TestOCSPOfTheDemo(t *testing.T) {
	h := newHouse(t)
	folder := filepath.Join(h.dir, ".demo", "authority")
	base := "http://" + h.listen + "/ocsp"
	db, err := sqldb.Open(t.Context(), "sqlite:"+filepath.Join(h.dir, ".demo", "authority.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := authoritystore.New(db)
	pair := onePair(t, db, store)
	public, err := founding.ReadPublic(folder)
	if err != nil {
		t.Fatal(err)
	}

	// Certificates say where to ask; what answers there is this.
	c, err := smx509.ParseCertificate(pair.SignCert)
	if err != nil || len(c.OCSPServer) != 1 || c.OCSPServer[0] != base {
		t.Fatalf("the certificate's OCSP address: %v, want %s (%v)", c.OCSPServer, base, err)
	}
	sm := asker{t, c.OCSPServer[0], public.Issuing}
	if got, headers := sm.get(c.SerialNumber); got.Standing != ocsp.Good || !strings.HasPrefix(headers.Get("Cache-Control"), "max-age=30,") {
		t.Errorf("%+v %v", got, headers)
	}
	if got := sm.ask(c.SerialNumber, []byte("0123456789abcdef0123456789abcdef")); got.Standing != ocsp.Good {
		t.Errorf("%+v", got)
	}

	opensslReads(t, folder, base, string(pair.SignSerial), "good")
	opensslReads(t, folder, base, string(pair.EncSerial), "good")
	opensslReads(t, folder, base, "1234", "unknown")
	classes := t.TempDir()
	java(t, "javac", "-d", classes, "-cp", bouncyCastle, "bc/Ocsp.java")
	castle := func(issuer, digest string, serials ...string) string {
		out := java(t, "java", append([]string{"-cp", classes + ":" + bouncyCastle, "Ocsp", base, filepath.Join(folder, issuer+".cer"), digest}, serials...)...)
		return strings.Join(strings.Fields(strings.ReplaceAll(out, "revoked ", "revoked-")), " ")
	}
	const sha1, sha256, sm3 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "1.2.156.10197.1.401"
	for _, digest := range []string{sha1, sha256, sm3} {
		if got := castle("issuing", digest, string(pair.SignSerial), "1234", string(pair.EncSerial)); got != "good unknown good" {
			t.Errorf("%s: Bouncy Castle reads %q", digest, got)
		}
	}

	// Somebody else's process revokes one pair; lost serials of the others.
	err = store.Write(t.Context(), func(w ca.Writer) error {
		moved, err := w.MovePair(pair.ID, pair.State, authority.Revoked, ca.Change{RevokedAt: time.Now(), Reason: 1})
		if err == nil && !moved {
			err = fmt.Errorf("not %s any more", pair.State)
		}
		if err != nil {
			return err
		}
		return w.AddRecord(ca.Record{At: time.Now(), Kind: authority.PairRevoked, Pair: pair.ID, Salt: []byte("s"), Data: []byte("{}"), Digest: []byte("d")})
	})
	if err != nil {
		t.Fatal(err)
	}
	sm.becomes(c.SerialNumber, time.Now(), ocsp.Revoked, 1)
	opensslReads(t, folder, base, string(pair.SignSerial), "revoked")
	if got := castle("issuing", sm3, string(pair.EncSerial), "1234"); got != "revoked-1 unknown" {
		t.Errorf("Bouncy Castle reads %q", got)
	}
	for name, serial := range map[string]string{"rsa": "4057a0", "p256": "4057b0"} {
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec("INSERT INTO lost_serials (issuer, serial, revoked_at, reason) VALUES ($1, $2, $3, 4)", "issuing-"+name, serial, time.Now().UnixMilli())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		opensslVerifies(t, folder, base, name, serial)
		if got := castle("issuing-"+name, sha256, "1234", serial); got != "unknown revoked-4" {
			t.Errorf("%s: Bouncy Castle reads %q", name, got)
		}
	}
	ready(t, h.listen, "ocsp")
}

// onePair is a pair in force of the demo's.
func onePair(t *testing.T, db *sqldb.DB, store *authoritystore.Store) *ca.Pair {
	t.Helper()
	var serial certhall.Serial
	var pair *ca.Pair
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow("SELECT sign_serial FROM pairs WHERE state = 'current' AND issuer = 'issuing' AND enc_serial <> '' ORDER BY not_after DESC LIMIT 1").Scan(&serial)
	})
	if err == nil {
		err = store.Read(t.Context(), func(r ca.Reader) (err error) {
			pair, err = r.PairBySerial(serial)
			return err
		})
	}
	if err != nil || pair == nil {
		t.Fatal(serial, err)
	}
	return pair
}

// opensslReads lets openssl ask about an SM2 certificate and read the answer,
// and check its signature with the key of the certificate in it.
func opensslReads(t *testing.T, folder, address, serial, want string) {
	t.Helper()
	dir := t.TempDir()
	run := func(want string, args ...string) {
		t.Helper()
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("openssl %s: %v, without %q:\n%s", strings.Join(args, " "), err, want, out)
		}
	}
	issuer, err := filepath.Abs(filepath.Join(folder, "issuing.cer"))
	if err != nil {
		t.Fatal(err)
	}
	run("0x"+serial+": "+want, "ocsp", "-issuer", issuer, "-serial", "0x"+serial, "-url", address, "-noverify", "-respout", "answer.der", "-reqout", "request.der")
	run("0x"+serial+": "+want, "ocsp", "-issuer", issuer, "-serial", "0x"+serial, "-reqin", "request.der", "-respin", "answer.der", "-noverify")
	tbs, signature, certificate := takeApart(t, filepath.Join(dir, "answer.der"))
	for name, data := range map[string][]byte{"tbs": tbs, "signature": signature, "ocsp.cer": certificate} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("OK", "verify", "-partial_chain", "-trusted", issuer, "-vfyopt", distid, "ocsp.cer")
	run("", "x509", "-in", "ocsp.cer", "-pubkey", "-noout", "-out", "key.pub")
	run("Verified OK", "dgst", "-sm3", "-verify", "key.pub", "-sigopt", distid, "-signature", "signature", "tbs")
}

// takeApart gives what is signed, the signature and the delegated certificate.
func takeApart(t *testing.T, path string) (tbs, signature, certificate []byte) {
	t.Helper()
	der, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var response struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type asn1.ObjectIdentifier
			DER  []byte
		} `asn1:"explicit,tag:0"`
	}
	var basic struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
		Certificates   []asn1.RawValue `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &response); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(response.Bytes.DER, &basic); err != nil {
		t.Fatal(err)
	}
	return basic.TBS.FullBytes, basic.Signature.Bytes, basic.Certificates[0].FullBytes
}

// opensslVerifies lets openssl ask, and verify the answer up to the root.
func opensslVerifies(t *testing.T, folder, address, name, serial string) {
	t.Helper()
	args := []string{"ocsp", "-issuer", "issuing-" + name + ".cer", "-CAfile", "root-" + name + ".cer", "-verify_other", "issuing-" + name + ".cer", "-url", address,
		"-cert", "ocsp-" + name + ".cer", "-sha256", "-serial", "0x" + serial, "-sha1", "-serial", "0x99", "-sha512", "-serial", "0x" + serial}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	said := string(out)
	for _, want := range []string{"Response verify OK", "ocsp-" + name + ".cer: good", "0x" + serial + ": revoked", "Reason: superseded", "0x99: unknown", "0x" + serial + ": unknown"} {
		if err != nil || !strings.Contains(said, want) {
			t.Errorf("openssl %s: %v, without %q:\n%s", strings.Join(args, " "), err, want, said)
		}
	}
}

// ready wants a condition of /readyz to be among those that hold.
func ready(t *testing.T, listen, name string) {
	t.Helper()
	response, err := http.Get("http://" + listen + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var r struct {
		Checks []struct {
			Name  string
			Ready bool
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&r); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		if c.Name == name && c.Ready {
			return
		}
	}
	t.Errorf("%s is not ready: %+v", name, r.Checks)
}
