package services_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/nonce"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/storetest"
)

func TestOpeningIsChecked(t *testing.T) {
	w := newWorld(t)
	stranger := certify(t, &w.fake.root, "stranger")
	forge := func(by signer) []byte { // somebody else's key over our serial
		return w.opening(by, func(o *proof.Opening) { o.Serial = string(certhall.SerialOf(w.old.cert.SerialNumber)) })
	}
	fresh, err := w.Nonce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		opening []byte
		want    *certhall.Error
	}{
		"garbage":            {[]byte("x"), proof.ErrMalformed},
		"empty":              {nil, proof.ErrMalformed},
		"another message":    {proof.Encode(w.old.sign(proof.Claim{Authority: authorityID})), proof.ErrMalformed},
		"unsigned":           {proof.Encode(proof.Signed{Message: proof.Encode(proof.Opening{Authority: authorityID, Origin: origin, Service: "renew", Serial: string(certhall.SerialOf(w.old.cert.SerialNumber)), Nonce: fresh.Nonce})}), services.ErrOpening},
		"another key":        {forge(stranger), services.ErrOpening},
		"unknown serial":     {w.opening(stranger), authority.ErrUnknownCert},
		"another authority":  {w.opening(w.old, func(o *proof.Opening) { o.Authority = "a2" }), authority.ErrUnknownCert},
		"another origin":     {w.opening(w.old, func(o *proof.Opening) { o.Origin = "https://evil.example" }), services.ErrOrigin},
		"another nonce":      {w.opening(w.old, func(o *proof.Opening) { o.Nonce = []byte("0123456789abcdef") }), services.ErrOpenNonce},
		"a nonce lengthened": {w.opening(w.old, func(o *proof.Opening) { o.Nonce[0]++ }), services.ErrOpenNonce},
		"unknown service":    {w.opening(w.old, func(o *proof.Opening) { o.Service = "revoke" }), authority.ErrService},
	} {
		if _, err := w.Open(t.Context(), services.Caller{}, c.opening); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want.Code)
		}
	}
	opening := w.opening(w.old)
	if _, err := w.Open(t.Context(), services.Caller{}, opening); err != nil {
		t.Fatal(err)
	}
	_, err = w.Open(t.Context(), services.Caller{}, opening)
	refused(t, err, services.ErrOpenNonce)

	late := w.opening(w.old)
	w.clock.move(nonce.Life)
	_, err = w.Open(t.Context(), services.Caller{}, late)
	refused(t, err, services.ErrOpenNonce)
}

func TestNotEligibleOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.fake.refuse = authority.ErrTooEarly.With("date", "2026-12-01")
	_, err := w.Open(t.Context(), services.Caller{}, w.opening(w.old))
	refused(t, err, authority.ErrTooEarly)
	if e := certhall.AsError(err); e.Params["date"] != "2026-12-01" {
		t.Errorf("params %v", e.Params)
	}
}

// TestWindowIsJudgedOnce: what the first ticket judged holds for the case's life.
func TestWindowIsJudgedOnce(t *testing.T) {
	w := newWorld(t)
	w.atPhone()
	w.fake.refuse = authority.ErrExpired
	o := w.open(w.old)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepIdentify, "identify")
	w.expect(w.reply(o, w.listing(w.old)), services.Open, services.StepPhone, "ask:phone")
}

// behindTheAuthority is a case of a hall restored from a backup: it has heard of
// the attempt, but has not read the key.
func (w *world) behindTheAuthority() services.Opened {
	w.Helper()
	o := w.open(w.old)
	_, err := w.fake.Ticket(w.Context(), authority.TicketRequest{Service: certhall.Renew, Case: o.Case, OldSerial: certhall.SerialOf(w.old.cert.SerialNumber)})
	w.must(err)
	w.follow()
	w.expect(w.next(o, services.Input{}), services.Open, services.StepIdentify, "identify")
	return o
}

// TestTermsBehindTheAuthority: the terms are agreed all the same, also where the
// window has ended since its judgement, which holds.
func TestTermsBehindTheAuthority(t *testing.T) {
	for _, since := range []*certhall.Error{nil, authority.ErrExpired, authority.ErrTooLate} {
		w := newWorld(t)
		o := w.behindTheAuthority()
		w.fake.refuse = since
		w.expect(w.reply(o, w.listing(w.old)), services.Open, services.StepPhone, "ask:phone")
		n := w.prove(o)
		w.expect(n, services.Open, services.StepPrepare, "prepare")
		if p := decode[proof.Prepare](w, n); p.Project != "gov" || p.TermYears != 1 || p.Disposal != string(certhall.Keep) {
			t.Errorf("ordered %s, %d years, %q", p.Project, p.TermYears, p.Disposal)
		}
	}
}

