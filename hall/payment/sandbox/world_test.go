package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/wechat"
)

var keys *Keys // made once: they take a while

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sandbox")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if keys, err = NewKeys(dir, certhall.SystemClock{}); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a merchant with the real channel, and the sandbox it talks to.
type world struct {
	*testing.T
	clock   *clock
	bank    *Bank
	server  *Server
	channel payment.Channel
	waiting chan struct{} // a request waits in the sandbox for its caller to leave

	mu      sync.Mutex
	refuses error // what the merchant answers notices
	heard   []payment.Notice
	wrong   []error // notices that were not believed
}

func newWorld(t *testing.T, with ...func(*Options)) *world {
	t.Helper()
	w := &world{T: t, clock: &clock{now: time.Now().UTC()}, waiting: make(chan struct{}, 100)}
	o := Options{Name: "示范电子认证", Clock: w.clock, Random: rand.NewChaCha8([32]byte{1})}
	for _, f := range with {
		f(&o)
	}
	var err error
	if w.bank, err = Open(o); err != nil {
		t.Fatal(err)
	}
	w.server = NewServer(ServerOptions{Bank: w.bank, Keys: keys, Stamps: certhall.SystemClock{}})
	gateway := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.server.ServeHTTP(rw, r.WithContext(watched{r.Context(), w.waiting}))
	}))
	t.Cleanup(gateway.Close)
	merchant := httptest.NewServer(http.HandlerFunc(w.notice))
	t.Cleanup(merchant.Close)
	w.channel = w.open(wechat.Options{
		Credentials: keys.Credentials(), NotifyURL: merchant.URL + "/api/payment/notice", Gateway: gateway.URL, Clock: w.clock,
		Transport: &http.Transport{DisableKeepAlives: true}, // Go asks again by itself on a connection that was used before
	})
	return w
}

// watched tells when somebody waits for a request's end: by then the sandbox has
// decided what the request is to suffer.
type watched struct {
	context.Context
	waiting chan<- struct{}
}

func (w watched) Done() <-chan struct{} {
	select {
	case w.waiting <- struct{}{}:
	default:
	}
	return w.Context.Done()
}

