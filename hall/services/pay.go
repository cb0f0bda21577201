package services

import (
	"cmp"
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/orders"
)

// Till makes orders payable: payment.Till.
type Till interface {
	// Channel is the name of the channel of payment.
	Channel() string
	// Ready makes an unpaid order payable, unless it is, and answers how it stands.
	Ready(ctx context.Context, id certhall.OrderID) (orders.Order, error)
}

// pay is the step between phone and prepare: a right that was bought before is
// used; else it is offered, and the order made of the offer is to be paid.
func (c *Counter) pay(ctx context.Context, k Case, s accounts.Session, n Next) (Next, error) {
	var order *orders.Order
	var open *orders.Entitlement
	var his bool
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		if open, err = r.OpenEntitlement(k.Lineage); err != nil || open != nil {
			return err
		}
		if order, err = r.LiveOrderOf(k.Lineage); err == nil && order != nil {
			his, err = k.pays(r, *order)
		}
		return err
	})
	if err != nil {
		return n, err
	}
	n.Ask = &Ask{Kind: "pay", Pay: &Payable{}}
	switch {
	case open != nil:
		return c.use(ctx, k, *open, s, n)
	case order != nil && !his:
		view := order.Part(func(l orders.Line) bool { return l.Lineage == k.Lineage }).View(nil)
		n.Ask.Pay.Order, n.Problem = &view, ProblemOf(errOthersOrder)
		return n, nil
	case order != nil:
		return c.awaitPayment(ctx, *order, n)
	}
	offer, _, err := c.offerOf(ctx, k)
	if err != nil {
		n.Ask = nil
		_, problem, err := told(k, err)
		if problem != nil {
			n.Problem = ProblemOf(problem)
		}
		return n, err
	}
	line := offer.Line.View()
	n.Ask.Pay.Line, n.Ask.Pay.Years = &line, offer.Years
	return n, nil
}

// errOthersOrder says that the certificate stands in somebody else's order, with
// certificates that are none of this person's business.
var errOthersOrder = certhall.NewError("order-others", certhall.Conflict)

// pays tells whether an order is for whoever goes on with the case to pay or take
// back: it is for this certificate alone, or he made it.
func (k Case) pays(r Reader, o orders.Order) (bool, error) {
	if len(o.Lines) == 1 {
		return true, nil
	}
	owner, err := r.AccountOfPhone(k.Phone)
	return owner != nil && owner.ID == o.Person, err
}

// use gives a case a right that was bought before, as soon as no other case has it.
func (c *Counter) use(ctx context.Context, k Case, e orders.Entitlement, s accounts.Session, n Next) (Next, error) {
	n.Ask = nil
	switch {
	case e.Case != "" && e.Case != k.ID: // on its way to be closed
		return k.wait(n, "releasing"), nil
	case k.MaxYears > 0 && e.Years > k.MaxYears:
		n.Problem = ProblemOf(errYearsBought)
		return n, nil
	}
	after, err := c.entitle(ctx, k.ID, func(Writer) (*orders.Entitlement, error) { return &e, nil })
	if err != nil || after.Entitlement == "" {
		return k.wait(n, "releasing"), err
	}
	return c.answer(ctx, after, s, nil)
}

// errYearsBought says that the term that was bought does not fit any more.
var errYearsBought = certhall.NewError("years-bought-unfit", certhall.Denied)

// entitle attaches the entitlement that find finds to the case, and moves the
// case on with it, in one transaction.
func (c *Counter) entitle(ctx context.Context, id certhall.CaseID, find func(Writer) (*orders.Entitlement, error)) (after Case, err error) {
	write := func(w Writer) error {
		k, err := w.LockCase(id)
		if err != nil {
			return err
		}
		if k == nil {
			return ErrCaseMissing
		}
		after = *k
		if k.State != Open || k.Entitlement != "" {
			return nil
		}
		e, err := find(w)
		if err != nil || e == nil {
			return err
		}
		if attached, err := w.AttachEntitlement(e.ID, "", id); err != nil || !attached {
			return err // another case was first
		}
		after, err = c.step(w, *k, Event{Kind: EvEntitled, Entitlement: e.ID, Years: e.Years})
		return err
	}
	for range retries {
		if err = c.Store.Write(ctx, write); !errors.Is(err, errMoved) {
			return after, err
		}
	}
	return after, err
}

