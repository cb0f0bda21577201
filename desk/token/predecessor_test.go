package token_test

import (
	"slices"
	"testing"

	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// predecessor is how an authority's list names another's issuing CA.
func predecessor(t *testing.T, a *desktest.Authority) proof.Predecessor {
	t.Helper()
	return proof.Predecessor{Name: a.ID, Subject: a.Issuing.Certificate.RawSubject, Key: a.Issuing.Certificate.RawSubjectPublicKeyInfo}
}

// succeeds is a desk that trusts both authorities; the first one's list names these.
func (b *bench) succeeds(named ...proof.Predecessor) *token.Trust {
	t := token.NewTrust(append(b.auth.Roots(), b.other.Roots()...))
	t.Succeed(proof.OriginList{Authority: b.auth.ID, Predecessors: named}, b.auth.Root.Certificate, token.NewTrust(append(b.other.Roots(), b.other.Issuing.Certificate)))
	return t
}

// TestPredecessor: a pair of an issuer that the authority's list names is
// succeeded by that authority alone; the issuer's word counts for nothing else,
// and its container is never deleted.
func TestPredecessor(t *testing.T) {
	b := newBench(t, 6)
	old := desktest.New(t, "rp")
	b.env.Trust = token.NewTrust(old.Roots())
	before := b.give(old, first, "")
	renew := b.auth.Ticket("renew", renewal, 1, before.Sign())

	forged, swapped := predecessor(t, old), predecessor(t, b.other)
	forged.Key = b.other.Issuing.Certificate.RawSubjectPublicKeyInfo
	swapped.Subject = old.Issuing.Certificate.RawSubject
	for name, trust := range map[string]*token.Trust{
		"no list":             b.succeeds(),
		"another key":         b.succeeds(forged),
		"another's":           b.succeeds(swapped),
		"a key of no kind":    b.succeeds(proof.Predecessor{Subject: forged.Subject, Key: []byte{0x30, 0}}),
		"the root, not it":    b.succeeds(proof.Predecessor{Subject: old.Root.Certificate.RawSubject, Key: old.Root.Certificate.RawSubjectPublicKeyInfo}),
		"another authority's": b.succeeds(predecessor(t, b.other)),
	} {
		b.env.Trust = trust
		b.untouched(func() { refused(b, b.prepare(renew, b.auth), token.ErrOldPairMissing) })
		if _, err := trust.Under(old.Issuing.Certificate, nil); err == nil {
			t.Errorf("%s: a CA is succeeded", name)
		}
	}

	b.env.Trust = b.succeeds(predecessor(t, old))
	b.untouched(func() { // the list is of the other authority's neighbour
		refused(b, b.prepare(b.other.Ticket("renew", renewal, 1, before.Sign()), b.other), token.ErrOldPairMissing)
	})
	p := want[proof.Prepared](b, b.prepare(renew, b.auth))
	if _, err := proof.VerifyKey[proof.OldKey](p.Evidence, must1(gm.CertificateKey(must1(gm.ParseCertificate(before.Bundle.Sign))))); err != nil {
		t.Error(err)
	}
	pub, _, err := gm.ParseRequest(p.Request)
	must(b, err)
	alien := old.Issue(renewal, 1, before.Sign(), subject, pub, 1)
	alien.Bundle.Authority = b.auth.ID
	b.untouched(func() { refused(b, b.install(alien), token.ErrUntrusted) }) // old pairs only
	fresh := b.issue(b.auth, p, renewal, 1, before.Sign())
	want[proof.Installed](b, b.install(fresh))
	want[proof.Signed](b, b.acknowledge(fresh))

	receipt := b.auth.Receipt(fresh, &before, "SK1", "delete", true)
	m, err := token.Retire(b.ctx, b.key, proof.Retire{Authority: b.auth.ID, Receipts: []proof.Signed{receipt}, MakeRoom: true, Chain: b.auth.Chain()}, b.env)
	must(b, err)
	if report := m.(proof.RetireReport); len(report.Retired) != 1 || len(report.Deleted) != 0 {
		t.Errorf("%+v", report)
	}
	names, err := b.key.Containers(b.ctx)
	must(b, err)
	if !slices.Contains(names, before.Bundle.Container()) {
		t.Error("the predecessor's container went")
	}
}

// TestPredecessorOfAnother: an authority cannot name what is another's that the
// desk trusts too.
func TestPredecessorOfAnother(t *testing.T) {
	b := newBench(t, 4)
	b.env.Trust = token.NewTrust(b.other.Roots())
	theirs := b.give(b.other, first, "")
	alone := func(others *token.Trust) *token.Trust {
		t := token.NewTrust(b.auth.Roots())
		t.Succeed(proof.OriginList{Predecessors: []proof.Predecessor{predecessor(b.TB.(*testing.T), b.other)}}, b.auth.Root.Certificate, others)
		return t
	}
	c := must1(gm.ParseCertificate(theirs.Bundle.Sign))
	if _, err := alone(nil).Under(c, nil); err != nil {
		t.Error(err) // an authority that this desk does not know was taken over
	}
	if _, err := alone(token.NewTrust(append(b.other.Roots(), b.other.Issuing.Certificate))).Under(c, nil); err == nil {
		t.Error("another authority's own is succeeded")
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