// TestNoTermsBehindTheAuthority: where there are none, the case ends by name and
// its right waits for the next one; a suspension is waited for.
func TestNoTermsBehindTheAuthority(t *testing.T) {
	w := newWorld(t)
	o := w.behindTheAuthority()
	w.fake.refuse = authority.ErrSuspended
	n := w.reply(o, w.listing(w.old))
	if n.State != services.Open || n.Problem == nil || n.Problem.Code != authority.ErrSuspended.Code {
		t.Errorf("suspended: %s, %+v", n.State, n.Problem)
	}
	w.fake.refuse = authority.ErrTerm
	n = w.reply(o, w.listing(w.old))
	w.expect(n, services.Refused, services.StepIdentify, "wait:closing")
	if n.Problem == nil || n.Problem.Code != authority.ErrTerm.Code {
		t.Errorf("refused for %+v", n.Problem)
	}
	w.must(w.work())
	if k := w.stored(o.Case); !k.Freed() {
		t.Errorf("%+v", k)
	}
	w.fake.refuse = nil
	if again := w.open(w.old); again.Case == o.Case {
		t.Error("the refused case stands in the way")
	}
}

func TestTakeOver(t *testing.T) {
	w := newWorld(t)
	first := w.atInstall()
	second := w.open(w.old)
	if second.Case != first.Case || second.Token == first.Token {
		t.Fatalf("first %+v, second %+v", first, second)
	}
	_, err := w.Next(t.Context(), services.Caller{Token: first.Token}, first.Case, services.Input{})
	refused(t, err, services.ErrCaseMissing)
	w.expect(w.next(second, services.Input{}), services.Open, services.StepIdentify, "identify")
	n := w.reply(second, w.listing(w.old))
	w.expect(n, services.Open, services.StepPhone, "ask:code")
	if n.Ask.Phone != "138****0001" || n.Ask.Sent {
		t.Errorf("the registered handler's phone, masked, no code yet: %+v", n.Ask)
	}
	// nothing the key sends counts before the phone is proved
	w.expect(w.reply(second, w.acknowledgement(second, 1)), services.Open, services.StepPhone, "ask:code")
	w.clock.move(time.Minute)
	w.answer(second, services.Answer{SendCode: true})
	w.expect(w.answer(second, services.Answer{Code: w.code()}), services.Open, services.StepInstall, "install")
}

// TestAnotherServiceClosesTheFirst: the earlier case is closed by the
// authority's word before the later one is opened.
func TestAnotherServiceClosesTheFirst(t *testing.T) {
	w := newWorld(t)
	first := w.atInstall()
	repair := func(o *proof.Opening) { o.Service = string(certhall.Repair) }
	w.fake.sealed = true
	_, err := w.Open(t.Context(), services.Caller{}, w.opening(w.old, repair))
	refused(t, err, services.ErrCaseClosing)
	w.fake.sealed = false
	second := w.open(w.old, repair)
	if second.Case == first.Case {
		t.Fatal("one case for two services")
	}
	if k := w.stored(first.Case); k.State != services.Closed || w.entitlement(first.Case) != orders.Freed {
		t.Errorf("first %s, entitlement %s", k.State, w.entitlement(first.Case))
	}
	w.must(w.work())
	w.expect(w.next(second, services.Input{}), services.Open, services.StepIdentify, "identify")
	// what the first left on the key is cleared before anything is made
	w.rest = []proof.ListedContainer{{Name: certhall.ContainerName(authorityID, first.Case, 1)}}
	n := w.reply(second, w.listing(w.old))
	w.expect(n, services.Open, services.StepIdentify, "retire")
	if r := decode[proof.Retire](w, n); len(r.Voids) != 1 {
		t.Errorf("errand %+v", r)
	}
}