// awaitPayment shows an order that is not paid yet, and makes it payable.
func (c *Counter) awaitPayment(ctx context.Context, o orders.Order, n Next) (Next, error) {
	o, problem := c.payable(ctx, o)
	if problem != nil {
		n.Problem = problem
	}
	view := o.View(nil)
	n.Ask.Pay.Order = &view
	return n, nil
}

// payable has the channel say how an unpaid order is paid, unless it has; or why
// it did not.
func (c *Counter) payable(ctx context.Context, o orders.Order) (orders.Order, *Problem) {
	if o.Live() && c.channel() == "" {
		o.CodeURL = "" // nobody would see what is paid by it
		return o, ProblemOf(orders.ErrStopped)
	}
	if o.Standing != orders.Unpaid || o.CodeURL != "" {
		return o, nil
	}
	ready, err := c.Till.Ready(ctx, o.ID)
	switch {
	case err != nil && certhall.AsError(err).Kind == certhall.Unavailable:
		return o, ProblemOf(orders.ErrNotPayable) // nobody has seen a code: nobody has paid
	case err != nil:
		return o, ProblemOf(err)
	}
	return ready, nil
}

// offerOf is what can be bought for the case's certificate at this moment, by
// which version of the catalogue.
func (c *Counter) offerOf(ctx context.Context, k Case) (o orders.Offer, version int64, err error) {
	offered, err := c.Catalog.Current(ctx)
	if err != nil {
		return o, 0, err
	}
	held, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: k.Serial})
	if err != nil || held.Pair == nil {
		return o, 0, cmp.Or(err, error(authority.ErrUnknownCert))
	}
	o, err = orders.OfferFor(offered, *held.Pair, k.Service, k.MaxYears)
	return o, offered.Version, err
}

// agreed makes an order of what the person agreed to; or has one closed.
func (c *Counter) agreed(ctx context.Context, k Case, who Caller, a Agree) (Case, error) {
	if k.Entitlement != "" {
		return k, nil // answered before
	}
	if a.Cancel {
		return k, c.cancelOrder(ctx, k)
	}
	offer, version, err := c.offerOf(ctx, k)
	if err != nil {
		return k, err
	}
	line, err := offer.For(a.Years)
	if err != nil {
		return k, err
	}
	order := orders.Order{Person: who.Person, Case: k.ID, Catalog: version, Lines: []orders.Line{line}}
	now := c.now()
	after, err := c.entitle(ctx, k.ID, func(w Writer) (*orders.Entitlement, error) {
		if live, err := w.LiveOrderOf(k.Lineage); err != nil || live != nil {
			return nil, err // it is shown instead
		}
		if who.Person == "" { // the proved phone is his account
			person, err := w.PersonOfPhone(k.Phone, certhall.NewID(now, c.Random), now)
			if err != nil {
				return nil, err
			}
			order.Person = person.ID
		}
		placed, err := c.place(w, order, a.Total, now)
		if err != nil || placed.Standing != orders.Paid {
			return nil, err
		}
		return w.Entitlement(placed.Lines[0].Entitlement)
	})
	if errors.Is(err, orders.ErrEntitled) || errors.Is(err, orders.ErrOrdered) {
		return k, nil // bought or ordered meanwhile: it is used, or shown
	}
	return after, err
}

// cancelOrder has the unpaid order of the case's certificate closed.
func (c *Counter) cancelOrder(ctx context.Context, k Case) error {
	return c.Store.Write(ctx, func(w Writer) error {
		live, err := w.LiveOrderOf(k.Lineage)
		if err != nil || live == nil {
			return err
		}
		if his, err := k.pays(w, *live); err != nil || !his {
			return cmp.Or(err, error(errOthersOrder))
		}
		_, err = orders.Cancel(w, live.ID, c.now())
		if errors.Is(err, orders.ErrOrderOver) {
			return nil // paid this moment
		}
		return err
	})
}

// bought tells with what the case's right was bought, to whoever has proved the
// phone; nil where there was nothing to buy.
func (c Case) bought(r Reader) (*orders.Bought, error) {
	if !c.PhoneProved || c.Entitlement == "" {
		return nil, nil
	}
	return orders.BoughtWith(r, c.Entitlement)
}
