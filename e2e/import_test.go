package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/authority/predecessors/earlier"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/store/sqldb"
)

// handover is an authority founded in earnest that takes two earlier systems
// over: one with SM2 pairs, whose lists come by hand, and one that openssl made,
// with RSA, single certificates and its list at an address.
type handover struct {
	t      *testing.T
	dir    string
	listen string
	server *program
	sm2    *earlier.CA
	rsa    *smx509.Certificate
	rsaKey *rsa.PrivateKey
	serial map[string]string // of the signing certificates, by key
}

func (h *handover) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// says runs a script that must succeed.
func (h *handover) says(script string) string {
	h.t.Helper()
	out, code := shell(h.t, h.dir, "set -euo pipefail\n"+script)
	if code != 0 {
		h.t.Fatalf("exit code %d:\n%s\n%s", code, script, out)
	}
	return out
}

func (h *handover) write(name string, data []byte) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(os.WriteFile(path, data, 0o600))
}

// openssl makes the RSA system's CA and a user of it.
func (h *handover) openssl() {
	h.t.Helper()
	h.says(`mkdir -p old/rsa && cd old/rsa && touch index.txt && echo 01 > crlnumber
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\n[req]\ndistinguished_name=n\n[n]\n[v]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' > ca.cnf
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 -subj '/C=CN/O=老系统/CN=老系统 RSA CA' -utf8 -config ca.cnf -extensions v 2>/dev/null
openssl ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -crldays 7 -out ca.crl.pem 2>/dev/null
openssl crl -in ca.crl.pem -outform DER -out ca.crl
openssl req -newkey rsa:2048 -nodes -keyout user.key -out user.csr -subj '/C=CN/O=丁单位/CN=丁单位' -utf8 -config ca.cnf 2>/dev/null
openssl x509 -req -in user.csr -CA ca.pem -CAkey ca.key -set_serial 0x70000001 -days 20 -sha256 -out user.pem 2>/dev/null
mkdir -p ../files && cp user.pem ../files/user.pem`)
	block := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(h.dir, "old/rsa", name))
		h.must(err)
		b, _ := pem.Decode(data)
		return b.Bytes
	}
	var err error
	h.rsa, err = gm.ParseCertificate(block("ca.pem"))
	h.must(err)
	key, err := x509.ParsePKCS8PrivateKey(block("ca.key"))
	h.must(err)
	h.rsaKey = key.(*rsa.PrivateKey)
}

// key makes a soft key whose container holds what issue gives for its signing
// key; without an encryption certificate it is a single one.
func (h *handover) key(name string, issue func(pub any) (sign, enc *smx509.Certificate, encKey *sm2.PrivateKey)) {
	h.t.Helper()
	ctx := h.t.Context()
	path := filepath.Join(h.dir, "old-keys", name+softkey.Extension)
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(softkey.Create(path, softkey.Options{Serial: strings.ToUpper(name), Label: name, PIN: "84736251", Iterations: 1}))
	k, err := softkey.Open(path)
	h.must(err)
	defer k.Close()
	h.must(k.Login(ctx, "84736251"))
	c, err := k.Create(ctx, "LAB_USER_1")
	h.must(err)
	pub, err := c.GenerateSigningKey(ctx, gm.SM2)
	h.must(err)
	sign, enc, encKey := issue(pub)
	h.must(c.ImportCertificate(ctx, token.Signing, sign.Raw))
	h.serial[name] = hex.EncodeToString(sign.SerialNumber.Bytes())
	h.write("old/files/"+h.serial[name]+".cer", sign.Raw)
	if enc != nil {
		to, err := gm.SM2Key(pub)
		h.must(err)
		envelope, err := gm.EnvelopeKey(rand.Reader, to, encKey)
		h.must(err)
		h.must(c.ImportEncryptionKey(ctx, envelope))
		h.must(c.ImportCertificate(ctx, token.Encryption, enc.Raw))
		h.write("old/files/"+hex.EncodeToString(enc.SerialNumber.Bytes())+".cer", enc.Raw)
	}
}

// pairOn is a pair of the SM2 system's, near its end.
func (h *handover) pairOn(who string) func(any) (*smx509.Certificate, *smx509.Certificate, *sm2.PrivateKey) {
	return func(pub any) (*smx509.Certificate, *smx509.Certificate, *sm2.PrivateKey) {
		encKey, err := sm2.GenerateKey(rand.Reader)
		h.must(err)
		from, to := time.Now().AddDate(-1, 0, 0), time.Now().AddDate(0, 0, 20)
		return h.sm2.Issue(who, pub, earlier.Signing, from, to), h.sm2.Issue(who, &encKey.PublicKey, earlier.Encryption, from, to), encKey
	}
}

