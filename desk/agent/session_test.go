package agent_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// as is the desk's agent for a page of an authority's portal.
func (d *desk) as(origin string, auth *desktest.Authority, p agent.Person, progress func(string)) *agent.Agent {
	trust := token.NewTrust([]*smx509.Certificate{auth.Root.Certificate, auth.Issuing.Certificate})
	return d.As(agent.Caller{Origin: origin, Trust: map[string]*token.Trust{auth.ID: trust}, Person: p, Progress: progress})
}

func open(t *testing.T, a *agent.Agent, pair desktest.Pair, want error) {
	t.Helper()
	_, err := a.SignOpening(t.Context(), "SK1", proof.Opening{Authority: "ra", Serial: string(pair.Sign()), Origin: a.Origin, Nonce: []byte("n")})
	if !errors.Is(err, want) {
		t.Fatalf("%v, want %v", err, want)
	}
}

func run(t *testing.T, a *agent.Agent, o proof.Message) []byte {
	t.Helper()
	reply, err := a.Do(t.Context(), "SK1", proof.Encode(o))
	if err != nil {
		t.Fatalf("%v (%s)", err, certhall.CauseText(err))
	}
	return reply
}

// TestSessionIsOfOneCallerAndCase follows the log-in from caller to caller and
// from case to case.
func TestSessionIsOfOneCallerAndCase(t *testing.T) {
	d := newDesk(t, 6)
	pair := d.pair(t, "c0")
	p := &desktest.Person{PINs: []string{pin}}
	var parts []string
	a := d.as("https://a.example", d.auth, p, func(part string) { parts = append(parts, part) })
	b := d.as("https://b.example", d.auth, p, nil)
	asked := func(what string, n int) {
		t.Helper()
		if len(p.Asked) != n {
			t.Fatalf("%s: asked %d times, want %d", what, len(p.Asked), n)
		}
	}
	prepare := func(c certhall.CaseID) {
		t.Helper()
		run(t, a, proof.Prepare{Authority: "ra", Ticket: d.auth.Ticket(certhall.Renew, c, 1, pair.Sign()), Disposal: string(certhall.Keep), Chain: d.auth.Chain()})
	}
	open(t, a, pair, nil)
	asked("the command line's session is not the page's", 1)
	open(t, a, pair, nil)
	asked("several openings in a row", 1)
	run(t, a, proof.Identify{Authority: "ra", Case: "c1"})
	prepare("c1")
	asked("the opening's case goes on", 1)
	if !slices.Equal(parts, []string{token.PartSigningKey}) {
		t.Fatalf("told of %v", parts)
	}
	if _, err := a.SelfTest(t.Context(), "SK1", string(pair.Sign())); err != nil {
		t.Fatal(err)
	}
	asked("a self-test belongs to the case at hand", 1)
	prepare("c2")
	asked("another case", 2)
	open(t, a, pair, nil)
	asked("an opening after a case", 3)
	run(t, b, proof.Identify{Authority: "ra", Case: "c1"})
	open(t, a, pair, nil)
	asked("who only reads ends nobody's session", 3)
	open(t, b, pair, nil)
	asked("another origin", 4)
	open(t, a, pair, nil)
	asked("and back", 5)
}

