package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	founding "github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/hall/notify"
	authoritystore "github.com/certhall/certhall/store/authority"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// quarter is a founded authority with several holders, each with a key on which
// one pair is near its end, and the real server over it, which may be killed at
// any time.
type quarter struct {
	t       *testing.T
	dir     string // state folder
	address string // of the server
	dbs     struct{ authority, hall string }
	root    *smx509.Certificate
	holders []*holder
	outbox  *notify.Outbox
	heard   chan struct{} // one for every answer of the server
	servers []*process
}

// holder is a person with a key at a PC of his own.
type holder struct {
	*quarter
	n      int
	serial string // of the key
	agent  *agent.Agent
	pair   certhall.Serial // the old one
	asked  time.Time
}

const dailyPassphrase = "daily passphrase of a quarter"

// newQuarter founds it over two databases.
func newQuarter(t *testing.T, authorityDB, hallDB string, holders int) *quarter {
	t.Helper()
	q := &quarter{t: t, dir: t.TempDir(), address: freePort(t), heard: make(chan struct{}, 1<<16)}
	q.dbs.authority, q.dbs.hall = authorityDB, hallDB
	ctx := t.Context()
	db := q.open(authorityDB)
	if err := sqldb.Migrate(ctx, db, authoritystore.Migrations()); err != nil {
		t.Fatal(err)
	}
	clock := new(demo.Clock)
	issued := certhall.AddYears(time.Now().AddDate(0, 0, 20), -1)
	clock.Set(issued.AddDate(0, 0, -1))
	plan := founding.Plan{ID: "quarter", Name: "测试机构", Address: "http://" + q.address, Clock: clock, Random: rand.Reader, KDFCost: 10}
	a, err := demo.NewAuthority(ctx, demo.Options{
		ID: plan.ID, Name: plan.Name, Store: authoritystore.New(db), Policy: ca.DefaultPolicy(), Base: plan.Address, Clock: clock, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(certhall.CauseText(err))
	}
	q.root = a.Founded.Root.Certificate
	pass := founding.Passphrases{Root: []byte("root passphrase of a quarter"), Daily: []byte(dailyPassphrase)}
	if err := founding.Write(filepath.Join(q.dir, "authority"), a.Founded, plan, false, pass); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(q.dir, "hall.secret"), bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	clock.Set(issued)
	for n := range holders {
		q.holders = append(q.holders, q.newHolder(n, a))
	}
	hall := q.open(hallDB)
	if err := hallstore.Migrate(ctx, hall); err != nil {
		t.Fatal(err)
	}
	q.outbox = &notify.Outbox{Store: hallstore.New(hall, nil), Clock: certhall.SystemClock{}}
	return q
}

func (q *quarter) open(address string) *sqldb.DB {
	q.t.Helper()
	db, err := sqldb.Open(q.t.Context(), address)
	if err != nil {
		q.t.Fatal(err)
	}
	q.t.Cleanup(func() { db.Close() })
	return db
}

func (q *quarter) newHolder(n int, a *demo.Authority) *holder {
	q.t.Helper()
	h := &holder{quarter: q, n: n, serial: fmt.Sprintf("KEY%02d", n)}
	folder := q.t.TempDir()
	if err := softkey.Create(filepath.Join(folder, "key"+softkey.Extension), softkey.Options{
		Serial: h.serial, Label: "test", PIN: stackPIN, Room: 3, Iterations: 1, Random: rand.Reader,
	}); err != nil {
		q.t.Fatal(err)
	}
	h.agent = agent.New(agent.Options{
		Keys: softkey.Folder(folder), Roots: []*smx509.Certificate{q.root}, Person: h, Clock: certhall.SystemClock{}, Random: rand.Reader,
	})
	q.t.Cleanup(func() { h.agent.Close() })
	applicant := applicant1
	applicant.Lineage, applicant.KeyNumber = certhall.LineageID(fmt.Sprintf("lineage%02d", n)), h.serial
	bundle, err := a.Apply(q.t.Context(), h.agent, h.serial, applicant)
	if err != nil {
		q.t.Fatal(certhall.CauseText(err))
	}
	old, err := smx509.ParseCertificate(bundle.Sign)
	if err != nil {
		q.t.Fatal(err)
	}
	h.pair = certhall.SerialOf(old.SerialNumber)
	return h
}

func (*holder) PIN(context.Context, agent.PINRequest) (string, error) { return stackPIN, nil }

func (*holder) NewPIN(context.Context, agent.NewPINRequest) (string, error) {
	return "", errors.ErrUnsupported
}
func (*holder) Consent(context.Context, agent.ConsentRequest) (bool, error) { return true, nil }

// phone is another one for every opening: whoever comes first with the key may
// choose one, and a phone gets only a few codes an hour.
func (h *holder) phone() string { return fmt.Sprintf("139%04d%04d", h.n, time.Now().UnixMilli()%10000) }

// Answer implements courier.Person.
func (h *holder) Answer(ctx context.Context, a courier.Ask, problem *certhall.Error) (courier.Answer, error) {
	switch {
	case problem != nil:
		return courier.Answer{}, problem
	case a.Kind == courier.AskPhone:
		return courier.Answer{Phone: h.phone()}, nil
	case !a.Sent:
		h.asked = time.Now().Add(-time.Second)
		return courier.Answer{SendCode: true}, nil
	}
	messages, err := h.outbox.Since(ctx, h.asked)
	if err != nil {
		return courier.Answer{}, err
	}
	for _, m := range slices.Backward(messages) {
		if strings.HasPrefix(m.Phone, fmt.Sprintf("139%04d", h.n)) {
			return courier.Answer{Code: m.Vars["code"]}, nil
		}
	}
	return courier.Answer{}, errors.New("no code came")
}

// passing are problems in the hall's answers that pass: as problems they come
// without their kind.
var passing = []string{"code-resend", "sms-failed", "database-away", "database-full"}

// renew renews the holder's pair, whatever becomes of the server meanwhile.
func (h *holder) renew(ctx context.Context) error {
	own := http.Header{"X-Forwarded-For": {fmt.Sprintf("192.0.2.%d", h.n+1)}} // each PC counts for itself
	server := &courier.HTTP{
		Base: "http://" + h.address, Lang: "en", Wait: h.healthy, Heard: func(time.Time) { h.heard <- struct{}{} },
		Client: &http.Client{Timeout: 30 * time.Second, Transport: headers{own}},
	}
	for {
		run := courier.Run{Server: server, Agent: h.agent, Person: h, Wait: courier.Sleep, KeySerial: h.serial, Service: certhall.Renew, Serial: h.pair}
		last, leftover, err := run.Do(ctx)
		// Where a code was counted but not sent, a new opening takes another phone:
		// a person would wait for a minute.
		e := certhall.AsError(err)
		if err != nil && ctx.Err() == nil && (e.Kind == certhall.Unavailable || slices.Contains(passing, e.Code)) {
			if err := h.healthy(ctx, 0); err != nil {
				return err
			}
			continue
		}
		return cmp.Or(err, leftover, h.done(last))
	}
}

func (h *holder) done(last courier.Next) error {
	if last.State != courier.StateDone || last.Result == nil {
		return fmt.Errorf("%s ended as %s", h.serial, last.State)
	}
	return nil
}

// headers adds headers to every request.
type headers struct{ http.Header }

func (a headers) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range a.Header {
		r.Header[name] = values
	}
	return http.DefaultTransport.RoundTrip(r)
}

