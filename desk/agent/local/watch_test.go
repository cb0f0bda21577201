package local

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// look lets the service look at the keys once.
func (h *house) look() { h.looks <- time.Time{} }

// TestWatch tells of the keys at once, then of changes alone.
func TestWatch(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	w := p.begin("/watch", struct{}{})
	if e := w.want("keys"); len(e.Keys) != 1 || e.Keys[0].Serial != keySerial || e.Keys[0].State != ready {
		t.Fatalf("%s", e.Raw)
	}
	h.look()
	h.look() // nothing new: the next event is the beat
	h.beats <- time.Time{}
	w.want("beat")
	h.must(os.Rename(h.keyFile(), h.keyFile()+".out"))
	h.look()
	if e := w.want("keys"); len(e.Keys) != 0 {
		t.Fatalf("%s", e.Raw)
	}
	h.must(os.Rename(h.keyFile()+".out", h.keyFile()))
	h.look()
	if e := w.want("keys"); len(e.Keys) != 1 {
		t.Fatalf("%s", e.Raw)
	}
	r := p.begin("/open", h.opening())
	r.want("ask")
	<-h.person.questions
	h.look()
	if e := w.want("keys"); e.Keys[0].State != inUse || len(e.Keys[0].Containers) != 1 || e.Keys[0].PIN.Tries != 3 {
		t.Fatalf("%s", e.Raw)
	}
	h.person.answers <- window.Answer{Yes: true, PIN: "wrong-1"}
	<-h.person.questions
	h.person.answers <- window.Answer{}
	r.want("asked")
	r.want("ask")
	r.want("asked")
	r.want("problem")
	h.look()
	if e := w.want("keys"); e.Keys[0].State != ready || e.Keys[0].PIN.Tries != 2 || !e.Keys[0].PIN.Low {
		t.Fatalf("%s", e.Raw)
	}
	h.must(os.WriteFile(h.keyFile(), []byte("garbled"), 0o600))
	h.look()
	if e := w.want("keys"); e.Keys[0].State != trouble || e.Keys[0].Trouble == nil || e.Keys[0].Trouble.Code != "key-damaged" || e.Keys[0].Trouble.Hint == "" {
		t.Fatalf("%s", e.Raw)
	}
}

// TestWatchEnds with what let the page in: its origin's list or its pairing. An
// open watch is use of the pairing.
func TestWatchEnds(t *testing.T) {
	for code, end := range map[string]func(h *house){
		"origin-unlisted":     func(h *house) { h.must(h.server.Trust.Take(h.auth.Origins(2, desktest.Now.AddDate(1, 0, 0)))) },
		"origin-list-expired": func(h *house) { h.clock.add(200 * 24 * time.Hour) },
		"pairing-needed":      func(h *house) { h.clock.add(idlePairing) },
	} {
		t.Run(code, func(t *testing.T) {
			h := newHouse(t, nil)
			w := h.paired(portal).begin("/watch", struct{}{})
			w.want("keys")
			for _, move := range [][2]string{{h.keyFile(), h.keyFile() + ".out"}, {h.keyFile() + ".out", h.keyFile()}} {
				h.clock.add(idlePairing - time.Second)
				h.must(os.Rename(move[0], move[1]))
				h.look()
				w.want("keys")
			}
			end(h)
			h.look()
			if e := w.want("problem"); e.Code != code {
				t.Fatalf("%s", e.Raw)
			}
		})
	}
}

// TestWatchedKeyBreaksTheProgram: what a key upsets ends the one watch, and the
// service goes on.
func TestWatchedKeyBreaksTheProgram(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	whole := h.server.Agent
	h.server.Agent = agent.New(agent.Options{Keys: upsetting{}, Clock: h.clock})
	if e := p.begin("/watch", struct{}{}).want("problem"); e.Code != certhall.ErrInternal.Code {
		t.Fatalf("%s", e.Raw)
	}
	h.server.Agent = whole
	p.begin("/watch", struct{}{}).want("keys")
}

// upsetting are keys whose contents break the program.
type upsetting struct{ agent.Keys }

func (upsetting) List(context.Context) ([]token.Info, error) { panic("an odd key") }

