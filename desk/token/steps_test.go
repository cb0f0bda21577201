package token_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

const (
	pin     = "Bright-1"
	subject = "测试医院"
	first   = certhall.CaseID("c0") // the case that gave the old pair
	renewal = certhall.CaseID("c1")
)

// bench is a key with an old pair, its authority, and what the steps need.
type bench struct {
	testing.TB
	ctx    context.Context
	auth   *desktest.Authority
	other  *desktest.Authority // trusted too, but not the pair's
	medium *softkey.Memory
	key    token.Key
	env    token.Env
	old    desktest.Pair
	kind   gm.Algorithm
	agreed map[string]bool // what the person says to; absent is yes
	shown  []token.Terms
}

func newBench(t testing.TB, room int) *bench {
	t.Helper()
	return newBenchOf(t, gm.SM2, room)
}

func newBenchOf(t testing.TB, kind gm.Algorithm, room int) *bench {
	t.Helper()
	b := &bench{TB: t, kind: kind, ctx: t.Context(), auth: desktest.New(t, "ra"), other: desktest.New(t, "rb"), medium: softkey.NewMemory(), agreed: map[string]bool{}}
	if err := softkey.Format(b.medium, softkey.Options{Serial: "SK1", Label: "key", PIN: pin, Room: room, Iterations: 1}); err != nil {
		t.Fatal(err)
	}
	b.env = token.Env{
		Trust:  token.NewTrust(append(b.auth.Roots(), b.other.Roots()...)),
		Random: rand.Reader,
		Unlock: func(ctx context.Context) error {
			if b.key.LoggedIn() {
				return nil
			}
			return b.key.Login(ctx, pin)
		},
		Consent: func(_ context.Context, terms token.Terms) (bool, error) {
			b.shown = append(b.shown, terms)
			agreed, said := b.agreed[terms.What]
			return agreed || !said, nil
		},
	}
	b.plug(nil)
	b.old = b.give(b.auth, first, "")
	b.key.Logout(b.ctx)
	return b
}

// plug opens the key, as after pulling it.
func (b *bench) plug(cut softkey.Switch) {
	b.Helper()
	k, err := softkey.Use(b.medium, rand.Reader, cut)
	if err != nil {
		b.Fatal(err)
	}
	b.key = k
}

// give puts a pair of an authority on the key, by the steps themselves.
func (b *bench) give(a *desktest.Authority, c certhall.CaseID, old certhall.Serial) desktest.Pair {
	b.Helper()
	p := want[proof.Prepared](b, b.prepare(a.Ticket(certhall.Apply, c, 1, old), a))
	pair := b.issue(a, p, c, 1, old)
	want[proof.Installed](b, b.install(pair))
	want[proof.Signed](b, b.acknowledge(pair))
	return pair
}

func (b *bench) issue(a *desktest.Authority, p proof.Prepared, c certhall.CaseID, attempt int, old certhall.Serial) desktest.Pair {
	b.Helper()
	pub, _, err := gm.ParseRequest(p.Request)
	if err != nil {
		b.Fatal(err)
	}
	return a.Issue(c, attempt, old, subject, pub, 1)
}

// answer is what a step gave.
type answer struct {
	message proof.Message
	err     error
}

func (b *bench) prepareOrder(ticket proof.Signed, a *desktest.Authority) proof.Prepare {
	return proof.Prepare{
		Authority: a.ID, Ticket: ticket, Entitlement: "e1", Project: "p1", Profile: "org", TermYears: 1,
		Disposal: string(certhall.Keep), Chain: a.Chain(), Algorithm: b.kind.String(),
	}
}

func (b *bench) prepare(ticket proof.Signed, a *desktest.Authority) answer {
	m, err := token.Prepare(b.ctx, b.key, b.prepareOrder(ticket, a), b.env)
	return answer{m, err}
}

func (b *bench) install(p desktest.Pair) answer {
	m, err := token.Install(b.ctx, b.key, proof.Install{Authority: p.Bundle.Authority, Bundle: p.Bundle}, b.env)
	return answer{m, err}
}

func (b *bench) acknowledge(p desktest.Pair) answer {
	m, err := token.Acknowledge(b.ctx, b.key, proof.Acknowledge{Authority: p.Bundle.Authority, Bundle: p.Bundle}, b.env)
	return answer{m, err}
}

func (b *bench) retire(o proof.Retire) answer {
	o.Authority, o.Chain = b.auth.ID, b.auth.Chain()
	m, err := token.Retire(b.ctx, b.key, o, b.env)
	return answer{m, err}
}

func (b *bench) claim(attempt int, keyDigest, encDigest []byte) answer {
	m, err := token.Claim(b.ctx, b.key, proof.MakeClaim{
		Authority: b.auth.ID, Ticket: b.auth.Ticket(certhall.Renew, renewal, attempt, b.old.Sign()),
		KeyDigest: keyDigest, EncDigest: encDigest, Chain: b.auth.Chain(),
	}, b.env)
	return answer{m, err}
}

