package payment

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// ErrOff says that the hall has no channel of payment: what is asked of it waits
// until there is one again.
var ErrOff = certhall.NewError("payment-off", certhall.Unavailable)

// ErrMoneyWaits says that payment is switched off while money is under way.
// orders, refunds: how many wait.
var ErrMoneyWaits = certhall.NewError("payment-money-waits", certhall.Unavailable)

// Off is the channel of a hall that has none (any more). Its till sells nothing
// and loses nothing: notices are refused so that they come again, refunds wait,
// orders that cannot be paid any more are closed, and asked about later.
type Off struct{}

// Times of a till without a channel.
const (
	offPause = 5 * time.Minute // between looks: so soon it goes on once there is a channel
	// offHold is how long an order that somebody may have paid is kept open for its
	// payment to count: as long as channels repeat their notices. After it, or once
	// its buyer has taken it back, its certificate is free for another order, and
	// money that came for it goes back.
	offHold = 25 * time.Hour
)

// Name implements Channel: orders are placed over no such.
func (Off) Name() string { return "" }

// Prepay implements Channel.
func (Off) Prepay(context.Context, Prepay) (string, error) { return "", ErrOff }

// Query implements Channel.
func (Off) Query(context.Context, certhall.OrderID) (Payment, error) { return Payment{}, ErrOff }

// Close implements Channel.
func (Off) Close(context.Context, certhall.OrderID) error { return ErrOff }

// Refund implements Channel.
func (Off) Refund(context.Context, RefundOrder) (Refund, error) { return Refund{}, ErrOff }

// QueryRefund implements Channel.
func (Off) QueryRefund(context.Context, certhall.RefundID) (Refund, error) { return Refund{}, ErrOff }

// Notice implements Channel: nothing is believed that cannot be verified.
func (Off) Notice(*http.Request) (Notice, error) { return Notice{}, ErrOff }

// Answer implements Channel: whoever sent it sends it again.
func (Off) Answer(w http.ResponseWriter, err error) {
	e := certhall.AsError(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Kind.Status())
	_ = json.NewEncoder(w).Encode(map[string]string{"code": "FAIL", "message": e.Code})
}

// Bill implements Channel.
func (Off) Bill(context.Context, time.Time) ([]BillRow, error) { return nil, ErrOff }

// off tells whether the till has no channel.
func (t *Till) off() bool { return t.Channel() == "" }

// keep is what becomes of an order while there is no channel to ask about it.
func keep(w Writer, o orders.Order, now time.Time) error {
	over := o.ExpiresAt.Add(clockSkew) // nobody can pay it at the channel any more
	o.Due = now.Add(offPause)
	switch {
	case o.Unheard():
	case now.Before(over):
		if o.Due.After(over) {
			o.Due = over
		}
	case o.Standing == orders.Closing, !now.Before(o.ExpiresAt.Add(offHold)):
		return orders.EndUnheard(w, o, o.Due)
	}
	return w.SaveOrder(o)
}

// hear asks about an order that was closed while there was no channel: what was
// paid for it goes back.
func (t *Till) hear(ctx context.Context, o orders.Order) error {
	if err := t.look(ctx, o); err != nil && !errors.Is(err, ErrUnknown) {
		return err
	}
	return t.o.Store.Write(ctx, func(w Writer) error {
		heard, err := w.LockOrder(o.ID)
		if err != nil || heard == nil || !heard.Unheard() {
			return err
		}
		heard.Due = time.Time{}
		return w.SaveOrder(*heard)
	})
}

// ForOfficer tells whether an officer sees to a refund: it has failed, or waits
// for a channel that there is none of any more.
func ForOfficer(f orders.Refund) bool {
	asked := f.Standing == orders.RefundWanted || f.Standing == orders.RefundSent
	return f.Standing == orders.RefundFailed || asked && f.Trouble == ErrOff.Code
}

// Waits says what waits for a channel where there is none, until an officer has
// said that it is settled: orders that may have been paid, closed ones too, and
// refunds.
func (t *Till) Waits(ctx context.Context) error {
	if !t.off() {
		return nil
	}
	return t.o.Store.Read(ctx, func(r Reader) error {
		n, err := r.Tally()
		if err != nil {
			return err
		}
		open := n.Orders[orders.Unpaid] + n.Orders[orders.Closing] + n.Unheard
		refunds := n.Refunds[orders.RefundWaiting] + n.Refunds[orders.RefundWanted] + n.Refunds[orders.RefundSent] + n.Refunds[orders.RefundFailed]
		if open+refunds == 0 {
			return nil
		}
		return ErrMoneyWaits.With("orders", strconv.FormatInt(open, 10)).With("refunds", strconv.FormatInt(refunds, 10))
	})
}
