package services_test

import (
	"errors"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/services"
)

// closed has the till close an order that was taken back.
func (w *world) closed(who services.Caller, id certhall.OrderID) {
	w.Helper()
	_, err := w.CancelOrder(w.Context(), who, id)
	w.must(err)
	w.must(w.store.Write(w.Context(), func(wr services.Writer) error {
		o, err := wr.LockOrder(id)
		if err == nil {
			err = orders.End(wr, *o)
		}
		return err
	}))
}

// TestOrderLimits: whoever orders and does not pay comes to an end, by cart and by
// case; what is paid does not count, nor how many certificates an order has.
func TestOrderLimits(t *testing.T) {
	w := newWorld(t)
	w.selling()
	w.Counter.OrderLimits = orders.Limits{Open: 1, Day: 3}
	second, third := w.fake.grant("l2"), w.fake.grant("l3")
	w.follow()
	me := w.handler(phone, "l1", "l2", "l3")
	order := func(want *certhall.Error, total certhall.Money, by ...signer) services.OrderDetail {
		t.Helper()
		var wishes []services.Wish
		for _, b := range by {
			wishes = append(wishes, wishFor(b, 1))
		}
		d, err := w.PlaceOrder(t.Context(), me, wishes, total)
		if want == nil {
			w.must(err)
		} else if !errors.Is(err, want) {
			t.Errorf("%v, want %s", err, want.Code)
		}
		return d
	}
	both := order(nil, 40000, w.old, second)
	order(orders.ErrManyOpen, 20000, third)
	w.paid(both.Order)
	w.clock.move(30 * time.Second)
	for range 3 {
		w.closed(me, order(nil, 20000, third).Order)
	}
	w.clock.move(time.Minute)
	_, err := w.PlaceOrder(t.Context(), me, []services.Wish{wishFor(third, 1)}, 20000)
	if !errors.Is(err, orders.ErrManyToday) {
		t.Fatalf("%v, want %s", err, orders.ErrManyToday.Code)
	}
	from, err := time.ParseInLocation("2006-01-02 15:04", certhall.AsError(err).Params["time"], certhall.Beijing) // as he reads it, perhaps after midnight
	w.must(err)
	w.clock.move(from.Sub(w.clock.Now()))
	order(nil, 20000, third)

	w, _ = priced(t, 200_00)
	w.Counter.OrderLimits = orders.Limits{Open: 1}
	elsewhere := w.fake.grant("l2")
	w.follow()
	me = w.handler(phone, "l1", "l2")
	w.clock.move(300 * day)
	d, err := w.PlaceOrder(t.Context(), me, []services.Wish{wishFor(elsewhere, 1)}, 200_00)
	w.must(err)
	o, _ := w.atPay()
	if n := w.answer(o, agree(1, 200_00)); n.Problem == nil || n.Problem.Code != orders.ErrManyOpen.Code || n.Ask.Pay.Line == nil {
		t.Errorf("at the counter: %+v", n)
	}
	w.closed(me, d.Order)
	if n := w.answer(o, agree(1, 200_00)); n.Problem != nil || n.Ask.Pay.Order == nil {
		t.Errorf("there is room again: %+v", n)
	}
}

// TestOrderWhenPaymentStopped: an order that is not paid says that it cannot be,
// and shows no code that somebody might pay by; it can be taken back.
func TestOrderWhenPaymentStopped(t *testing.T) {
	w := newWorld(t)
	_, made := w.selling()
	me := w.handler(phone, "l1")
	d := w.place(me, 20000, wishFor(w.old, 1))
	if d.CodeURL == "" {
		t.Fatal("there is no code")
	}
	w.Counter.Till = stopped{made}
	look := func() services.OrderDetail {
		d, err := w.Order(t.Context(), me, d.Order)
		w.must(err)
		return d
	}
	if d := look(); d.CodeURL != "" || d.Problem == nil || d.Problem.Code != orders.ErrStopped.Code {
		t.Errorf("%+v", d)
	}
	if _, err := w.CancelOrder(t.Context(), me, d.Order); err != nil {
		t.Error(err)
	}
	w.paid(d.Order)
	if d := look(); d.Problem != nil {
		t.Errorf("paid: %+v", d.Problem)
	}
	d, err := w.RefundOrder(t.Context(), me, d.Order, nil, "不用了")
	w.must(err)
	if d.Problem == nil || d.Problem.Code != orders.ErrRefundStopped.Code {
		t.Errorf("a refund that waits: %+v", d.Problem)
	}
	w.Counter.Till = made
	if d := look(); d.Problem != nil {
		t.Errorf("there is a channel again: %+v", d.Problem)
	}
}

// stopped is a till whose channel was switched off.
type stopped struct{ *till }

func (stopped) Channel() string { return payment.Off{}.Name() }
