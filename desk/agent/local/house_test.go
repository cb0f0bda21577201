package local

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

const (
	pin    = "Bright-1"
	portal = "https://hall.example"
	second = "https://other.example"
)

// clock is a clock that a test sets while the service reads it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// someone is a person: each question goes to the test, which answers it.
type someone struct {
	questions chan window.Question
	answers   chan window.Answer
}

func (someone) Name() string          { return "dialog" }
func (s someone) Sit() window.Sitting { return s }
func (someone) Close()                {}
func (s someone) Ask(ctx context.Context, q window.Question, tell func(string)) (window.Answer, error) {
	tell("")
	select {
	case s.questions <- q:
	case <-ctx.Done():
		return window.Answer{}, window.ErrWithdrawn
	}
	select {
	case a := <-s.answers:
		return a, nil
	case <-ctx.Done():
		return window.Answer{}, window.ErrWithdrawn
	}
}

// house is a PC with the service, one key with a pair on it, and an authority
// whose portals are two.
type house struct {
	t       *testing.T
	auth    *desktest.Authority
	clock   *clock
	keys    string // folder
	folder  string // of the authorities
	server  *Server
	address string
	person  someone
	pair    desktest.Pair
	looks   chan time.Time
	beats   chan time.Time
	log     *lockedBuffer
	stop    func() // and wait
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const keySerial = "SK1"

// newHouse starts it. windows nil is the house's person.
func newHouse(t *testing.T, windows func(address string) window.Asker) *house {
	t.Helper()
	return newHouseOf(t, windows, func(h *house) agent.Keys { return softkey.Folder(h.keys) })
}

// newHouseOf starts one whose agent reaches these keys.
func newHouseOf(t *testing.T, windows func(address string) window.Asker, keys func(*house) agent.Keys) *house {
	t.Helper()
	h := &house{
		t: t, auth: desktest.New(t, "ra"), clock: &clock{t: desktest.Now}, keys: t.TempDir(), folder: t.TempDir(),
		person: someone{make(chan window.Question), make(chan window.Answer)},
		looks:  make(chan time.Time), beats: make(chan time.Time), log: &lockedBuffer{},
	}
	h.must(softkey.Create(h.keyFile(), softkey.Options{Serial: keySerial, Label: "蓝色钥匙", PIN: pin, Room: 4, Tries: 3, AdminPIN: adminPIN, Iterations: 1}))
	h.trusts(h.auth, proof.Portal{Origin: portal, Name: "测试大厅"}, proof.Portal{Origin: second})
	h.pair = h.firstPair()
	l, err := Listen(0)
	h.must(err)
	h.address = "http://" + l.Addr().String()
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	folder, err := trust.Open(h.folder, h.clock, log)
	h.must(err)
	var asker window.Asker = h.person
	if windows != nil {
		asker = windows(h.address)
	}
	a := agent.New(agent.Options{Keys: keys(h), Person: nobody{}, Clock: h.clock, Random: rand.Reader, Unlocking: t.TempDir()})
	h.server = New(Options{
		Agent: a, Trust: folder, Windows: asker, Version: "test", Clock: h.clock, Random: rand.Reader, Log: log,
		Ticks: func(every time.Duration) (<-chan time.Time, func()) {
			if every == lookEvery {
				return h.looks, func() {}
			}
			return h.beats, func() {}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(ctx, l) }()
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			cancel()
			h.must(<-served)
			h.must(a.Close())
		})
	}
	t.Cleanup(h.stop)
	return h
}

// nobody sits at the command line of a service.
type nobody struct{ agent.Person }

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("%v (%s)", err, certhall.CauseText(err))
	}
}

func (h *house) keyFile() string { return filepath.Join(h.keys, "key"+softkey.Extension) }

// trusts puts an authority's root, issuing CA and list into the folder.
func (h *house) trusts(a *desktest.Authority, portals ...proof.Portal) {
	h.t.Helper()
	var roots []byte
	for _, c := range []desktest.Party{a.Root, a.Issuing} {
		roots = append(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate.Raw})...)
	}
	h.must(os.WriteFile(filepath.Join(h.folder, a.ID+".cer"), roots, 0o600))
	h.must(os.WriteFile(filepath.Join(h.folder, a.ID+".origins"), a.Origins(1, desktest.Now.AddDate(0, 3, 0), portals...), 0o600))
}

