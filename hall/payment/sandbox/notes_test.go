package sandbox

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

func TestNotice(t *testing.T) {
	w := newWorld(t)
	w.paid("order-1")
	if w.server.Step(t.Context()) != 1 || len(w.heard) != 1 || len(w.wrong) != 0 {
		t.Fatal(w.heard, w.wrong)
	}
	if got, want := *w.heard[0].Payment, w.stands("order-1", payment.Paid); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	w.clock.pass(48 * time.Hour)
	if tries := w.server.Step(t.Context()); tries != 0 {
		t.Errorf("a notice that was taken comes again, %d times", tries)
	}
}

func TestRefundNotices(t *testing.T) {
	for kind, want := range map[Kind]payment.RefundState{"": payment.RefundDone, Abnormal: payment.RefundAbnormal, Shut: payment.RefundClosed} {
		w := newWorld(t, func(o *Options) { o.RefundTime = time.Minute })
		w.paid("order-1")
		w.server.Step(t.Context())
		if kind != "" {
			w.upset(Fault{Call: CallRefund, Kind: kind})
		}
		_, err := w.channel.Refund(t.Context(), w.refundOf("order-1"))
		w.must(err)
		if next, ok := w.bank.Next(); !ok || !next.Equal(w.clock.Now().Add(time.Minute)) {
			t.Error("next", next, ok)
		}
		w.clock.pass(time.Minute)
		w.server.Step(t.Context())
		if len(w.heard) != 2 || w.heard[1].Refund == nil {
			t.Fatalf("%s: %+v %v", want, w.heard, w.wrong)
		}
		asked, err := w.channel.QueryRefund(t.Context(), "r-order-1")
		w.must(err)
		got := *w.heard[1].Refund
		if got.State == payment.RefundDone && got.At.IsZero() {
			t.Errorf("%+v", got)
		}
		if want != payment.RefundDone {
			asked.At, got.At = time.Time{}, time.Time{}
		}
		if got != asked || got.State != want {
			t.Errorf("%+v, want %+v", got, asked)
		}
	}
}

// TestForgedNotices: none that is not WeChat Pay's or not for us is believed;
// one that tells of another amount or currency is told as it is.
func TestForgedNotices(t *testing.T) {
	for _, how := range Forgeries {
		for _, isPaid := range []bool{false, true} {
			w := newWorld(t)
			w.prepaid("order-1")
			if isPaid {
				w.paid("order-1")
			}
			status, err := w.server.Forge(t.Context(), "order-1", how)
			w.must(err)
			if how == ForgeAmount || how == ForgeCurrency {
				if status != 204 || len(w.heard) != 1 {
					t.Fatalf("%s: %d %v", how, status, w.wrong)
				}
				p := w.heard[0].Payment
				if p.Amount == 20000 && p.Currency == "CNY" {
					t.Errorf("%s: %+v", how, p)
				}
				continue
			}
			if status != 403 || len(w.heard) != 0 || len(w.wrong) != 1 || !errors.Is(w.wrong[0], payment.ErrNotice) {
				t.Errorf("%s: %d %+v %v", how, status, w.heard, w.wrong)
			}
		}
	}
}

func TestRetries(t *testing.T) {
	w := newWorld(t)
	w.refuses = payment.ErrChannel
	w.paid("order-1")
	tries := w.server.Step(t.Context())
	for _, pause := range pauses {
		w.clock.pass(pause - time.Second)
		if w.server.Step(t.Context()) != 0 {
			t.Errorf("after %d tries it comes too early", tries)
		}
		w.clock.pass(time.Second)
		tries += w.server.Step(t.Context())
	}
	if _, more := w.bank.Next(); tries != 16 || more {
		t.Errorf("%d tries, more %t", tries, more)
	}
}

func TestNoticeFaults(t *testing.T) {
	w := newWorld(t)
	w.paid("order-1")
	w.upset(Fault{Call: CallNotice, Kind: Lose})
	w.server.Step(t.Context())
	if len(w.heard) != 0 {
		t.Error("a lost notice was heard")
	}
	w.upset(Fault{Call: CallNotice, Kind: Delay, Delay: time.Hour})
	w.clock.pass(15 * time.Second)
	w.server.Step(t.Context())
	w.clock.pass(time.Hour - time.Second)
	w.server.Step(t.Context())
	if len(w.heard) != 0 {
		t.Error("a delayed notice was heard")
	}
	w.upset(Fault{Call: CallNotice, Kind: Repeat})
	w.clock.pass(time.Second)
	w.server.Step(t.Context())
	if len(w.heard) != 2 || *w.heard[0].Payment != *w.heard[1].Payment {
		t.Errorf("repeated: %+v", w.heard)
	}
	w.heard = nil
	w.paid("order-2")
	w.paid("order-3")
	w.upset(Fault{Call: CallNotice, Kind: Reorder})
	w.server.Step(t.Context())
	if len(w.heard) != 2 || w.heard[0].Payment.Order != "order-3" || w.heard[1].Payment.Order != "order-2" {
		t.Errorf("reordered: %+v", w.heard)
	}
	w.bank.Upset(Fault{Call: CallNotice, Kind: Lose})
	w.bank.Calm()
	w.paid("order-4")
	w.server.Step(t.Context())
	if len(w.heard) != 3 {
		t.Error("a fault that was taken back came")
	}
}

// TestDeliverDirect: without a wire the same notices are handed on.
func TestDeliverDirect(t *testing.T) {
	w := newWorld(t)
	w.channel = w.bank.Channel()
	w.paid("order-1")
	var heard []Note
	w.bank.Deliver(t.Context(), func(_ context.Context, n Note) error {
		heard = append(heard, n)
		return nil
	})
	if len(heard) != 1 || *heard[0].Payment != w.stands("order-1", payment.Paid) {
		t.Errorf("%+v", heard)
	}
}

func TestRun(t *testing.T) {
	w := newWorld(t)
	heard := make(chan struct{})
	w.server.client.Transport = roundTrip(func() { heard <- struct{}{} })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.server.Run(ctx); close(ended) }()
	w.paid("order-1") // while it waits for nothing
	<-heard
	stop()
	<-ended
}

func TestAnswer(t *testing.T) {
	for _, channel := range []payment.Channel{newWorld(t).channel} {
		for want, err := range map[int]error{204: nil, 403: payment.ErrNotice.Becausef("secret"), 503: payment.ErrChannel, 500: errors.New("secret")} {
			r := httptest.NewRecorder()
			channel.Answer(r, err)
			body := ""
			if err != nil {
				body = `{"code":"FAIL","message":"` + certhall.AsError(err).Code + "\"}\n"
			}
			if r.Code != want || r.Body.String() != body {
				t.Errorf("%v: %d %s", err, r.Code, r.Body)
			}
		}
	}
}
