package services_test

import (
	"errors"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

const otherPhone = "13900000002"

// handler registers a person for lineages and logs him in.
func (w *world) handler(phone string, lineages ...certhall.LineageID) services.Caller {
	w.Helper()
	var p accounts.Person
	w.must(w.store.Accounts().Write(w.Context(), func(wr accounts.Writer) (err error) {
		if p, err = wr.PersonOfPhone(phone, "person-"+phone, w.clock.Now()); err != nil {
			return err
		}
		for _, l := range lineages {
			if err := wr.AddHandler(accounts.Handler{Person: p, Lineage: l, Source: accounts.ByImport}, w.clock.Now()); err != nil {
				return err
			}
		}
		return nil
	}))
	return services.Caller{Session: accounts.Session("visit of " + phone), Person: p.ID}
}

// proved carries a proof of the phone over to a log-in, as an SMS log-in does.
func (w *world) proved(who services.Caller, phone string) {
	w.Helper()
	w.must(w.store.Accounts().Write(w.Context(), func(wr accounts.Writer) error {
		return wr.AddProof(who.Session, phone, w.clock.Now().Add(accounts.ProofLife))
	}))
}

func serialOf(s signer) certhall.Serial { return certhall.SerialOf(s.cert.SerialNumber) }

func (w *world) openFor(who services.Caller) certhall.CaseID {
	w.Helper()
	o, err := w.OpenFor(w.Context(), who, certhall.Renew, serialOf(w.old))
	w.must(err)
	if o.Token != "" {
		w.Fatal("a token for somebody who has logged in")
	}
	return o.Case
}

func (w *world) nextFor(who services.Caller, id certhall.CaseID, in services.Input) services.Next {
	w.Helper()
	n, err := w.Next(w.Context(), who, id, in)
	w.must(err)
	return n
}

// TestWhoSeesACase: its bearer and its handlers; to all others it is missing.
func TestWhoSeesACase(t *testing.T) {
	w := newWorld(t)
	mine := w.open(w.old)
	other := w.fake.grant("l2")
	w.follow()
	theirs := w.open(other)
	handler, stranger := w.handler(phone, "l1"), w.handler(otherPhone, "l2")
	for name, c := range map[string]struct {
		who  services.Caller
		id   certhall.CaseID
		sees bool
	}{
		"nobody":                          {services.Caller{}, mine.Case, false},
		"a session without a person":      {services.Caller{Session: handler.Session}, mine.Case, false},
		"a person of another certificate": {stranger, mine.Case, false},
		"a person who is nobody":          {services.Caller{Session: "s", Person: "nobody"}, mine.Case, false},
		"the token of another case":       {services.Caller{Token: theirs.Token}, mine.Case, false},
		"a token that is none":            {services.Caller{Token: "x"}, mine.Case, false},
		"a case that is not there":        {handler, "missing", false},
		"the handler":                     {handler, mine.Case, true},
		"the token":                       {services.Caller{Token: mine.Token}, mine.Case, true},
		"a handler with another's token":  {services.Caller{Token: theirs.Token, Session: handler.Session, Person: handler.Person}, mine.Case, true},
		"the token and another's log-in":  {services.Caller{Token: mine.Token, Session: stranger.Session, Person: stranger.Person}, mine.Case, true},
	} {
		_, next := w.Next(t.Context(), c.who, c.id, services.Input{})
		view, seen := w.Case(t.Context(), c.who, c.id)
		var closed error = services.ErrCaseMissing
		if !c.sees {
			_, closed = w.Close(t.Context(), c.who, c.id)
		}
		for what, err := range map[string]error{"next": next, "case": seen} {
			if c.sees && err != nil || !c.sees && !errors.Is(err, services.ErrCaseMissing) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		if !errors.Is(closed, services.ErrCaseMissing) {
			t.Errorf("%s: close: %v", name, closed)
		}
		if c.sees != (view.Case == c.id) {
			t.Errorf("%s: %+v", name, view)
		}
	}
	if k := w.stored(mine.Case); k.State != services.Open {
		t.Errorf("the case is %s", k.State)
	}
	if _, err := w.Close(t.Context(), handler, mine.Case); err != nil {
		t.Errorf("the handler closes: %v", err)
	}
}

// TestLogInCarriesThrough: a handler goes from the list to the end without a
// token, and without a code where his log-in proved the phone.
func TestLogInCarriesThrough(t *testing.T) {
	w := newWorld(t)
	who := w.handler(phone, "l1")
	w.proved(who, phone)
	id := w.openFor(who)
	reply := func(m proof.Message) services.Next { return w.nextFor(who, id, services.Input{Reply: proof.Encode(m)}) }
	o := services.Opened{Case: id}
	w.expect(w.nextFor(who, id, services.Input{}), services.Open, services.StepIdentify, "identify")
	w.expect(reply(w.listing(w.old)), services.Open, services.StepIdentify, "wait:ticket")
	w.must(w.work())
	w.expect(w.nextFor(who, id, services.Input{}), services.Open, services.StepPrepare, "prepare")
	reply(w.prepared(o, 1))
	w.must(w.work())
	reply(proof.Installed{Authority: authorityID, Case: string(id), Attempt: 1})
	reply(w.acknowledgement(o, 1))
	w.must(w.work())
	w.expect(w.nextFor(who, id, services.Input{}), services.Done, services.StepDone, "retire")
	view, err := w.Case(t.Context(), who, id)
	w.must(err)
	if r := view.Result; r == nil || r.Receipt != string(id) || r.Service != certhall.Renew || r.Subject != "某公司" || r.Project != "gov" || r.KeyNumber != "N1" ||
		r.Old.SignSerial != serialOf(w.old) || r.New.SignSerial != view.NewSerial || r.New.EncSerial == "" || !r.AcknowledgedAt.Equal(view.AcknowledgedAt) {
		t.Errorf("receipt %+v", r)
	}
}

// TestPasswordAlone proves no phone: the code is asked for.
func TestPasswordAloneProvesNoPhone(t *testing.T) {
	w := newWorld(t)
	who := w.handler(phone, "l1")
	id := w.openFor(who)
	w.nextFor(who, id, services.Input{Reply: proof.Encode(w.listing(w.old))})
	w.must(w.work())
	n := w.nextFor(who, id, services.Input{})
	w.expect(n, services.Open, services.StepPhone, "ask:code")
	if n.Ask.Phone != "138****0001" {
		t.Errorf("asks for %s", n.Ask.Phone)
	}
	w.proved(who, otherPhone) // of another phone does not count
	w.expect(w.nextFor(who, id, services.Input{}), services.Open, services.StepPhone, "ask:code")
	w.proved(who, phone)
	w.expect(w.nextFor(who, id, services.Input{}), services.Open, services.StepPrepare, "prepare")
}

// TestOwnPhoneOfSeveralHandlers: who opens by log-in proves his own.
func TestOwnPhoneOfSeveralHandlers(t *testing.T) {
	w := newWorld(t)
	w.handler(phone, "l1")
	second := w.handler(otherPhone, "l1")
	if k := w.stored(w.openFor(second)); k.Phone != otherPhone {
		t.Errorf("phone %s", k.Phone)
	}
}

// TestOpenByLogInRefuses what is not this person's, without telling it apart
// from what is not there.
func TestOpenByLogInRefuses(t *testing.T) {
	w := newWorld(t)
	w.fake.grant("l2")
	w.follow()
	stranger, handler := w.handler(otherPhone, "l2"), w.handler(phone, "l1")
	for name, c := range map[string]struct {
		who     services.Caller
		service certhall.Service
		serial  certhall.Serial
		want    *certhall.Error
	}{
		"nobody":              {services.Caller{}, certhall.Renew, serialOf(w.old), authority.ErrUnknownCert},
		"another person":      {stranger, certhall.Renew, serialOf(w.old), authority.ErrUnknownCert},
		"a serial of nothing": {handler, certhall.Renew, "0a0b", authority.ErrUnknownCert},
		"no serial":           {handler, certhall.Renew, "", authority.ErrUnknownCert},
		"another service":     {handler, certhall.Revoke, serialOf(w.old), authority.ErrService},
	} {
		if _, err := w.OpenFor(t.Context(), c.who, c.service, c.serial); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want.Code)
		}
	}
	w.fake.refuse = authority.ErrTooEarly
	_, err := w.OpenFor(t.Context(), handler, certhall.Renew, serialOf(w.old))
	refused(t, err, authority.ErrTooEarly)
	if list, err := w.Cases(t.Context(), handler); err != nil || len(list.Cases) != 0 {
		t.Errorf("cases were opened: %+v, %v", list, err)
	}
}

