package services

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/proof"
)

// Operations of the agent that the loop hands out.
const (
	opIdentify    = "identify"
	opPrepare     = "prepare"
	opInstall     = "install"
	opAcknowledge = "acknowledge"
	opRetire      = "retire"
	opClaim       = "claim"
)

func (n Next) order(operation string, m proof.Message) Next {
	n.Operation, n.Message = operation, proof.Encode(m)
	return n
}

func (c *Counter) orderIdentify(k Case, n Next) Next {
	return n.order(opIdentify, proof.Identify{Authority: c.AuthorityID, Case: string(k.ID)})
}

// view fetches what the authority stores of the case's attempt: no reply is
// ever lost for good. behind is true where the authority has moved on and its
// event is still on the way.
func (c *Counter) view(ctx context.Context, k Case) (v authority.PairView, behind bool, err error) {
	v, err = c.Authority.Pair(ctx, authority.PairQuery{Case: k.ID, Attempt: k.Attempt})
	return v, v.Standing != authority.AttemptOpen, err
}

func (c *Counter) orderPrepare(ctx context.Context, k Case, n Next) (Next, error) {
	v, behind, err := c.view(ctx, k)
	if err != nil {
		return n, err
	}
	if behind {
		return k.wait(n, "ticket"), nil
	}
	ticket, chain, err := c.permit(ctx, k, v)
	if waiting, ok := k.waitFor(n, err, "ticket"); ok {
		return waiting, nil
	}
	if err != nil {
		return n, err
	}
	return n.order(opPrepare, proof.Prepare{
		Authority: c.AuthorityID, Ticket: ticket, Entitlement: string(k.Entitlement),
		Project: k.Project, Profile: k.Profile, TermYears: k.TermYears, Disposal: string(k.Disposal), Chain: chain,
	}), nil
}

func (c *Counter) orderClaim(ctx context.Context, k Case, n Next) (Next, error) {
	v, behind, err := c.view(ctx, k)
	if err != nil {
		return n, err
	}
	if behind {
		return k.wait(n, "claiming"), nil
	}
	enc, err := encDigest(v)
	if err != nil {
		return n, err
	}
	ticket, chain, err := c.permit(ctx, k, v)
	if waiting, ok := k.waitFor(n, err, "claiming"); ok {
		return waiting, nil
	}
	if err != nil {
		return n, err
	}
	return n.order(opClaim, proof.MakeClaim{
		Authority: c.AuthorityID, Ticket: ticket, KeyDigest: v.KeyDigest, EncDigest: enc, Chain: chain,
	}), nil
}

// permit is the attempt's live ticket, renewed if it has expired, with the
// issuing certificates of the old pair.
func (c *Counter) permit(ctx context.Context, k Case, v authority.PairView) (proof.Signed, [][]byte, error) {
	old, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: k.Serial})
	if err != nil {
		return proof.Signed{}, nil, err
	}
	t, err := proof.Decode[proof.Ticket](v.Ticket.Message)
	if err == nil && c.now().Before(t.Expiry) {
		return v.Ticket, chainOf(old), nil
	}
	ticket, err := c.ticket(ctx, k)
	return ticket, chainOf(old), err
}

// waitFor makes a wait of a refusal that ends by itself: the seal, or an
// event still on the way.
func (k Case) waitFor(n Next, err error, reason string) (Next, bool) {
	switch {
	case errors.Is(err, authority.ErrSealed):
		k.Delay = authority.ErrSealed.Code
	case errors.Is(err, authority.ErrCaseClosed), errors.Is(err, authority.ErrAttemptNotOpen), errors.Is(err, authority.ErrAttemptVoid):
	default:
		return n, false
	}
	return k.wait(n, reason), true
}

func (c *Counter) orderInstall(ctx context.Context, k Case, n Next) (Next, error) {
	v, behind, err := c.view(ctx, k)
	if err != nil {
		return n, err
	}
	if behind || v.Bundle == nil {
		return k.wait(n, "issuing"), nil
	}
	return n.order(opInstall, proof.Install{Authority: c.AuthorityID, Bundle: *v.Bundle}), nil
}

func (c *Counter) orderAcknowledge(ctx context.Context, k Case, n Next) (Next, error) {
	v, behind, err := c.view(ctx, k)
	if err != nil {
		return n, err
	}
	if behind || v.Bundle == nil {
		return k.wait(n, "acknowledging"), nil
	}
	return n.order(opAcknowledge, proof.Acknowledge{Authority: c.AuthorityID, Bundle: *v.Bundle}), nil
}

// orderRetire hands over the receipts and void notices of the case's errands.
func (c *Counter) orderRetire(ctx context.Context, k Case, s accounts.Session, n Next) (Next, error) {
	r := proof.Retire{Authority: c.AuthorityID, MakeRoom: k.MakeRoom || slices.ContainsFunc(k.Errands, func(e Errand) bool { return e.Spare })}
	for _, e := range k.Errands {
		v, err := c.Authority.Pair(ctx, authority.PairQuery{Case: e.Case, Attempt: e.Attempt})
		if err != nil {
			return n, err
		}
		switch {
		case e.Void && v.Standing == authority.AttemptVoid && v.Void.IsZero():
			k.Delay = authority.ErrSealed.Code // notices are signed as they are asked for
			return k.wait(n, "sealed"), nil
		case e.Void && !v.Void.IsZero():
			r.Voids = append(r.Voids, v.Void)
		case !e.Void && !v.Receipt.IsZero():
			r.Receipts = append(r.Receipts, v.Receipt)
		default:
			continue
		}
		old, err := c.oldOf(ctx, v)
		if err != nil {
			return n, err
		}
		for _, der := range slices.Concat(chainOf(v), chainOf(old)) {
			if !slices.ContainsFunc(r.Chain, func(x []byte) bool { return bytes.Equal(x, der) }) {
				r.Chain = append(r.Chain, der)
			}
		}
	}
	if len(r.Receipts)+len(r.Voids) == 0 {
		cleared, err := c.change(ctx, k.ID, Event{Kind: EvCleared})
		if err != nil {
			return n, err
		}
		return c.answer(ctx, cleared, s, nil)
	}
	return n.order(opRetire, r), nil
}

// oldOf is what the authority stores of the pair that an attempt started from.
func (c *Counter) oldOf(ctx context.Context, v authority.PairView) (authority.PairView, error) {
	if v.Old == "" {
		return authority.PairView{}, nil
	}
	return c.Authority.Pair(ctx, authority.PairQuery{Serial: v.Old})
}
