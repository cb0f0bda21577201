package services_test

import (
	"errors"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

func TestRenewFromOpeningToReceipt(t *testing.T) {
	w := newWorld(t)
	o := w.done()
	if got := w.entitlement(o.Case); got != orders.Spent {
		t.Errorf("entitlement %s", got)
	}
	n := w.next(o, services.Input{})
	if r := n.Result; r == nil || r.Old.SignSerial != certhall.SerialOf(w.old.cert.SerialNumber) || r.New.SignSerial == r.Old.SignSerial ||
		r.Receipt != string(o.Case) || r.KeyNumber != "N1" || !r.AcknowledgedAt.Equal(start) {
		t.Errorf("result %+v", n.Result)
	}
	retire := decode[proof.Retire](w, n)
	if len(retire.Receipts) != 1 || len(retire.Voids) != 0 || retire.MakeRoom || len(retire.Chain) == 0 {
		t.Errorf("errand %+v", retire)
	}
	w.expect(w.reply(o, w.retired(o, retire)), services.Done, services.StepDone, "")
	w.must(w.work())
	if w.fake.called("Retired") != 1 {
		t.Error("the report was not carried")
	}
	w.must(w.store.Read(t.Context(), func(r services.Reader) error {
		old, err := r.Certificate(certhall.SerialOf(w.old.cert.SerialNumber))
		if err == nil && old.State != authority.Revoked {
			t.Errorf("projection of the old pair: %s", old.State)
		}
		handlers, err2 := r.Handlers("l1")
		if len(handlers) != 1 || handlers[0].Person.Phone != phone || handlers[0].Source != "key" {
			t.Errorf("handlers %+v", handlers)
		}
		return errors.Join(err, err2)
	}))
}

func TestPrepareCarriesWhatWasAgreed(t *testing.T) {
	w := newWorld(t)
	o := w.atPrepare()
	p := decode[proof.Prepare](w, w.next(o, services.Input{}))
	k := w.stored(o.Case)
	if p.Entitlement != string(k.Entitlement) || p.Project != "gov" || p.Profile != "org" || p.TermYears != 1 || p.Disposal != "keep" || len(p.Chain) != 1 {
		t.Errorf("order %+v", p)
	}
	first := decode[proof.Prepare](w, w.next(o, services.Input{})).Ticket
	if string(first.Message) != string(p.Ticket.Message) {
		t.Error("the live ticket is handed out again")
	}
	w.clock.move(2 * time.Hour)
	later, err := proof.Decode[proof.Ticket](decode[proof.Prepare](w, w.next(o, services.Input{})).Ticket.Message)
	if err != nil || !later.Expiry.After(w.clock.Now()) || later.Attempt != 1 {
		t.Errorf("an expired ticket was not renewed: %+v, %v", later, err)
	}
}

func TestEvidenceThatExpiredGoesBackToPrepare(t *testing.T) {
	for _, refusal := range []error{authority.ErrEvidenceExpired, authority.ErrNonce} {
		w := newWorld(t)
		o := w.atPrepare()
		w.reply(o, w.prepared(o, 1))
		w.fake.fail["Issue"] = refusal
		w.must(w.work())
		w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "prepare")
		delete(w.fake.fail, "Issue")
		w.reply(o, w.prepared(o, 1))
		w.must(w.work())
		w.expect(w.next(o, services.Input{}), services.Open, services.StepInstall, "install")
	}
}

func TestSealedIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	o := w.atPrepare()
	w.fake.sealed = true
	w.reply(o, w.prepared(o, 1))
	for range 3 {
		if err := w.work(); !errors.Is(err, authority.ErrSealed) {
			t.Fatalf("work: %v", err)
		}
	}
	w.expect(w.next(o, services.Input{}), services.Open, services.StepIssue, "wait:sealed")
	w.fake.sealed = false
	w.must(w.work())
	w.expect(w.next(o, services.Input{}), services.Open, services.StepInstall, "install")
}

func TestSealedPrepareWaitsForAFreshTicket(t *testing.T) {
	w := newWorld(t)
	o := w.atPrepare()
	w.fake.sealed = true
	w.clock.move(2 * time.Hour)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "wait:sealed")
}