// firstPair puts a pair on the key as a counter would.
func (h *house) firstPair() desktest.Pair {
	h.t.Helper()
	d := agent.New(agent.Options{
		Keys: softkey.Folder(h.keys), Roots: h.auth.Roots(), Person: &desktest.Person{PINs: []string{pin}}, Clock: h.clock, Random: rand.Reader,
	})
	defer d.Close()
	do := func(o proof.Message) []byte {
		h.t.Helper()
		reply, err := d.Do(h.t.Context(), keySerial, proof.Encode(o))
		h.must(err)
		return reply
	}
	p, err := proof.Decode[proof.Prepared](do(proof.Prepare{
		Authority: "ra", Ticket: h.auth.Ticket(certhall.Apply, "c0", 1, ""), Disposal: string(certhall.Keep), Chain: h.auth.Chain(),
	}))
	h.must(err)
	pub, _, err := gm.ParseRequest(p.Request)
	h.must(err)
	pair := h.auth.Issue("c0", 1, "", "测试医院", pub, 1)
	do(proof.Install{Authority: "ra", Bundle: pair.Bundle})
	do(proof.Acknowledge{Authority: "ra", Bundle: pair.Bundle})
	return pair
}

// tab is a page of an origin.
type tab struct {
	*house
	origin, token string
}

func (h *house) tab(origin string) *tab { return &tab{house: h, origin: origin} }

func (p *tab) request(ctx context.Context, path string, body any) *http.Request {
	p.t.Helper()
	data, err := json.Marshal(body)
	p.must(err)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address+path, bytes.NewReader(data))
	p.must(err)
	r.Header.Set("Origin", p.origin)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Accept-Language", "en")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	return r
}

// call posts and reads the whole answer.
func (p *tab) call(path string, body any, out any) (status int, code string) {
	p.t.Helper()
	resp, err := http.DefaultClient.Do(p.request(p.t.Context(), path, body))
	p.must(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	p.must(err)
	if resp.StatusCode != http.StatusOK {
		var d document
		p.must(json.Unmarshal(data, &d))
		if d.Detail == "" || d.Hint == "" || d.Status != resp.StatusCode || resp.Header.Get("Content-Type") != "application/problem+json" {
			p.t.Fatalf("no problem document: %s", data)
		}
		return resp.StatusCode, d.Code
	}
	if out != nil {
		p.must(json.Unmarshal(data, out))
	}
	return resp.StatusCode, ""
}

// event is any of the contract's events.
type event struct {
	Event   string            `json:"event"`
	What    string            `json:"what"`
	Purpose string            `json:"purpose"`
	Window  string            `json:"window"`
	Part    string            `json:"part"`
	Keys    []key             `json:"keys"`
	Code    string            `json:"code"`
	Params  map[string]string `json:"params"`
	Message string            `json:"message"`
	Hint    string            `json:"hint"`
	Raw     []byte            `json:"-"`
}

// running is an operation that was begun.
type running struct {
	t      *testing.T
	events *bufio.Scanner
	leave  context.CancelFunc
	status int
}

func (p *tab) begin(path string, body any) *running {
	p.t.Helper()
	ctx, leave := context.WithCancel(p.t.Context())
	p.t.Cleanup(leave)
	resp, err := http.DefaultClient.Do(p.request(ctx, path, body))
	p.must(err)
	p.t.Cleanup(func() { resp.Body.Close() })
	s := bufio.NewScanner(resp.Body)
	s.Buffer(nil, 1<<20)
	return &running{p.t, s, leave, resp.StatusCode}
}

// next is the next event; its name is "" at the end.
func (r *running) next() event {
	r.t.Helper()
	var e event
	if !r.events.Scan() {
		return e
	}
	e.Raw = bytes.Clone(r.events.Bytes())
	if err := json.Unmarshal(e.Raw, &e); err != nil && e.Event != "reply" && e.Event != "problem" {
		r.t.Fatalf("%s: %v", e.Raw, err)
	}
	return e
}

// want waits for an event of this name.
func (r *running) want(name string) event {
	r.t.Helper()
	e := r.next()
	if e.Event != name {
		r.t.Fatalf("want %s, got %s", name, e.Raw)
	}
	return e
}

// asked lets the person answer one question, seen by the page.
func (h *house) asked(r *running, a window.Answer) window.Question {
	h.t.Helper()
	r.want("ask")
	q := <-h.person.questions
	h.person.answers <- a
	r.want("asked")
	return q
}

// paired is a page whose origin was let in.
func (h *house) paired(origin string) *tab {
	h.t.Helper()
	p := h.tab(origin)
	r := p.begin("/pair", struct{}{})
	h.asked(r, window.Answer{Yes: true})
	var answer pass
	h.must(json.Unmarshal(r.want("reply").Raw, &answer))
	p.token = answer.Token
	return p
}