// takeOver lets both officers sign what the command drafts, and carries it out.
func (h *handover) takeOver(name, flags string) {
	h.t.Helper()
	h.says(fmt.Sprintf(`bin/certhall admin predecessor add --dir state --name %[1]s %[2]s --out %[1]s.draft
for who in a b; do
	bin/certhall-agent --yes --pin-fd 3 sign-decision --authority state/authority/root.cer --key keys/$who.softkey %[1]s.draft --out %[1]s.$who 3<pin
done
bin/certhall admin predecessor add --dir state --evidence %[1]s.a --evidence %[1]s.b`, name, flags))
}

func (h *handover) serve() {
	h.t.Helper()
	in := &installation{stack: &stack{t: h.t}, dir: h.dir, programs: map[string]*program{}}
	h.server = in.start("all", "--dir=state", "--listen="+h.listen, "--sms=outbox", "--passphrase-fd=3")
}

// renew begins a renewal on a key; its exit code and words come when it ends.
func (h *handover) renew(key string) (ended func() (out string, code int)) {
	ctx, stop := context.WithCancel(h.t.Context())
	read, done := make(chan struct{}), make(chan struct{})
	var out string
	var code int
	go func() {
		defer close(read)
		readCodes(ctx, h.t, "sqlite:"+filepath.Join(h.dir, "state", "hall.db"), h.dir)
	}()
	go func() {
		defer close(done)
		out, code = shell(h.t, h.dir, "bin/certhall-agent --yes --pin-fd 3 --keys old-keys renew --key "+strings.ToUpper(key)+" --server http://"+h.listen+
			" --authority state/authority/root.cer --code-file codes 3<pin")
	}()
	return func() (string, int) {
		<-done
		stop()
		<-read
		return out, code
	}
}

func (h *handover) renewed(key string) {
	h.t.Helper()
	if out, code := h.renew(key)(); code != 0 || !strings.Contains(out, "Renewed") {
		h.t.Fatalf("%s: exit code %d\n%s\nserver:\n%s", key, code, out, h.server.screen)
	}
}

// list brings the SM2 system's list by hand.
func (h *handover) list(life time.Duration, revoked ...earlier.Revocation) {
	h.t.Helper()
	h.write("old/sm2.crl", h.sm2.CRL(time.Now().Add(-time.Minute), life, revoked...))
	h.says("bin/certhall admin predecessor crl --dir state old-sm2 old/sm2.crl")
}

