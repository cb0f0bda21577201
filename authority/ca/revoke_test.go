package ca_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/storetest"
)

// pairOf reads a pair's row.
func (o *office) pairOf(s certhall.Serial) *ca.Pair {
	o.t.Helper()
	var p *ca.Pair
	must(o.t, o.store.Read(o.t.Context(), func(rd ca.Reader) (err error) {
		p, err = rd.PairBySerial(s)
		return err
	}))
	return p
}

// intended leaves the case's pair intended: the issuer's key does not answer.
func (o *office) intended(call authority.IssueRequest) *ca.Pair {
	o.t.Helper()
	must(o.t, o.Unseal(o.t.Context(), o.brokenKeys()))
	if _, err := o.Issue(o.t.Context(), call); err == nil {
		o.t.Fatal("signed without a key")
	}
	must(o.t, o.Unseal(o.t.Context(), o.founded.Keys(rand.Reader)))
	v, err := o.Pair(o.t.Context(), authority.PairQuery{Case: call.Case})
	must(o.t, err)
	return o.pairOf(v.Pair.SignSerial)
}

// Every reason of RFC 5280 that a decision may give is kept as its code; time
// and reason stay as they were first set, whatever is decided later.
func TestReasonsAreKept(t *testing.T) {
	codes := map[string]int{"unspecified": 0, "keyCompromise": 1, "cACompromise": 2, "affiliationChanged": 3, "superseded": 4,
		"cessationOfOperation": 5, "privilegeWithdrawn": 9, "aACompromise": 10}
	words := proof.RevocationReasons()
	if len(words) != len(codes) {
		t.Errorf("reasons %v", words)
	}
	o := newOffice(t)
	for i, word := range append(slices.Clone(words), "certificateHold", "removeFromCRL", "lost in a taxi") {
		lineage := fmt.Sprint("l", i)
		h := o.apply(lineage, 1)
		must(t, o.Revoke(t.Context(), signBy(t, o.order("revoke", lineage, word), o.reviewer)))
		first := o.pairOf(h.pair.SignSerial)
		if first.Reason != codes[word] || !first.RevokedAt.Equal(o.clock.Now()) {
			t.Errorf("%s: reason %d at %s", word, first.Reason, first.RevokedAt)
		}
		if codes[word] != 0 && proof.ReasonWord(codes[word]) != word {
			t.Errorf("%d is called %s", codes[word], proof.ReasonWord(codes[word]))
		}
		o.clock.advance(day)
		must(t, o.Revoke(t.Context(), signBy(t, o.order("revoke", lineage, "aACompromise"), o.reviewer)))
		if again := o.pairOf(h.pair.SignSerial); again.Reason != first.Reason || !again.RevokedAt.Equal(first.RevokedAt) {
			t.Errorf("%s: revoked anew: %d at %s", word, again.Reason, again.RevokedAt)
		}
	}
}

// ◆ Revoking voids every intended pair, too; its case is closed.
func TestRevokeVoidsIntendedPairs(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	p := o.intended(o.prepare("renew", "c", h).call(t, h.person))
	must(t, o.Revoke(t.Context(), signBy(t, o.order("revoke", "lineage", ""), o.reviewer)))
	if got := o.pairOf(p.SignSerial); got.State != authority.Void || got.RevokedAt.IsZero() {
		t.Errorf("the intended pair is %s since %s", got.State, got.RevokedAt)
	}
	if n, err := o.CompleteIntents(t.Context()); err != nil || n != 0 {
		t.Errorf("completed after the revocation: %d %v", n, err)
	}
	if v, err := o.Pair(t.Context(), authority.PairQuery{Case: "c"}); err != nil || !v.Closed {
		t.Errorf("the case is open: %v", err)
	}
}

