package payment

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// Times of the till.
const (
	callTime  = 10 * time.Second // for a call of the channel
	readyTime = 5 * time.Second  // while somebody waits for his QR code
	lease     = time.Minute      // longer than all calls about one row together: a node that died is taken over from then on
	batch     = 20               // rows of a kind looked for at once
)

// TillOptions of a Till.
type TillOptions struct {
	Store   Store
	Channel Channel
	Clock   certhall.Clock
	Random  io.Reader
	Log     *slog.Logger // nil: silent
}

// Till sees to it that every order is paid or closed, every payment ends as a
// right or goes back, and every refund arrives. What is to be done stands in the
// rows: each has a time at which it is due, and whoever takes it up puts that off
// by a lease, so that several nodes share the work and none is needed.
type Till struct{ o TillOptions }

// NewTill makes a Till.
func NewTill(o TillOptions) *Till {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Till{o}
}

// Channel is the name of the channel of payment; "" where there is none: Off.
func (t *Till) Channel() string { return t.o.Channel.Name() }

func (t *Till) now() time.Time { return t.o.Clock.Now().UTC().Truncate(time.Millisecond) }

// Ready makes an unpaid order payable, unless it is, and answers how it stands.
// It may run at the same time as itself and as Work.
func (t *Till) Ready(ctx context.Context, id certhall.OrderID) (orders.Order, error) {
	ctx, end := context.WithTimeout(ctx, readyTime)
	defer end()
	o, err := t.order(ctx, id)
	if err == nil && t.off() {
		return o, ErrOff
	}
	if err != nil || o.Standing != orders.Unpaid || o.CodeURL != "" || !t.now().Before(o.ExpiresAt) {
		return o, err
	}
	if err := t.prepay(ctx, o); err != nil {
		return o, err
	}
	return t.order(ctx, id)
}

// Notice takes what the channel sent to the callback address. What it answers is
// for Answer: after an error the channel sends it again.
func (t *Till) Notice(ctx context.Context, r *http.Request) error {
	n, err := t.o.Channel.Notice(r)
	if err != nil {
		return err
	}
	return t.Told(ctx, n)
}

// Answer tells the channel what became of a notice.
func (t *Till) Answer(w http.ResponseWriter, err error) { t.o.Channel.Answer(w, err) }

// Told takes a notice that is to be believed: it may be late, repeated, out of
// order, or come before the reply to what it is about.
func (t *Till) Told(ctx context.Context, n Notice) error {
	switch {
	case n.Payment != nil && n.Payment.paid():
		return t.toldPaid(ctx, *n.Payment)
	case n.Refund != nil:
		return t.toldRefund(ctx, *n.Refund)
	}
	return nil
}

// Work does what is due now, row by row, and answers how many rows it took up.
// An error says that the database does not answer; what a channel refuses is
// tried again later.
func (t *Till) Work(ctx context.Context) (n int, err error) {
	var pending []certhall.OrderID
	var refunds []certhall.RefundID
	var bills []string
	now := t.now()
	err = t.o.Store.Read(ctx, func(r Reader) (err error) {
		if pending, err = r.DueOrders(now, batch); err != nil {
			return err
		}
		if refunds, err = r.DueRefunds(now, batch); err != nil {
			return err
		}
		bills, err = t.dueBills(r, now)
		return err
	})
	count := func(took bool, failure error) {
		if took {
			n++
		}
		err = errors.Join(err, failure)
	}
	for _, id := range pending {
		if err == nil && ctx.Err() == nil {
			count(t.workOrder(ctx, id))
		}
	}
	for _, id := range refunds {
		if err == nil && ctx.Err() == nil {
			count(t.workRefund(ctx, id))
		}
	}
	for _, day := range bills {
		if err == nil && ctx.Err() == nil {
			count(t.workBill(ctx, day))
		}
	}
	return n, err
}

// distances are the pauses between looks; the last one stays.
type distances []time.Duration

var (
	orderLooks  = distances{5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
	refundLooks = distances{5 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute}
	billLooks   = distances{time.Minute, 10 * time.Minute, 30 * time.Minute}
)

// after is the pause after so many looks.
func (d distances) after(looks int) time.Duration { return d[min(max(looks, 1), len(d))-1] }

// call bounds one call of the channel.
func call[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	ctx, end := context.WithTimeout(ctx, callTime)
	defer end()
	return f(ctx)
}
