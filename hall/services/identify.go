package services

import (
	"bytes"
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
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
	e := Event{Kind: EvIdentified, KeySerial: l.KeySerial}
	if k.Attempt == 0 && k.State == Open { // later the judgement of the first ticket holds ◆
		terms, refusal, err := c.terms(ctx, k)
		if err != nil {
			return Event{}, err
		}
		if refusal != nil {
			return Event{Kind: EvRefused, Problem: refusal}, nil
		}
		e.Terms = terms
	}
	e.Errands, err = c.errands(ctx, k, l)
	return e, err
}

// terms are those of the old pair, as long as whole years fit.
func (c *Counter) terms(ctx context.Context, k Case) (*Terms, *Problem, error) {
	el, err := c.Authority.Eligible(ctx, k.Service, k.Serial)
	if err != nil {
		return nil, nil, err
	}
	if el.Refusal != nil {
		return nil, ProblemOf(el.Refusal), nil
	}
	disposal := c.Disposal
	if !el.Escrowed {
		disposal = certhall.Keep
	}
	return &Terms{
		Project: el.Pair.Project, Profile: el.Pair.Profile,
		TermYears: min(max(el.Pair.TermYears, 1), el.MaxYears), MaxYears: el.MaxYears, Disposal: disposal,
	}, nil, nil
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
				add(Errand{of, attempt, true})
			case !view.Receipt.IsZero() && view.Old != "":
				old, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: view.Old})
				if err != nil {
					return nil, err
				}
				if old.Pair != nil && old.Pair.State == authority.Superseded {
					add(Errand{of, attempt, false})
				}
			}
		}
		if k.MakeRoom && len(x.Sign) > 0 {
			if e, err := c.roomBy(ctx, x); err != nil {
				return nil, err
			} else if e != nil {
				add(*e)
			}
		}
	}
	return found, nil
}

// roomBy finds the receipt that lets a superseded container go, if the escrow
// holds its encryption key.
func (c *Counter) roomBy(ctx context.Context, x proof.ListedContainer) (*Errand, error) {
	cert, err := gm.ParseCertificate(x.Sign)
	if err != nil {
		return nil, nil // not one of ours
	}
	view, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: certhall.SerialOf(cert.SerialNumber)})
	if absent(err) || err == nil && (view.ReplacedBy == "" || !bytes.Equal(view.Certificate, x.Sign)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	next, err := c.Authority.Pair(ctx, authority.PairQuery{Case: view.ReplacedBy, Attempt: view.ReplacedByAttempt})
	if err != nil {
		return nil, err
	}
	receipt, err := proof.Decode[proof.Receipt](next.Receipt.Message)
	if err != nil || !receipt.Escrowed {
		return nil, err
	}
	return &Errand{view.ReplacedBy, view.ReplacedByAttempt, false}, nil
}

func absent(err error) bool {
	return err != nil && certhall.AsError(err).Kind == certhall.NotFound
}
