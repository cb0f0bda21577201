package payment

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// currency is the one of the house.
const currency = "CNY"

// paid tells whether money has come.
func (p Payment) paid() bool { return p.State == Paid || p.State == Refunded }

// fits tells whether it is what the order costs.
func (p Payment) fits(o orders.Order) bool { return p.Amount == o.Total && p.Currency == currency }

// verdict judges a payment by its order as it stands; nil: there is none. again:
// another payment of it came before.
func verdict(o *orders.Order, p Payment, again bool) Verdict {
	switch {
	case o == nil, p.State == Refunded:
		return Stray
	case again, o.Standing == orders.Paid:
		return Second
	case !p.fits(*o):
		return Wrong
	case o.Live():
		return Taken
	}
	return Late
}

// toldPaid takes a payment that a notice tells of. One that is new and not of its
// order's amount is asked for first: the channel's own word on the order counts.
func (t *Till) toldPaid(ctx context.Context, p Payment) error {
	var o *orders.Order
	var known *Received
	err := t.o.Store.Read(ctx, func(r Reader) (err error) {
		if o, err = r.Order(p.Order); err == nil {
			known, err = r.Payment(p.Transaction)
		}
		return err
	})
	if err != nil {
		return err
	}
	if o == nil || known != nil || p.fits(*o) {
		return t.take(ctx, p)
	}
	asked, err := call(ctx, func(ctx context.Context) (Payment, error) { return t.o.Channel.Query(ctx, p.Order) })
	switch {
	case errors.Is(err, ErrUnknown), err == nil && !asked.paid():
		return ErrNotice.Becausef("payment: a notice says that %s was paid, the channel does not", p.Order)
	case err != nil:
		return err
	}
	if err := t.take(ctx, asked); err != nil || asked.Transaction == p.Transaction {
		return err
	}
	return t.take(ctx, p)
}

// take settles a payment, once by its number: what it pays becomes rights, what
// it cannot pay goes back.
func (t *Till) take(ctx context.Context, p Payment) error {
	if p.Transaction == "" {
		return ErrChannel.Becausef("payment: %s was paid by no transaction", p.Order)
	}
	var judged Verdict
	err := t.o.Store.Write(ctx, func(w Writer) error {
		judged = ""
		o, err := w.LockOrder(p.Order)
		if err != nil {
			return err
		}
		earlier, err := w.PaymentsOf(p.Order)
		if err != nil {
			return err
		}
		now, v := t.now(), verdict(o, p, len(earlier) > 0)
		received := Received{Number: p.Transaction, Order: p.Order, Channel: t.Channel(), Amount: p.Amount, Currency: p.Currency,
			Merchant: p.Merchant, Verdict: v, PaidAt: p.PaidAt, SeenAt: now}
		if p.PaidAt.IsZero() {
			received.PaidAt = now
		}
		if added, err := w.AddPayment(received); err != nil || !added {
			return err // settled before
		}
		judged = v
		return t.follow(w, o, received)
	})
	if err == nil && judged != "" && judged != Taken {
		t.o.Log.WarnContext(ctx, "a payment bought nothing", "order", p.Order, "number", p.Transaction, "amount", p.Amount, "verdict", judged)
	}
	return err
}

// follow does what a verdict asks for, in the transaction that stores it.
func (t *Till) follow(w Writer, o *orders.Order, p Received) error {
	if p.Verdict == Taken {
		_, err := orders.Settle(w, *o, p.Number, p.PaidAt, p.SeenAt)
		return err
	}
	if o != nil && o.Live() { // the channel takes no other payment for it
		if err := orders.End(w, *o); err != nil {
			return err
		}
	}
	if p.Verdict == Stray {
		return w.AddDifference(Difference{
			ID: certhall.NewID(p.SeenAt, t.o.Random), Day: dayOf(p.PaidAt), Kind: StrayPayment, Number: p.Number, Order: p.Order,
			There: p.Amount.String(), FoundAt: p.SeenAt,
		})
	}
	return orders.RefundWhole(w, p.Order, p.Number, p.Amount, string(p.Verdict), p.SeenAt, t.o.Random)
}
