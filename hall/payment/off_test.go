package payment_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
)

// switchOff restarts the hall without a channel of payment.
func (w *world) switchOff() {
	w.till = payment.NewTill(payment.TillOptions{Store: w.store.Till(), Channel: payment.Off{}, Clock: w.clock, Random: w.random})
}

// cancel takes an order back, as its buyer does.
func (w *world) cancel(id certhall.OrderID) {
	w.Helper()
	w.must(w.office.Store.Write(w.Context(), func(wr payment.Writer) error {
		_, err := orders.Cancel(wr, id, w.clock.now)
		return err
	}))
}

// waits tells what the hall says of money that waits for a channel.
func (w *world) waits(want bool) {
	w.Helper()
	if err := w.till.Waits(w.Context()); errors.Is(err, payment.ErrMoneyWaits) != want || !want && err != nil {
		w.Errorf("%v, want that money waits: %t", err, want)
	}
}

// TestOffAndOn: payment is switched off while somebody pays, and on again within a
// day: the payment counts. What nobody paid is closed.
func TestOffAndOn(t *testing.T) {
	w := newWorld(t)
	w.switchOff()
	w.waits(false)
	w.restart()
	paid, unpaid := w.place("l1"), w.place("l2")
	w.work()
	w.must(w.bank.Pay(paid.ID))
	w.switchOff()
	w.waits(true)
	if _, err := w.till.Ready(t.Context(), unpaid.ID); !errors.Is(err, payment.ErrOff) {
		t.Error(err)
	}
	w.pass(time.Hour)
	w.expect(paid.ID, orders.Unpaid, "", "")
	w.restart()
	w.waits(false)
	w.pass(10 * time.Minute)
	w.expect(paid.ID, orders.Paid, "taken", "")
	w.expect(unpaid.ID, orders.Closed, "", "")
}

// TestOffForLong: an order that nobody can pay any more holds its certificate no
// longer than notices come, or than its buyer wants it; what was paid for it is
// found once there is a channel again, and goes back.
func TestOffForLong(t *testing.T) {
	w := newWorld(t)
	held, cancelled, paid := w.place("l1"), w.place("l2"), w.place("l3")
	w.work()
	w.must(w.bank.Pay(paid.ID))
	w.switchOff()
	w.cancel(cancelled.ID)
	w.cancel(paid.ID)
	w.pass(35 * time.Minute)
	w.expect(cancelled.ID, orders.Closing, "", "") // the channel's clock may be behind
	w.pass(5 * time.Minute)
	w.expect(held.ID, orders.Unpaid, "", "")
	w.expect(cancelled.ID, orders.Closed, "", "") // within 40 minutes, as its buyer was told
	w.expect(paid.ID, orders.Closed, "", "")
	w.clock.now = w.clock.now.Add(26 * time.Hour)
	w.work()
	w.expect(held.ID, orders.Closed, "", "")
	w.waits(true)
	w.clock.now = w.clock.now.AddDate(0, 3, 0) // no bill is fetched of that time any more
	w.restart()
	w.pass(10 * time.Minute)
	w.expect(held.ID, orders.Closed, "", "")
	w.expect(cancelled.ID, orders.Closed, "", "")
	w.expect(paid.ID, orders.Closed, "late", "done")
	for _, o := range []orders.Order{held, cancelled, paid} {
		if f := w.order(o.ID); !f.Due.IsZero() {
			t.Errorf("%s is asked about again at %s", o.ID, f.Due)
		}
	}
}

