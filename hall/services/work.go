package services

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// Work pays one debt of a case to the authority. It can run twice, late or at
// the same time as itself: every call is idempotent by (case, attempt), and
// what is no longer owed is not asked for. An error means: try again later.
// That the call succeeded is learnt from the authority's events alone.
func (c *Counter) Work(ctx context.Context, e Effect) error {
	if e.Kind == EffectRetired {
		return c.payRetired(ctx, e)
	}
	var k *Case
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		k, err = r.Case(e.Case)
		return err
	})
	if err != nil || k == nil || !k.owing(e) {
		return err
	}
	switch e.Kind {
	case EffectTicket:
		_, err = c.ticket(ctx, *k)
	case EffectIssue:
		err = c.payIssue(ctx, *k)
	case EffectAcknowledge:
		err = carry(k.Acknowledgement, func(s proof.Signed) error { _, err := c.Authority.Acknowledge(ctx, s); return err })
	case EffectClaim:
		err = carry(k.Claim, func(s proof.Signed) error { _, err := c.Authority.Claim(ctx, s); return err })
	case EffectClose:
		err = c.payClose(ctx, *k)
	}
	return c.settle(ctx, *k, e, err)
}

// ticket asks for the ticket of a case's open attempt.
func (c *Counter) ticket(ctx context.Context, k Case) (proof.Signed, error) {
	policy, err := c.policy(ctx, k)
	if err != nil {
		return proof.Signed{}, err
	}
	return c.Authority.Ticket(ctx, authority.TicketRequest{Service: k.Service, Case: k.ID, OldSerial: k.Serial, Grace: days(policy.Grace)})
}

func (c *Counter) payIssue(ctx context.Context, k Case) error {
	return carry(k.Evidence, func(evidence proof.Signed) error {
		_, err := c.Authority.Issue(ctx, authority.IssueRequest{Case: k.ID, Attempt: k.Attempt, Request: k.Request, Evidence: evidence})
		return err
	})
}

// payRetired carries the report that a receipt was obeyed.
func (c *Counter) payRetired(ctx context.Context, e Effect) error {
	err := carry(e.Message, func(s proof.Signed) error { return c.Authority.Retired(ctx, s) })
	if err == nil || retryable(err) {
		return err
	}
	c.Log.WarnContext(ctx, "the authority refused a report of a key", "case", e.Case, "attempt", e.Attempt, "error", certhall.CauseText(err))
	return nil // a later opening hands the receipt out again
}

func carry(der []byte, to func(proof.Signed) error) error {
	s, err := proof.Decode[proof.Signed](der)
	if err != nil {
		return err
	}
	return to(s)
}

// settle turns the authority's refusal into an event of the case, or into an
// error where the same call may succeed later.
func (c *Counter) settle(ctx context.Context, k Case, e Effect, err error) error {
	if err == nil {
		return nil
	}
	code := certhall.AsError(err)
	var answer Event
	switch {
	case retryable(err) || e.Kind == EffectClose:
		if _, lost := c.change(ctx, k.ID, Event{Kind: EvDelayed, Reason: code.Code, Params: code.Params}); lost != nil {
			return errors.Join(err, lost)
		}
		return err
	case errors.Is(err, authority.ErrCaseClosed):
		answer = Event{Kind: EvCloseAsked} // closed unheard: fetch the signed closing
	case errors.Is(err, authority.ErrAttemptVoid), errors.Is(err, authority.ErrAttemptNotOpen):
		return nil // the event is on its way
	case e.Kind == EffectIssue && (errors.Is(err, authority.ErrEvidenceExpired) || errors.Is(err, authority.ErrNonce)):
		answer = Event{Kind: EvReturned, Attempt: e.Attempt, Reason: code.Code}
	case e.Kind == EffectIssue && errors.Is(err, authority.ErrOtherKey):
		answer = Event{Kind: EvOtherKey, Attempt: e.Attempt}
	case (e.Kind == EffectAcknowledge || e.Kind == EffectClaim) && aboutMessage(err):
		answer = Event{Kind: EvReturned, Attempt: e.Attempt, Reason: code.Code}
	default:
		answer = Event{Kind: EvRefused, Problem: ProblemOf(err)}
	}
	c.Log.InfoContext(ctx, "the authority refused", "case", k.ID, "effect", e.Kind, "attempt", e.Attempt, "code", code.Code, "cause", certhall.CauseText(code.Unwrap()))
	_, err = c.change(ctx, k.ID, answer)
	return err
}

// retryable tells what passes by itself: the seal, a broken connection, a
// suspension, our own faults.
func retryable(err error) bool {
	e := certhall.AsError(err)
	return e.Kind == certhall.Unavailable || e.Kind == certhall.Internal || e.Is(authority.ErrSuspended)
}

// aboutMessage tells refusals of what the key signed, not of the case: the
// key is asked again.
func aboutMessage(err error) bool {
	for _, e := range []*certhall.Error{authority.ErrEvidence, authority.ErrOtherKey, authority.ErrNotIssued, proof.ErrSignature, proof.ErrMalformed} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