func TestRefusalClosesTheCase(t *testing.T) {
	for _, refusal := range []*certhall.Error{authority.ErrEvidence, authority.ErrEntitlementUsed, authority.ErrTerm, authority.ErrRequest, authority.ErrRevoked} {
		w := newWorld(t)
		o := w.atPrepare()
		w.reply(o, w.prepared(o, 1))
		w.fake.fail["Issue"] = refusal.With("date", "2026-01-01")
		w.must(w.work())
		n := w.next(o, services.Input{})
		w.expect(n, services.Refused, services.StepIssue, "wait:closing")
		if n.Problem == nil || n.Problem.Code != refusal.Code || n.Problem.Params["date"] != "2026-01-01" {
			t.Errorf("problem %+v", n.Problem)
		}
		if got := w.entitlement(o.Case); got != orders.Open {
			t.Errorf("%s before the signed closing", got)
		}
		w.must(w.work())
		w.expect(w.next(o, services.Input{}), services.Refused, w.next(o, services.Input{}).Step, "")
		if got := w.entitlement(o.Case); got != orders.Freed {
			t.Errorf("%s after the signed closing", got)
		}
	}
}

func TestTicketRefused(t *testing.T) {
	w := newWorld(t)
	o := w.open(w.old)
	w.reply(o, w.listing(w.old))
	w.fake.fail["Ticket"] = authority.ErrTooEarly
	w.must(w.work())
	n := w.next(o, services.Input{})
	if n.State != services.Refused || n.Problem.Code != "too-early" {
		t.Errorf("%+v", n)
	}
}

// TestOtherKeyIsClaimed: the authority holds another key for this attempt.
func TestOtherKeyIsClaimed(t *testing.T) {
	w := newWorld(t)
	o := w.atPrepare()
	w.reply(o, w.prepared(o, 1))
	w.fake.fail["Issue"] = authority.ErrOtherKey
	w.must(w.work())
	n := w.next(o, services.Input{})
	w.expect(n, services.Open, services.StepPrepare, "claim")
	if m := decode[proof.MakeClaim](w, n); m.Ticket.IsZero() {
		t.Error("a claim without a ticket")
	}
}

func TestClaimThenSecondAttempt(t *testing.T) {
	w := newWorld(t)
	o := w.atInstall()
	n := w.reply(o, w.trouble(o, 1, proof.FailingSelfTest))
	w.expect(n, services.Open, services.StepInstall, "claim")
	m := decode[proof.MakeClaim](w, n)
	if string(m.KeyDigest) != string(gm.SM3([]byte("p10"))) || len(m.EncDigest) == 0 {
		t.Errorf("claim %+v", m)
	}
	w.expect(w.reply(o, w.claim(o, 1, m.KeyDigest)), services.Open, services.StepInstall, "wait:claiming")
	w.must(w.work())
	n = w.next(o, services.Input{})
	w.expect(n, services.Open, services.StepPrepare, "retire")
	r := decode[proof.Retire](w, n)
	if len(r.Voids) != 1 || len(r.Receipts) != 0 {
		t.Fatalf("errand %+v", r)
	}
	n = w.reply(o, w.retired(o, r))
	w.expect(n, services.Open, services.StepPrepare, "prepare")
	ticket, err := proof.Decode[proof.Ticket](decode[proof.Prepare](w, n).Ticket.Message)
	if err != nil || ticket.Attempt != 2 {
		t.Errorf("ticket %+v, %v", ticket, err)
	}
	w.reply(o, w.prepared(o, 2))
	w.must(w.work())
	w.expect(w.next(o, services.Input{}), services.Open, services.StepInstall, "install")
	// the first attempt's late messages change nothing
	w.expect(w.reply(o, w.acknowledgement(o, 1)), services.Open, services.StepInstall, "install")
	w.expect(w.reply(o, w.claim(o, 1, m.KeyDigest)), services.Open, services.StepInstall, "install")
	w.expect(w.reply(o, w.trouble(o, 1, proof.Absent)), services.Open, services.StepInstall, "install")
}

// TestClaimOverAnotherRecord: issuing went on while the claim was signed.
func TestClaimOverAnotherRecord(t *testing.T) {
	w := newWorld(t)
	o := w.atInstall()
	w.reply(o, w.trouble(o, 1, proof.Absent))
	w.reply(o, w.claim(o, 1, nil))
	w.must(w.work())
	w.expect(w.next(o, services.Input{}), services.Open, services.StepInstall, "claim")
}

func TestClaimOfAFineContainer(t *testing.T) {
	w := newWorld(t)
	o := w.atInstall()
	w.expect(w.reply(o, w.trouble(o, 1, proof.Absent)), services.Open, services.StepInstall, "claim")
	w.expect(w.reply(o, w.trouble(o, 1, proof.Usable)), services.Open, services.StepInstall, "install")
}