// TestLookInVain: what keeps the keys from being looked at is told once, not at
// every look.
func TestLookInVain(t *testing.T) {
	log := &lockedBuffer{}
	s := New(Options{Agent: agent.New(agent.Options{Keys: outOfReach{}}), Log: slog.New(slog.NewTextHandler(log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	ticks, ended := make(chan time.Time), make(chan struct{})
	go func() {
		s.look(ctx, ticks)
		close(ended)
	}()
	for range 3 {
		ticks <- time.Time{}
	}
	cancel()
	<-ended
	if n := strings.Count(log.String(), "keys not looked at"); n != 1 {
		t.Fatalf("told %d times: %s", n, log)
	}
}

// outOfReach are keys whose place cannot be read.
type outOfReach struct{ agent.Keys }

func (outOfReach) List(context.Context) ([]token.Info, error) { return nil, errors.New("no driver") }

// TestPulledDuringQuestion: the answer comes to nothing, by name.
func TestPulledDuringQuestion(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/open", h.opening())
	r.want("ask")
	<-h.person.questions
	h.must(os.Remove(h.keyFile()))
	h.person.answers <- yes
	r.want("asked")
	if e := r.want("problem"); e.Code != "key-removed" || e.Hint == "" {
		t.Fatalf("%s", e.Raw)
	}
}

// TestLocked: the key says so, and nobody is asked.
func TestLocked(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/open", h.opening())
	for n := range 3 {
		if n == 2 {
			if q := h.asked(r, yes); q.What != window.Consent || q.Purpose != "last-try" {
				t.Fatalf("%+v", q)
			}
		}
		q := h.asked(r, window.Answer{Yes: true, PIN: "wrong-" + string(rune('1'+n))})
		if q.Tries != 3-n || q.Wrong != (n > 0) || q.Final != (n == 2) {
			t.Fatalf("%+v", q)
		}
	}
	if e := r.want("problem"); e.Code != "pin-locked" {
		t.Fatalf("%s", e.Raw)
	}
	var all keys
	p.call("/keys", struct{}{}, &all)
	if k := all.Keys[0]; k.State != locked || !k.PIN.Locked {
		t.Fatalf("%+v", k)
	}
	if e := p.begin("/open", h.opening()).want("problem"); e.Code != "pin-locked" {
		t.Fatalf("%s", e.Raw)
	}
}

// TestOtherAuthority: its portal sees that there is something, and no more.
func TestOtherAuthority(t *testing.T) {
	h := newHouse(t, nil)
	other := desktest.New(t, "rb")
	const foreign = "https://b.example"
	h.trusts(other, proof.Portal{Origin: foreign})
	p := h.paired(foreign)
	var all keys
	p.call("/keys", struct{}{}, &all)
	if k := all.Keys[0]; k.Others != 1 || len(k.Containers) != 0 {
		t.Fatalf("%+v", k)
	}
	for _, path := range []string{"/open", "/sign-login"} {
		if e := p.begin(path, h.opening()).want("problem"); e.Code != token.ErrUntrusted.Code {
			t.Errorf("%s: %s", path, e.Raw)
		}
	}
	theirs := h.opening()
	theirs.Authority = "rb"
	for _, path := range []string{"/open", "/sign-login", "/self-test"} {
		if e := p.begin(path, theirs).want("problem"); e.Code != "old-pair-missing" {
			t.Errorf("%s: %s", path, e.Raw)
		}
	}
	for path, m := range map[string]proof.Message{ // by its own notary, over the other's containers
		"/prepare": proof.Prepare{Authority: "ra", Ticket: foreignly(other).Ticket(certhall.Apply, "c1", 1, ""), Disposal: string(certhall.Keep)},
		"/retire":  proof.Retire{Authority: "ra", Voids: []proof.Signed{foreignly(other).Void("c0", 1)}},
	} {
		if e := p.begin(path, h.order(m)).want("problem"); e.Code != token.ErrUntrusted.Code {
			t.Errorf("%s: %s", path, e.Raw)
		}
	}
	ticket := h.auth.Ticket(certhall.Renew, "c1", 1, h.pair.Sign())
	for path, m := range map[string]proof.Message{
		"/prepare":     proof.Prepare{Authority: "ra", Ticket: ticket, Disposal: string(certhall.Keep), Chain: h.auth.Chain()},
		"/install":     proof.Install{Authority: "ra", Bundle: h.pair.Bundle},
		"/acknowledge": proof.Acknowledge{Authority: "ra", Bundle: h.pair.Bundle},
		"/retire":      proof.Retire{Authority: "ra", Voids: []proof.Signed{h.auth.Void("c0", 1)}, Chain: h.auth.Chain()},
		"/claim":       proof.MakeClaim{Authority: "ra", Ticket: ticket, Chain: h.auth.Chain()},
	} {
		if e := p.begin(path, h.order(m)).want("problem"); e.Code != token.ErrUntrusted.Code {
			t.Errorf("%s: %s", path, e.Raw)
		}
	}
	r := p.begin("/identify", h.order(proof.Identify{Authority: "rb", Case: "c1"}))
	if l := replyOf[proof.Listing](h, r.want("reply")); len(l.Containers) != 0 {
		t.Fatalf("%+v", l)
	}
}

// TestPortalOfTwoAuthorities: none of them speaks in the other's name.
func TestPortalOfTwoAuthorities(t *testing.T) {
	h := newHouse(t, nil)
	other := desktest.New(t, "rb")
	h.trusts(other, proof.Portal{Origin: portal})
	p := h.paired(portal)
	prepare := func(by *desktest.Authority) proof.Message {
		return proof.Prepare{Authority: "ra", Ticket: by.Ticket(certhall.Apply, "c1", 1, ""), Disposal: string(certhall.Keep)}
	}
	r := p.begin("/prepare", h.order(prepare(h.auth)))
	h.asked(r, yes)
	r.want("progress")
	r.want("reply")
	for path, m := range map[string]proof.Message{
		"/prepare": prepare(foreignly(other)),
		"/retire":  proof.Retire{Authority: "ra", Voids: []proof.Signed{foreignly(other).Void("c1", 1)}},
	} {
		if e := p.begin(path, h.order(m)).want("problem"); e.Code != token.ErrUntrusted.Code {
			t.Errorf("%s: %s", path, e.Raw)
		}
	}
	var all keys
	p.call("/keys", struct{}{}, &all)
	if k := all.Keys[0]; k.Others != 0 || len(k.Containers) != 2 {
		t.Fatalf("%+v", k)
	}
}

// foreignly is an authority that calls itself by another's id.
func foreignly(a *desktest.Authority) *desktest.Authority {
	liar := *a
	liar.ID = "ra"
	return &liar
}

// TestUnfinishedContainer shows what lies there so far.
func TestUnfinishedContainer(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/prepare", h.order(proof.Prepare{
		Authority: "ra", Ticket: h.auth.Ticket(certhall.Renew, "c1", 2, h.pair.Sign()), Disposal: string(certhall.Keep), Chain: h.auth.Chain(),
	}))
	h.asked(r, yes)
	r.want("progress")
	r.want("reply")
	var all keys
	p.call("/keys", struct{}{}, &all)
	i := slices.IndexFunc(all.Keys[0].Containers, func(c container) bool { return c.Case == "c1" })
	if i < 0 {
		t.Fatalf("%+v", all)
	}
	if c := all.Keys[0].Containers[i]; c.Attempt != 2 || c.Authority != "ra" || c.Complete || !slices.Equal(c.Parts, []string{token.PartSigningKey}) || c.Serial != "" || c.NotAfter != nil {
		t.Fatalf("%+v", c)
	}
}

// TestStop withdraws questions, says so, and waits for what runs.
func TestStop(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	w := p.begin("/watch", struct{}{})
	w.want("keys")
	r := p.begin("/open", h.opening())
	r.want("ask")
	<-h.person.questions
	h.stop()
	if e := r.want("problem"); e.Code != "question-withdrawn" {
		t.Fatalf("%s", e.Raw)
	}
	if e := w.next(); e.Event != "" {
		t.Fatalf("%s", e.Raw)
	}
}

// TestQuestionsEnd: nobody is waited for for ever, and the key is free again.
func TestQuestionsEnd(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	h.server.askTime = time.Millisecond
	r := p.begin("/open", h.opening())
	r.want("ask")
	if e := r.want("problem"); e.Code != "question-withdrawn" {
		t.Fatalf("%s", e.Raw)
	}
}

// TestStopWaitsForNobodySilent: a connection opened in advance, as browsers
// do, holds nothing up.
func TestStopWaitsForNobodySilent(t *testing.T) {
	h := newHouse(t, nil)
	c, err := net.Dial("tcp4", strings.TrimPrefix(h.address, "http://"))
	h.must(err)
	defer c.Close()
	h.tab(portal).call("/status", struct{}{}, nil) // by now the first one is accepted
	began := time.Now()
	h.stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Fatalf("stopping took %s", took)
	}
}

// TestPageThatDoesNotRead is let go, and the operation with it ends.
func TestPageThatDoesNotRead(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	h.server.writeTime = time.Millisecond
	ended := make(chan struct{})
	watching := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site, _ := h.server.Trust.Site(portal)
		h.server.watch(w, r, site)
		close(ended)
	})}
	defer watching.Close()
	page, agent := net.Pipe() // which holds nothing on the way
	defer page.Close()
	go watching.Serve(&oneConnection{agent, make(chan struct{})})
	h.must(p.request(t.Context(), "/watch", struct{}{}).Write(page))
	<-ended
}

// oneConnection is a listener that hears one connection.
type oneConnection struct {
	net.Conn
	closed chan struct{}
}

func (l *oneConnection) Accept() (net.Conn, error) {
	if c := l.Conn; c != nil {
		l.Conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConnection) Close() error {
	close(l.closed)
	return nil
}

func (l *oneConnection) Addr() net.Addr { return &net.TCPAddr{} }
