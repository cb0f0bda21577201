package sandbox

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// both runs a test over the wire and without it.
func both(t *testing.T, test func(*world), with ...func(*Options)) {
	t.Run("wire", func(t *testing.T) { test(newWorld(t, with...)) })
	t.Run("direct", func(t *testing.T) {
		w := newWorld(t, with...)
		w.channel = w.bank.Channel()
		test(w)
	})
}

func (w *world) wants(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("%v, want %v", err, want)
	}
}

func (w *world) stands(id certhall.OrderID, want payment.State) payment.Payment {
	w.Helper()
	p, err := w.channel.Query(w.Context(), id)
	w.must(err)
	if p.State != want || p.Order != id || p.Amount != 20000 || p.Currency != "CNY" || p.Merchant != Merchant {
		w.Errorf("%+v, want %s", p, want)
	}
	return p
}

func TestPrepay(t *testing.T) {
	both(t, func(w *world) {
		ctx := w.Context()
		_, err := w.channel.Query(ctx, "order-1")
		w.wants(err, payment.ErrUnknown)
		code := w.prepaid("order-1")
		if again := w.prepaid("order-1"); again != code {
			t.Errorf("%s, again %s", code, again)
		}
		w.stands("order-1", payment.Unpaid)
		later := w.order("order-1")
		later.Expires = later.Expires.Add(time.Minute)
		_, err = w.channel.Prepay(ctx, later)
		w.wants(err, payment.ErrRefused)
		dearer := w.order("order-1")
		dearer.Amount++
		_, err = w.channel.Prepay(ctx, dearer)
		w.wants(err, payment.ErrRefused)
		if got := certhall.AsError(err).Params["reason"]; got != "OUT_TRADE_NO_USED" {
			t.Error(got)
		}
		w.paid("order-1")
		_, err = w.channel.Prepay(ctx, w.order("order-1"))
		w.wants(err, payment.ErrPaid)
		w.wants(w.channel.Close(ctx, "order-1"), payment.ErrPaid)
		w.wants(w.bank.Pay("order-1"), payment.ErrPaid)
		p := w.stands("order-1", payment.Paid)
		if p.Transaction == "" || p.PaidAt.IsZero() || p.PaidAt.Location() != time.UTC {
			t.Errorf("%+v", p)
		}
	})
}

func TestWrongPrepay(t *testing.T) {
	both(t, func(w *world) {
		for _, change := range []func(*payment.Prepay){
			func(p *payment.Prepay) { p.Order = "12345" },
			func(p *payment.Prepay) { p.Order = "order 1" },
			func(p *payment.Prepay) { p.Amount = 0 },
			func(p *payment.Prepay) { p.Amount = -1 },
			func(p *payment.Prepay) { p.About = "" },
			func(p *payment.Prepay) { p.Expires = w.clock.Now() },
		} {
			p := w.order("order-1")
			change(&p)
			_, err := w.channel.Prepay(w.Context(), p)
			w.wants(err, payment.ErrRefused)
		}
	})
}

func TestClosed(t *testing.T) {
	both(t, func(w *world) {
		ctx := w.Context()
		w.must(w.channel.Close(ctx, "order-never"))
		w.prepaid("order-1")
		w.must(w.channel.Close(ctx, "order-1"))
		w.must(w.channel.Close(ctx, "order-1"))
		_, err := w.channel.Prepay(ctx, w.order("order-1"))
		w.wants(err, payment.ErrClosed)
		w.wants(w.bank.Pay("order-1"), payment.ErrClosed)
		w.stands("order-1", payment.Shut)

		w.prepaid("order-2")
		w.clock.pass(2 * time.Hour)
		w.wants(w.bank.Pay("order-2"), payment.ErrClosed)
		w.stands("order-2", payment.Shut)
	})
}

func TestRefund(t *testing.T) {
	both(t, func(w *world) {
		ctx := w.Context()
		r := w.refundOf("order-1")
		_, err := w.channel.Refund(ctx, r)
		w.wants(err, payment.ErrUnknown)
		w.prepaid("order-1")
		_, err = w.channel.Refund(ctx, r)
		w.wants(err, payment.ErrUnknown) // not paid
		_, err = w.channel.QueryRefund(ctx, r.Refund)
		w.wants(err, payment.ErrUnknown)
		w.paid("order-1")
		r.Amount = 15000
		first, err := w.channel.Refund(ctx, r)
		w.must(err)
		if first.State != payment.RefundProcessing || first.Order != "order-1" || first.Amount != 15000 || first.Number == "" {
			t.Errorf("%+v", first)
		}
		again, err := w.channel.Refund(ctx, r)
		w.must(err)
		if again != first {
			t.Errorf("%+v, again %+v", first, again)
		}
		w.stands("order-1", payment.Refunded)
		other := r
		other.Refund = "r-second"
		_, err = w.channel.Refund(ctx, other)
		w.wants(err, payment.ErrRefused) // more than was paid
		other.Refund, other.Amount = r.Refund, 5000
		_, err = w.channel.Refund(ctx, other)
		w.wants(err, payment.ErrRefused) // another amount under the same number
		w.clock.pass(time.Minute)
		done, err := w.channel.QueryRefund(ctx, r.Refund)
		w.must(err)
		if done.State != payment.RefundDone || done.At.IsZero() || done.At.Location() != time.UTC {
			t.Errorf("%+v", done)
		}
	}, func(o *Options) { o.RefundTime = time.Minute })
}

