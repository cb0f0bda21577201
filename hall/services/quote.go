package services

import (
	"cmp"
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
)

// asking is how many questions to the authority are under way at once for one cart.
const asking = 8

// wish is a certificate that somebody wants to buy for.
type wish struct {
	pair    authority.PairInfo
	service certhall.Service // "" for the one that is open
	years   int              // 0 for the first that is offered
}

// quoted is what a wish comes to at this moment.
type quoted struct {
	line    orders.Line
	choices []int // of years
	refusal error // why it cannot be bought; nil if it can
}

// quote prices wishes. The authority is asked only for those that the hall itself
// would sell, a few at once.
func (c *Counter) quote(ctx context.Context, held holdings, wishes []wish) ([]quoted, error) {
	all := make([]quoted, len(wishes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(asking)
	for i, w := range wishes {
		service, refusal := c.salable(held, w)
		if refusal != nil {
			all[i] = priced(held, w, service, longest, refusal)
			continue
		}
		group.Go(func() error {
			e, err := c.Authority.Eligible(ctx, service, w.pair.SignSerial)
			if err != nil {
				return err
			}
			if e.Refusal != nil {
				refusal = e.Refusal
				e.MaxYears = longest // shown at its price all the same
			}
			all[i] = priced(held, w, service, e.MaxYears, refusal)
			return nil
		})
	}
	return all, group.Wait()
}

// longest term that any catalogue has, in years.
const longest = 99

// salable is the service that a wish is for, and why the hall does not sell it.
func (c *Counter) salable(held holdings, w wish) (certhall.Service, error) {
	found, err := offerIn(held.offered, w.pair)
	_, open, refusal := c.condition(found.Offer.Policy, w.pair, c.now())
	service := w.service
	if service == "" {
		service = open
	}
	if service == "" {
		service = certhall.Renew
	}
	switch {
	case held.rights[w.pair.Lineage].ID != "":
		return service, orders.ErrEntitled.With("key_number", w.pair.KeyNumber)
	case held.unpaid[w.pair.Lineage].Order != "":
		return service, orders.ErrOrdered
	case refusal != nil:
		return service, refusal
	}
	return service, err
}

// priced is the line of a wish, at the price of today even where it is refused.
func priced(held holdings, w wish, service certhall.Service, maxYears int, refusal error) quoted {
	p := w.pair
	offer, err := orders.OfferFor(held.offered, p, service, maxYears)
	if err != nil {
		line := orders.Line{Lineage: p.Lineage, Serial: p.SignSerial, Service: service, Years: w.years, Project: p.Project,
			Subject: p.Subject, Organisation: p.Organisation, KeyNumber: p.KeyNumber, Names: catalog.Names{}}
		return quoted{line: line, refusal: cmp.Or(refusal, err)}
	}
	line := offer.Line
	if w.years > 0 {
		if line, err = offer.For(w.years); err != nil {
			line = offer.Line
		}
	}
	return quoted{line, offer.Years, cmp.Or(refusal, err)}
}
