package payment_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/sandbox"
	"github.com/certhall/certhall/hall/services"
)

// lost are the ways in which a call brings nothing: refused, the request lost, done
// with the reply lost, no answer at all, an answer that is not to be believed.
var lost = []sandbox.Kind{sandbox.Refuse, sandbox.Lose, sandbox.LoseReply, sandbox.Hang, sandbox.Slow, sandbox.Forge}

// faults runs a test under every fault of a call, once and three times over.
func faults(t *testing.T, c sandbox.Call, f func(w *world)) {
	for _, kind := range lost {
		for _, times := range []int{1, 3} {
			t.Run(string(kind)+map[int]string{1: "", 3: " thrice"}[times], func(t *testing.T) {
				w := newWorld(t)
				w.must(w.bank.Upset(sandbox.Fault{Call: c, Kind: kind, Times: times}))
				f(w)
			})
		}
	}
}

func TestPrepayFaults(t *testing.T) {
	faults(t, sandbox.CallPrepay, func(w *world) {
		o := w.place("l")
		w.pass(2 * time.Minute)
		if f := w.order(o.ID); f.CodeURL == "" || f.Standing != orders.Unpaid {
			w.Fatalf("%s, code %q", f.Standing, f.CodeURL)
		}
		w.must(w.bank.Pay(o.ID))
		w.notices()
		w.expect(o.ID, orders.Paid, "taken", "")
	})
}

// TestQueryFaults: no notice ever comes.
func TestQueryFaults(t *testing.T) {
	faults(t, sandbox.CallQuery, func(w *world) {
		o := w.place("l")
		w.work()
		w.must(w.bank.Pay(o.ID))
		w.pass(4 * time.Minute)
		w.expect(o.ID, orders.Paid, "taken", "")
	})
}

// TestCloseFaults: nobody pays, or somebody does at the last moment.
func TestCloseFaults(t *testing.T) {
	for _, paid := range []bool{false, true} {
		faults(t, sandbox.CallClose, func(w *world) {
			o := w.place("l")
			w.work()
			w.clock.now = o.ExpiresAt.Add(-time.Second)
			if paid {
				w.must(w.bank.Pay(o.ID))
			}
			w.clock.now = o.ExpiresAt
			w.pass(5 * time.Minute)
			if paid {
				w.expect(o.ID, orders.Paid, "taken", "")
				return
			}
			w.expect(o.ID, orders.Closed, "", "")
			if err := w.bank.Pay(o.ID); err == nil {
				w.Error("a closed order was paid")
			}
			w.place("l") // the certificate can be ordered again
		})
	}
}

func (w *world) paidOrder(lineages ...certhall.LineageID) orders.Order {
	w.Helper()
	o := w.place(lineages...)
	w.work()
	w.must(w.bank.Pay(o.ID))
	w.notices()
	return o
}

// refund asks for the money of the first rights of an order.
func (w *world) refund(o orders.Order, n int) {
	w.Helper()
	var which []certhall.EntitlementID
	for _, e := range w.order(o.ID).Entitlements[:n] {
		which = append(which, e.ID)
	}
	w.write(func(wr services.Writer) error {
		paid, err := wr.LockOrder(o.ID)
		if err != nil {
			return err
		}
		_, _, err = orders.AskRefund(wr, *paid, which, "不用了", "p", w.clock.now, w.random)
		return err
	})
}

func TestRefundFaults(t *testing.T) {
	for _, c := range []sandbox.Call{sandbox.CallRefund, sandbox.CallQueryRefund} {
		faults(t, c, func(w *world) {
			o := w.paidOrder("l1", "l2")
			w.refund(o, 1)
			w.pass(20 * time.Minute) // no notice of it ever comes
			w.expect(o.ID, orders.Paid, "taken", "done")
			f := w.order(o.ID)
			if f.Refunds[0].Amount != 10000 || f.Entitlements[0].State != orders.Refunded || f.Entitlements[1].State != orders.Open {
				w.Errorf("%+v", f)
			}
		})
	}
}

// TestRefundByNotice: the notice comes before the reply, or again and again.
func TestRefundByNotice(t *testing.T) {
	w := newWorld(t)
	o := w.paidOrder("l1")
	w.refund(o, 1)
	w.upset(sandbox.CallRefund, sandbox.LoseReply, "")
	_, err := w.till.Work(t.Context())
	w.must(err)
	w.clock.now = w.clock.now.Add(time.Minute)
	w.upset(sandbox.CallNotice, sandbox.Repeat, "")
	if w.notices() != 2 {
		t.Fatal("no notice came twice")
	}
	w.expect(o.ID, orders.Paid, "taken", "done")
	w.pass(10 * time.Minute)
	w.expect(o.ID, orders.Paid, "taken", "done")
}