// TestOffRefund: refunds wait for a channel, say so, and are made once there is one.
func TestOffRefund(t *testing.T) {
	w := newWorld(t)
	before, while := w.place("l1"), w.place("l2")
	w.work()
	w.must(w.bank.Pay(before.ID))
	w.must(w.bank.Pay(while.ID))
	w.notices()
	w.refund(before, 1)
	w.switchOff()
	w.refund(while, 1)
	w.pass(time.Hour)
	w.waits(true)
	for _, o := range []orders.Order{before, while} {
		w.expect(o.ID, orders.Paid, "taken", "wanted")
		if r := w.order(o.ID).Refunds[0]; r.Trouble != payment.ErrOff.Code {
			t.Errorf("%+v", r)
		}
	}
	w.restart()
	w.pass(10 * time.Minute)
	w.expect(before.ID, orders.Paid, "taken", "done")
	w.expect(while.ID, orders.Paid, "taken", "done")
}

// TestOffForEver: where no channel comes back, money that may be under way stays
// in sight until an officer has said that it is settled; he says it once.
func TestOffForEver(t *testing.T) {
	w := newWorld(t)
	paid, unheard := w.place("l1"), w.place("l2")
	w.work()
	w.must(w.bank.Pay(paid.ID))
	w.notices()
	w.refund(paid, 1)
	w.switchOff()
	settled := func(o orders.Order) error { return w.office.Settled(w.Context(), o.ID, "张三", "商户平台查过") }
	if err := settled(unheard); !errors.Is(err, payment.ErrNotUnheard) {
		t.Errorf("of an order that is live: %v", err)
	}
	w.clock.now = w.clock.now.Add(26 * time.Hour)
	w.work()
	w.clock.now = w.clock.now.AddDate(1, 0, 0)
	w.work()
	w.expect(unheard.ID, orders.Closed, "", "")
	found, err := w.office.Orders(t.Context(), payment.OrderSearch{Unheard: true, Limit: 5})
	w.must(err)
	if len(found) != 1 || found[0].ID != unheard.ID {
		t.Errorf("unheard of: %v", found)
	}
	w.must(settled(unheard))
	if err := settled(unheard); !errors.Is(err, payment.ErrNotUnheard) {
		t.Errorf("said twice: %v", err)
	}
	w.waits(true)
	w.must(w.office.RefundGiven(t.Context(), w.order(paid.ID).Refunds[0].ID, "张三", "银行转账"))
	w.expect(paid.ID, orders.Paid, "taken", "done")
	w.waits(false)
	if acts := w.order(unheard.ID).Acts; len(acts) != 1 || acts[0].Kind != payment.ActSettled {
		t.Errorf("%+v", acts)
	}
}

// TestGivenOnlyWhileOff: once there is a channel again that is asked for a refund,
// no officer gives its money back as well.
func TestGivenOnlyWhileOff(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1")
	w.work()
	w.must(w.bank.Pay(o.ID))
	w.notices()
	w.switchOff()
	w.refund(o, 1)
	w.work()
	asked := false
	w.till = payment.NewTill(payment.TillOptions{Store: w.store.Till(), Clock: w.clock, Random: w.random, Channel: refunding{w.bank.Channel(), func(r payment.RefundOrder) {
		asked = true
		if err := w.office.RefundGiven(t.Context(), r.Refund, "张三", "x"); !errors.Is(err, orders.ErrNotFailed) {
			t.Error(err)
		}
	}}})
	w.pass(10 * time.Minute)
	w.expect(o.ID, orders.Paid, "taken", "done")
	if !asked {
		t.Error("the channel was not asked")
	}
}

// refunding does something while the channel is asked for a refund.
type refunding struct {
	payment.Channel
	meanwhile func(payment.RefundOrder)
}

func (c refunding) Refund(ctx context.Context, r payment.RefundOrder) (payment.Refund, error) {
	c.meanwhile(r)
	return c.Channel.Refund(ctx, r)
}

// TestOffNotice: a notice that nobody can verify is not taken and not lost.
func TestOffNotice(t *testing.T) {
	w := newWorld(t)
	w.switchOff()
	rw := httptest.NewRecorder()
	w.till.Answer(rw, w.till.Notice(t.Context(), httptest.NewRequest(http.MethodPost, payment.NoticePath, nil)))
	if rw.Code/100 != 5 {
		t.Errorf("answered %d: it does not come again", rw.Code)
	}
}
