package ca_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// ◆ Same attempt and same key: the stored answer, also to a call that another
// node overtook while it weighed the evidence.
func TestOvertakenIssueAnswersWhatIsStored(t *testing.T) {
	for call, n := range map[string]int{"Read": 2, "SaveIntent": 1, "SaveIssued": 1} {
		t.Run("before "+call, func(t *testing.T) {
			o := newOffice(t)
			request := p10(t, newKey(t))
			o.ticket("apply", "c", "")
			r := authority.IssueRequest{Case: "c", Attempt: 1, Request: request, Evidence: signBy(t, o.decision("c", "l", 1, request), o.reviewer)}
			var first proof.Bundle
			slow := o.slowNode(call, n, func() {
				var err error
				first, err = o.Issue(t.Context(), r)
				must(t, err)
			})
			second, err := slow.Issue(t.Context(), r)
			must(t, err)
			if len(first.Sign) == 0 || !bytes.Equal(first.Sign, second.Sign) {
				t.Error("two answers for one attempt")
			}
		})
	}
}

// A decision over a lineage that another decision filled in the meantime.
func TestTwoDecisionsForOneLineage(t *testing.T) {
	o := newOffice(t)
	request := p10(t, newKey(t))
	o.ticket("apply", "late", "")
	slow := o.slowNode("SaveIntent", 1, func() { o.apply("l", 1) })
	_, err := slow.Issue(t.Context(), authority.IssueRequest{Case: "late", Attempt: 1, Request: request,
		Evidence: signBy(t, o.decision("late", "l", 1, request), o.reviewer)})
	if !errors.Is(err, authority.ErrLineageBusy) {
		t.Errorf("a second first pair in the lineage: %v", err)
	}
}

// ◆ A suspension that comes between intent and signature blocks the signature
// until it is lifted; the world never sees a good pair of a suspended lineage.
func TestSuspensionOvertakesTheSignature(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare("renew", "c", h)
	slow := o.slowNode("SaveIssued", 1, func() { must(t, o.Suspend(t.Context(), "lineage", "lost key")) })
	if _, err := slow.Issue(t.Context(), r.call(t, h.person)); !errors.Is(err, authority.ErrSuspended) {
		t.Errorf("signed while suspended: %v", err)
	}
	if n, err := o.CompleteIntents(t.Context()); err != nil || n != 0 {
		t.Errorf("completed while suspended: %d %v", n, err)
	}
	must(t, o.Resume(t.Context(), signBy(t, o.order("resume", "lineage", ""), o.reviewer)))
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	if v, err := o.Pair(t.Context(), authority.PairQuery{Case: "c"}); err != nil || v.Pair.Suspended {
		t.Errorf("still suspended: %+v %v", v.Pair, err)
	}
	_, err = o.Acknowledge(t.Context(), o.acknowledgement(b, r.key))
	must(t, err)
}

// What the record says of a pair is how it was under the locks, not before.
func TestRecordsTellThePairAsItIs(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare("renew", "c", h)
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	must(t, o.Suspend(t.Context(), "lineage", "lost key"))
	resume := signBy(t, o.order("resume", "lineage", ""), o.reviewer)
	slow := o.slowNode("Write", 1, func() { must(t, o.Resume(t.Context(), resume)) })
	_, err = slow.Acknowledge(t.Context(), o.acknowledgement(b, r.key))
	must(t, err)
	events := o.events()
	if last := events[len(events)-1]; last.Kind != authority.PairAcknowledged || last.Pair.Suspended {
		t.Errorf("the last event: %s %+v", last.Kind, last.Pair)
	}
}

// ◆ Revoking voids every intended or issued pair, also of the case that the
// order names.
func TestRevokeVoidsThePairOfTheCaseItNames(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare("renew", "c", h)
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	d := o.order("revoke", "lineage", "keyCompromise")
	d.Case = "c"
	must(t, o.Revoke(t.Context(), signBy(t, d, o.reviewer)))
	if got := o.state(certhall.Serial(serialIn(t, b.Sign))); got != authority.Void {
		t.Errorf("the issued pair is %s", got)
	}
}