func TestIncompleteIsInstalledAgain(t *testing.T) {
	w := newWorld(t)
	o := w.atAcknowledge()
	w.expect(w.reply(o, w.trouble(o, 1, proof.Incomplete)), services.Open, services.StepInstall, "install")
}

func TestAcknowledgementRefusedIsSignedAgain(t *testing.T) {
	w := newWorld(t)
	o := w.atAcknowledge()
	w.reply(o, w.acknowledgement(o, 1))
	w.fake.fail["Acknowledge"] = authority.ErrEvidence
	w.must(w.work())
	w.expect(w.next(o, services.Input{}), services.Open, services.StepInstall, "install")
}

// TestContainerLostAfterAcknowledging: while the authority has not heard it,
// the acknowledgement is held back and a claim tried.
func TestContainerLostAfterAcknowledging(t *testing.T) {
	t.Run("claimed in time", func(t *testing.T) {
		w := newWorld(t)
		o := w.atAcknowledge()
		w.fake.sealed = true
		w.reply(o, w.acknowledgement(o, 1))
		if w.work() == nil {
			t.Fatal("sealed")
		}
		n := w.reply(o, w.trouble(o, 1, proof.Absent))
		w.expect(n, services.Open, services.StepAcknowledge, "claim")
		w.reply(o, w.claim(o, 1, decode[proof.MakeClaim](w, n).KeyDigest))
		w.fake.sealed = false
		w.must(w.work())
		if w.fake.called("Acknowledge") != 1 {
			t.Error("the acknowledgement of a lost container was carried")
		}
		w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "retire")
	})
	t.Run("too late", func(t *testing.T) {
		w := newWorld(t)
		o := w.atAcknowledge()
		w.reply(o, w.acknowledgement(o, 1))
		for _, e := range w.queue.take() {
			w.must(w.Work(t.Context(), e)) // done, but its event is not followed yet
		}
		w.reply(o, w.trouble(o, 1, proof.Absent))
		w.follow()
		w.expect(w.next(o, services.Input{}), services.NeedsReissue, services.StepDone, "retire")
		if got := w.entitlement(o.Case); got != orders.Spent {
			t.Errorf("entitlement %s", got)
		}
		w.expect(w.reply(o, w.trouble(o, 1, proof.Absent)), services.NeedsReissue, services.StepDone, "")
	})
	t.Run("found by retire", func(t *testing.T) {
		w := newWorld(t)
		o := w.done()
		w.expect(w.reply(o, w.trouble(o, 1, proof.Absent)), services.NeedsReissue, services.StepDone, "")
	})
}

func TestFullKey(t *testing.T) {
	full := func(t *testing.T) (*world, services.Opened) {
		w := newWorld(t)
		before := w.done() // leaves a superseded pair with an escrowed key
		w.must(w.work())
		n := w.next(before, services.Input{})
		w.reply(before, w.retired(before, decode[proof.Retire](w, n)))
		w.must(w.work())
		superseded := w.old
		w.old = certify(t, &w.fake.root, "某公司") // the key of the new pair, as the test holds it
		v := w.fake.bySerial(w.stored(before.Case).NewSerial)
		v.Certificate, v.Bundle.Sign = w.old.cert.Raw, w.old.cert.Raw
		v.Pair.SignSerial = certhall.SerialOf(w.old.cert.SerialNumber)
		w.rest = []proof.ListedContainer{{Name: "other", Sign: superseded.cert.Raw}}
		o := w.open(w.old)
		w.reply(o, w.listing(w.old))
		w.must(w.work())
		w.answer(o, services.Answer{SendCode: true})
		w.clock.move(time.Minute)
		w.answer(o, services.Answer{SendCode: true})
		w.expect(w.answer(o, services.Answer{Code: w.code()}), services.Open, services.StepPrepare, "prepare")
		w.expect(w.reply(o, w.trouble(o, 1, proof.KeyFull)), services.Open, services.StepIdentify, "identify")
		return w, o
	}
	t.Run("room is made", func(t *testing.T) {
		w, o := full(t)
		n := w.reply(o, w.listing(w.old))
		w.expect(n, services.Open, services.StepPrepare, "retire")
		r := decode[proof.Retire](w, n)
		if !r.MakeRoom || len(r.Receipts) != 1 {
			t.Fatalf("order %+v", r)
		}
		n = w.reply(o, proof.RetireReport{Authority: authorityID, Deleted: []proof.DeletedName{{Name: "other"}}})
		w.expect(n, services.Open, services.StepPrepare, "prepare")
	})
	t.Run("refused", func(t *testing.T) {
		w, o := full(t)
		w.reply(o, w.listing(w.old))
		n := w.reply(o, proof.RetireReport{Authority: authorityID, Refused: true})
		w.expect(n, services.Open, services.StepPrepare, "")
		if n.Problem == nil || n.Problem.Code != proof.KeyFull {
			t.Errorf("problem %+v", n.Problem)
		}
		w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "prepare")
	})
	t.Run("nothing may go", func(t *testing.T) {
		w, o := full(t)
		w.rest = nil
		n := w.reply(o, w.listing(w.old))
		w.expect(n, services.Open, services.StepPrepare, "")
		if n.Problem == nil || n.Problem.Code != proof.KeyFull {
			t.Errorf("problem %+v", n.Problem)
		}
	})
}

