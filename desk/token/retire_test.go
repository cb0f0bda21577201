package token_test

import (
	"slices"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// succeed renews on top of a pair and gives the new one.
func (b *bench) succeed(c certhall.CaseID, old desktest.Pair) desktest.Pair {
	b.Helper()
	p := want[proof.Prepared](b, b.prepare(b.auth.Ticket(certhall.Renew, c, 1, old.Sign()), b.auth))
	pair := b.issue(b.auth, p, c, 1, old.Sign())
	want[proof.Installed](b, b.install(pair))
	return pair
}

func (b *bench) report(o proof.Retire) proof.RetireReport {
	b.Helper()
	return want[proof.RetireReport](b, b.retire(o))
}

func holds(b *bench, p desktest.Pair) bool {
	return slices.Contains(b.names(), p.Bundle.Container())
}

// TestKeep: keep is obeyed by leaving, and reported.
func TestKeep(t *testing.T) {
	b := newBench(t, 4)
	pair := b.renewed(1)
	r := b.report(proof.Retire{Receipts: []proof.Signed{b.auth.Receipt(pair, &b.old, "SK1", certhall.Keep, true)}})
	if len(r.Retired) != 1 || len(r.Deleted) != 0 || !holds(b, b.old) {
		t.Fatalf("%+v, %v", r, b.names())
	}
	b.oldWorks()
}

// TestForgedReceipts: nothing goes but on the notary's word, and never another
// authority's.
func TestForgedReceipts(t *testing.T) {
	b := newBench(t, 5)
	pair := b.renewed(1)
	receipt := b.auth.Receipt(pair, &b.old, "SK1", certhall.Delete, true)
	m, err := proof.Decode[proof.Receipt](receipt.Message)
	must(b, err)
	changed := receipt
	changed.Message = proof.Encode(func() proof.Receipt { x := m; x.Escrowed = false; return x }())
	for name, s := range map[string]proof.Signed{
		"unsigned":         {Message: receipt.Message},
		"by a strange one": desktest.New(t, "ra").Notarize(m),
		"changed":          changed,
		"a ticket":         b.ticket(1),
	} {
		b.untouched(func() {
			refused(b, b.retire(proof.Retire{Receipts: []proof.Signed{s}}), token.ErrUntrusted)
			refused(b, b.retire(proof.Retire{Voids: []proof.Signed{s}}), token.ErrUntrusted)
		})
		if t.Failed() {
			t.Fatal(name)
		}
	}
	// Another trusted authority's receipt finds no new pair of its own here.
	b.untouched(func() {
		trouble(b, b.retire(proof.Retire{Receipts: []proof.Signed{b.other.Notarize(m)}}), proof.FailingSelfTest)
	})
	// Another authority's void notice does not reach this one's pair.
	b.untouched(func() {
		void := b.other.Notarize(proof.VoidNotice{Authority: "ra", Case: string(renewal), Attempt: 1})
		refused(b, b.retire(proof.Retire{Voids: []proof.Signed{void}}), token.ErrUntrusted)
	})
	// An order of another authority carries nothing of this one.
	b.untouched(func() {
		_, err := token.Retire(b.ctx, b.key, proof.Retire{Authority: "rb", Receipts: []proof.Signed{receipt}, Chain: b.auth.Chain()}, b.env)
		refused(b, answer{nil, err}, token.ErrUntrusted)
	})
	// What is void cannot be confirmed: one of the two lies.
	b.untouched(func() {
		refused(b, b.retire(proof.Retire{Receipts: []proof.Signed{receipt}, Voids: []proof.Signed{b.auth.Void(renewal, 1)}}), token.ErrUntrusted)
	})
}

// TestSameSerialElsewhere: another authority's pair with the old pair's serial
// number stays.
func TestSameSerialElsewhere(t *testing.T) {
	b := newBench(t, 5)
	b.other.NextSerial = b.old.Sign()
	twin := b.give(b.other, "c7", "")
	if twin.Sign() != b.old.Sign() {
		t.Fatal("not the same serial")
	}
	pair := b.renewed(1)
	r := b.report(proof.Retire{Receipts: []proof.Signed{b.auth.Receipt(pair, &b.old, "SK1", certhall.Delete, true)}})
	if len(r.Retired) != 1 || holds(b, b.old) || !holds(b, twin) {
		t.Fatalf("%+v, %v", r, b.names())
	}
	r = b.report(proof.Retire{Receipts: []proof.Signed{b.auth.Receipt(pair, &b.old, "SK1", certhall.Delete, true)}})
	if len(r.Retired) != 1 || !holds(b, twin) || !b.works(twin) {
		t.Fatalf("repeated: %+v, %v", r, b.names())
	}
}

// TestChainOfReceipts: each receipt finds its own new container, in whatever
// order they come.
func TestChainOfReceipts(t *testing.T) {
	b := newBench(t, 5)
	second := b.succeed("c1", b.old)
	third := b.succeed("c2", second)
	r1 := b.auth.Receipt(second, &b.old, "SK1", certhall.Delete, true)
	r2 := b.auth.Receipt(third, &second, "SK1", certhall.Delete, true)
	r := b.report(proof.Retire{Receipts: []proof.Signed{r2, r1}})
	if len(r.Retired) != 2 || len(b.names()) != 1 || !b.works(third) {
		t.Fatalf("%+v, %v", r, b.names())
	}
	// A circle is no reason to hang: nothing new is there to obey.
	c1, c2 := b.auth.Receipt(second, &third, "SK2", certhall.Delete, true), b.auth.Receipt(third, &second, "SK2", certhall.Delete, true)
	if r := b.report(proof.Retire{Receipts: []proof.Signed{c1, c2}}); !holds(b, third) || len(r.Retired) != 1 {
		t.Fatalf("%+v, %v", r, b.names())
	}
}

// TestAnotherKeysReceipt: a new pair on another key is not missed here.
func TestAnotherKeysReceipt(t *testing.T) {
	b := newBench(t, 4)
	pair := b.renewed(1)
	receipt := b.auth.Receipt(pair, &b.old, "SK9", certhall.Delete, true)
	must(b, b.key.Delete(b.ctx, pair.Bundle.Container()))
	if r := b.report(proof.Retire{Receipts: []proof.Signed{receipt}}); len(r.Retired) != 0 || !holds(b, b.old) {
		t.Fatalf("%+v", r)
	}
	b.oldWorks()
}

// TestVoid: exactly the named container goes, whatever lies in it; absent ones
// are named as gone.
func TestVoid(t *testing.T) {
	b := newBench(t, 4)
	b.renewed(1)
	for range 2 {
		r := b.report(proof.Retire{Voids: []proof.Signed{b.auth.Void(renewal, 1), b.auth.Void(renewal, 2)}})
		if len(r.Deleted) != 2 || len(b.names()) != 1 {
			t.Fatalf("%+v, %v", r, b.names())
		}
	}
	b.oldWorks()
}

// TestMakeRoom: a kept container goes with consent and escrow only, the oldest
// first, and only where nothing else went.
func TestMakeRoom(t *testing.T) {
	b := newBench(t, 4)
	second := b.succeed("c1", b.old)
	third := b.succeed("c2", second)
	held := func(escrowed bool) []proof.Signed {
		return []proof.Signed{
			b.auth.Receipt(third, &second, "SK1", certhall.Keep, escrowed),
			b.auth.Receipt(second, &b.old, "SK1", certhall.Keep, escrowed),
		}
	}
	b.untouched(func() {
		if r := b.report(proof.Retire{Receipts: held(false), MakeRoom: true}); len(r.Deleted) != 0 || r.Refused {
			t.Fatalf("not in escrow: %+v", r)
		}
		b.agreed[token.ToMakeRoom] = false
		if r := b.report(proof.Retire{Receipts: held(true), MakeRoom: true}); !r.Refused || len(r.Deleted) != 0 {
			t.Fatalf("without consent: %+v", r)
		}
	})
	delete(b.agreed, token.ToMakeRoom)
	void := want[proof.Prepared](b, b.prepare(b.auth.Ticket(certhall.Renew, "c3", 1, third.Sign()), b.auth))
	r := b.report(proof.Retire{Receipts: held(true), Voids: []proof.Signed{b.auth.Void(certhall.CaseID(void.Case), 1)}, MakeRoom: true})
	if len(r.Deleted) != 1 || !holds(b, b.old) {
		t.Fatalf("the void one made room: %+v, %v", r, b.names())
	}
	r = b.report(proof.Retire{Receipts: held(true), MakeRoom: true})
	if len(r.Deleted) != 1 || holds(b, b.old) || !holds(b, second) || !b.works(third) {
		t.Fatalf("%+v, %v", r, b.names())
	}
	if shown := b.shown[len(b.shown)-1]; shown.What != token.ToMakeRoom || shown.Serial != b.old.Sign() {
		t.Errorf("shown: %+v", shown)
	}
}
