package payment

import (
	"context"
	"io"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// What officers are answered beside success.
var (
	ErrNoDifference = certhall.NewError("payment-difference-missing", certhall.NotFound)
	ErrDay          = certhall.NewError("payment-day-wrong", certhall.Invalid)
	ErrRightInUse   = certhall.NewError("right-in-use", certhall.Conflict)      // order, case
	ErrNotUnheard   = certhall.NewError("order-not-unheard", certhall.Conflict) // order
)

// Office is the till's books as officers see them. It calls no channel: what it
// asks for, the till of the running hall does.
type Office struct {
	Store  Store
	Clock  certhall.Clock
	Random io.Reader
}

// Act is what an officer did about an order, or asked for on a day.
type Act struct {
	ID       string
	At       time.Time
	Operator string
	Kind     string // one of the kinds below
	Subject  string // the order, or the day
	Reason   string
}

// The kinds of Act.
const (
	ActRefundAgain = "refund-again"
	ActRefundGiven = "refund-given"
	ActSettled     = "order-settled"
	ActBillAsked   = "bill-asked"
)

// OrderFile is all that the hall knows of an order.
type OrderFile struct {
	orders.Order
	Entitlements []orders.Entitlement
	Payments     []Received
	Refunds      []orders.Refund
	Acts         []Act
}

// Orders finds orders, the latest first.
func (o Office) Orders(ctx context.Context, s OrderSearch) (found []orders.Order, err error) {
	err = o.Store.Read(ctx, func(r Reader) (err error) {
		found, err = r.FindOrders(s)
		return err
	})
	return found, err
}

// File is the whole story of an order.
func (o Office) File(ctx context.Context, id certhall.OrderID) (f OrderFile, err error) {
	err = o.Store.Read(ctx, func(r Reader) error {
		order, err := r.Order(id)
		if err != nil {
			return err
		}
		if order == nil {
			return orders.ErrOrderMissing
		}
		f.Order = *order
		if f.Entitlements, err = r.EntitlementsOf(id); err != nil {
			return err
		}
		if f.Payments, err = r.PaymentsOf(id); err != nil {
			return err
		}
		if f.Refunds, err = r.RefundsOf(id); err != nil {
			return err
		}
		f.Acts, err = r.PaymentActs(string(id))
		return err
	})
	return f, err
}

// Payments finds payments, the latest first.
func (o Office) Payments(ctx context.Context, s PaymentSearch) (found []Received, err error) {
	err = o.Store.Read(ctx, func(r Reader) (err error) {
		found, err = r.FindPayments(s)
		return err
	})
	return found, err
}

// Differences lists those of a day, or of all (""), the latest first; open: only
// those that nobody has explained.
func (o Office) Differences(ctx context.Context, day string, open bool, limit int) (found []Difference, err error) {
	err = o.Store.Read(ctx, func(r Reader) (err error) {
		found, err = r.Differences(day, open, limit)
		return err
	})
	return found, err
}

// Tally counts what stands, for metrics.
func (o Office) Tally(ctx context.Context) (t Tally, err error) {
	err = o.Store.Read(ctx, func(r Reader) (err error) {
		t, err = r.Tally()
		return err
	})
	return t, err
}

// Explain stores what an officer found out about a difference: it is open no more.
func (o Office) Explain(ctx context.Context, id, operator, note string) error {
	return o.Store.Write(ctx, func(w Writer) error {
		found, err := w.ExplainDifference(Difference{ID: id, ExplainedAt: o.now(), Operator: operator, Note: note})
		if err == nil && !found {
			err = ErrNoDifference.With("id", id)
		}
		return err
	})
}

// Reconcile asks for a day's bill to be fetched and compared again.
func (o Office) Reconcile(ctx context.Context, day, operator, reason string) error {
	_, to, err := dayBounds(day)
	if err != nil || to.After(o.now()) {
		return ErrDay.With("day", day)
	}
	return o.Store.Write(ctx, func(w Writer) error {
		now := o.now()
		if err := w.AddBill(Bill{Day: day, Due: now}); err != nil {
			return err
		}
		b, err := w.LockBill(day)
		if err != nil {
			return err
		}
		b.Due, b.Looks = now, 0
		if err := w.SaveBill(*b); err != nil {
			return err
		}
		return o.act(w, ActBillAsked, day, operator, reason)
	})
}

// RefundAgain has a failed refund made again.
func (o Office) RefundAgain(ctx context.Context, id certhall.RefundID, operator, reason string) error {
	return o.refund(ctx, id, ActRefundAgain, operator, reason, func(w Writer, f orders.Refund) error {
		return orders.AskAgain(w, f.ID, f.Trouble == ErrRefundClosed.Code, o.now())
	})
}

// RefundGiven ends a refund whose money was given back another way: one that has
// failed, or waits for a channel that there is none of any more.
func (o Office) RefundGiven(ctx context.Context, id certhall.RefundID, operator, reason string) error {
	return o.refund(ctx, id, ActRefundGiven, operator, reason, func(w Writer, f orders.Refund) error {
		if !ForOfficer(f) {
			return orders.ErrNotFailed.With("refund", string(id))
		}
		return orders.EndRefund(w, f, o.now())
	})
}

// RightsGiven ends rights that nobody uses, whose money went back without the
// hall's doing: at the merchant platform, or by a refund that a hall restored from
// a backup has forgotten. The channel is not asked for it again.
func (o Office) RightsGiven(ctx context.Context, id certhall.OrderID, which []certhall.EntitlementID, operator, reason string) error {
	return o.Store.Write(ctx, func(w Writer) error {
		order, err := w.LockOrder(id)
		if err != nil {
			return err
		}
		if order == nil {
			return orders.ErrOrderMissing
		}
		asked, cases, err := orders.AskRefund(w, *order, which, reason, operator, o.now(), o.Random)
		if err != nil {
			return err
		}
		if len(cases) > 0 { // only the authority's word frees them
			return ErrRightInUse.With("order", string(id)).With("case", string(cases[0]))
		}
		f, err := w.LockRefund(asked)
		if err != nil {
			return err
		}
		if err := orders.EndRefund(w, *f, o.now()); err != nil {
			return err
		}
		return o.act(w, ActRefundGiven, string(id), operator, reason)
	})
}

// Settled takes an officer's word on an order that was closed without its
// channel's: nothing came for it, or he has given it back. It is not asked about
// any more.
func (o Office) Settled(ctx context.Context, id certhall.OrderID, operator, reason string) error {
	return o.Store.Write(ctx, func(w Writer) error {
		order, err := w.LockOrder(id)
		switch {
		case err != nil:
			return err
		case order == nil:
			return orders.ErrOrderMissing
		case !order.Unheard():
			return ErrNotUnheard.With("order", string(id))
		}
		if err := orders.End(w, *order); err != nil {
			return err
		}
		return o.act(w, ActSettled, string(id), operator, reason)
	})
}

func (o Office) refund(ctx context.Context, id certhall.RefundID, kind, operator, reason string, do func(Writer, orders.Refund) error) error {
	return o.Store.Write(ctx, func(w Writer) error {
		f, err := w.LockRefund(id)
		if err != nil {
			return err
		}
		if f == nil {
			return orders.ErrOrderMissing
		}
		if err := do(w, *f); err != nil {
			return err
		}
		return o.act(w, kind, string(f.Order), operator, reason)
	})
}

func (o Office) act(w Writer, kind, subject, operator, reason string) error {
	now := o.now()
	return w.AddPaymentAct(Act{ID: certhall.NewID(now, o.Random), At: now, Operator: operator, Kind: kind, Subject: subject, Reason: reason})
}

func (o Office) now() time.Time { return o.Clock.Now().UTC().Truncate(time.Millisecond) }
