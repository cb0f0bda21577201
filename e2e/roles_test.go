package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/certhall/certhall"
	founding "github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/ocsp"
	"github.com/certhall/certhall/hall/notify"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/fsck"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

const dailyWords = "a daily passphrase"

// installation is an authority whose roles run apart, over PostgreSQL: a
// folder for each machine, and programs that are started and stopped.
type installation struct {
	*stack
	dir       string // the machine of the first node that issues, in state/; and all the others
	cluster   *storetest.Cluster
	front     *httptest.Server // reverse proxy before the hall: the public address
	hallAt    string           // address of the hall behind it
	publishAt string
	doors     []string // internal addresses of the nodes that issue
	programs  map[string]*program

	mu      sync.Mutex
	secrets map[string]string // what went through the front and nobody may log: value → what it is
}

// program is one certhall serve.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	screen *screen
	done   chan struct{}
}

// install founds an authority with one pair near its end, and lays out the
// folders of four machines by `certhall admin node-certificate`.
func install(t *testing.T) *installation {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	in := &installation{dir: t.TempDir(), hallAt: freePort(t), publishAt: freePort(t), doors: []string{freePort(t), freePort(t)}, programs: map[string]*program{}, secrets: map[string]string{}}
	if in.cluster, err = storetest.StartCluster(false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.cluster.Stop(); err != nil {
			t.Log(err)
		}
	})
	in.sql(t, "postgres", "CREATE DATABASE certhall")
	in.sql(t, "certhall", packaged(t, "postgresql.sql"))
	in.openFront(t)
	in.stack = newStackAt(t, in.database("certhall_issue"), in.front.URL)
	in.sql(t, "certhall", "SET ROLE certhall_issue; SET search_path = authority; "+packaged(t, "publish-grants.sql"))

	if err := os.Symlink(bin, filepath.Join(in.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(in.dir, "state")
	plan := founding.Plan{ID: in.authority.ID, Name: in.authority.Name, Address: in.authority.Base, Clock: in.clock, Random: rand.Reader}
	pass := founding.Passphrases{Root: []byte("a passphrase for the safe"), Daily: []byte(dailyWords)}
	if err := founding.Write(filepath.Join(state, "authority"), in.authority.Founded, plan, false, pass); err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"state/hall.secret": secret, "daily": []byte(dailyWords + "\n"), "pin": []byte(stackPIN + "\n"), "codes": nil,
		"root.cer": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: in.authority.Founded.Root.Certificate.Raw}),
	} {
		if err := os.WriteFile(filepath.Join(in.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for role, name := range map[string]string{"issue": "issue2", "hall": "hall1", "publish": "publish1"} {
		out, code := shell(t, in.dir, "bin/certhall admin node-certificate --dir state --role "+role+" --name "+name+" --out "+name+" --passphrase-fd 3 3<daily")
		if code != 0 {
			t.Fatalf("node-certificate of %s: %d\n%s", name, code, out)
		}
	}
	return in
}

// openFront stands before the hall as a reverse proxy does, and notes what
// passes that is secret: tokens of cases, cookies.
func (in *installation) openFront(t *testing.T) {
	behind, err := url.Parse("http://" + in.hallAt)
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`"token":\s*"([^"]+)"`)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			for _, m := range token.FindAllSubmatch(body, -1) {
				in.secret(string(m[1]), "a token")
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return err
		},
	}
	in.front = httptest.NewServer(proxy)
	t.Cleanup(in.front.Close)
}

// secret notes what nobody may log.
func (in *installation) secret(value, what string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.secrets[value] = what
}

// quiet looks through all that the programs said.
func (in *installation) quiet() {
	in.t.Helper()
	codes, err := os.ReadFile(filepath.Join(in.dir, "codes"))
	if err != nil {
		in.t.Fatal(err)
	}
	for _, code := range strings.Fields(string(codes)) {
		in.secret(code, "a code")
	}
	in.secret(stackPIN, "the PIN")
	in.secret(stackPhone, "the phone number")
	in.secret(dailyWords, "the passphrase")
	kinds := map[string]bool{}
	for value, what := range in.secrets {
		kinds[what] = true
		for name, p := range in.programs {
			for line := range strings.Lines(p.screen.String()) {
				if strings.Contains(line, value) && !strings.Contains(line, `.`+value) { // not a fraction of a second
					in.t.Errorf("%s logs %s: %s", name, what, line)
				}
			}
		}
	}
	if len(kinds) != 6 {
		in.t.Errorf("looked for %v alone", kinds)
	}
	if !strings.Contains(in.programs["hall1"].screen.String(), `"route":"POST /api/cases/{case}/next"`) {
		in.t.Error("the hall logs no requests")
	}
}