// TestAReplayedOpeningClosesNothing: who has seen an opening cannot end, with
// it, the case of another service that was opened since.
func TestAReplayedOpeningClosesNothing(t *testing.T) {
	w := newWorld(t)
	opening := w.opening(w.old, func(o *proof.Opening) { o.Service = string(certhall.Repair) })
	if _, err := w.Open(t.Context(), services.Caller{}, opening); err != nil {
		t.Fatal(err)
	}
	standing := w.open(w.old)
	_, err := w.Open(t.Context(), services.Caller{}, opening)
	refused(t, err, services.ErrOpenNonce)
	if k := w.stored(standing.Case); k.State != services.Open {
		t.Errorf("the standing case is %s", k.State)
	}
}

// TestTheNewKeyFindsItsCase: while the receipt was not reported, an opening by
// the new pair finds the case that made it, and hands the errand out again.
func TestTheNewKeyFindsItsCase(t *testing.T) {
	w := newWorld(t)
	first := w.done()
	w.fake.refuse = authority.ErrTooEarly
	_, err := w.Open(t.Context(), services.Caller{}, w.opening(w.old))
	refused(t, err, authority.ErrSuperseded)

	made := certify(t, &w.fake.root, "某公司")
	v := w.fake.bySerial(w.stored(first.Case).NewSerial)
	v.Certificate, v.Bundle.Sign = made.cert.Raw, made.cert.Raw
	second := w.open(made, func(o *proof.Opening) { o.Serial = string(v.Pair.SignSerial) })
	if second.Case != first.Case {
		t.Fatal("another case")
	}
	w.expect(w.next(second, services.Input{}), services.Done, services.StepDone, "identify")
	w.rest = []proof.ListedContainer{{Name: certhall.ContainerName(authorityID, first.Case, 1), Sign: made.cert.Raw}}
	n := w.reply(second, w.listing(w.old))
	w.expect(n, services.Done, services.StepDone, "retire")
	w.expect(w.reply(second, w.retired(second, decode[proof.Retire](w, n))), services.Done, services.StepDone, "")
	w.must(w.work())
	_, err = w.Open(t.Context(), services.Caller{}, w.opening(made, func(o *proof.Opening) { o.Serial = string(v.Pair.SignSerial) }))
	refused(t, err, authority.ErrTooEarly)
}

func TestWrongKeyChangesNothing(t *testing.T) {
	w := newWorld(t)
	o := w.open(w.old)
	n := w.reply(o, w.listing(certify(t, &w.fake.root, "another")))
	w.expect(n, services.Open, services.StepIdentify, "")
	if n.Problem == nil || n.Problem.Code != "wrong-key" {
		t.Errorf("problem %+v", n.Problem)
	}
	w.expect(w.next(o, services.Input{}), services.Open, services.StepIdentify, "identify")
}

// TestOtherPeoplesCases answer like missing ones.
func TestOtherPeoplesCases(t *testing.T) {
	w := newWorld(t)
	mine := w.open(w.old)
	other := w.fake.grant("l2")
	w.follow()
	theirs := w.open(other)
	for _, c := range []struct {
		token string
		id    certhall.CaseID
	}{{mine.Token, theirs.Case}, {mine.Token, "missing"}, {"", mine.Case}, {"x", mine.Case}} {
		if _, err := w.Next(t.Context(), services.Caller{Token: c.token}, c.id, services.Input{}); !errors.Is(err, services.ErrCaseMissing) {
			t.Errorf("next of %s: %v", c.id, err)
		}
		if _, err := w.Close(t.Context(), services.Caller{Token: c.token}, c.id); !errors.Is(err, services.ErrCaseMissing) {
			t.Errorf("close of %s: %v", c.id, err)
		}
	}
	w.clock.move(services.TokenLife)
	_, err := w.Next(t.Context(), services.Caller{Token: mine.Token}, mine.Case, services.Input{})
	refused(t, err, services.ErrCaseMissing)
}

