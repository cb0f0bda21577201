package ca_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/storetest"
)

// Whatever ids a hall makes up, it is refused by name, on every database: an
// internal error would be tried again for ever.
func TestOddIDs(t *testing.T) {
	for _, kind := range storetest.Kinds {
		t.Run(kind, func(t *testing.T) {
			o := newOfficeOn(t, storetest.Address(t, kind))
			h := o.apply("l", 1)
			request := p10(t, newKey(t))
			for _, id := range []string{"", "\x00", "a\x00", "\xff", "'", "A", strings.Repeat("a", 1<<16)} {
				errs := map[string]error{}
				_, errs["Eligible"] = o.Eligible(t.Context(), certhall.Renew, certhall.Serial(id))
				_, errs["Ticket"] = o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: certhall.CaseID(id), OldSerial: h.pair.SignSerial})
				_, errs["Ticket by serial"] = o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: "c", OldSerial: certhall.Serial(id)})
				_, errs["Issue"] = o.Issue(t.Context(), authority.IssueRequest{Case: certhall.CaseID(id), Attempt: 1, Request: request})
				_, errs["Close"] = o.Close(t.Context(), certhall.CaseID(id))
				_, errs["Pair"] = o.Pair(t.Context(), authority.PairQuery{Case: certhall.CaseID(id)})
				_, errs["Pair by serial"] = o.Pair(t.Context(), authority.PairQuery{Serial: certhall.Serial(id)})
				errs["Suspend"] = o.Suspend(t.Context(), certhall.LineageID(id), "")
				if id != "\xff" && len(id) < 1000 { // what cannot be encoded cannot be signed
					_, errs["Acknowledge"] = o.Acknowledge(t.Context(), signBy(t, proof.Acknowledgement{Authority: "test", Case: id, Attempt: 1}, h.person))
					errs["Retired"] = o.Retired(t.Context(), signBy(t, proof.Retired{Authority: "test", Case: id, Attempt: 1}, h.person))
					_, errs["Claim"] = o.Claim(t.Context(), signBy(t, proof.Claim{Authority: "test", Case: id, Attempt: 1}, h.person))
					_, errs["Claim by decision"] = o.Claim(t.Context(), signBy(t, proof.Decision{Authority: "test", Case: id, Verdict: proof.VoidAttempt, Expiry: o.expiry()}, o.reviewer))
					errs["Revoke"] = o.Revoke(t.Context(), signBy(t, o.order("revoke", id, ""), o.reviewer))
					errs["Revoke by key"] = o.Revoke(t.Context(), signBy(t, proof.OldKey{Authority: "test", Service: "revoke", OldSerial: id, Nonce: nonce(t), Expiry: o.expiry()}, h.person))
					errs["Resume"] = o.Resume(t.Context(), signBy(t, o.order("resume", id, ""), o.reviewer))
				}
				for call, err := range errs {
					if err == nil || certhall.AsError(err).Kind == certhall.Internal {
						t.Errorf("%s with id %.10q: %v", call, id, certhall.CauseText(err))
					}
				}
			}
		})
	}
}

// Names that are no text are not certified, nor recorded.
func TestOddNames(t *testing.T) {
	o := newOffice(t)
	request := p10(t, newKey(t))
	o.ticket("apply", "c", "")
	for _, odd := range []string{"a\x00", "a\nb", "a\u202eb", strings.Repeat("a", 65)} {
		for what, set := range map[string]func(*proof.Decision){
			"organisation": func(d *proof.Decision) { d.Organisation = odd },
			"project":      func(d *proof.Decision) { d.Project = odd },
			"key number":   func(d *proof.Decision) { d.KeyNumber = odd },
			"key serial":   func(d *proof.Decision) { d.KeySerial = odd },
		} {
			d := o.decision("c", "l", 1, request)
			set(&d)
			_, err := o.Issue(t.Context(), authority.IssueRequest{Case: "c", Attempt: 1, Request: request, Evidence: signBy(t, d, o.reviewer)})
			if !errors.Is(err, authority.ErrEvidence) {
				t.Errorf("%s %q: %v", what, odd, err)
			}
		}
		if _, err := o.Enrol(t.Context(), request, o.enrolment(proof.Reviewer, odd, request)); !errors.Is(err, authority.ErrEvidence) {
			t.Errorf("enrolled %q: %v", odd, err)
		}
	}
}

// What is stored for good is bounded.
func TestHugeInputs(t *testing.T) {
	o := newOffice(t)
	h := o.apply("l", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	huge := person{h.key, make([]byte, gm.MaxCertificate+1)}
	if _, err := o.Issue(t.Context(), r.call(t, huge)); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("evidence with a huge certificate: %v", err)
	}
	if err := o.Suspend(t.Context(), "l", strings.Repeat("a", 1<<20)); !errors.Is(err, proof.ErrMalformed) {
		t.Errorf("a huge reason: %v", err)
	}
}