// ◆ Revoking closes every case but the one whose decision ordered it, which
// has no pair yet.
func TestRevokeSparesTheCaseThatOrderedIt(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	o.ticket("renew", "orders", h.pair.SignSerial)
	o.ticket("renew", "other", h.pair.SignSerial)
	d := o.order("revoke", "lineage", "")
	d.Case = "orders"
	must(t, o.Revoke(t.Context(), signBy(t, d, o.reviewer)))
	for c, closed := range map[certhall.CaseID]bool{"orders": false, "other": true} {
		if v, err := o.Pair(t.Context(), authority.PairQuery{Case: c}); err != nil || v.Closed != closed {
			t.Errorf("%s closed: %v %v", c, v.Closed, err)
		}
	}
}

// ◆ A suspension reaches superseded pairs in grace and what is issued on the
// old key's word; it never blocks what rests on a decision.
func TestSuspensionReachesTheLineage(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	renewed, _ := o.renew("renew", h)
	o.clock.advance(10 * day)
	must(t, o.Suspend(t.Context(), "lineage", "lost key"))
	since := o.clock.Now()
	for _, s := range []certhall.Serial{h.pair.SignSerial, renewed.pair.SignSerial} {
		if p := o.pairOf(s); !p.Suspended || !p.SuspendedAt.Equal(since) {
			t.Errorf("%s (%s) suspended: %v since %s", s, p.State, p.Suspended, p.SuspendedAt)
		}
	}
	o.clock.advance(day)
	must(t, o.Suspend(t.Context(), "lineage", "again")) // stands already
	if p := o.pairOf(h.pair.SignSerial); !p.SuspendedAt.Equal(since) {
		t.Errorf("suspended since %s", p.SuspendedAt)
	}
	must(t, o.Resume(t.Context(), signBy(t, o.order("resume", "lineage", ""), o.reviewer)))
	if p := o.pairOf(h.pair.SignSerial); p.Suspended || !p.SuspendedAt.IsZero() {
		t.Error("still suspended")
	}

	request := p10(t, newKey(t))
	o.ticket("apply", "c", "")
	d := o.decision("c", "fresh", 1, request)
	p := o.intended(authority.IssueRequest{Case: "c", Attempt: 1, Request: request, Evidence: signBy(t, d, o.reviewer)})
	must(t, o.Suspend(t.Context(), "fresh", "a stranger rang"))
	if n, err := o.CompleteIntents(t.Context()); err != nil || n != 1 {
		t.Errorf("a suspension blocked a decision: %d %v", n, err)
	}
	if p = o.pairOf(p.SignSerial); p.State != authority.Issued || p.Suspended {
		t.Errorf("the pair by decision is %s", p.State)
	}

	must(t, o.Revoke(t.Context(), signBy(t, o.order("revoke", "lineage", ""), o.reviewer)))
	if err := o.Suspend(t.Context(), "lineage", "too late"); !errors.Is(err, authority.ErrRevoked) {
		t.Errorf("suspended what is revoked: %v", err)
	}
}

// The daily limit counts lineages, not pairs, and holds however many nodes
// suspend at once.
func TestSuspensionsAreLimited(t *testing.T) {
	for _, kind := range []string{"sqlite-file", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			o := newOfficeOn(t, storetest.Address(t, kind))
			const lineages, limit = 6, 3
			for i := range lineages {
				o.apply(fmt.Sprint("l", i), 1)
			}
			o.limit = limit
			nodes := []*ca.CA{o.node(o.store), o.node(o.store)}
			var wait sync.WaitGroup
			errs := make([]error, lineages)
			for i := range lineages {
				wait.Go(func() { errs[i] = nodes[i%2].Suspend(t.Context(), certhall.LineageID(fmt.Sprint("l", i)), "rush") })
			}
			wait.Wait()
			limited := 0
			held := -1
			for i, err := range errs {
				switch {
				case errors.Is(err, authority.ErrLimited):
					limited++
				case err != nil:
					t.Error(certhall.CauseText(err))
				default:
					held = i
				}
			}
			if limited != lineages-limit {
				t.Errorf("%d of %d refused", limited, lineages)
			}
			if held >= 0 { // the same again is no new suspension
				must(t, nodes[0].Suspend(t.Context(), certhall.LineageID(fmt.Sprint("l", held)), "rush"))
			}
			o.clock.advance(day + 1e6)
			must(t, nodes[0].Suspend(t.Context(), certhall.LineageID(fmt.Sprint("l", (held+1)%lineages)), "tomorrow"))
		})
	}
}