func TestRepliesThatFitNothing(t *testing.T) {
	w := newWorld(t)
	o := w.atInstall()
	for name, c := range map[string]struct {
		reply []byte
		want  *certhall.Error
	}{
		"garbage":                   {[]byte("x"), services.ErrReply},
		"a message not for replies": {proof.Encode(proof.Identify{Authority: authorityID}), services.ErrReply},
		"signed, of another kind":   {proof.Encode(w.old.sign(proof.Ticket{Authority: authorityID, Expiry: start})), services.ErrReply},
		"another case":              {proof.Encode(proof.Installed{Authority: authorityID, Case: "other", Attempt: 1}), services.ErrReply},
		"another authority":         {proof.Encode(proof.Installed{Authority: "a2", Case: string(o.Case), Attempt: 1}), services.ErrReply},
		"words too long":            {proof.Encode(proof.Trouble{Authority: authorityID, Case: string(o.Case), Attempt: 1, Reason: strings.Repeat("x", 65)}), services.ErrReply},
		"truncated":                 {proof.Encode(proof.Installed{Authority: authorityID, Case: string(o.Case), Attempt: 1})[:40], services.ErrReply},
		"huge":                      {make([]byte, proof.MaxMessage+1), services.ErrReply},
	} {
		_, err := w.Next(t.Context(), services.Caller{Token: o.Token}, o.Case, services.Input{Reply: c.reply})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want.Code)
		}
	}
	// repeated and other attempts' replies change nothing
	before := w.stored(o.Case).Version
	for _, m := range []proof.Message{
		w.listing(w.old), w.prepared(o, 1), w.prepared(o, 2), w.trouble(o, 7, proof.Absent), w.acknowledgement(o, 7),
		w.trouble(o, 1, proof.Stale), w.trouble(o, 1, "nonsense"), w.claim(o, 1, nil), proof.RetireReport{Authority: authorityID},
	} {
		w.expect(w.reply(o, m), services.Open, services.StepInstall, "install")
	}
	if after := w.stored(o.Case).Version; after != before {
		t.Errorf("version %d became %d", before, after)
	}
}

// TestManyTabsAtOnce: the same replies from many tabs move the case once.
// TestReportsNobodyAskedFor: a carrier cannot fill the queue with reports.
func TestReportsNobodyAskedFor(t *testing.T) {
	w := newWorld(t)
	o := w.atInstall()
	w.queue.take()
	before := w.stored(o.Case).Version
	w.reply(o, proof.RetireReport{Authority: authorityID, Retired: []proof.Signed{w.old.sign(proof.Retired{Authority: authorityID, Case: "other", Attempt: 1})}})
	if left := w.queue.take(); len(left) > 0 || w.stored(o.Case).Version != before {
		t.Errorf("carried on: %+v", left)
	}
}

func TestManyTabsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		w := newWorldOn(t, address)
		o := w.atPrepare()
		reply := proof.Encode(w.prepared(o, 1))
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				if _, err := w.Next(t.Context(), services.Caller{Token: o.Token}, o.Case, services.Input{Reply: reply}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if effects := w.queue.take(); len(effects) != 1 {
			t.Errorf("effects %+v", effects)
		}
	})
}

// TestManyOpenersAtOnce: one case comes of it, and one token opens it.
func TestManyOpenersAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		w := newWorldOn(t, address)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var all []services.Opened
		for range 8 {
			opening := w.opening(w.old)
			wg.Go(func() {
				o, err := w.Open(t.Context(), services.Caller{}, opening)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, o)
			})
		}
		wg.Wait()
		working := 0
		for _, o := range all {
			if o.Case != all[0].Case {
				t.Fatalf("two cases: %s, %s", o.Case, all[0].Case)
			}
			if _, err := w.Next(t.Context(), services.Caller{Token: o.Token}, o.Case, services.Input{}); err == nil {
				working++
			}
		}
		if working != 1 {
			t.Errorf("%d tokens work", working)
		}
	})
}

func TestCloseFreesOnSignedWordAlone(t *testing.T) {
	w := newWorld(t)
	o := w.atInstall()
	n, err := w.Close(t.Context(), services.Caller{Token: o.Token}, o.Case)
	w.must(err)
	w.expect(n, services.Closing, services.StepInstall, "wait:closing")
	w.expect(w.reply(o, w.acknowledgement(o, 1)), services.Closing, services.StepInstall, "wait:closing")

	honest := w.fake.notary
	impostor := certify(t, nil, "notary", proof.OIDNotary)
	noNotary := certify(t, &w.fake.root, "someone")
	for name, by := range map[string]signer{"self-made": impostor, "no notary": noNotary, "borrowed certificate": {honest.cert, noNotary.key}} {
		w.fake.notary = by
		if err := w.work(); err == nil {
			t.Errorf("%s: a forged closing was believed", name)
		}
		if got := w.entitlement(o.Case); got != orders.Open {
			t.Fatalf("%s: entitlement %s", name, got)
		}
	}
	w.fake.notary = honest
	w.must(w.work())
	n, err = w.Close(t.Context(), services.Caller{Token: o.Token}, o.Case) // again is no error
	w.must(err)
	if n.State != services.Closed || n.Wait != nil || n.Operation != "" {
		t.Errorf("%+v", n)
	}
	if got := w.entitlement(o.Case); got != orders.Freed {
		t.Errorf("entitlement %s", got)
	}
	w.open(w.old) // the lineage is free again
}

