package services_test

import (
	"testing"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/services"
)

// handlers counts the handlers of a lineage.
func (w *world) handlers() (n int) {
	w.Helper()
	w.must(w.store.Read(w.Context(), func(r services.Reader) error {
		all, err := r.Handlers("l1")
		n = len(all)
		return err
	}))
	return n
}

// TestAnyPhone: by policy whoever has the key goes on with any phone that he
// proves; he sees this case alone and does not become handler beside others.
func TestAnyPhone(t *testing.T) {
	w := newWorld(t)
	registered := w.handler(phone, "l1")
	w.offering(catalog.Policy{AnyPhone: true})
	o := w.atPhone()
	n := w.next(o, services.Input{})
	w.expect(n, services.Open, services.StepPhone, "ask:code")
	if !n.Ask.AnyPhone || n.Ask.Phone != accounts.Mask(phone) || n.Ask.Sent {
		t.Errorf("the registered phone comes first, others will do: %+v", n.Ask)
	}
	n = w.answer(o, services.Answer{Phone: "139", SendCode: true})
	w.expect(n, services.Open, services.StepPhone, "ask:code")
	if n.Problem == nil || n.Ask.Phone != accounts.Mask(phone) {
		t.Errorf("no phone at all: %+v, %+v", n.Ask, n.Problem)
	}
	n = w.answer(o, services.Answer{Phone: otherPhone, SendCode: true})
	w.expect(n, services.Open, services.StepPhone, "ask:code")
	if !n.Ask.AnyPhone || n.Ask.Phone != accounts.Mask(otherPhone) || !n.Ask.Sent || n.Problem != nil {
		t.Errorf("another phone: %+v, %+v", n.Ask, n.Problem)
	}
	n = w.answer(o, services.Answer{Code: w.code()})
	w.expect(n, services.Open, services.StepPay, "ask:pay")
	if n.Phone != accounts.Mask(otherPhone) || w.handlers() != 1 {
		t.Errorf("proved %s; %d handlers", n.Phone, w.handlers())
	}
	if list := w.certificates(w.handler(otherPhone)); len(list) != 0 {
		t.Errorf("he sees %+v", list)
	}
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPay, "ask:pay") // his token still counts
	w.openFor(registered)
	if _, err := w.Next(t.Context(), services.Caller{Token: o.Token}, o.Case, services.Input{}); err == nil {
		t.Error("the handler took the case over, and the visitor goes on")
	}
}

// TestAnyPhoneTellsNothing: whether a number is on record does not show in
// what is answered, sent or counted.
func TestAnyPhoneTellsNothing(t *testing.T) {
	var asked []services.Ask
	for _, number := range []string{"13800000001", "13900000001"} { // both look the same masked but for the prefix
		w := newWorld(t)
		w.handler("13800000001", "l1")
		w.handler("13700000003", "l1")
		w.offering(catalog.Policy{AnyPhone: true})
		o := w.atPhone()
		n := w.next(o, services.Input{})
		w.expect(n, services.Open, services.StepPhone, "ask:phone")
		if !n.Ask.AnyPhone || len(n.Ask.Choices) != 2 {
			t.Errorf("%+v", n.Ask)
		}
		n = w.answer(o, services.Answer{Phone: number, SendCode: true})
		w.expect(n, services.Open, services.StepPhone, "ask:code")
		if n.Problem != nil || n.Ask.Phone != accounts.Mask(number) {
			t.Errorf("%s: %+v, %+v", number, n.Ask, n.Problem)
		}
		n = w.answer(o, services.Answer{Code: "000000"})
		w.expect(n, services.Open, services.StepPhone, "ask:code")
		if n.Problem == nil {
			t.Fatal("a wrong code is none")
		}
		n.Ask.Phone = ""
		asked = append(asked, *n.Ask)
		w.expect(w.answer(o, services.Answer{Code: w.code()}), services.Open, services.StepPay, "ask:pay")
	}
	if a, b := asked[0], asked[1]; a.Sent != b.Sent || a.TriesLeft != b.TriesLeft || a.ResendAfter != b.ResendAfter || len(a.Choices) != len(b.Choices) {
		t.Errorf("a number was found out: %+v, %+v", a, b)
	}
}

// TestAnyPhoneByPolicyAlone: without the policy the one handler's phone stays;
// taken back, a number that is nobody's proves nothing any more.
func TestAnyPhoneByPolicyAlone(t *testing.T) {
	w := newWorld(t)
	w.handler(phone, "l1")
	s := w.offering(catalog.Policy{})
	o := w.atPhone()
	n := w.answer(o, services.Answer{Phone: otherPhone, SendCode: true})
	w.expect(n, services.Open, services.StepPhone, "ask:code")
	if n.Ask.AnyPhone || n.Ask.Phone != accounts.Mask(phone) {
		t.Errorf("without the policy: %+v", n.Ask)
	}
	w.clock.move(accounts.ResendAfter)
	s.Offers[0].Policy.AnyPhone = true
	w.answer(o, services.Answer{Phone: otherPhone, SendCode: true})
	code := w.code()
	s.Offers[0].Policy.AnyPhone = false
	_, err := w.Next(t.Context(), services.Caller{Token: o.Token}, o.Case, services.Input{Answer: &services.Answer{Code: code}})
	refused(t, err, services.ErrOutOfTurn)
	if k := w.stored(o.Case); k.PhoneProved || w.handlers() != 1 {
		t.Errorf("proved: %v; %d handlers", k.PhoneProved, w.handlers())
	}
}

// TestAnyPhoneMakesTheFirstHandler: where none is on record it is as always.
func TestAnyPhoneMakesTheFirstHandler(t *testing.T) {
	w := newWorld(t)
	w.offering(catalog.Policy{AnyPhone: true})
	o := w.atPhone()
	w.expect(w.prove(o), services.Open, services.StepPay, "ask:pay")
	if w.handlers() != 1 {
		t.Errorf("%d handlers", w.handlers())
	}
}
