package services

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/proof"
)

// maxContainers bounds what a listing may hold: no key has so many.
const maxContainers = 64

// identify reads what lies on the key: it must hold the pair that opened the
// case; what may be retired is collected; the terms are agreed.
func (c *Counter) identify(ctx context.Context, k Case, l proof.Listing) (Event, error) {
	if l.Authority != c.AuthorityID || len(l.Containers) > maxContainers || !short(l.KeySerial) {
		return Event{}, ErrReply
	}
	serial := k.Serial
	if k.Acknowledged {
		serial = k.NewSerial
	}
	view, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: serial})
	if err != nil {
		return Event{}, err
	}
	holds := func(x proof.ListedContainer) bool { return bytes.Equal(x.Sign, view.Certificate) }
	if len(view.Certificate) == 0 || !slices.ContainsFunc(l.Containers, holds) {
		return Event{}, ErrWrongKey
	}
	policy, err := c.policy(ctx, k)
	if err != nil {
		return Event{}, err
	}
	e, disposal := Event{Kind: EvIdentified, KeySerial: l.KeySerial}, k.Disposal
	if !k.settled() && k.State == Open {
		terms, refusal, err := c.terms(ctx, k, policy)
		switch {
		case err != nil:
			return Event{}, err
		case refusal != nil:
			return Event{Kind: EvRefused, Problem: refusal}, nil
		}
		e.Terms, disposal = terms, terms.Disposal
	}
	if e.Errands, err = c.errands(ctx, k, l); err != nil {
		return Event{}, err
	}
	if policy.History > 0 && k.State == Open && !k.MakeRoom {
		if disposal == certhall.Keep {
			policy.History-- // the old pair's own container will be one of them
		}
		spare, err := c.spare(ctx, k, l, policy.History)
		if err != nil {
			return Event{}, err
		}
		of := func(x Errand) bool {
			return slices.ContainsFunc(spare, func(s Errand) bool { return s.Case == x.Case && s.Attempt == x.Attempt })
		}
		e.Errands = append(slices.DeleteFunc(e.Errands, of), spare...)
	}
	return e, nil
}

// terms are those of the old pair, as long as whole years fit; or why it cannot
// be succeeded. Once the authority has opened an attempt the judgement of its
// first ticket holds, though the window has ended since ◆.
func (c *Counter) terms(ctx context.Context, k Case, policy catalog.Policy) (*Terms, *Problem, error) {
	el, err := c.Authority.Eligible(ctx, k.Service, k.Serial)
	if err != nil {
		return nil, nil, err
	}
	refusal := el.Refusal
	switch {
	case refusal == nil:
	case k.Attempt == 0:
		return nil, ProblemOf(refusal), nil
	case refusal.Is(authority.ErrSuspended):
		return nil, nil, refusal // asked again once it is lifted
	case !ofWindow(refusal) || el.MaxYears < 1:
		return nil, ProblemOf(refusal), nil
	}
	disposal := cmp.Or(policy.Disposal, c.Disposal)
	if !el.Escrowed {
		disposal = certhall.Keep
	}
	return &Terms{
		Project: el.Pair.Project, Profile: el.Pair.Profile,
		TermYears: min(max(el.Pair.TermYears, 1), el.MaxYears), MaxYears: el.MaxYears, Disposal: disposal,
	}, nil, nil
}

// ofWindow tells whether a refusal is about the time alone.
func ofWindow(e *certhall.Error) bool {
	return e.Is(authority.ErrExpired) || e.Is(authority.ErrTooEarly) || e.Is(authority.ErrNotExpired) || e.Is(authority.ErrTooLate)
}

// errands collects the receipts not yet reported and the void notices for what
// lies on the key; where room is to be made, also the receipts of superseded
// pairs whose old encryption keys the escrow holds.
func (c *Counter) errands(ctx context.Context, k Case, l proof.Listing) ([]Errand, error) {
	var found []Errand
	add := func(e Errand) {
		if !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	for _, x := range l.Containers {
		if id, of, attempt, ok := certhall.ParseContainerName(x.Name); ok && id == c.AuthorityID {
			view, err := c.Authority.Pair(ctx, authority.PairQuery{Case: of, Attempt: attempt})
			switch {
			case absent(err):
				continue // not of this authority's making: left alone
			case err != nil:
				return nil, err
			case view.Standing == authority.AttemptVoid:
				add(Errand{Case: of, Attempt: attempt, Void: true})
			case !view.Receipt.IsZero() && view.Old != "":
				old, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: view.Old})
				if err != nil {
					return nil, err
				}
				if old.Pair != nil && old.Pair.State == authority.Superseded {
					add(Errand{Case: of, Attempt: attempt})
				}
			}
		}
		if k.MakeRoom && len(x.Sign) > 0 {
			old, err := c.kept(ctx, x)
			if err != nil {
				return nil, err
			}
			if old != nil && old.receipt.Escrowed {
				add(old.errand)
			}
		}
	}
	return found, nil
}

func absent(err error) bool {
	return err != nil && certhall.AsError(err).Kind == certhall.NotFound
}
