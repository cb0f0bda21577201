// Package wire carries the calls of authority.Authority between machines: one
// route a call, JSON with the signed messages as they are, HTTP/2 over mutual
// TLS (package nodes). Errors travel as code, kind and parameters, never as
// causes, and come back as the same certhall.Error. It adds no trust: the
// authority checks the same evidence however a call reaches it.
package wire

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// Version begins every route. A node refuses calls of another one by name, and
// nothing of a case is judged by that: nodes that issue are upgraded first.
const version = "/v1/"

// ErrUnreachable is what a call answers when no node could be asked, or nobody
// knows what became of it. It passes by itself or by an operator's hand; no
// case ends on it.
var ErrUnreachable = certhall.NewError("authority-unreachable", certhall.Unavailable)

// For the logs of the two nodes alone.
var (
	errRole      = certhall.NewError("node-refused", certhall.Denied)    // its certificate gives a role that may not call
	errTurnedOut = certhall.NewError("node-turned-out", certhall.Denied) // its certificate is no longer trusted
	errRoute     = certhall.NewError("call-unknown", certhall.NotFound)  // the two are of different versions
)

// Bounds on bodies, in bytes.
const (
	maxRequest = 1 << 20  // a P10 and evidence of proof.MaxMessage each, in base64, and much room
	maxAnswer  = 16 << 20 // a page of events
)

// door is what stands behind the routes: the authority, and whether it is ready.
type door struct {
	authority.Authority
	ready func(context.Context) error
}

// call is one call as both sides know it.
type call[In, Out any] struct {
	name string
	// again: it may be sent once more when nobody knows whether it was done.
	// All are idempotent by (case, attempt) but one: a suspension that a
	// reviewer lifted must not come back because its first answer was lost.
	again bool
	do    func(context.Context, door, In) (Out, error)
}

type nothing struct{}

func without(err error) (nothing, error) { return nothing{}, err }

type (
	eligibleIn struct {
		Service certhall.Service
		Serial  certhall.Serial
	}
	// eligibility is the answer with its refusal as errors travel.
	eligibility struct {
		authority.Eligibility
		Refusal *failure
	}
	suspendIn struct {
		Lineage certhall.LineageID
		Reason  string
	}
	eventsIn struct {
		After int64
		Limit int
	}
)

var (
	eligible = call[eligibleIn, eligibility]{"eligible", true, func(ctx context.Context, d door, in eligibleIn) (eligibility, error) {
		e, err := d.Eligible(ctx, in.Service, in.Serial)
		return eligibility{e, failureOf(e.Refusal)}, err
	}}
	ticket = call[authority.TicketRequest, proof.Signed]{"ticket", true, func(ctx context.Context, d door, in authority.TicketRequest) (proof.Signed, error) {
		return d.Ticket(ctx, in)
	}}
	issue = call[authority.IssueRequest, proof.Bundle]{"issue", true, func(ctx context.Context, d door, in authority.IssueRequest) (proof.Bundle, error) {
		return d.Issue(ctx, in)
	}}
	acknowledge = call[proof.Signed, proof.Signed]{"acknowledge", true, func(ctx context.Context, d door, in proof.Signed) (proof.Signed, error) {
		return d.Acknowledge(ctx, in)
	}}
	retired = call[proof.Signed, nothing]{"retired", true, func(ctx context.Context, d door, in proof.Signed) (nothing, error) {
		return without(d.Retired(ctx, in))
	}}
	claim = call[proof.Signed, proof.Signed]{"claim", true, func(ctx context.Context, d door, in proof.Signed) (proof.Signed, error) {
		return d.Claim(ctx, in)
	}}
	closing = call[certhall.CaseID, proof.Signed]{"close", true, func(ctx context.Context, d door, in certhall.CaseID) (proof.Signed, error) {
		return d.Close(ctx, in)
	}}
	revoke = call[proof.Signed, nothing]{"revoke", true, func(ctx context.Context, d door, in proof.Signed) (nothing, error) {
		return without(d.Revoke(ctx, in))
	}}
	suspend = call[suspendIn, nothing]{"suspend", false, func(ctx context.Context, d door, in suspendIn) (nothing, error) {
		return without(d.Suspend(ctx, in.Lineage, in.Reason))
	}}
	resume = call[proof.Signed, nothing]{"resume", true, func(ctx context.Context, d door, in proof.Signed) (nothing, error) {
		return without(d.Resume(ctx, in))
	}}
	unlockable = call[string, nothing]{"unlockable", true, func(ctx context.Context, d door, in string) (nothing, error) {
		return without(d.Unlockable(ctx, in))
	}}
	unlock = call[authority.UnlockRequest, proof.Signed]{"unlock", true, func(ctx context.Context, d door, in authority.UnlockRequest) (proof.Signed, error) {
		return d.Unlock(ctx, in)
	}}
	unlocked = call[proof.Signed, nothing]{"unlocked", true, func(ctx context.Context, d door, in proof.Signed) (nothing, error) {
		return without(d.Unlocked(ctx, in))
	}}
	pair = call[authority.PairQuery, authority.PairView]{"pair", true, func(ctx context.Context, d door, in authority.PairQuery) (authority.PairView, error) {
		return d.Pair(ctx, in)
	}}
	origins = call[nothing, proof.Signed]{"origins", true, func(ctx context.Context, d door, _ nothing) (proof.Signed, error) {
		return d.Origins(ctx)
	}}
	events = call[eventsIn, []authority.Event]{"events", true, func(ctx context.Context, d door, in eventsIn) ([]authority.Event, error) {
		page, err := d.Events(ctx, in.After, in.Limit)
		return append([]authority.Event{}, page...), err // an empty page is an answer too
	}}
	ready = call[nothing, nothing]{"ready", true, func(ctx context.Context, d door, _ nothing) (nothing, error) {
		return without(d.ready(ctx))
	}}
)

// failure is an error as it travels.
type failure struct {
	Code   string            `json:"code"`
	Kind   string            `json:"kind"`
	Params map[string]string `json:"params,omitempty"`
}

// kinds by their names on the wire.
var kinds = map[certhall.Kind]string{
	certhall.Internal: "internal", certhall.Invalid: "invalid", certhall.Denied: "denied", certhall.NotFound: "not-found",
	certhall.Conflict: "conflict", certhall.Limited: "limited", certhall.Unavailable: "unavailable", certhall.Unauthenticated: "unauthenticated",
}

func failureOf(e *certhall.Error) *failure {
	if e == nil {
		return nil
	}
	return &failure{e.Code, kinds[e.Kind], e.Params}
}

// error is the certhall.Error that travelled; a kind that this node does not
// know counts as internal.
func (f *failure) error() *certhall.Error {
	if f == nil {
		return nil
	}
	e := &certhall.Error{Code: f.Code, Params: f.Params}
	for kind, name := range kinds {
		if name == f.Kind {
			e.Kind = kind
		}
	}
	return e
}

// answer is the body of every answer: one of the three.
type answer[Out any] struct {
	Done    *Out     `json:"done,omitempty"`
	Error   *failure `json:"error,omitempty"`   // the authority's
	Refused *failure `json:"refused,omitempty"` // the wire's: the authority was not asked
}
