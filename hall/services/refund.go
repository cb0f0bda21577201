package services

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// RefundOrder asks for the money of rights that an order bought and nobody has
// used; none named: all of them that the caller may see. Whoever made the order
// may, and a handler for the certificates that he handles; others are answered as
// if there were no such order. Cases that have these rights are closed: the money
// goes once the authority has said so under signature, and does not where a pair
// is current first.
func (c *Counter) RefundOrder(ctx context.Context, who Caller, id certhall.OrderID, which []certhall.EntitlementID, reason string) (OrderDetail, error) {
	may := func(r Reader) ([]certhall.EntitlementID, error) {
		b, err := c.orderSeenBy(r, who, id)
		if err != nil {
			return nil, err
		}
		if !b.whole && who.Person == "" { // a token opens a case, and no purse
			return nil, orders.ErrOrderMissing
		}
		return b.refundable(which)
	}
	if _, err := c.refund(ctx, id, may, reason, who.Person, Event{Kind: EvCloseAsked, Reason: "refund"}); err != nil {
		return OrderDetail{}, err
	}
	return c.Order(ctx, who, id)
}

// RefundOrderBy is RefundOrder on an officer's order.
func (c *Counter) RefundOrderBy(ctx context.Context, id certhall.OrderID, which []certhall.EntitlementID, operator, reason string) (certhall.RefundID, error) {
	may := func(r Reader) ([]certhall.EntitlementID, error) {
		o, err := r.Order(id)
		if err != nil || o == nil {
			return nil, cmp.Or(err, error(orders.ErrOrderMissing))
		}
		made, err := r.EntitlementsOf(id)
		if err != nil {
			return nil, err
		}
		return boughtOrder{Order: *o, whole: true, made: made}.refundable(which)
	}
	return c.refund(ctx, id, may, reason, operator, Event{Kind: EvCloseAsked, Operator: operator, Reason: "refund"})
}

// refundable are the rights that are meant: those named, if all of them may be
// seen, else all that are open.
func (b boughtOrder) refundable(which []certhall.EntitlementID) (all []certhall.EntitlementID, err error) {
	for _, l := range b.Lines {
		for _, e := range b.made {
			if e.ID == l.Entitlement && (slices.Contains(which, e.ID) || len(which) == 0 && e.State == orders.Open) {
				all = append(all, e.ID)
			}
		}
	}
	switch {
	case len(all) < len(which):
		return nil, orders.ErrOrderMissing
	case b.Standing != orders.Paid:
		return nil, orders.ErrOrderOver
	case len(all) == 0:
		return nil, orders.ErrUsed
	}
	return all, nil
}

// refund marks rights as refunding and has the cases that have them closed, in one
// transaction. A case that is on its way to its end already goes on there: closing,
// refused or closed without a signed word, it owes the authority that call; what
// was acknowledged has spent its right, which is refused here, or drops out of the
// refund when the word of it comes.
func (c *Counter) refund(ctx context.Context, id certhall.OrderID, may func(Reader) ([]certhall.EntitlementID, error), reason, by string, closing Event) (asked certhall.RefundID, err error) {
	write := func(w Writer) error {
		which, err := may(w)
		if err != nil {
			return err
		}
		locked, err := c.lockCasesOf(w, which)
		if err != nil {
			return err
		}
		o, err := w.LockOrder(id)
		if err != nil {
			return err
		}
		var cases []certhall.CaseID
		if asked, cases, err = orders.AskRefund(w, *o, which, reason, by, c.now(), c.Random); err != nil {
			return err
		}
		for _, k := range cases {
			has, ok := locked[k]
			if !ok {
				return errMoved // it took its right this moment
			}
			if _, err := c.step(w, has, closing); err != nil && !errors.Is(err, ErrOutOfTurn) {
				return err
			}
		}
		return nil
	}
	for range retries {
		if err = c.Store.Write(ctx, write); !errors.Is(err, errMoved) {
			return asked, err
		}
	}
	return asked, err
}

// lockCasesOf holds the cases that have these rights until the transaction ends:
// cases before rights, as everywhere.
func (c *Counter) lockCasesOf(w Writer, which []certhall.EntitlementID) (map[certhall.CaseID]Case, error) {
	var ids []certhall.CaseID
	for _, id := range which {
		e, err := w.Entitlement(id)
		if err != nil {
			return nil, err
		}
		if e != nil && e.Case != "" {
			ids = append(ids, e.Case)
		}
	}
	locked := map[certhall.CaseID]Case{}
	for _, id := range slices.Sorted(slices.Values(ids)) {
		k, err := w.LockCase(id)
		if err != nil {
			return nil, err
		}
		if k != nil {
			locked[id] = *k
		}
	}
	return locked, nil
}