// healthy waits until the server answers.
func (q *quarter) healthy(ctx context.Context, _ time.Duration) error {
	ctx, end := context.WithTimeout(ctx, patience)
	defer end()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+q.address+"/healthz", nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(r); err == nil {
			answer.Body.Close()
			return courier.Sleep(ctx, 200*time.Millisecond) // as a person's program does: no hammering
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not come back: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// process is one server process; kill ends it as a power cut does.
type process struct {
	t    *testing.T
	args []string
	cmd  *exec.Cmd
	said *lockedBuffer
	done chan struct{}
}

// serve starts the server with all roles, unsealed.
func (q *quarter) serve(more ...string) *process {
	q.t.Helper()
	return q.start(append([]string{
		"serve", "--dir", q.dir, "--listen", q.address, "--authority-db", q.dbs.authority, "--hall-db", q.dbs.hall, "--sms", "outbox",
		"--proxy", "127.0.0.1/32", "--passphrase-fd", "3",
	}, more...)...)
}

// start starts a process of the server and waits until it says that it serves.
func (q *quarter) start(args ...string) *process {
	q.t.Helper()
	p := &process{t: q.t, args: args}
	p.begin()
	q.servers = append(q.servers, p)
	q.t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	return p
}

func (p *process) begin() {
	p.t.Helper()
	bin, err := binaries()
	if err != nil {
		p.t.Fatal(err)
	}
	r := passphrase(p.t)
	p.cmd, p.done, p.said = exec.Command(filepath.Join(bin, "certhall"), p.args...), make(chan struct{}), newLockedBuffer("Running: ")
	p.cmd.Env = append(os.Environ(), english, "LC_ALL=", "LC_MESSAGES=")
	p.cmd.ExtraFiles = []*os.File{r}
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	r.Close()
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // how it ended is judged by whoever stopped it
		close(done)
	}(p.cmd, p.done)
	select {
	case <-p.said.found:
	case <-p.done:
		p.t.Fatalf("the server ended:\n%s", p.said)
	case <-time.After(patience):
		p.t.Fatalf("the server does not serve:\n%s", p.said)
	}
}

// passphrase is the daily one, to be read once.
func passphrase(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w, dailyPassphrase)
	w.Close()
	return r
}

