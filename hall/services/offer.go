package services

import (
	"context"
	"errors"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/catalog"
)

// Catalog tells what is on offer; a *catalog.Shelf does.
type Catalog interface {
	Current(ctx context.Context) (*catalog.Catalog, error)
}

// noCatalog is the catalogue of a hall without one: version 0.
type noCatalog struct{}

func (noCatalog) Current(context.Context) (*catalog.Catalog, error) { return &catalog.Catalog{}, nil }

// offerIn is what a catalogue says of a pair; catalog.ErrNotOffered if its
// project or brand is not in it. Of version 0, Found is zero: no price, and no
// policy but the authority's and the hall's own.
func offerIn(all *catalog.Catalog, p authority.PairInfo) (catalog.Found, error) {
	if all.Version == 0 {
		return catalog.Found{}, nil
	}
	return all.Find(catalog.Holding{Project: p.Project, KeyNumber: p.KeyNumber, Organisation: p.Organisation})
}

// policy is that of a case's project and brand as it counts at this moment;
// none where these are not on offer (any more): a case that is open goes on.
func (c *Counter) policy(ctx context.Context, k Case) (none catalog.Policy, err error) {
	all, err := c.Catalog.Current(ctx)
	if err != nil || all.Version == 0 {
		return none, err
	}
	pair, err := c.oldPair(ctx, k)
	if err != nil || pair == nil {
		return none, err
	}
	found, err := offerIn(all, *pair)
	if errors.Is(err, catalog.ErrNotOffered) {
		return none, nil
	}
	return found.Offer.Policy, err
}

// oldPair is the pair that a case started from: as the projection shows it, or
// the authority, where that is being made anew.
func (c *Counter) oldPair(ctx context.Context, k Case) (*authority.PairInfo, error) {
	var shown *Certificate
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		shown, err = r.Certificate(k.Serial)
		return err
	})
	if err != nil {
		return nil, err
	}
	if shown != nil {
		return &shown.PairInfo, nil
	}
	view, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: k.Serial})
	return view.Pair, err
}

// narrowed says why what is on offer keeps a service from a pair to which the
// authority would give it; nil if it does not. Policies only narrow: the
// authority judges beside it.
func (c *Counter) narrowed(ctx context.Context, s certhall.Service, p authority.PairInfo) error {
	all, err := c.Catalog.Current(ctx)
	if err != nil || all.Version == 0 {
		return err
	}
	found, err := offerIn(all, p)
	if err == nil {
		_, err = found.Product(s)
	}
	policy, now := found.Offer.Policy, c.now()
	opens, closes := p.NotAfter.Add(-days(policy.RenewBefore)), p.NotAfter.Add(days(policy.RepairAfter))
	switch {
	case err != nil:
	case s == certhall.Renew && policy.RenewBefore > 0 && now.Before(opens):
		err = authority.ErrTooEarly.With("date", certhall.Date(opens))
	case s == certhall.Repair && policy.RepairAfter > 0 && now.After(closes):
		err = authority.ErrTooLate.With("date", certhall.Date(closes))
	default:
		return nil
	}
	return c.unlessBought(ctx, p.Lineage, err)
}

// unlessBought is the refusal of what is not on offer (any more), unless it was
// bought while it was: then the authority alone judges.
func (c *Counter) unlessBought(ctx context.Context, l certhall.LineageID, refusal error) error {
	err := c.Store.Read(ctx, func(r Reader) error {
		bought, err := r.OpenEntitlement(l)
		if err == nil && bought == nil {
			err = refusal
		}
		return err
	})
	return err
}

// narrow is a window of the authority's, or the policy's if that is shorter; 0
// days leave it.
func narrow(window time.Duration, policy int) time.Duration {
	if policy == 0 {
		return window
	}
	return min(window, days(policy))
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