// TestTakeover: two earlier systems are taken over by the commands of
// docs/importing.md; their users renew on their keys.
func TestTakeover(t *testing.T) {
	t.Parallel() // mostly it waits for lists to be looked for
	h := &handover{t: t, dir: workshop(t), listen: freePort(t), serial: map[string]string{}}
	h.says(strings.Replace(ceremony, "https://hall.example", "http://"+h.listen, 1))
	h.write("codes", nil)
	h.sm2 = earlier.New(t, gm.SM2, "旧系统", time.Now())
	h.write("old/sm2.cer", h.sm2.Certificate.Raw)
	h.openssl()
	crl := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(h.dir, "old", "rsa"))))
	defer crl.Close()
	h.takeOver("old-sm2", "--certificate old/sm2.cer")
	h.takeOver("old-rsa", "--certificate old/rsa/ca.pem --crl-url "+crl.URL+"/ca.crl")

	h.key("pair", h.pairOn("甲单位"))
	h.key("lost", h.pairOn("乙单位"))
	h.key("single", func(pub any) (*smx509.Certificate, *smx509.Certificate, *sm2.PrivateKey) {
		template := &smx509.Certificate{SerialNumber: big.NewInt(0x70000002), Subject: pkix.Name{Country: []string{"CN"}, CommonName: "丙单位"},
			NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(0, 0, 10), KeyUsage: earlier.All, SignatureAlgorithm: smx509.SHA256WithRSA}
		der, err := smx509.CreateCertificate(rand.Reader, template, h.rsa, pub, h.rsaKey)
		h.must(err)
		c, err := gm.ParseCertificate(der)
		h.must(err)
		return c, nil, nil
	})
	header := "序列号,证书卡号,统一社会信用代码,项目代码,经办人,手机号\n"
	h.write("sm2.csv", []byte(header+h.serial["pair"]+",HT-1,"+earlier.Code+",zfcg,王经办,13900000001\n"+
		h.serial["lost"]+",HT-2,"+earlier.Code+",zfcg,李经办,13900000001\n"+"ffff,HT-3,,zfcg,,\n"))
	h.write("rsa.csv", []byte(header+h.serial["single"]+",HT-4,,zfcg,赵经办,13900000001\n70000001,HT-5,,zfcg,,\n"))
	importing := "bin/certhall admin import --dir state --predecessor old-%[1]s --certificates old/files --table %[1]s.csv %[2]s"
	for _, c := range []struct {
		flags string
		want  []string
		code  int
	}{
		{"--dry-run", []string{"2 can be brought", "1 refused", "4"}, 1},
		{"--report report.csv", []string{"2 brought", "0 already there", "1 refused"}, 1},
		{"--report again.csv", []string{"0 brought", "2 already there", "1 refused"}, 1},
	} {
		out, code := shell(t, h.dir, fmt.Sprintf(importing, "sm2", c.flags))
		for _, want := range c.want {
			if code != c.code || !strings.Contains(out, want) {
				t.Errorf("import %s: exit code %d, without %q:\n%s", c.flags, code, want, out)
			}
		}
	}
	if report, err := os.ReadFile(filepath.Join(h.dir, "report.csv")); err != nil || !strings.Contains(string(report), "4,序列号,") {
		t.Errorf("report: %v\n%s", err, report)
	}
	if out, code := shell(t, h.dir, fmt.Sprintf(importing, "rsa", "")); code != 0 || !strings.Contains(out, "2 brought") {
		t.Fatalf("exit code %d\n%s", code, out)
	}

	h.serve()
	h.renewed("single") // by the list that the server fetches

	waiting := h.renew("pair")
	if !h.until(func(body string) bool {
		return strings.Contains(body, "predecessor-status-stale") && strings.Contains(body, "old-sm2")
	}) {
		t.Error("/readyz does not say whose list is missing")
	}
	h.waits("old-sm2")
	revoked, err := os.ReadFile(filepath.Join(h.dir, "old/files", h.serial["lost"]+".cer"))
	h.must(err)
	c, err := gm.ParseCertificate(revoked)
	h.must(err)
	h.list(time.Hour, earlier.Revocation{Certificate: c, Reason: 1})
	if out, code := waiting(); code != 0 || !strings.Contains(out, "Renewed") {
		t.Fatalf("it does not go on: exit code %d\n%s\nserver:\n%s", code, out, h.server.screen)
	}
	if out, code := h.renew("lost")(); code == 0 || !strings.Contains(out, "revoked") {
		t.Errorf("revoked at the predecessor: exit code %d\n%s", code, out)
	}
	if out := h.says("bin/certhall-agent --keys old-keys list"); strings.Count(out, "甲单位") != 2 || strings.Count(out, "丙单位") != 2 {
		t.Errorf("the old containers are not kept:\n%s", out)
	}
	h.says("bin/certhall admin predecessor export --dir state old-sm2 --out superseded.csv")
	if table, err := os.ReadFile(filepath.Join(h.dir, "superseded.csv")); err != nil || !regexp.MustCompile(`(?m)^`+h.serial["pair"]+`,[0-9a-f]+,(superseded|revoked),2`).Match(table) || strings.Contains(string(table), h.serial["lost"]) {
		t.Errorf("%v\n%s", err, table)
	}
	h.server.stop(syscall.SIGTERM)
	h.says("bin/certhall fsck --dir state")
}

// until asks /readyz until it says something.
func (h *handover) until(said func(body string) bool) bool {
	h.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if body, _ := get(h.t, "http://"+h.listen+"/readyz"); said(body) {
			return true
		}
	}
	return false
}

// waits looks into the hall's case: it waits, by name.
func (h *handover) waits(predecessor string) {
	h.t.Helper()
	db, err := sqldb.Open(h.t.Context(), "sqlite:"+filepath.Join(h.dir, "state", "hall.db"))
	h.must(err)
	defer db.Close()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		waiting := 0
		h.must(db.Read(h.t.Context(), func(tx *sqldb.Tx) error {
			return tx.QueryRow("SELECT count(*) FROM cases WHERE state = 'open' AND delay = 'predecessor-status-stale' AND delay_params LIKE $1", "%"+predecessor+"%").Scan(&waiting)
		}))
		if waiting == 1 {
			return
		}
	}
	h.t.Error("no case waits for ", predecessor)
}