func TestSuspensionStopsAndFrees(t *testing.T) {
	w := newWorld(t)
	o := w.atPrepare()
	old := w.fake.bySerial(certhall.SerialOf(w.old.cert.SerialNumber))
	old.Pair.Suspended = true
	w.fake.emit(authority.PairSuspended, old)
	w.follow()
	n := w.next(o, services.Input{})
	w.expect(n, services.Open, services.StepPrepare, "")
	if n.Problem == nil || n.Problem.Code != "suspended" {
		t.Errorf("problem %+v", n.Problem)
	}
	old.Pair.Suspended = false
	w.fake.emit(authority.PairResumed, old)
	w.follow()
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "prepare")
}

func TestRevocationRefuses(t *testing.T) {
	w := newWorld(t)
	o := w.atPrepare()
	old := w.fake.bySerial(certhall.SerialOf(w.old.cert.SerialNumber))
	old.Pair.State = authority.Revoked
	w.fake.emit(authority.PairRevoked, old)
	w.follow()
	n := w.next(o, services.Input{})
	if n.State != services.Refused || n.Problem.Code != "revoked" {
		t.Errorf("%+v", n)
	}
}

func TestRebuildFromNothing(t *testing.T) {
	w := newWorld(t)
	o := w.done()
	before := w.next(o, services.Input{})
	journal := w.stored(o.Case).Version
	w.must(w.Rebuild(t.Context()))
	if after := w.next(o, services.Input{}); after.Result == nil || *after.Result.New != *before.Result.New || *after.Result.Old != *before.Result.Old {
		t.Errorf("before %+v, after %+v", before.Result, after.Result)
	}
	if w.stored(o.Case).Version != journal {
		t.Error("old news moved the case")
	}
}

// TestWorkIsIdempotent: every effect twice, and late.
func TestWorkIsIdempotent(t *testing.T) {
	w := newWorld(t)
	var all []services.Effect
	twice := func() {
		for _, e := range w.queue.take() {
			all = append(all, e)
			w.must(w.Work(t.Context(), e))
			w.must(w.Work(t.Context(), e))
		}
		w.follow()
		for _, e := range all {
			w.must(w.Work(t.Context(), e))
		}
		w.follow()
	}
	o := w.open(w.old)
	w.reply(o, w.listing(w.old))
	twice()
	w.prove(o)
	w.reply(o, w.prepared(o, 1))
	twice()
	w.reply(o, w.acknowledgement(o, 1))
	twice()
	w.expect(w.next(o, services.Input{}), services.Done, services.StepDone, "retire")
	if len(all) != 3 {
		t.Errorf("effects %+v", all)
	}
}

// TestABadEntitlementHoldsNobodyUp: events are followed one after the other,
// and one row that was tampered with must not stop them all.
func TestABadEntitlementHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	o := w.atAcknowledge()
	id := w.stored(o.Case).Entitlement
	w.must(w.store.Write(t.Context(), func(wr services.Writer) error {
		_, err := wr.MoveEntitlement(id, orders.Open, orders.Freed, start)
		return err
	}))
	w.next(o, services.Input{Reply: proof.Encode(w.acknowledgement(o, 1))})
	w.must(w.work())
	if k := w.stored(o.Case); k.State != services.Done || w.entitlement(o.Case) != orders.Freed {
		t.Errorf("%s, entitlement %s", k.State, w.entitlement(o.Case))
	}
}