// The answer to an order can be lost: the same order again answers the same,
// as long as what it asked for stands.
func TestOrdersCanBeRepeated(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	must(t, o.Suspend(t.Context(), "lineage", "lost key"))
	resume := signBy(t, o.order("resume", "lineage", ""), o.reviewer)
	must(t, o.Resume(t.Context(), resume))
	must(t, o.Resume(t.Context(), resume))
	revoke := signBy(t, o.order("revoke", "lineage", ""), o.reviewer)
	must(t, o.Revoke(t.Context(), revoke))
	must(t, o.Revoke(t.Context(), revoke))
	own := proof.OldKey{Authority: "test", Service: "revoke", OldSerial: string(h.pair.SignSerial), Nonce: nonce(t), Expiry: o.expiry()}
	if err := o.Revoke(t.Context(), signBy(t, own, h.person)); !errors.Is(err, authority.ErrNotCurrent) {
		t.Errorf("a revoked pair's key gave an order: %v", err)
	}
}

// A key orders the revocation only while its pair is current, judged under the
// locks.
func TestRevokeByAKeyThatIsOvertaken(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	own := signBy(t, proof.OldKey{Authority: "test", Service: "revoke", OldSerial: string(h.pair.SignSerial), Nonce: nonce(t), Expiry: o.expiry()}, h.person)
	var renewed holder
	slow := o.slowNode("Write", 1, func() { renewed, _ = o.renew("renew", h) })
	if err := slow.Revoke(t.Context(), own); !errors.Is(err, authority.ErrNotCurrent) {
		t.Errorf("a superseded pair's key gave an order: %v", err)
	}
	if got := o.state(renewed.pair.SignSerial); got != authority.Current {
		t.Errorf("the renewed pair is %s", got)
	}
}

// A case that moves while the round goes does not lapse.
func TestLapseIsJudgedUnderTheLock(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	o.ticket("renew", "c", h.pair.SignSerial)
	o.clock.advance(31 * day)
	slow := o.slowNode("Read", 2, func() {
		r := o.prepare("renew", "c", h)
		_, err := o.Issue(t.Context(), r.call(t, h.person))
		must(t, err)
	})
	_, err := slow.Lapse(t.Context())
	must(t, err)
	if v, err := o.Pair(t.Context(), authority.PairQuery{Case: "c"}); err != nil || v.Closed || v.Pair.State != authority.Issued {
		t.Errorf("closed: %v, %+v %v", v.Closed, v.Pair, err)
	}
}

// A reviewer's word voids an attempt whose first intent, and with it the
// lineage, came meanwhile: everything about it says which lineage it was.
func TestClaimOvertakenByTheFirstIntent(t *testing.T) {
	o := newOffice(t)
	request := p10(t, newKey(t))
	key, _, err := gm.ParseRequest(request)
	must(t, err)
	digest, err := gm.KeyDigest(key)
	must(t, err)
	o.ticket("apply", "c", "")
	d := o.decision("c", "l", 1, request)
	slow := o.slowNode("Write", 1, func() {
		_, err := o.Issue(t.Context(), authority.IssueRequest{Case: "c", Attempt: 1, Request: request, Evidence: signBy(t, d, o.reviewer)})
		must(t, err)
	})
	void := d
	void.Verdict, void.RequestDigest = proof.VoidAttempt, digest
	_, err = slow.Claim(t.Context(), signBy(t, void, o.reviewer))
	must(t, err)
	events := o.events()
	if last := events[len(events)-1]; last.Kind != authority.AttemptOpened || last.Lineage != "l" {
		t.Errorf("the last event: %+v", last)
	}
}

// The data of a record may be erased: its event stays, and so do those behind.
func TestErasedRecordsDoNotStopTheEvents(t *testing.T) {
	o := newOffice(t)
	o.apply("l", 1)
	all := o.events()
	erasing := o.node(erasedStore{o.store})
	events, err := erasing.Events(t.Context(), 0, 1000)
	must(t, err)
	if len(events) != len(all) || events[len(events)-1].Kind != authority.PairAcknowledged {
		t.Errorf("%d events of %d", len(events), len(all))
	}
}

type erasedStore struct{ ca.Store }

func (s erasedStore) Read(ctx context.Context, f func(ca.Reader) error) error {
	return s.Store.Read(ctx, func(rd ca.Reader) error { return f(erasedReader{rd}) })
}

type erasedReader struct{ ca.Reader }

func (r erasedReader) Events(after int64, limit int) ([]ca.Record, error) {
	records, err := r.Reader.Events(after, limit)
	for i := range records {
		records[i].Data = nil
	}
	return records, err
}