// TestRefundFails: an officer has it made again, or has given the money himself.
func TestRefundFails(t *testing.T) {
	for kind, want := range map[sandbox.Kind]*certhall.Error{sandbox.Shut: payment.ErrRefundClosed, sandbox.Abnormal: payment.ErrRefundAbnormal} {
		w := newWorld(t)
		o := w.paidOrder("l1")
		w.upset(sandbox.CallRefund, kind, "")
		w.refund(o, 1)
		w.pass(10 * time.Minute)
		w.expect(o.ID, orders.Paid, "taken", "failed")
		f := w.order(o.ID).Refunds[0]
		if f.Trouble != want.Code || f.Standing != orders.RefundFailed {
			t.Errorf("%s: %+v", kind, f)
		}
		if err := w.office.RefundAgain(t.Context(), f.ID, "张三", "查过了"); err != nil {
			t.Fatal(err)
		}
		w.pass(10 * time.Minute)
		if kind == sandbox.Shut { // under a new number it is a new refund
			w.expect(o.ID, orders.Paid, "taken", "done")
			if err := w.office.RefundGiven(t.Context(), f.ID, "张三", "x"); !errors.Is(err, orders.ErrNotFailed) {
				t.Error(err)
			}
			continue
		}
		w.expect(o.ID, orders.Paid, "taken", "failed") // it is still the same one
		w.must(w.office.RefundGiven(t.Context(), f.ID, "张三", "银行转账"))
		w.expect(o.ID, orders.Paid, "taken", "done")
		if acts := w.order(o.ID).Acts; len(acts) != 2 || acts[1].Kind != payment.ActRefundGiven || acts[1].Operator != "张三" {
			t.Errorf("%+v", acts)
		}
	}
}

// TestRefundTold: a notice of another amount or of another order ends no refund;
// an officer looks, and the true one still does.
func TestRefundTold(t *testing.T) {
	for name, lie := range map[string]func(*payment.Refund){
		"amount": func(r *payment.Refund) { r.Amount-- },
		"order":  func(r *payment.Refund) { r.Order = "another" },
	} {
		w := newWorld(t)
		o := w.paidOrder("l1")
		w.refund(o, 1)
		w.work()
		f := w.order(o.ID).Refunds[0]
		told := payment.Refund{Refund: f.ID, Order: o.ID, Number: "5030", State: payment.RefundDone, Amount: f.Amount, At: noon}
		wrong := told
		lie(&wrong)
		w.must(w.till.Told(t.Context(), payment.Notice{Refund: &wrong}))
		if f := w.order(o.ID).Refunds[0]; f.Standing != orders.RefundFailed || f.Trouble != payment.ErrRefundAmount.Code {
			t.Errorf("another %s: %+v", name, f)
		}
		w.must(w.till.Told(t.Context(), payment.Notice{Refund: &told}))
		w.expect(o.ID, orders.Paid, "taken", "done")
	}
}

// TestRefundRefused: what the channel refuses as such is left to an officer; an
// empty account is waited for.
func TestRefundRefused(t *testing.T) {
	w := newWorld(t)
	o := w.paidOrder("l1")
	w.upset(sandbox.CallRefund, sandbox.Refuse, "INVALID_REQUEST")
	w.refund(o, 1)
	w.pass(time.Minute)
	w.expect(o.ID, orders.Paid, "taken", "failed")
	w.must(w.office.RefundAgain(t.Context(), w.order(o.ID).Refunds[0].ID, "张三", "x"))
	w.upset(sandbox.CallRefund, sandbox.Refuse, "NOT_ENOUGH")
	w.work()
	if f := w.order(o.ID).Refunds[0]; f.Standing != orders.RefundWanted || f.Trouble != payment.ErrFunds.Code || f.Due.IsZero() {
		t.Errorf("%+v", f)
	}
	w.pass(10 * time.Minute)
	w.expect(o.ID, orders.Paid, "taken", "done")
}

// forgetful is a channel that has never heard of a refund it took.
type forgetful struct{ payment.Channel }

func (forgetful) QueryRefund(context.Context, certhall.RefundID) (payment.Refund, error) {
	return payment.Refund{}, payment.ErrUnknown
}

// TestRefundForgotten: it is asked for again under the same number.
func TestRefundForgotten(t *testing.T) {
	w := newWorld(t)
	o := w.paidOrder("l1")
	w.refund(o, 1)
	w.work()
	w.expect(o.ID, orders.Paid, "taken", "sent")
	w.till = payment.NewTill(payment.TillOptions{Store: w.store.Till(), Channel: forgetful{w.bank.Channel()}, Clock: w.clock, Random: w.random})
	w.clock.now = w.clock.now.Add(10 * time.Second)
	w.work()
	w.expect(o.ID, orders.Paid, "taken", "wanted")
	w.pass(10 * time.Minute)
	w.expect(o.ID, orders.Paid, "taken", "done")
}

// overtaken is a store in which another node does the work between a look at what
// is due and the taking up of it.
type overtaken struct {
	payment.Store
	other func()
}

func (s *overtaken) Read(ctx context.Context, f func(payment.Reader) error) error {
	err := s.Store.Read(ctx, f)
	if other := s.other; other != nil {
		s.other = nil
		other()
	}
	return err
}

// TestOvertaken: what another node has taken up is left to it.
func TestOvertaken(t *testing.T) {
	w := newWorld(t)
	w.refund(w.paidOrder("l2"), 1)
	w.place("l1")
	s := &overtaken{Store: w.store.Till(), other: w.work}
	late := payment.NewTill(payment.TillOptions{Store: s, Channel: w.bank.Channel(), Clock: w.clock, Random: w.random})
	if n, err := late.Work(t.Context()); n != 0 || err != nil {
		t.Errorf("took up %d: %v", n, err)
	}
}