func TestCloseComesTooLate(t *testing.T) {
	w := newWorld(t)
	o := w.atAcknowledge()
	w.reply(o, w.acknowledgement(o, 1))
	for _, e := range w.queue.take() {
		w.must(w.Work(t.Context(), e)) // acknowledged there, not heard of here
	}
	_, err := w.Close(t.Context(), services.Caller{Token: o.Token}, o.Case)
	w.must(err)
	w.must(w.work())
	w.expect(w.next(o, services.Input{}), services.Done, services.StepDone, "retire")
	if got := w.entitlement(o.Case); got != orders.Spent {
		t.Errorf("entitlement %s", got)
	}
}

func TestCloseBeforeTheAuthorityHeardOfIt(t *testing.T) {
	w := newWorld(t)
	o := w.open(w.old)
	_, err := w.Close(t.Context(), services.Caller{Token: o.Token}, o.Case)
	w.must(err)
	w.must(w.work())
	if n := w.next(o, services.Input{}); n.State != services.Closed {
		t.Errorf("%+v", n)
	}
}

// TestLapse: the authority closes by itself; the hall fetches the signed closing.
func TestLapse(t *testing.T) {
	w := newWorld(t)
	o := w.atInstall()
	w.fake.mu.Lock()
	w.fake.shut(o.Case)
	w.fake.mu.Unlock()
	w.follow()
	if n := w.next(o, services.Input{}); n.State != services.Closed || w.entitlement(o.Case) != orders.Open {
		t.Errorf("%s, entitlement %s before the signed word", n.State, w.entitlement(o.Case))
	}
	w.must(w.work())
	if got := w.entitlement(o.Case); got != orders.Freed {
		t.Errorf("entitlement %s", got)
	}
}

func TestPhoneOfSeveralHandlers(t *testing.T) {
	w := newWorld(t)
	for i, p := range []string{"13800000001", "13900000002"} {
		w.must(w.store.Accounts().Write(t.Context(), func(wr accounts.Writer) error {
			person, err := wr.PersonOfPhone(p, p, start)
			if err != nil {
				return err
			}
			return wr.AddHandler(accounts.Handler{Person: person, Lineage: "l1", Source: accounts.ByImport}, start.Add(time.Duration(i)))
		}))
	}
	o := w.atPhone()
	n := w.next(o, services.Input{})
	w.expect(n, services.Open, services.StepPhone, "ask:phone")
	if !contains(n.Ask.Choices, "138****0001") || !contains(n.Ask.Choices, "139****0002") {
		t.Errorf("choices %v", n.Ask.Choices)
	}
	// a stranger's number answers alike, but nothing is sent
	n = w.answer(o, services.Answer{Phone: "13700000003", SendCode: true})
	w.expect(n, services.Open, services.StepPhone, "ask:code")
	if !n.Ask.Sent || n.Problem != nil {
		t.Errorf("a stranger's number was found out: %+v", n)
	}
	if m, _ := w.outbox.Since(t.Context(), start.Add(-time.Hour)); len(m) != 0 {
		t.Error("a message to a stranger")
	}
	n = w.answer(o, services.Answer{Phone: "139****0002", SendCode: true})
	if n.Ask.Phone != "139****0002" || !n.Ask.Sent {
		t.Errorf("ask %+v", n.Ask)
	}
	w.expect(w.answer(o, services.Answer{Code: w.code()}), services.Open, services.StepPrepare, "prepare")
}

func TestWrongCodesAreToldWithTheQuestion(t *testing.T) {
	w := newWorld(t)
	o := w.atPhone()
	if n := w.answer(o, services.Answer{Phone: "not a number"}); n.Ask.Kind != "phone" || n.Problem == nil || n.Problem.Code != "phone-malformed" {
		t.Errorf("%+v", n)
	}
	n := w.answer(o, services.Answer{Phone: "+86 138-0000-0001"})
	if n.Ask.Kind != "code" || n.Ask.Sent || n.Ask.Phone != "138****0001" {
		t.Errorf("%+v", n.Ask)
	}
	n = w.answer(o, services.Answer{SendCode: true})
	if !n.Ask.Sent || n.Ask.ResendAfter != 60 || n.Ask.TriesLeft != 5 {
		t.Errorf("%+v", n.Ask)
	}
	wrong := "000000"
	if w.code() == wrong {
		wrong = "000001"
	}
	n = w.answer(o, services.Answer{Code: wrong})
	if n.Problem == nil || n.Problem.Code != "code-wrong" || n.Problem.Params["tries_left"] != "4" || n.Ask.TriesLeft != 4 {
		t.Errorf("%+v %+v", n.Problem, n.Ask)
	}
	w.expect(w.answer(o, services.Answer{Code: " " + w.code()[:3] + "-" + w.code()[3:]}), services.Open, services.StepPrepare, "prepare")
}

