package ca_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"

	"crypto/rand"
)

func (o *office) claim(c string, attempt int, digest []byte, h holder) proof.Signed {
	return signBy(o.t, proof.Claim{Authority: "test", Case: c, Attempt: attempt, OldSerial: string(h.pair.SignSerial), KeyDigest: digest, Reason: proof.Absent}, h.person)
}

func TestClaim(t *testing.T) {
	o := newOffice(t)
	h, other := o.apply("lineage", 1), o.apply("other", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	digest, _ := gm.KeyDigest(r.key.Public())
	if _, err := o.Claim(t.Context(), o.claim("c", 1, nil, h)); !errors.Is(err, authority.ErrOtherKey) {
		t.Errorf("a claim that does not know the issued key: %v", err)
	}
	if _, err := o.Claim(t.Context(), o.claim("c", 1, digest, holder{other.person, h.pair})); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a claim by another's key: %v", err)
	}
	for range 2 { // the second time answers the same
		signed, err := o.Claim(t.Context(), o.claim("c", 1, digest, h))
		must(t, err)
		notice, err := proof.VerifyKey[proof.VoidNotice](signed, o.founded.Notary.Key.Public())
		must(t, err)
		if notice.Container() != "ch-test-c-1" {
			t.Errorf("notice for %s", notice.Container())
		}
	}
	if o.state(certhall.Serial(serialIn(t, b.Sign))) != authority.Void {
		t.Error("the claimed pair is not void")
	}
	if _, err := o.Acknowledge(t.Context(), o.acknowledgement(b, r.key)); !errors.Is(err, authority.ErrAttemptVoid) {
		t.Errorf("void became current: %v", err)
	}
	if _, err := o.Issue(t.Context(), r.call(t, h.person)); !errors.Is(err, authority.ErrAttemptVoid) {
		t.Errorf("a void attempt answered: %v", err)
	}
	second := o.prepare(certhall.Renew, "c", h)
	if second.ticket.Attempt != 2 {
		t.Fatalf("attempt %d", second.ticket.Attempt)
	}
	b, err = o.Issue(t.Context(), second.call(t, h.person))
	must(t, err)
	_, err = o.Acknowledge(t.Context(), o.acknowledgement(b, second.key))
	must(t, err)
	if _, err := o.Claim(t.Context(), o.claim("c", 2, nil, h)); !errors.Is(err, authority.ErrAttemptNotOpen) {
		t.Errorf("a claim after the acknowledgement: %v", err)
	}
}

func TestReviewerVoidsAnAttempt(t *testing.T) {
	o := newOffice(t)
	o.ticket(certhall.Apply, "c", "")
	d := o.decision("c", "new", 1, p10(t, newKey(t)))
	d.Verdict, d.RequestDigest = proof.VoidAttempt, nil
	_, err := o.Claim(t.Context(), signBy(t, d, o.reviewer))
	must(t, err)
	if next := o.ticket(certhall.Apply, "c", ""); next.Attempt != 2 {
		t.Errorf("attempt %d", next.Attempt)
	}
	if _, err := o.Claim(t.Context(), signBy(t, d, o.officers[0])); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("an officer is no reviewer: %v", err)
	}
}

func TestClose(t *testing.T) {
	outcome := func(o *office, c certhall.CaseID) string {
		signed, err := o.Close(t.Context(), c)
		must(t, err)
		closing, err := proof.VerifyKey[proof.Closing](signed, o.founded.Notary.Key.Public())
		must(t, err)
		return closing.Outcome
	}
	o := newOffice(t)
	h := o.apply("lineage", 1)
	if got := outcome(o, h.pair.Case); got != proof.Acknowledged {
		t.Errorf("a done case closed as %s", got)
	}
	if got := outcome(o, "unheard"); got != proof.Closed {
		t.Errorf("a case never heard of closed as %s", got)
	}
	o.clock.advance(300 * day)
	if _, err := o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: "unheard", OldSerial: h.pair.SignSerial}); !errors.Is(err, authority.ErrCaseClosed) {
		t.Errorf("a closed case opened: %v", err)
	}
	r := o.prepare(certhall.Renew, "c", h)
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	for range 2 {
		if got := outcome(o, "c"); got != proof.Closed {
			t.Errorf("closed as %s", got)
		}
	}
	if _, err := o.Acknowledge(t.Context(), o.acknowledgement(b, r.key)); !errors.Is(err, authority.ErrAttemptVoid) {
		t.Errorf("acknowledged after the closing: %v", err)
	}
	if v, err := o.Pair(t.Context(), authority.PairQuery{Case: "c", Attempt: 1}); err != nil || v.Void.IsZero() || !v.Closed {
		t.Errorf("no void notice after the closing: %+v %v", v, err)
	}
	if _, r := o.renew(certhall.Renew, h); r.OldSign == "" {
		t.Error("the lineage is not free again")
	}
}