// want takes the message of one kind out of an answer.
func want[M proof.Message](b *bench, a answer) M {
	b.Helper()
	if a.err != nil {
		b.Fatalf("%v (%s)", a.err, certhall.CauseText(a.err))
	}
	m, ok := a.message.(M)
	if !ok {
		b.Fatalf("got %T %+v", a.message, a.message)
	}
	return m
}

func trouble(b *bench, a answer, reason string) {
	b.Helper()
	if got := want[proof.Trouble](b, a).Reason; got != reason {
		b.Fatalf("trouble %q, want %q", got, reason)
	}
}

func refused(b *bench, a answer, err error) {
	b.Helper()
	if !errors.Is(a.err, err) {
		b.Fatalf("got %+v, %v (%s), want %v", a.message, a.err, certhall.CauseText(a.err), err)
	}
}

// renewed brings a renewal up to its acknowledged pair.
func (b *bench) renewed(attempt int) desktest.Pair {
	b.Helper()
	p := want[proof.Prepared](b, b.prepare(b.ticket(attempt), b.auth))
	pair := b.issue(b.auth, p, renewal, attempt, b.old.Sign())
	want[proof.Installed](b, b.install(pair))
	return pair
}

func (b *bench) ticket(attempt int) proof.Signed {
	return b.auth.Ticket(certhall.Renew, renewal, attempt, b.old.Sign())
}

func (b *bench) container(attempt int) token.Container {
	b.Helper()
	c, err := b.key.Container(b.ctx, certhall.ContainerName(b.auth.ID, renewal, attempt))
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func (b *bench) names() []string {
	b.Helper()
	names, err := b.key.Containers(b.ctx)
	if err != nil {
		b.Fatal(err)
	}
	return names
}

// TestRenewal is a renewal without faults, and what each message says.
func TestRenewal(t *testing.T) {
	b := newBench(t, 3)
	m, err := token.Identify(b.ctx, b.key, proof.Identify{Authority: b.auth.ID, Case: string(renewal)}, token.Env{})
	l, ok := m.(proof.Listing)
	if err != nil || !ok || len(l.Containers) != 1 || !l.Containers[0].EncKeyHere || len(l.Containers[0].Sign) == 0 || l.KeySerial != "SK1" {
		t.Fatalf("%+v, %v", l, err)
	}
	if b.key.LoggedIn() {
		t.Fatal("identify asked for the PIN")
	}

	p := want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
	oldCert, err := gm.ParseCertificate(b.old.Bundle.Sign)
	if err != nil {
		t.Fatal(err)
	}
	oldKey, err := gm.CertificateKey(oldCert)
	if err != nil {
		t.Fatal(err)
	}
	e, err := proof.VerifyKey[proof.OldKey](p.Evidence, oldKey)
	if err != nil {
		t.Fatal(err)
	}
	_, digest, err := gm.ParseRequest(p.Request)
	if err != nil || string(digest) != string(e.RequestDigest) {
		t.Fatalf("evidence over another request: %v", err)
	}
	if e.KeySerial != "SK1" || e.Disposal != "keep" || e.OldSerial != string(b.old.Sign()) || string(e.Nonce) != "ticket's nonce.." || !e.Expiry.Equal(desktest.Now.Add(3600e9)) {
		t.Fatalf("%+v", e)
	}

	again := want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
	if _, second, _ := gm.ParseRequest(again.Request); string(second) != string(digest) {
		t.Fatal("prepared again, the request is another")
	}

	pair := b.issue(b.auth, p, renewal, 1, b.old.Sign())
	for range 2 {
		if got := want[proof.Installed](b, b.install(pair)); got.Untestable {
			t.Fatal("untestable")
		}
	}
	newKey, _, err := gm.ParseRequest(p.Request)
	if err != nil {
		t.Fatal(err)
	}
	ack, err := proof.VerifyKey[proof.Acknowledgement](want[proof.Signed](b, b.acknowledge(pair)), newKey)
	if err != nil || string(ack.Nonce) != string(pair.Nonce) || ack.SignSerial != string(pair.Sign()) || ack.EncSerial != string(pair.EncSerial()) {
		t.Fatalf("%+v, %v", ack, err)
	}

	receipt := b.auth.Receipt(pair, &b.old, "SK1", certhall.Delete, true)
	for range 2 { // absent already: reported again
		r := want[proof.RetireReport](b, b.retire(proof.Retire{Receipts: []proof.Signed{receipt}}))
		if len(r.Retired) != 1 {
			t.Fatalf("%+v", r)
		}
		if m, err := proof.VerifyKey[proof.Retired](r.Retired[0], newKey); err != nil || string(m.ReceiptDigest) != string(gm.SM3(receipt.Message)) {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	if names := b.names(); len(names) != 1 || names[0] != "ch-ra-c1-1" {
		t.Fatal(names)
	}
}