// strangeRequests carry secrets where careless servers log them.
func (in *installation) strangeRequests() {
	in.t.Helper()
	cookie := "c00k1e" + strings.Repeat("A", 37)
	in.secret(cookie, "a cookie")
	r, err := http.NewRequest(http.MethodPost, in.front.URL+"/api/login?code=909090&phone="+stackPhone, strings.NewReader(`{"name":"`+stackPhone+`","password":"`+stackPIN+`"}`))
	if err != nil {
		in.t.Fatal(err)
	}
	r.Header.Set("Cookie", "certhall_session="+cookie)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+cookie)
	for _, path := range []string{"/api/login", "/api/cases/" + stackPhone + "/next", "/" + stackPhone, "/api/me"} {
		r.URL.Path = path
		r.Body = io.NopCloser(strings.NewReader(`{"name":"` + stackPhone + `","password":"` + stackPIN + `"}`))
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			in.t.Fatal(err)
		}
		response.Body.Close()
	}
}

// packaged is a file of packaging/.
func packaged(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "packaging", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sql runs statements as the cluster's superuser.
func (in *installation) sql(t *testing.T, database, statements string) {
	t.Helper()
	db, err := sql.Open("pgx", in.cluster.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// database is the address of the database for a user.
func (in *installation) database(user string) string {
	schema := "authority"
	if user == "certhall_hall" {
		schema = "hall"
	}
	return strings.Replace(in.cluster.URL("certhall"), "user=postgres", "user="+user, 1) + "&search_path=" + schema
}

// start starts a node and waits until it says that it serves.
func (in *installation) start(name string, args ...string) *program {
	in.t.Helper()
	p := in.launch(name, args...)
	if _, _, ok := p.screen.after(in.t, 0, regexp.MustCompile(`Running: `)); !ok {
		in.t.Fatalf("%s ended:\n%s", name, p.screen)
	}
	return p
}

// launch starts a node.
func (in *installation) launch(name string, args ...string) *program {
	in.t.Helper()
	daily, err := os.Open(filepath.Join(in.dir, "daily"))
	if err != nil {
		in.t.Fatal(err)
	}
	defer daily.Close()
	p := &program{t: in.t, screen: newScreen(), done: make(chan struct{})}
	p.cmd = exec.Command("bin/certhall", append([]string{"serve"}, args...)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = in.dir, p.screen, p.screen
	p.cmd.Env = append(os.Environ(), english, "LC_ALL=", "LC_MESSAGES=")
	p.cmd.ExtraFiles = []*os.File{daily}
	if err := p.cmd.Start(); err != nil {
		in.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is judged by whoever stopped it
		p.screen.end()
		close(p.done)
	}()
	in.t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	in.programs[name] = p
	return p
}

// stop ends the program with a signal and waits for it.
func (p *program) stop(sig syscall.Signal) {
	p.t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Error(err)
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Errorf("the program does not stop on %v", sig)
	}
}

func (in *installation) startIssue(n int) *program {
	in.t.Helper()
	folder := []string{"state", "issue2"}[n]
	return in.start(folder, "--roles=issue", "--dir="+folder, "--authority-db="+in.database("certhall_issue"),
		"--internal-listen="+in.doors[n], "--listen="+freePort(in.t), "--passphrase-fd=3", "--log-level=debug")
}

func (in *installation) startHall() *program {
	in.t.Helper()
	return in.start("hall1", "--roles=hall", "--dir=hall1", "--hall-db="+in.database("certhall_hall"), "--sms=outbox",
		"--authority-nodes="+strings.Join(in.doors, ","), "--listen="+in.hallAt, "--proxy=127.0.0.1/32", "--log-level=debug", "--log-format=json")
}

func (in *installation) startPublish() *program {
	in.t.Helper()
	return in.start("publish1", "--roles=publish", "--dir=publish1", "--authority-db="+in.database("certhall_publish"), "--listen="+in.publishAt)
}

// readyz asks a node until it answers with a status and words.
func (in *installation) readyz(at string, status int, says string) {
	in.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		body, got := get(in.t, "http://"+at+"/readyz")
		if got == status && strings.Contains(body, says) {
			return
		}
		if time.Now().After(deadline) {
			in.t.Fatalf("/readyz answers %d %s, want %d %s", got, body, status, says)
		}
	}
}

// get fetches an address; status 0 if nobody answers.
func get(t *testing.T, address string) (body string, status int) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		return err.Error(), 0
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error(), 0
	}
	return string(text), response.StatusCode
}

