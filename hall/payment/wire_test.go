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
	"github.com/certhall/certhall/hall/payment/sandbox"
	"github.com/certhall/certhall/hall/payment/wechat"
)

// onWire is a world whose till talks to the bank by WeChat Pay's protocol, and
// hears of payments at a callback address.
func onWire(t *testing.T) (*world, *sandbox.Server) {
	t.Helper()
	w := newWorld(t)
	w.clock.now = time.Now().UTC() // requests are stamped by the machine's clock
	keys, err := sandbox.NewKeys(t.TempDir(), w.clock)
	w.must(err)
	server := sandbox.NewServer(sandbox.ServerOptions{Bank: w.bank, Keys: keys, Stamps: certhall.SystemClock{}})
	gateway := httptest.NewServer(server)
	t.Cleanup(gateway.Close)
	hall := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.till.Answer(rw, w.till.Notice(r.Context(), r))
	}))
	t.Cleanup(hall.Close)
	channel, err := wechat.New(wechat.Options{Credentials: keys.Credentials(), NotifyURL: hall.URL + payment.NoticePath, Gateway: gateway.URL, Clock: w.clock,
		Transport: &http.Transport{DisableKeepAlives: true}})
	w.must(err)
	w.till = payment.NewTill(payment.TillOptions{Store: w.store.Till(), Channel: channel, Clock: w.clock, Random: w.random})
	return w, server
}

// TestOnTheWire: forged notices do nothing, the true one pays, repeated or after a
// refund it changes nothing, and the bill agrees.
func TestOnTheWire(t *testing.T) {
	w, server := onWire(t)
	o := w.place("l1", "l2")
	forgeries := []sandbox.Forgery{sandbox.ForgeSignature, sandbox.ForgeKey, sandbox.ForgeSecret, sandbox.ForgeOld,
		sandbox.ForgeMerchant, sandbox.ForgeApp, sandbox.ForgeAmount, sandbox.ForgeCurrency}
	forge := func(want string, standing orders.Standing, payments, refunds string) {
		t.Helper()
		for _, how := range forgeries {
			status, err := server.Forge(t.Context(), o.ID, how)
			if err != nil || status/100 == 2 {
				t.Errorf("%s, %s: answered %d, %v", want, how, status, err)
			}
		}
		w.expect(o.ID, standing, payments, refunds)
	}
	w.work()
	forge("unpaid", orders.Unpaid, "", "")
	w.must(w.bank.Upset(sandbox.Fault{Call: sandbox.CallNotice, Kind: sandbox.Repeat}))
	w.must(w.bank.Pay(o.ID))
	if server.Step(t.Context()) != 2 {
		t.Error("the notice did not come twice")
	}
	w.expect(o.ID, orders.Paid, "taken", "")
	w.refund(o, 1)
	w.work()
	w.clock.now = w.clock.now.Add(time.Minute)
	server.Step(t.Context())
	w.expect(o.ID, orders.Paid, "taken", "done")
}

// TestClosedOnTheWire: an order that ran out is closed there, then here.
func TestClosedOnTheWire(t *testing.T) {
	w, _ := onWire(t)
	o := w.place("l1")
	w.work()
	w.must(w.office.Store.Write(t.Context(), func(wr payment.Writer) error {
		_, err := orders.Cancel(wr, o.ID, w.clock.now)
		return err
	}))
	w.work()
	w.expect(o.ID, orders.Closed, "", "")
	if err := w.bank.Pay(o.ID); !errors.Is(err, payment.ErrClosed) {
		t.Error(err)
	}
}

// TestReadyIsNotOutlived: whoever waits for his code waits a few seconds at most.
func TestReadyIsNotOutlived(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1")
	ctx, end := context.WithCancel(t.Context())
	w.till = payment.NewTill(payment.TillOptions{Store: w.store.Till(), Channel: hanging{w.bank.Channel(), end}, Clock: w.clock, Random: w.random})
	if _, err := w.till.Ready(ctx, o.ID); err == nil {
		t.Error("nothing answered, and yet it is ready")
	}
	if f := w.order(o.ID); f.Standing != orders.Unpaid || f.CodeURL != "" {
		t.Errorf("%+v", f)
	}
}

// hanging is a channel whose prepay answers nothing until the caller leaves.
type hanging struct {
	payment.Channel
	leave func()
}

func (h hanging) Prepay(ctx context.Context, _ payment.Prepay) (string, error) {
	if _, ok := ctx.Deadline(); !ok {
		return "", errors.New("no limit is set")
	}
	h.leave()
	<-ctx.Done()
	return "", ctx.Err()
}