// TestReadingKeepsNoSessionAlive: neither listing nor identifying does, and
// the sweep ends the session without another order.
func TestReadingKeepsNoSessionAlive(t *testing.T) {
	d := newDesk(t, 6)
	pair := d.pair(t, "c0")
	open(t, d.Agent, pair, nil)
	for range 4 {
		d.clock.T = d.clock.T.Add(time.Minute)
		order[proof.Listing](t, d, proof.Identify{Authority: "ra", Case: "c0"})
		if _, err := d.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.clock.T = d.clock.T.Add(-2 * time.Minute) // so that only the sweep can have ended it
	open(t, d.Agent, pair, nil)
	if n := len(d.person.Asked); n != 3 {
		t.Fatalf("asked %d times", n)
	}
}

// TestPulledKeyEndsSession even where nobody touched it while it was away.
func TestPulledKeyEndsSession(t *testing.T) {
	d := newDesk(t, 6)
	pair := d.pair(t, "c0")
	open(t, d.Agent, pair, nil)
	away := d.keys["SK1"]
	delete(d.keys, "SK1")
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.keys["SK1"] = away
	open(t, d.Agent, pair, nil)
	if n := len(d.person.Asked); n != 3 {
		t.Fatalf("asked %d times", n)
	}
}

// TestOtherAuthoritysContainers are neither shown nor used.
func TestOtherAuthoritysContainers(t *testing.T) {
	d := newDesk(t, 6)
	pair := d.pair(t, "c0")
	other := desktest.New(t, "rb")
	p := &desktest.Person{PINs: []string{pin}}
	stranger := d.as("https://b.example", other, p, nil)
	listed, err := stranger.List(t.Context())
	if err != nil || len(listed) != 1 || len(listed[0].Containers) != 0 || listed[0].Others != 1 {
		t.Fatalf("%+v, %v", listed, err)
	}
	l, err := proof.Decode[proof.Listing](run(t, stranger, proof.Identify{Authority: "rb", Case: "c1"}))
	if err != nil || len(l.Containers) != 0 {
		t.Fatalf("%+v, %v", l, err)
	}
	open(t, stranger, pair, token.ErrUntrusted)
	if _, err := stranger.SelfTest(t.Context(), "SK1", string(pair.Sign())); !errors.Is(err, token.ErrOldPairMissing) {
		t.Fatal(err)
	}
	if _, err := stranger.SignLogin(t.Context(), "SK1", proof.Login{Authority: "rb", Serial: string(pair.Sign())}); !errors.Is(err, token.ErrOldPairMissing) {
		t.Fatal(err)
	}
	_, err = stranger.Do(t.Context(), "SK1", proof.Encode(proof.Prepare{
		Authority: "ra", Ticket: d.auth.Ticket(certhall.Renew, "c1", 1, pair.Sign()), Disposal: string(certhall.Keep), Chain: d.auth.Chain(),
	}))
	if !errors.Is(err, token.ErrUntrusted) {
		t.Fatal(err)
	}
	if len(p.Asked) != 0 {
		t.Fatal("asked for the PIN")
	}
}

func TestSignLogin(t *testing.T) {
	for _, kind := range []gm.Algorithm{gm.SM2, gm.RSA, gm.ECDSA} {
		d := newDesk(t, 6)
		pair := d.pairOf(t, "c0", kind)
		login := proof.Login{Authority: "ra", Serial: string(pair.Sign()), Origin: "https://a.example", Nonce: []byte("n")}
		signed, err := d.SignLogin(t.Context(), "SK1", login)
		if err != nil {
			t.Fatalf("%v: %v", kind, err)
		}
		c, _ := gm.ParseCertificate(pair.Bundle.Sign)
		if a, err := gm.AlgorithmOf(c.PublicKey); err != nil || a != kind {
			t.Errorf("a pair of %v, %v", a, err)
		}
		if got, err := proof.VerifyKey[proof.Login](signed, c.PublicKey); err != nil || got.Origin != login.Origin {
			t.Errorf("%v: %+v, %v", kind, got, err)
		}
	}
}

// TestSelfTestNeedsAWholePair: a pair whose encryption key is gone fails.
func TestSelfTestNeedsAWholePair(t *testing.T) {
	d := newDesk(t, 6)
	pair := d.pair(t, "c0")
	if got, err := d.SelfTest(t.Context(), "SK1", string(pair.Sign())); err != nil || got.Untestable || !got.At.Equal(d.clock.T) {
		t.Fatalf("%+v, %v", got, err)
	}
	p := order[proof.Prepared](t, d, proof.Prepare{Authority: "ra", Ticket: d.auth.Ticket(certhall.Apply, "c9", 1, ""), Disposal: string(certhall.Keep)})
	pub, _, err := gm.ParseRequest(p.Request)
	if err != nil {
		t.Fatal(err)
	}
	half := d.auth.Issue("c9", 1, "", "x", pub, 1)
	if err := d.ImportCertificate(t.Context(), "SK1", half.Bundle.Sign); err != nil {
		t.Fatal(err)
	}
	if _, err := d.SelfTest(t.Context(), "SK1", string(half.Sign())); !errors.Is(err, token.ErrKeyPairBroken) {
		t.Fatal(err)
	}
}

// TestSeries: who does case after case is asked for the PIN once a key; a page
// goes on to be asked for every case.
func TestSeries(t *testing.T) {
	d := newDesk(t, 6)
	pair := d.pair(t, "c0")
	for series, want := range map[bool]int{false: 2, true: 1} {
		p := &desktest.Person{PINs: []string{pin}}
		a := d.As(agent.Caller{Person: p, Series: series})
		if err := d.Close(); err != nil { // the session before
			t.Fatal(err)
		}
		for _, c := range []certhall.CaseID{"c1", "c2"} {
			open(t, a, pair, nil)
			run(t, a, proof.Prepare{Authority: "ra", Ticket: d.auth.Ticket(certhall.Renew, c, 1, pair.Sign()), Disposal: string(certhall.Keep), Chain: d.auth.Chain()})
		}
		if len(p.Asked) != want {
			t.Errorf("series %v: asked %d times, want %d", series, len(p.Asked), want)
		}
	}
}