// What replaced a pair is renewed; the pair itself never again, suspended or
// not (certmate#391).
func TestSupersededIsNeverRenewed(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	o.renew("renew", h)
	for range 3 {
		_, err := o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: o.newCase(), OldSerial: h.pair.SignSerial})
		if !errors.Is(err, authority.ErrSuperseded) {
			t.Errorf("a superseded pair got a ticket: %v", err)
		}
		if e, err := o.Eligible(t.Context(), certhall.Renew, h.pair.SignSerial); err != nil || !errors.Is(e.Refusal, authority.ErrSuperseded) {
			t.Errorf("eligible: %v %v", e.Refusal, err)
		}
		o.clock.advance(20 * day)
		_, err = o.EndGrace(t.Context())
		must(t, err)
	}
	if p := o.pairOf(h.pair.SignSerial); p.State != authority.Revoked || proof.ReasonWord(p.Reason) != "superseded" {
		t.Errorf("after the grace it is %s (%d)", p.State, p.Reason)
	}
}

// When and why somebody lost a role stands apart from when he got it.
func TestRetiredStaff(t *testing.T) {
	o := newOffice(t)
	p := o.enrol(proof.Reviewer, "审核员二")
	enrolled := o.clock.Now()
	o.clock.advance(day)
	e := proof.Enrolment{Authority: "test", Role: proof.Reviewer, Retire: serialIn(t, p.certificate), Nonce: nonce(t), Expiry: o.expiry()}
	_, err := o.Enrol(t.Context(), nil, signBy(t, e, o.officers[0], o.officers[1]))
	must(t, err)
	must(t, o.store.Read(t.Context(), func(rd ca.Reader) error {
		m, err := rd.Staff(certhall.Serial(e.Retire))
		if err != nil || m.State != ca.StaffRetired || !m.At.Equal(enrolled) || !m.RetiredAt.Equal(o.clock.Now()) || proof.ReasonWord(m.Reason) != "privilegeWithdrawn" {
			t.Errorf("%+v %v", m, err)
		}
		return nil
	}))
	o.apply("lineage", 1)
	if err := o.Revoke(t.Context(), signBy(t, o.order("revoke", "lineage", ""), p)); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a retired reviewer revoked: %v", err)
	}
}

// TestEraseWhatWasShown: a decision to erase reaches no lineage but the one
// whose certificates the reviewer saw, and takes no name into the record that
// stays for good.
func TestEraseWhatWasShown(t *testing.T) {
	o := newOffice(t)
	shown, meant := o.apply("shown", 1), o.apply("meant", 1)
	early := ca.Erasure{Early: true}
	other := o.order(proof.EraseService, "meant", "x")
	other.Documents = [][]byte{gm.SM3(shown.certificate)}
	named := o.order(proof.EraseService, "meant", "x")
	named.Subject = parse(t, meant.certificate).RawSubject
	for what, d := range map[string]proof.Decision{"another's certificate": other, "with the name": named} {
		if err := o.Erase(t.Context(), signBy(t, d, o.reviewer), early); !errors.Is(err, authority.ErrEvidence) {
			t.Errorf("%s: %v", what, err)
		}
	}
	right := o.order(proof.EraseService, "meant", "x")
	right.Documents = [][]byte{gm.SM3(meant.certificate)}
	for range 2 {
		must(t, o.Erase(t.Context(), signBy(t, right, o.reviewer), early))
	}
}