func TestLapse(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	o.clock.advance(29 * day)
	fresh := o.prepare(certhall.Renew, "c", h)
	fresh.key, fresh.request, fresh.evidence.RequestDigest = r.key, r.request, r.evidence.RequestDigest
	_, err := o.Issue(t.Context(), fresh.call(t, h.person))
	must(t, err)
	o.clock.advance(29 * day)
	if n, err := o.Lapse(t.Context()); err != nil || n != 0 {
		t.Errorf("lapsed %d %v: the pair was issued 29 days ago", n, err)
	}
	o.clock.advance(2 * day)
	if n, err := o.Lapse(t.Context()); err != nil || n != 1 {
		t.Errorf("lapsed %d %v", n, err)
	}
	if v, err := o.Pair(t.Context(), authority.PairQuery{Case: "c"}); err != nil || v.Pair.State != authority.Void || !v.Closed {
		t.Errorf("after the lapse: %+v %v", v, err)
	}
}

func (o *office) order(service, lineage string, reason string) proof.Decision {
	return proof.Decision{Authority: "test", Service: service, Lineage: lineage, Verdict: proof.Approve, Reason: reason, Nonce: nonce(o.t), Expiry: o.expiry()}
}

// ◆ Revoking acts on the whole lineage in one transaction.
func TestRevoke(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	renewed, _ := o.renew(certhall.Renew, h) // h is superseded, in grace
	o.clock.advance(350 * day)
	r := o.prepare(certhall.Renew, "open", renewed)
	b, err := o.Issue(t.Context(), r.call(t, renewed.person))
	must(t, err)
	if err := o.Revoke(t.Context(), signBy(t, o.order("resume", "lineage", ""), o.reviewer)); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("revoked by a decision to resume: %v", err)
	}
	if err := o.Revoke(t.Context(), signBy(t, o.order("revoke", "lineage", ""), o.officers[0])); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("revoked by an officer: %v", err)
	}
	o.Seal()
	must(t, o.Revoke(t.Context(), signBy(t, o.order("revoke", "lineage", "keyCompromise"), o.reviewer)))
	must(t, o.Unseal(t.Context(), o.founded.Keys(rand.Reader)))
	for serial, want := range map[certhall.Serial]authority.State{h.pair.SignSerial: authority.Revoked, renewed.pair.SignSerial: authority.Revoked,
		certhall.Serial(serialIn(t, b.Sign)): authority.Void} {
		if got := o.state(serial); got != want {
			t.Errorf("%s is %s, want %s", serial, got, want)
		}
	}
	if _, err := o.Acknowledge(t.Context(), o.acknowledgement(b, r.key)); !errors.Is(err, authority.ErrAttemptVoid) {
		t.Errorf("acknowledged after the revocation: %v", err)
	}
	if _, err := o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: "again", OldSerial: renewed.pair.SignSerial}); !errors.Is(err, authority.ErrRevoked) {
		t.Errorf("a revoked pair got a ticket: %v", err)
	}
	if !slices.Contains(o.kinds(), authority.CaseClosed) {
		t.Error("the open case was not closed")
	}
}

func TestRevokeByOwnKey(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	e := proof.OldKey{Authority: "test", Service: "revoke", OldSerial: string(h.pair.SignSerial), Nonce: nonce(t), Expiry: o.expiry()}
	must(t, o.Revoke(t.Context(), signBy(t, e, h.person)))
	if o.state(h.pair.SignSerial) != authority.Revoked {
		t.Error("not revoked")
	}
}