// TestOpenByLogInOntoWhatStands: what becomes of a case that stands already,
// by whose it is and how it stands.
func TestOpenByLogInOntoWhatStands(t *testing.T) {
	type outcome int
	const (
		goesOn    outcome = iota // the same case, as it was
		takenOver                // the same case, phone to be proved anew
		another                  // a new case
	)
	for name, c := range map[string]struct {
		stands func(w *world, me services.Caller) (certhall.CaseID, string) // and its token
		want   outcome
		token  bool // the earlier token still counts
	}{
		"my own": {func(w *world, me services.Caller) (certhall.CaseID, string) { return w.openFor(me), "" }, goesOn, false},
		"mine, opened with the key": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			o := w.atPhone()
			w.answer(o, services.Answer{SendCode: true})
			w.answer(o, services.Answer{Code: w.code()})
			return o.Case, o.Token
		}, goesOn, true},
		"mine, half-way": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			o := w.atInstall()
			return o.Case, o.Token
		}, goesOn, true},
		"another handler's": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			return w.openFor(w.handler(otherPhone, "l1")), ""
		}, takenOver, false},
		"another handler's, opened with the key": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			w.handler(otherPhone, "l1")
			o := w.atPhone()
			w.answer(o, services.Answer{Phone: otherPhone, SendCode: true})
			w.answer(o, services.Answer{Code: w.code()})
			return o.Case, o.Token
		}, takenOver, true},
		"another handler's, whose proof has ended": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			w.handler(otherPhone, "l1")
			o := w.atPhone()
			w.answer(o, services.Answer{Phone: otherPhone, SendCode: true})
			w.answer(o, services.Answer{Code: w.code()})
			w.clock.move(accounts.ProofLife)
			return o.Case, o.Token
		}, takenOver, false},
		"a visitor's who proved nothing": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			w.handler(otherPhone, "l1")
			o := w.atPhone()
			return o.Case, o.Token
		}, takenOver, false},
		"closed": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			o := w.atPhone()
			_, err := w.Close(w.Context(), me, o.Case)
			w.must(err)
			w.must(w.work())
			return o.Case, o.Token
		}, another, true},
		"closing": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			o := w.atPhone()
			_, err := w.Close(w.Context(), me, o.Case)
			w.must(err)
			return o.Case, o.Token
		}, another, true},
		"another service": {func(w *world, me services.Caller) (certhall.CaseID, string) {
			o, err := w.OpenFor(w.Context(), me, certhall.Repair, serialOf(w.old))
			w.must(err)
			return o.Case, ""
		}, another, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			me := w.handler(phone, "l1")
			id, token := c.stands(w, me)
			was := w.stored(id)
			got := w.openFor(me)
			is := w.stored(id)
			if (got == id) == (c.want == another) {
				t.Fatalf("case %s after %s", got, id)
			}
			switch c.want {
			case goesOn:
				if is.Version != was.Version || is.PhoneProved != was.PhoneProved {
					t.Errorf("moved: %+v", is)
				}
			case takenOver:
				if is.Phone != phone || is.PhoneProved || is.Identified {
					t.Errorf("taken over: %+v", is)
				}
			case another:
				if is.State != services.Closed || w.entitlement(id) != orders.Freed || w.stored(got).Phone != phone {
					t.Errorf("the first is %s, entitlement %s", is.State, w.entitlement(id))
				}
			}
			if token != "" {
				_, err := w.Next(t.Context(), services.Caller{Token: token}, id, services.Input{})
				if counts := !errors.Is(err, services.ErrCaseMissing); counts != c.token {
					t.Errorf("the earlier token counts: %v (%v)", counts, err)
				}
			}
		})
	}
}

