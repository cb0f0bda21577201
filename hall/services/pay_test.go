package services_test

import (
	"context"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
)

// till makes orders payable without a channel.
type till struct {
	w     *world
	fail  error
	asked int
}

func (*till) Channel() string { return "wechat" }

func (t *till) Ready(ctx context.Context, id certhall.OrderID) (o orders.Order, err error) {
	if t.asked++; t.fail != nil {
		return o, t.fail
	}
	err = t.w.store.Write(ctx, func(w services.Writer) error {
		stored, err := w.LockOrder(id)
		if err != nil {
			return err
		}
		o = *stored
		o.CodeURL = "weixin://" + string(id)
		return w.SaveOrder(o)
	})
	return o, err
}

// priced is a world whose certificates cost something to renew.
func priced(t *testing.T, price certhall.Money) (*world, *till) {
	w := newWorld(t)
	s := w.offering(catalog.Policy{})
	for i := range s.Offers[0].Products {
		s.Offers[0].Products[i].Price, s.Offers[0].Products[i].Years = price, []int{1, 2, 3}
	}
	made := &till{w: w}
	w.Counter.Till = made
	return w, made
}

// atPay opens a case and goes on to the question of payment.
func (w *world) atPay() (services.Opened, services.Next) {
	w.Helper()
	o := w.atPhone()
	n := w.prove(o)
	w.expect(n, services.Open, services.StepPay, "ask:pay")
	return o, n
}

func agree(years int, total certhall.Money) services.Answer {
	return services.Answer{Pay: &services.Agree{Years: years, Total: total}}
}

// paid lets the payment of an order arrive.
func (w *world) paid(id certhall.OrderID) {
	w.Helper()
	w.must(w.store.Write(w.Context(), func(wr services.Writer) error {
		o, err := wr.LockOrder(id)
		if err == nil {
			_, err = orders.Settle(wr, *o, "T-"+string(id), w.clock.Now(), w.clock.Now())
		}
		return err
	}))
}

// right is the entitlement of the case, nil before it has one.
func (w *world) right(id certhall.CaseID) (e *orders.Entitlement) {
	w.Helper()
	has := w.stored(id).Entitlement
	w.must(w.store.Read(w.Context(), func(r services.Reader) (err error) {
		e, err = r.Entitlement(has)
		return err
	}))
	return e
}

func TestPaidCase(t *testing.T) {
	w, _ := priced(t, 200_00)
	o, n := w.atPay()
	if l := n.Ask.Pay.Line; l == nil || l.Price != 200_00 || l.Subtotal != 200_00 || len(n.Ask.Pay.Years) != 3 {
		t.Fatalf("offered %+v", n.Ask.Pay)
	}
	n = w.answer(o, agree(2, 200_00))
	if n.Problem == nil || n.Problem.Code != orders.ErrPriceChanged.Code || n.Ask.Pay.Order != nil {
		t.Fatalf("agreed to another price: %+v", n)
	}
	n = w.answer(o, agree(9, 200_00*9))
	if n.Problem == nil || n.Problem.Code != orders.ErrYears.Code {
		t.Fatalf("agreed to years that are not offered: %+v", n.Problem)
	}
	n = w.answer(o, agree(2, 400_00))
	w.expect(n, services.Open, services.StepPay, "ask:pay")
	order := n.Ask.Pay.Order
	if order == nil || order.Total != 400_00 || order.CodeURL == "" || order.ExpiresAt.Sub(start) < orders.PayWithin {
		t.Fatalf("to be paid: %+v", order)
	}
	n = w.answer(o, agree(2, 400_00)) // sent twice
	if again := n.Ask.Pay.Order; again == nil || again.Order != order.Order {
		t.Fatalf("agreed twice: %+v", again)
	}
	if got := w.right(o.Case); got != nil {
		t.Fatalf("entitled before it is paid: %+v", got)
	}
	// what a key sends does not count before
	w.expect(w.reply(o, w.prepared(o, 1)), services.Open, services.StepPay, "ask:pay")
	w.paid(order.Order)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "prepare")
	e := w.right(o.Case)
	if k := w.stored(o.Case); e.State != orders.Open || e.Case != o.Case || e.Order != order.Order || k.TermYears != 2 {
		t.Fatalf("entitled: %+v, for %d years", e, k.TermYears)
	}
}

func TestFreeOfCharge(t *testing.T) {
	w, _ := priced(t, 0)
	w.Counter.Till = nil // nobody needs it
	o, n := w.atPay()
	if n.Ask.Pay.Line.Subtotal != 0 {
		t.Fatalf("offered %+v", n.Ask.Pay.Line)
	}
	w.expect(w.answer(o, agree(1, 0)), services.Open, services.StepPrepare, "prepare")
	var found []orders.Order
	visitor := w.account(phone)
	w.must(w.store.Read(w.Context(), func(r services.Reader) error {
		made, err := r.History(services.HistoryQuery{Person: visitor, Kind: services.OrderKind, Limit: 10})
		for _, h := range made {
			if found, err = r.Orders(certhall.OrderID(h.ID)); err != nil {
				break
			}
		}
		return err
	}))
	if len(found) != 1 || found[0].Standing != orders.Paid || found[0].Channel != "" || found[0].Case != o.Case {
		t.Fatalf("the visitor's account has %+v", found)
	}
}

