package payment_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
)

// told hands a payment to the till as a notice that is to be believed.
func (w *world) told(id certhall.OrderID, number string, amount certhall.Money) error {
	return w.till.Told(w.Context(), payment.Notice{Payment: &payment.Payment{
		Order: id, State: payment.Paid, Transaction: number, Amount: amount, Currency: "CNY", Merchant: "m", PaidAt: w.clock.now,
	}})
}

// TestRepeatedNotice: one payment pays once, whatever came between.
func TestRepeatedNotice(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1")
	for range 3 {
		w.must(w.told(o.ID, "T1", 10000)) // before the prepay's reply
	}
	w.expect(o.ID, orders.Paid, "taken", "")
	w.work()
	w.refund(o, 1)
	w.must(w.told(o.ID, "T1", 10000))
	w.expect(o.ID, orders.Paid, "taken", "wanted")
	if n := len(w.order(o.ID).Entitlements); n != 1 {
		t.Errorf("%d rights of one payment", n)
	}
}

// TestLatePayment: the order was closed; the money goes back whole.
func TestLatePayment(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1", "l2")
	w.clock.now = o.ExpiresAt
	w.work()
	w.expect(o.ID, orders.Closed, "", "")
	for range 2 {
		w.must(w.told(o.ID, "T1", 20000))
	}
	w.expect(o.ID, orders.Closed, "late", "wanted")
	if f := w.order(o.ID); len(f.Entitlements) != 0 || !f.Refunds[0].Whole || f.Refunds[0].Amount != 20000 {
		t.Errorf("%+v", f)
	}
}

// TestLateLie: a payment of another amount for a closed order is asked for first.
func TestLateLie(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1")
	w.clock.now = o.ExpiresAt
	w.work()
	if err := w.told(o.ID, "T1", 9999); !errors.Is(err, payment.ErrNotice) {
		t.Error(err)
	}
	w.expect(o.ID, orders.Closed, "", "")
}

// TestSecondPayment: the order was paid by another one.
func TestSecondPayment(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1")
	w.must(w.told(o.ID, "T1", 10000))
	w.must(w.told(o.ID, "T2", 10000))
	w.must(w.told(o.ID, "T2", 10000))
	w.expect(o.ID, orders.Paid, "taken second", "wanted")
	if f := w.order(o.ID); f.Refunds[0].Transaction != "T2" {
		t.Errorf("%+v", f.Refunds)
	}
}

// TestStrayPayment: nobody knows what it was for; an officer is told at once.
func TestStrayPayment(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.must(w.told("elsewhere", "T1", 500))
	}
	open, err := w.office.Differences(t.Context(), "", true, 10)
	w.must(err)
	if len(open) != 1 || open[0].Kind != payment.StrayPayment || open[0].Number != "T1" || open[0].Day != "2026-11-22" {
		t.Fatalf("%+v", open)
	}
	w.sound()
	w.must(w.office.Explain(t.Context(), open[0].ID, "张三", "从备份恢复前的订单"))
	if open, err = w.office.Differences(t.Context(), "", true, 10); err != nil || len(open) != 0 {
		t.Errorf("%v %+v", err, open)
	}
	if err := w.office.Explain(t.Context(), "none", "张三", "x"); !errors.Is(err, payment.ErrNoDifference) {
		t.Error(err)
	}
}

// liar is a channel that says otherwise than the bank how orders stand.
type liar struct {
	payment.Channel
	payment payment.Payment
}

func (l liar) Query(_ context.Context, _ certhall.OrderID) (payment.Payment, error) {
	return l.payment, nil
}

// TestWrongAmount: what a notice says of a live order counts only if the channel
// says so as well.
func TestWrongAmount(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1")
	if err := w.told(o.ID, "T1", 1); !errors.Is(err, payment.ErrNotice) {
		t.Errorf("the bank has never heard of it: %v", err)
	}
	w.work()
	if err := w.told(o.ID, "T1", 1); !errors.Is(err, payment.ErrNotice) {
		t.Errorf("nobody has paid: %v", err)
	}
	w.expect(o.ID, orders.Unpaid, "", "")
	w.must(w.bank.Pay(o.ID))
	w.must(w.told(o.ID, "T1", 1)) // and of another transaction than the one that paid
	w.expect(o.ID, orders.Paid, "taken second", "wanted")

	for _, p := range []payment.Payment{
		{Amount: 1, Currency: "CNY"}, {Amount: 10000, Currency: "USD"},
	} {
		w = newWorld(t)
		o = w.place("l1")
		p.Order, p.State, p.Transaction, p.PaidAt = o.ID, payment.Paid, "T1", noon
		w.till = payment.NewTill(payment.TillOptions{Store: w.store.Till(), Channel: liar{w.bank.Channel(), p}, Clock: w.clock, Random: w.random})
		for range 2 {
			w.must(w.till.Told(t.Context(), payment.Notice{Payment: &p}))
		}
		w.expect(o.ID, orders.Closed, "wrong", "wanted")
		w.place("l1") // nobody can pay the old one any more
	}
}

// TestRefundedElsewhere: a payment that went back before the hall saw it buys nothing.
func TestRefundedElsewhere(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1")
	w.work()
	p := payment.Payment{Order: o.ID, State: payment.Refunded, Transaction: "T1", Amount: 10000, Currency: "CNY", PaidAt: noon}
	w.till = payment.NewTill(payment.TillOptions{Store: w.store.Till(), Channel: liar{w.bank.Channel(), p}, Clock: w.clock, Random: w.random})
	w.pass(5 * time.Second)
	w.expect(o.ID, orders.Closed, "stray", "")
}

// TestTwoNodes: of many tills at once one does what is due.
func TestTwoNodes(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1")
	other := w.till
	w.restart()
	n, err := w.till.Work(t.Context())
	w.must(err)
	m, err := other.Work(t.Context())
	w.must(err)
	if n != 1 || m != 0 {
		t.Errorf("took up %d and %d", n, m)
	}
	w.must(w.bank.Pay(o.ID))
	w.clock.now = w.clock.now.Add(5 * time.Second)
	if n, err = other.Work(t.Context()); n != 1 || err != nil {
		t.Error(n, err)
	}
	w.expect(o.ID, orders.Paid, "taken", "")
}