// stop ends the process and waits for its end.
func (p *process) stop(sig syscall.Signal) {
	select {
	case <-p.done:
		return
	default:
	}
	_ = p.cmd.Process.Signal(sig)
	<-p.done
}

// fault kills the process as it stands and starts it again.
func (p *process) fault() {
	p.stop(syscall.SIGKILL)
	p.begin()
}

// lockedBuffer collects output and tells when a text has come.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	want   string
	found  chan struct{}
}

func newLockedBuffer(want string) *lockedBuffer {
	return &lockedBuffer{want: want, found: make(chan struct{})}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.buffer.Write(p)
	if b.want != "" && strings.Contains(b.buffer.String(), b.want) {
		b.want = ""
		close(b.found)
	}
	return n, err
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// sound: fsck finds nothing, and every key holds the one pair that the
// authority calls current, whole.
func (q *quarter) sound() {
	q.t.Helper()
	bin, err := binaries()
	if err != nil {
		q.t.Fatal(err)
	}
	check := exec.Command(filepath.Join(bin, "certhall"), "fsck", "--dir", q.dir, "--authority-db", q.dbs.authority, "--hall-db", q.dbs.hall)
	check.Env = append(os.Environ(), english, "LC_ALL=", "LC_MESSAGES=")
	if said, err := check.CombinedOutput(); err != nil {
		q.t.Errorf("fsck: %v\n%s", err, said)
	}
	store := authoritystore.New(q.open(q.dbs.authority))
	for _, h := range q.holders {
		if err := h.holdsCurrent(store); err != nil {
			q.t.Errorf("%s: %v", h.serial, err)
		}
	}
}

func (h *holder) holdsCurrent(store *authoritystore.Store) error {
	ctx := h.t.Context()
	var current *ca.Pair
	err := store.Read(ctx, func(r ca.Reader) error {
		pairs, err := r.LineagePairs(certhall.LineageID(fmt.Sprintf("lineage%02d", h.n)))
		for _, p := range pairs {
			if p.State == "current" {
				current = p
			}
		}
		return err
	})
	if err != nil || current == nil || current.OldSerial != h.pair {
		return fmt.Errorf("the authority has no renewed pair: %+v %v", current, err)
	}
	keys, err := h.agent.List(ctx)
	if err != nil || len(keys) != 1 {
		return fmt.Errorf("key not listed: %v", err)
	}
	for _, c := range keys[0].Containers {
		if c.Whole() && bytes.Equal(c.Sign.Raw, current.SignCert) && bytes.Equal(c.Enc.Raw, current.EncCert) {
			return nil
		}
	}
	return errors.New("the current pair " + hex.EncodeToString([]byte(current.SignSerial[:4])) + "… is not whole on the key")
}