// renew renews the pair with the agent's command line, through the hall.
func (in *installation) renew(serial string) {
	in.t.Helper()
	ctx, stop := context.WithCancel(in.t.Context())
	defer stop()
	read := make(chan struct{})
	go func() { defer close(read); readCodes(ctx, in.t, in.database("certhall_hall"), in.dir) }()
	out, code := shell(in.t, in.dir, "bin/certhall-agent --yes --pin-fd 3 --keys "+in.keys+" renew --server "+in.front.URL+
		" --authority root.cer --serial "+serial+" --phone "+stackPhone+" --code-file codes 3<pin")
	stop()
	<-read
	if code != 0 || !strings.Contains(out, "Renewed") {
		in.t.Fatalf("the renewal ends with %d:\n%s\nhall:\n%s", code, out, in.programs["hall1"].screen)
	}
}

// readCodes writes what a hall's outbox holds into the file where the agent waits for it.
func readCodes(ctx context.Context, t *testing.T, database, dir string) {
	db, err := sqldb.Open(ctx, database)
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	outbox := notify.Outbox{Store: hallstore.New(db, nil), Clock: certhall.SystemClock{}}
	after := time.Now().Add(-time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		messages, err := outbox.Since(ctx, after)
		if err != nil {
			continue
		}
		for _, m := range messages {
			after = m.At
			f, err := os.OpenFile(filepath.Join(dir, "codes"), os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString(m.Vars["code"] + "\n")
				f.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// another lays one more pair near its end on the key, and gives its serial.
func (in *installation) another() string {
	in.t.Helper()
	in.clock.Set(certhall.AddYears(time.Now().AddDate(0, 0, 20), -1))
	defer in.clock.Set(time.Time{})
	bundle, err := in.authority.Apply(in.t.Context(), in.agent, stackKey, demo.Applicant{
		Name: "第二家有限公司", Organisation: "91310000MA1K35XE0Y", Lineage: "lineage2", Project: demo.Insurance, KeyNumber: "HT-2026-0010", TermYears: 1,
	})
	if err != nil {
		in.t.Fatal(certhall.CauseText(err))
	}
	return serialIn(in.t, bundle.Sign)
}

func serialIn(t *testing.T, der []byte) string {
	t.Helper()
	c, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return string(certhall.SerialOf(c.SerialNumber))
}

// published asks for status and certificates as the world does, of a node that
// holds no key of a CA, through a database user that sees no names.
func (in *installation) published() {
	in.t.Helper()
	for _, path := range []string{"/ca/issuing.cer", "/ca/root.cer", "/crl/issuing.crl", "/audit/checkpoint"} {
		if body, status := get(in.t, "http://"+in.publishAt+path); status != http.StatusOK || body == "" {
			in.t.Errorf("%s answers %d", path, status)
		}
	}
	issuer, pair := in.authority.Founded.Main().Certificate, must(gm.ParseCertificate(in.pair.Sign))
	response, err := http.Post("http://"+in.publishAt+"/ocsp", "application/ocsp-request", bytes.NewReader(must(ocsp.Request(issuer, nil, pair.SerialNumber))))
	if err != nil {
		in.t.Fatal(err)
	}
	defer response.Body.Close()
	der, err := io.ReadAll(response.Body)
	if err != nil {
		in.t.Fatal(err)
	}
	answers, err := ocsp.Parse(der, issuer, nil, time.Now())
	if err != nil || len(answers) != 1 || answers[0].Standing != ocsp.Good {
		in.t.Errorf("OCSP: %d %+v, %v", response.StatusCode, answers, err)
	}
	store, ctx := authoritystore.New(in.open(in.database("certhall_publish"))), in.t.Context() // what it fetches of predecessors
	list := predecessors.List{Predecessor: "earlier", Digest: []byte{1}, ThisUpdate: time.Now(), NextUpdate: time.Now(), FetchedAt: time.Now(), Bytes: []byte("a list")}
	for range 2 {
		if saved, err := store.SaveList(ctx, list); err != nil || !saved {
			in.t.Errorf("a predecessor's list: %v, %v", saved, err)
		}
	}
	_, err = store.Predecessors(ctx)
	_, err2 := store.Questions(ctx, "earlier", time.Time{}, 10)
	if err := errors.Join(err, err2, store.SaveAnswer(ctx, predecessors.Question{Predecessor: "earlier", Serial: "01", Answer: []byte{1}, ThisUpdate: time.Now()})); err != nil {
		in.t.Error(err)
	}
	db, err := sql.Open("pgx", in.database("certhall_publish"))
	if err != nil {
		in.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"SELECT subject FROM pairs", "SELECT evidence FROM papers", "SELECT sealed FROM escrow", "SELECT data FROM records",
		"SELECT name FROM staff", "UPDATE pairs SET state = 'current'", "DELETE FROM records", "SELECT * FROM hall.cases",
	} {
		if _, err := db.ExecContext(in.t.Context(), statement); err == nil || !strings.Contains(err.Error(), "permission denied") {
			in.t.Errorf("%s: %v", statement, err)
		}
	}
}

// counted wants series at a node's /metrics.
func (in *installation) counted(at string, series ...string) {
	in.t.Helper()
	text, status := get(in.t, "http://"+at+"/metrics")
	for _, want := range series {
		if !strings.Contains(text, want) {
			in.t.Errorf("%s: /metrics answers %d without %s:\n%s", at, status, want, strings.Join(regexp.MustCompile(`(?m)^certhall_.*$`).FindAllString(text, -1), "\n"))
		}
	}
}

// TestRolesApart: four processes over PostgreSQL, each with its own folder and
// its own database user. Renewals go on when a node that issues is killed, and
// wait when none is left.
func TestRolesApart(t *testing.T) {
	t.Parallel()
	in := install(t)
	second := in.another()
	hall := in.startHall() // the hall stands before the authority answers
	in.readyz(in.hallAt, http.StatusServiceUnavailable, "authority-unreachable")
	first := in.startIssue(0)
	in.readyz(in.hallAt, http.StatusOK, "issuing")
	in.startIssue(1)
	in.startPublish()
	in.readyz(in.publishAt, http.StatusOK, "authority-database")
	in.published()

	in.renew(serialIn(t, in.pair.Sign))
	first.stop(syscall.SIGKILL)
	in.renew(second) // by the other one
	in.programs["issue2"].stop(syscall.SIGTERM)
	in.readyz(in.hallAt, http.StatusServiceUnavailable, "authority-unreachable")
	in.startIssue(1)
	in.readyz(in.hallAt, http.StatusOK, "issuing")

	in.strangeRequests()
	in.counted(in.hallAt, `certhall_authority_calls_total{call="issue",outcome="ok"}`, `certhall_requests_total{method="POST",route="/api/cases/{case}/next",status="200"}`,
		`certhall_jobs{state="running"}`, `certhall_ready{check="issuing"} 1`, `certhall_database_connections{database="hall",state="idle"}`, `certhall_tls_not_after_timestamp_seconds{certificate="internal"}`)
	in.counted(in.publishAt, `certhall_ocsp_answers_total{from="live",status="successful"} 1`, `certhall_crl_number{issuer="issuing"}`, `certhall_crl_entries{issuer="issuing"}`)
	hall.stop(syscall.SIGTERM)
	if code := hall.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the hall ends with %d:\n%s", code, hall.screen)
	}
	hallDB, err := sqldb.Open(t.Context(), in.database("certhall_hall"))
	if err != nil {
		t.Fatal(err)
	}
	defer hallDB.Close()
	in.quiet()
	found, err := fsck.Check(t.Context(), in.authorityDB, hallDB)
	if err != nil || len(found) > 0 {
		t.Errorf("fsck: %v, %v", found, err)
	}
}