func TestSuspendAndResume(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	must(t, o.Suspend(t.Context(), "lineage", "lost key"))
	if _, err := o.Issue(t.Context(), r.call(t, h.person)); !errors.Is(err, authority.ErrSuspended) {
		t.Errorf("issued while suspended: %v", err)
	}
	if _, err := o.Claim(t.Context(), o.claim("c", 1, nil, h)); !errors.Is(err, authority.ErrSuspended) {
		t.Errorf("claimed while suspended: %v", err)
	}
	resume := signBy(t, o.order("resume", "lineage", ""), o.reviewer)
	must(t, o.Resume(t.Context(), resume))
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	must(t, o.Suspend(t.Context(), "lineage", "again"))
	if _, err := o.Acknowledge(t.Context(), o.acknowledgement(b, r.key)); !errors.Is(err, authority.ErrSuspended) {
		t.Errorf("acknowledged while suspended: %v", err)
	}
	if err := o.Resume(t.Context(), resume); !errors.Is(err, authority.ErrNonce) {
		t.Errorf("a replayed decision resumed: %v", err)
	}
	if err := o.Suspend(t.Context(), "nobody", ""); !errors.Is(err, authority.ErrUnknownLineage) {
		t.Errorf("an unknown lineage: %v", err)
	}
}

func TestSealed(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	o.Seal()
	if _, err := o.Issue(t.Context(), r.call(t, h.person)); !errors.Is(err, authority.ErrSealed) {
		t.Errorf("issue: %v", err)
	}
	if _, err := o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: "d", OldSerial: h.pair.SignSerial}); !errors.Is(err, authority.ErrSealed) {
		t.Errorf("ticket: %v", err)
	}
	if _, err := o.Close(t.Context(), "c"); !errors.Is(err, authority.ErrSealed) {
		t.Errorf("close: %v", err)
	}
	if _, err := o.Eligible(t.Context(), certhall.Renew, h.pair.SignSerial); err != nil {
		t.Errorf("reading while sealed: %v", err)
	}
}

// ◆ A restart completes open intents from the stored bytes; one that cannot be
// completed is given up: same attempt and key, new serials.
func TestRestartCompletesIntents(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	keys := o.founded.Keys(rand.Reader)
	broken := o.brokenKeys()
	must(t, o.Unseal(t.Context(), broken))
	if _, err := o.Issue(t.Context(), r.call(t, h.person)); err == nil {
		t.Fatal("signed without a key")
	}
	v, err := o.Pair(t.Context(), authority.PairQuery{Case: "c"})
	must(t, err)
	if v.Pair == nil || v.Pair.State != authority.Intended {
		t.Fatalf("no intent is stored: %+v", v.Pair)
	}
	intended := v.Pair.SignSerial
	must(t, o.Unseal(t.Context(), keys))
	if n, err := o.CompleteIntents(t.Context()); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	if serialIn(t, b.Sign) != string(intended) {
		t.Error("the stored bytes were not what was signed")
	}
}

// brokenKeys are the authority's, but for those that sign certificates.
func (o *office) brokenKeys() ca.Keys {
	k := o.founded.Keys(rand.Reader)
	for name, s := range k.Issuers {
		s.Sign = func([]byte) ([]byte, error) { return nil, errors.New("the HSM is away") }
		k.Issuers[name] = s
	}
	return k
}