// TestLogInFindsTheErrand: as the new key does, the log-in of a handler finds
// the case that made the pair, while its receipt was not reported.
func TestLogInFindsTheErrand(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	first := w.done()
	w.fake.refuse = authority.ErrTooEarly
	_, err := w.OpenFor(t.Context(), me, certhall.Renew, serialOf(w.old))
	refused(t, err, authority.ErrSuperseded)
	o, err := w.OpenFor(t.Context(), me, certhall.Renew, w.stored(first.Case).NewSerial)
	w.must(err)
	if o.Case != first.Case {
		t.Fatal("another case")
	}
	w.expect(w.nextFor(me, o.Case, services.Input{}), services.Done, services.StepDone, "identify")
}

// TestTakenFromAHandlerByKey: who holds the key takes the case over; the
// handler who had opened it by log-in still sees it.
func TestTakenFromAHandlerByKey(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	w.proved(me, phone)
	id := w.openFor(me)
	visitor := w.open(w.old)
	if visitor.Case != id {
		t.Fatal("another case")
	}
	w.expect(w.nextFor(me, id, services.Input{}), services.Open, services.StepIdentify, "identify")
	w.expect(w.next(visitor, services.Input{}), services.Open, services.StepIdentify, "identify")
	w.clock.move(services.TokenLife)
	_, err := w.Next(t.Context(), services.Caller{Token: visitor.Token}, id, services.Input{})
	refused(t, err, services.ErrCaseMissing)
	w.expect(w.nextFor(me, id, services.Input{}), services.Open, services.StepIdentify, "identify")
}