// account is the id of a phone's person.
func (w *world) account(phone string) (id string) {
	w.Helper()
	w.must(w.store.Accounts().Read(w.Context(), func(r accounts.Reader) error {
		a, err := r.AccountOfPhone(phone)
		if err == nil {
			id = a.ID
		}
		return err
	}))
	return id
}

// TestAbandonedCaseKeepsItsRight: paid and closed, the next case uses it
// unasked; it is not there for two at once.
func TestAbandonedCaseKeepsItsRight(t *testing.T) {
	w, _ := priced(t, 200_00)
	o, _ := w.atPay()
	n := w.answer(o, agree(1, 200_00))
	w.paid(n.Ask.Pay.Order.Order)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "prepare")
	w.fake.fail["Close"] = certhall.ErrInternal
	if _, err := w.Close(w.Context(), services.Caller{Token: o.Token}, o.Case); err != nil {
		t.Fatal(err)
	}
	_ = w.work()
	if e := w.right(o.Case); e.Case != o.Case {
		t.Fatalf("given back before the authority has signed: %+v", e)
	}
	delete(w.fake.fail, "Close")
	w.must(w.work())
	if e := w.right(o.Case); e.State != orders.Open || e.Case != "" {
		t.Fatalf("after the closing: %+v", e)
	}
	again := w.atPhone()
	w.clock.move(2 * time.Minute)
	w.expect(w.prove(again), services.Open, services.StepPrepare, "prepare")
	if e := w.right(again.Case); e == nil || e.Case != again.Case || e.ID != w.stored(o.Case).Entitlement {
		t.Fatalf("the second case has %+v", e)
	}
}

func TestUnpaidOrderOutlivesItsCase(t *testing.T) {
	w, _ := priced(t, 200_00)
	o, _ := w.atPay()
	first := w.answer(o, agree(1, 200_00)).Ask.Pay.Order
	if _, err := w.Close(w.Context(), services.Caller{Token: o.Token}, o.Case); err != nil {
		t.Fatal(err)
	}
	w.must(w.work())
	again := w.atPhone()
	w.clock.move(2 * time.Minute)
	n := w.prove(again)
	if order := n.Ask.Pay.Order; order == nil || order.Order != first.Order {
		t.Fatalf("the second case is asked for %+v", n.Ask.Pay)
	}
	n = w.answer(again, services.Answer{Pay: &services.Agree{Cancel: true}})
	if order := n.Ask.Pay.Order; order == nil || order.Standing != orders.Closing {
		t.Fatalf("cancelled: %+v", n.Ask.Pay)
	}
	w.paid(first.Order) // it was paid before the channel closed it
	w.expect(w.next(again, services.Input{}), services.Open, services.StepPrepare, "prepare")
}

func TestPaymentTrouble(t *testing.T) {
	w, made := priced(t, 200_00)
	o, _ := w.atPay()
	made.fail = certhall.NewError("payment-unavailable", certhall.Unavailable)
	n := w.answer(o, agree(1, 200_00))
	if n.Problem == nil || n.Problem.Code != orders.ErrNotPayable.Code || n.Ask == nil || n.Ask.Pay.Order == nil || n.Ask.Pay.Order.CodeURL != "" {
		t.Fatalf("the channel is away: %+v", n)
	}
	made.fail = nil
	if n = w.next(o, services.Input{}); n.Problem != nil || n.Ask.Pay.Order.CodeURL == "" {
		t.Fatalf("the channel is back: %+v", n)
	}
	w, _ = priced(t, 200_00)
	w.Counter.Till = nil
	o, _ = w.atPay()
	if n = w.answer(o, agree(1, 200_00)); n.Problem == nil || n.Problem.Code != orders.ErrNoChannel.Code {
		t.Fatalf("no channel: %+v", n)
	}
}

// TestOthersOrder: a certificate in somebody else's order of several is shown
// with its own line alone; that order is neither paid nor taken back here.
func TestOthersOrder(t *testing.T) {
	w, made := priced(t, 200_00)
	clerk := w.handler(otherPhone, "other")
	var order orders.Order
	place := func(person string) {
		w.must(w.store.Write(t.Context(), func(wr services.Writer) (err error) {
			lines := []orders.Line{{Lineage: "l1", Service: certhall.Renew, Years: 1, Price: 200_00}, {Lineage: "other", Service: certhall.Renew, Years: 1, Price: 300_00, Subject: "CN=other"}}
			order, err = orders.Place(wr, orders.Order{Person: person, Lines: lines}, 500_00, "wechat", start, w.Random)
			return err
		}))
	}
	place(clerk.Person)
	o := w.atPhone()
	n := w.prove(o)
	if got := n.Ask.Pay.Order; got == nil || len(got.Lines) != 1 || got.Total != 200_00 || got.CodeURL != "" || n.Problem == nil || n.Problem.Code != "order-others" || made.asked != 0 {
		t.Fatalf("shown %+v, %+v", got, n.Problem)
	}
	n = w.answer(o, services.Answer{Pay: &services.Agree{Cancel: true}})
	if got := n.Ask.Pay.Order; got.Standing != orders.Unpaid || n.Problem == nil {
		t.Fatalf("taken back: %+v", got)
	}
	w.paid(order.ID)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "prepare")

	w, _ = priced(t, 200_00)
	place(w.handler(phone, "l1").Person)
	o = w.atPhone()
	if n = w.prove(o); len(n.Ask.Pay.Order.Lines) != 2 || n.Ask.Pay.Order.CodeURL == "" || n.Problem != nil {
		t.Fatalf("his own: %+v", n.Ask.Pay)
	}
}