// TestRefundByPayment: a refund may name the payment's number in place of the order's.
func TestRefundByPayment(t *testing.T) {
	both(t, func(w *world) {
		w.paid("order-1")
		r := w.refundOf("order-1")
		r.Transaction = "4200-another"
		_, err := w.channel.Refund(w.Context(), r)
		w.wants(err, payment.ErrUnknown)
		r.Transaction = w.stands("order-1", payment.Paid).Transaction
		for range 2 {
			got, err := w.channel.Refund(w.Context(), r)
			w.must(err)
			if got.Order != "order-1" {
				t.Errorf("%+v", got)
			}
		}
	})
}

// TestLate: a request that was given up may still arrive.
func TestLate(t *testing.T) {
	both(t, func(w *world) {
		ctx := w.Context()
		w.upset(Fault{Call: CallPrepay, Kind: Late, Delay: time.Minute})
		_, err := w.channel.Prepay(ctx, w.order("order-1"))
		w.wants(err, payment.ErrChannel)
		w.must(w.channel.Close(ctx, "order-1")) // never heard of
		w.wants(w.bank.Pay("order-1"), payment.ErrUnknown)
		if next, ok := w.bank.Next(); !ok || !next.Equal(w.clock.Now().Add(time.Minute)) {
			t.Error(next, ok)
		}
		w.clock.pass(time.Minute)
		w.must(w.bank.Pay("order-1"))
		w.stands("order-1", payment.Paid)
	})
}

func TestRefundEnds(t *testing.T) {
	for kind, want := range map[Kind]payment.RefundState{Abnormal: payment.RefundAbnormal, Shut: payment.RefundClosed} {
		both(t, func(w *world) {
			w.paid("order-1")
			w.upset(Fault{Call: CallRefund, Kind: kind})
			_, err := w.channel.Refund(w.Context(), w.refundOf("order-1"))
			w.must(err)
			r, err := w.channel.QueryRefund(w.Context(), "r-order-1")
			w.must(err)
			if r.State != want {
				t.Errorf("%s, want %s", r.State, want)
			}
			if want == payment.RefundClosed {
				w.stands("order-1", payment.Paid)
			}
		})
	}
}

func TestBalance(t *testing.T) {
	both(t, func(w *world) {
		w.paid("order-1")
		w.paid("order-2")
		_, err := w.channel.Refund(w.Context(), w.refundOf("order-1"))
		w.must(err)
		*w.bank.books.Balance -= 1
		_, err = w.channel.Refund(w.Context(), w.refundOf("order-2"))
		w.wants(err, payment.ErrFunds)
		*w.bank.books.Balance++
		_, err = w.channel.Refund(w.Context(), w.refundOf("order-2"))
		w.must(err)
	}, func(o *Options) { o.Balance = new(certhall.Money) })
}

func TestBill(t *testing.T) {
	both(t, func(w *world) {
		ctx := w.Context()
		w.paid("order-1")
		w.paid("order-2")
		_, err := w.channel.Refund(ctx, w.refundOf("order-2"))
		w.must(err)
		today := w.clock.Now()
		_, err = w.channel.Bill(ctx, today)
		w.wants(err, payment.ErrBill)
		w.nextDay()
		rows, err := w.channel.Bill(ctx, today)
		w.must(err)
		p := w.stands("order-2", payment.Refunded)
		want := []payment.BillRow{
			{At: p.PaidAt, Order: "order-1", Transaction: w.stands("order-1", payment.Paid).Transaction, Amount: 20000, State: "SUCCESS"},
			{At: p.PaidAt, Order: "order-2", Transaction: p.Transaction, Amount: 20000, State: "SUCCESS"},
			{At: p.PaidAt, Order: "order-2", Transaction: p.Transaction, Refund: "r-order-2", Amount: 20000, State: "SUCCESS"},
		}
		if !reflect.DeepEqual(rows, want) {
			t.Errorf("%+v\nwant %+v", rows, want)
		}
		w.bank.Misprint(func(rows []payment.BillRow) []payment.BillRow { return rows[1:] })
		if rows, err = w.channel.Bill(ctx, today); err != nil || len(rows) != 2 {
			t.Errorf("a misprinted bill: %+v %v", rows, err)
		}
		w.bank.Misprint(nil)
		if rows, err = w.channel.Bill(ctx, today.AddDate(0, 0, -1)); err != nil || len(rows) != 0 {
			t.Errorf("a day on which nothing moved: %+v %v", rows, err)
		}
	})
}

func TestSpoiltBill(t *testing.T) {
	w := newWorld(t)
	w.paid("order-1")
	today := w.nextDay()
	for _, f := range []Fault{{Call: CallDownload, Kind: Forge}, {Call: CallDownload, Kind: LoseReply}, {Call: CallDownload, Kind: Refuse}} {
		w.upset(f)
		_, err := w.channel.Bill(t.Context(), today)
		w.wants(err, payment.ErrChannel)
	}
	_, err := w.channel.Bill(t.Context(), today)
	w.must(err)
}

// TestRestart: the books, and the notices that are still to be sent, are there after a restart.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bank.json")
	keep := func(o *Options) { o.File = file }
	w := newWorld(t, keep)
	w.paid("order-1")
	w.refuses = payment.ErrChannel
	if tries := w.server.Step(t.Context()); tries != 1 {
		t.Fatal(tries, "tries")
	}
	before := w.stands("order-1", payment.Paid)
	again := newWorld(t, keep)
	if after := again.stands("order-1", payment.Paid); after != before {
		t.Errorf("%+v, after the restart %+v", before, after)
	}
	w.refuses = nil
	again.clock.pass(15 * time.Second)
	again.server.Step(t.Context())
	if len(w.heard) != 1 || *w.heard[0].Payment != before {
		t.Errorf("heard %+v", w.heard)
	}
}