func (w *world) open(o wechat.Options) payment.Channel {
	w.Helper()
	c, err := wechat.New(o)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// notice is the merchant's callback address.
func (w *world) notice(rw http.ResponseWriter, r *http.Request) {
	n, err := w.channel.Notice(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.wrong = append(w.wrong, err)
	} else if err = w.refuses; err == nil {
		w.heard = append(w.heard, n)
	}
	w.channel.Answer(rw, err)
}

func (w *world) order(id certhall.OrderID) payment.Prepay {
	return payment.Prepay{Order: id, About: "政府采购项目 单位证书 续费 1 年", Amount: 20000, Expires: w.clock.Now().Add(2 * time.Hour).Truncate(time.Second)}
}

func (w *world) prepaid(id certhall.OrderID) string {
	w.Helper()
	code, err := w.channel.Prepay(w.Context(), w.order(id))
	if err != nil {
		w.Fatal(err)
	}
	return code
}

func (w *world) paid(id certhall.OrderID) {
	w.Helper()
	w.prepaid(id)
	if err := w.bank.Pay(id); err != nil {
		w.Fatal(err)
	}
}

func (w *world) refundOf(id certhall.OrderID) payment.RefundOrder {
	return payment.RefundOrder{Refund: certhall.RefundID("r-" + id), Order: id, Amount: 20000, Total: 20000, Reason: "订单已关闭"}
}

func (w *world) upset(f Fault) {
	w.Helper()
	if err := w.bank.Upset(f); err != nil {
		w.Fatal(err)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// sees looks into the books.
func (w *world) sees(look func(*Bank) bool) bool {
	w.bank.mu.Lock()
	defer w.bank.mu.Unlock()
	return look(w.bank)
}

// nextDay moves on to when the bill of today is there; it answers today.
func (w *world) nextDay() (day time.Time) {
	day = w.clock.Now()
	w.clock.pass(35 * time.Hour)
	return day
}

// TestFaults: whatever happens to a call, the channel says what it may say, and
// the same call afterwards does what was wanted, once.
func TestFaults(t *testing.T) {
	const id = certhall.OrderID("order-1")
	calls := []struct {
		call  Call
		given func(*world)
		act   func(*world, context.Context) error
		done  func(*Bank) bool // nil: it changes nothing
	}{
		{CallPrepay, func(*world) {}, func(w *world, ctx context.Context) error {
			_, err := w.channel.Prepay(ctx, w.order(id))
			return err
		}, func(b *Bank) bool { return b.books.Orders[id] != nil }},
		{CallQuery, func(w *world) { w.paid(id) }, func(w *world, ctx context.Context) error {
			p, err := w.channel.Query(ctx, id)
			if err == nil && p.State != payment.Paid {
				err = fmt.Errorf("%+v", p)
			}
			return err
		}, nil},
		{CallClose, func(w *world) { w.prepaid(id) }, func(w *world, ctx context.Context) error { return w.channel.Close(ctx, id) },
			func(b *Bank) bool { return b.books.Orders[id].State == closed }},
		{CallRefund, func(w *world) { w.paid(id) }, func(w *world, ctx context.Context) error {
			_, err := w.channel.Refund(ctx, w.refundOf(id))
			return err
		}, func(b *Bank) bool { return b.given(id) == 20000 }},
		{CallQueryRefund, func(w *world) {
			w.paid(id)
			_, err := w.channel.Refund(w.Context(), w.refundOf(id))
			w.must(err)
		}, func(w *world, ctx context.Context) error {
			_, err := w.channel.QueryRefund(ctx, w.refundOf(id).Refund)
			return err
		}, nil},
		{CallBill, func(w *world) { w.paid(id); w.nextDay() }, func(w *world, ctx context.Context) error {
			_, err := w.channel.Bill(ctx, w.clock.Now().Add(-35*time.Hour))
			return err
		}, nil},
	}
	faults := []struct {
		fault Fault
		want  error
		done  bool
	}{
		{Fault{Kind: Refuse}, payment.ErrChannel, false},
		{Fault{Kind: Refuse, Code: "FREQUENCY_LIMITED"}, payment.ErrChannel, false},
		{Fault{Kind: Refuse, Code: "SIGN_ERROR"}, payment.ErrChannel, false},
		{Fault{Kind: Refuse, Code: "PARAM_ERROR"}, payment.ErrRefused, false},
		{Fault{Kind: Refuse, Code: "NO_AUTH"}, payment.ErrRefused, false},
		{Fault{Kind: Lose}, payment.ErrChannel, false},
		{Fault{Kind: Hang}, payment.ErrChannel, false},
		{Fault{Kind: LoseReply}, payment.ErrChannel, true},
		{Fault{Kind: Forge}, payment.ErrChannel, true},
		{Fault{Kind: Slow, Delay: time.Millisecond}, nil, true},
	}
	for _, c := range calls {
		for _, f := range faults {
			for _, wire := range []bool{true, false} {
				f.fault.Call = c.call
				t.Run(fmt.Sprintf("%s/%s%s/wire=%t", c.call, f.fault.Kind, f.fault.Code, wire), func(t *testing.T) {
					w := newWorld(t)
					if !wire {
						w.channel = w.bank.Channel()
					}
					c.given(w)
					w.upset(f.fault)
					for len(w.waiting) > 0 {
						<-w.waiting
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if f.fault.Kind == Hang && wire {
						go func() { <-w.waiting; cancel() }()
					}
					err := c.act(w, ctx)
					if !errors.Is(err, f.want) {
						t.Fatalf("%v, want %v", err, f.want)
					}
					if c.done != nil && w.sees(c.done) != f.done {
						t.Fatalf("done: %t", !f.done)
					}
					if err := c.act(w, t.Context()); err != nil {
						t.Fatalf("the same again: %v", err)
					}
					if c.done != nil && !w.sees(c.done) {
						t.Fatal("it was not done in the end")
					}
				})
			}
		}
	}
}

func TestKeysAreSecret(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(keys.dir, "*"))
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
	again, err := NewKeys(keys.dir, certhall.SystemClock{})
	if err != nil || !again.platform.Equal(keys.platform) || again.merchant.Serial != keys.merchant.Serial {
		t.Fatal("another start made other keys", err)
	}
}