func TestIntentOfAnotherIssuerIsGivenUp(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	broken := o.brokenKeys()
	must(t, o.Unseal(t.Context(), broken))
	if _, err := o.Issue(t.Context(), r.call(t, h.person)); err == nil {
		t.Fatal("signed without a key")
	}
	v, err := o.Pair(t.Context(), authority.PairQuery{Case: "c"})
	must(t, err)
	intended := v.Pair.SignSerial
	other, err := ceremony.Found(ceremony.Plan{ID: "test", Name: "新签发", Address: "https://hall.example", Clock: o.clock, Random: rand.Reader})
	must(t, err)
	keys := o.founded.Keys(rand.Reader)
	keys.Issuers = other.Keys(rand.Reader).Issuers
	must(t, o.Unseal(t.Context(), keys))
	if _, err := o.CompleteIntents(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	if serialIn(t, b.Sign) == string(intended) {
		t.Error("the serial was used again")
	}
	var given *ca.Pair
	must(t, o.store.Read(t.Context(), func(rd ca.Reader) (err error) {
		given, err = rd.PairBySerial(intended)
		return err
	}))
	if !given.GivenUp || given.State != authority.Void || given.RevokedAt.IsZero() {
		t.Errorf("given up as %+v", given)
	}
}

// TestOneIntentHoldsUpNoOther: what an issuing CA cannot sign leaves the others'
// intents to be completed.
func TestOneIntentHoldsUpNoOther(t *testing.T) {
	o := newOffice(t)
	one, two := o.apply("one", 1), o.apply("two", 1)
	o.clock.advance(300 * day)
	must(t, o.Unseal(t.Context(), o.brokenKeys()))
	for c, h := range map[certhall.CaseID]holder{"c": one, "d": two} {
		r := o.prepare(certhall.Renew, c, h)
		if _, err := o.Issue(t.Context(), r.call(t, h.person)); err == nil {
			t.Fatal("signed without a key")
		}
	}
	k := o.founded.Keys(rand.Reader)
	for name, s := range k.Issuers {
		sign, calls := s.Sign, 0
		s.Sign = func(m []byte) ([]byte, error) {
			if calls++; calls == 1 {
				return nil, errors.New("the HSM is away")
			}
			return sign(m)
		}
		k.Issuers[name] = s
	}
	must(t, o.Unseal(t.Context(), k))
	if n, err := o.CompleteIntents(t.Context()); err == nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := o.CompleteIntents(t.Context()); err != nil || n != 1 {
		t.Errorf("again: %d, %v", n, err)
	}
}

func TestDecisions(t *testing.T) {
	o := newOffice(t)
	h := o.apply("taken", 1)
	request := p10(t, newKey(t))
	o.ticket(certhall.Apply, "c", "")
	good := o.decision("c", "fresh", 1, request)
	for name, c := range map[string]struct {
		change func(*proof.Decision)
		by     person
		want   error
	}{
		"by an officer":           {func(*proof.Decision) {}, o.officers[0], authority.ErrEvidence},
		"by a user":               {func(*proof.Decision) {}, h.person, authority.ErrEvidence},
		"a refusal":               {func(d *proof.Decision) { d.Verdict = proof.RefuseIt }, o.reviewer, authority.ErrEvidence},
		"over another request":    {func(d *proof.Decision) { d.RequestDigest = gm.SM3(nil) }, o.reviewer, authority.ErrEvidence},
		"for another case":        {func(d *proof.Decision) { d.Case = "d" }, o.reviewer, authority.ErrEvidence},
		"for another attempt":     {func(d *proof.Decision) { d.Attempt = 2 }, o.reviewer, authority.ErrEvidence},
		"for another authority":   {func(d *proof.Decision) { d.Authority = "evil" }, o.reviewer, authority.ErrEvidence},
		"for another service":     {func(d *proof.Decision) { d.Service = "renew" }, o.reviewer, authority.ErrEvidence},
		"for a lineage in use":    {func(d *proof.Decision) { d.Lineage = "taken" }, o.reviewer, authority.ErrLineageBusy},
		"with a spent right":      {func(d *proof.Decision) { d.Entitlement = string(h.pair.Entitlement) }, o.reviewer, authority.ErrEntitlementUsed},
		"with a staff profile":    {func(d *proof.Decision) { d.Profile = "staff" }, o.reviewer, authority.ErrProfile},
		"with an unknown profile": {func(d *proof.Decision) { d.Profile = "x" }, o.reviewer, authority.ErrProfile},
		"with a garbled subject":  {func(d *proof.Decision) { d.Subject = []byte{1} }, o.reviewer, authority.ErrEvidence},
		"with garbled identity":   {func(d *proof.Decision) { d.Identity = []byte{1} }, o.reviewer, authority.ErrRequest},
		"expired":                 {func(d *proof.Decision) { d.Expiry = o.clock.Now() }, o.reviewer, authority.ErrEvidenceExpired},
		"past the issuer's end":   {func(d *proof.Decision) { d.TermYears = 20 }, o.reviewer, authority.ErrTerm},
	} {
		t.Run(name, func(t *testing.T) {
			d := good
			c.change(&d)
			_, err := o.Issue(t.Context(), authority.IssueRequest{Case: "c", Attempt: 1, Request: request, Evidence: signBy(t, d, c.by)})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", certhall.CauseText(err), c.want)
			}
		})
	}
}