// TestForgedRowsGiveNothing: a hall whose rows are forged carries messages and
// no more; here: a case said to be issued has no bundle to hand out.
func TestForgedRowsGiveNothing(t *testing.T) {
	w := newWorld(t)
	o := w.atPrepare()
	w.must(w.store.Write(t.Context(), func(wr services.Writer) error {
		k, err := wr.LockCase(o.Case)
		if err != nil {
			return err
		}
		k.Rank, k.Version = services.RankIssued, k.Version+1
		_, err = wr.SaveCase(*k)
		return err
	}))
	w.expect(w.next(o, services.Input{}), services.Open, services.StepInstall, "wait:issuing")
}

func TestAuthorityAwayIsNotLost(t *testing.T) {
	w := newWorld(t)
	o := w.atInstall()
	w.fake.fail["Pair"] = certhall.ErrInternal
	if _, err := w.Next(t.Context(), services.Caller{Token: o.Token}, o.Case, services.Input{}); err == nil {
		t.Error("no answer can be given")
	}
	delete(w.fake.fail, "Pair")
	w.expect(w.next(o, services.Input{}), services.Open, services.StepInstall, "install")
}

// TestOneCodeForManyKeys: a phone proved at an earlier case counts for the next,
// by that case's token alone; taking a case over asks anew.
func TestOneCodeForManyKeys(t *testing.T) {
	w := newWorld(t)
	w.handler(phone, "l1")
	w.handler(phone, "l2")
	other := w.fake.grant("l2")
	w.follow()
	first := w.atPrepare()
	second := func(token string) services.Next {
		o, err := w.Open(t.Context(), services.Caller{Token: token}, w.opening(other))
		w.must(err)
		w.expect(w.next(o, services.Input{}), services.Open, services.StepIdentify, "identify")
		l := w.listing(other)
		w.expect(w.reply(o, l), services.Open, services.StepIdentify, "wait:ticket")
		w.must(w.work())
		n := w.next(o, services.Input{})
		_, err = w.Close(t.Context(), services.Caller{Token: o.Token}, o.Case)
		w.must(err)
		w.must(w.work())
		return n
	}
	w.expect(second("unknown"), services.Open, services.StepPhone, "ask:code")
	w.expect(second(""), services.Open, services.StepPhone, "ask:code")
	w.expect(second(first.Token), services.Open, services.StepPrepare, "prepare")
	w.clock.move(accounts.ProofLife)
	w.expect(second(first.Token), services.Open, services.StepPhone, "ask:code")
	again, err := w.Open(t.Context(), services.Caller{Token: first.Token}, w.opening(w.old))
	w.must(err)
	w.expect(w.next(again, services.Input{}), services.Open, services.StepIdentify, "identify")
	w.expect(w.reply(again, w.listing(w.old)), services.Open, services.StepPhone, "ask:code")
}

// TestAProvedPhoneThatIsNoHandlers, brought from an earlier case and named where
// others are registered, is asked for a code as any number is.
func TestAProvedPhoneThatIsNoHandlers(t *testing.T) {
	w := newWorld(t)
	w.handler(phone, "l1")
	w.handler("13900000021", "l2")
	w.handler("13900000022", "l2")
	other := w.fake.grant("l2")
	w.follow()
	first := w.atPrepare()
	o, err := w.Open(t.Context(), services.Caller{Token: first.Token}, w.opening(other))
	w.must(err)
	w.next(o, services.Input{})
	w.reply(o, w.listing(other))
	w.must(w.work())
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPhone, "ask:phone")
	w.expect(w.answer(o, services.Answer{Phone: phone}), services.Open, services.StepPhone, "ask:code")
	w.expect(w.answer(o, services.Answer{Phone: "13900000021"}), services.Open, services.StepPhone, "ask:code")
}