// TestAHandlersProofIsNotAVisitors: where a handler's log-in proves the phone,
// whoever opened the case with the key and proved nothing does not go on by it.
func TestAHandlersProofIsNotAVisitors(t *testing.T) {
	for name, stands := range map[string]func(w *world, me services.Caller) services.Opened{
		"the visitor was first": func(w *world, _ services.Caller) services.Opened { return w.atPhone() },
		"the handler was first": func(w *world, me services.Caller) services.Opened {
			w.nextFor(me, w.openFor(me), services.Input{})
			return w.atPhone()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			me := w.handler(phone, "l1")
			w.proved(me, phone)
			visitor := stands(w, me)
			w.expect(w.nextFor(me, visitor.Case, services.Input{}), services.Open, services.StepPrepare, "prepare")
			_, err := w.Next(t.Context(), services.Caller{Token: visitor.Token}, visitor.Case, services.Input{})
			refused(t, err, services.ErrCaseMissing)
		})
	}
}

// TestManyLogInsAtOnce open one case.
func TestManyLogInsAtOnce(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	cases := make(chan certhall.CaseID)
	for range 8 {
		go func() {
			o, err := w.OpenFor(t.Context(), me, certhall.Renew, serialOf(w.old))
			if err != nil {
				t.Error(err)
			}
			cases <- o.Case
		}()
	}
	first := <-cases
	for range 7 {
		if id := <-cases; id != first {
			t.Errorf("cases %s and %s", first, id)
		}
	}
}

// TestSealedOpensNothingInTheWay: another service waits until the authority
// can close the first.
func TestSealedOpensNothingInTheWay(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	first := w.openFor(me)
	w.fake.sealed = true
	_, err := w.OpenFor(t.Context(), me, certhall.Repair, serialOf(w.old))
	refused(t, err, services.ErrCaseClosing)
	if k := w.stored(first); k.State != services.Closing {
		t.Errorf("the first is %s", k.State)
	}
	w.clock.move(time.Second)
	w.fake.sealed = false
	_, err = w.OpenFor(t.Context(), me, certhall.Repair, serialOf(w.old))
	w.must(err)
}