func TestEnrolment(t *testing.T) {
	o := newOffice(t)
	request := p10(t, newKey(t))
	if _, err := o.EnrolFounder(t.Context(), "third", request); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a third founder: %v", err)
	}
	good := o.enrolment(proof.Reviewer, "审核员二", request)
	one := good
	one.Signatures = good.Signatures[:1]
	twice := good
	twice.Signatures = []proof.Signature{good.Signatures[0], good.Signatures[0]}
	e, _ := proof.Decode[proof.Enrolment](good.Message)
	for name, s := range map[string]proof.Signed{"one officer": one, "one officer twice": twice,
		"an officer and a reviewer": signBy(t, e, o.officers[0], o.reviewer)} {
		if _, err := o.Enrol(t.Context(), request, s); !errors.Is(err, authority.ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := o.Enrol(t.Context(), p10(t, newKey(t)), good); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("another request: %v", err)
	}
	certificate, err := o.Enrol(t.Context(), request, good)
	must(t, err)
	if again, err := o.Enrol(t.Context(), request, good); err != nil || !bytes.Equal(again, certificate) {
		t.Errorf("a lost answer is not given again: %v", err)
	}
	swapped := good
	swapped.Signatures = []proof.Signature{good.Signatures[1], good.Signatures[0]}
	if _, err := o.Enrol(t.Context(), request, swapped); !errors.Is(err, authority.ErrNonce) {
		t.Errorf("a replayed record: %v", err)
	}
	retire := func(serial string) error {
		e := proof.Enrolment{Authority: "test", Role: proof.Reviewer, Retire: serial, Nonce: nonce(t), Expiry: o.expiry()}
		_, err := o.Enrol(t.Context(), nil, signBy(t, e, o.officers[0], o.officers[1]))
		return err
	}
	must(t, retire(serialIn(t, certificate)))
	if _, err := o.Enrol(t.Context(), request, good); !errors.Is(err, authority.ErrNonce) {
		t.Errorf("a retired reviewer is enrolled again: %v", err)
	}
	must(t, retire(serialIn(t, o.reviewer.certificate)))
	o.ticket(certhall.Apply, "c", "")
	_, err = o.Issue(t.Context(), authority.IssueRequest{Case: "c", Attempt: 1, Request: request, Evidence: signBy(t, o.decision("c", "fresh", 1, request), o.reviewer)})
	if !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a retired reviewer decided: %v", err)
	}
}

// What an event rests on lies in its record: courts ask who wanted it.
func TestRecordsKeepTheEvidence(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	o.ticket(certhall.Renew, "c", h.pair.SignSerial)
	claim := o.claim("c", 1, nil, h)
	_, err := o.Claim(t.Context(), claim)
	must(t, err)
	revoke := signBy(t, o.order("revoke", "lineage", "keyCompromise"), o.reviewer)
	must(t, o.Revoke(t.Context(), revoke))
	o.kinds() // sequenced
	kept := map[authority.EventKind][]byte{}
	must(t, o.store.Read(t.Context(), func(rd ca.Reader) error {
		records, err := rd.Events(0, 1000)
		for _, r := range records {
			var data struct {
				Evidence []byte `json:"evidence"`
			}
			if err := json.Unmarshal(r.Data, &data); err != nil {
				return err
			}
			if kept[r.Kind] == nil {
				kept[r.Kind] = data.Evidence
			}
		}
		return err
	}))
	for kind, want := range map[authority.EventKind]proof.Signed{authority.AttemptVoided: claim, authority.PairRevoked: revoke} {
		if !bytes.Equal(kept[kind], proof.Encode(want)) {
			t.Errorf("%s does not keep its evidence", kind)
		}
	}
	if kept[authority.PairAcknowledged] == nil {
		t.Error("acknowledged does not keep its evidence")
	}
}
