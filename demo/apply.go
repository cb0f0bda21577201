package demo

import (
	"context"
	"fmt"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/proof"
)

// Desk carries out orders on a key: agent.Agent.
type Desk interface {
	Do(ctx context.Context, keySerial string, order []byte) (reply []byte, err error)
}

// Apply gives the applicant the first pair of a lineage, on a key: ticket,
// prepare, the reviewer's decision over the request, issue, install,
// acknowledge. It answers the bundle that now lies on the key.
func (a *Authority) Apply(ctx context.Context, desk Desk, keySerial string, p Applicant) (proof.Bundle, error) {
	bundle, err := a.issueFirst(ctx, desk, keySerial, p)
	if err != nil {
		return bundle, err
	}
	if _, err := order[proof.Installed](ctx, desk, keySerial, proof.Install{Authority: a.ID, Bundle: bundle}); err != nil {
		return bundle, err
	}
	ack, err := order[proof.Signed](ctx, desk, keySerial, proof.Acknowledge{Authority: a.ID, Bundle: bundle})
	if err != nil {
		return bundle, err
	}
	_, err = a.CA.Acknowledge(ctx, ack)
	return bundle, err
}

func (a *Authority) issueFirst(ctx context.Context, desk Desk, keySerial string, p Applicant) (proof.Bundle, error) {
	id := certhall.CaseID(certhall.NewID(a.Clock.Now(), a.Random))
	signed, err := a.CA.Ticket(ctx, authority.TicketRequest{Service: certhall.Apply, Case: id})
	if err != nil {
		return proof.Bundle{}, err
	}
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	if err != nil {
		return proof.Bundle{}, err
	}
	prepared, err := order[proof.Prepared](ctx, desk, keySerial, proof.Prepare{
		Authority: a.ID, Ticket: signed, Project: p.Project, Profile: p.profile(), TermYears: p.TermYears,
		Disposal: string(certhall.Keep), Chain: a.Founded.Chain(), Algorithm: ca.Profiles()[p.profile()].Algorithm.String(),
	})
	if err != nil {
		return proof.Bundle{}, err
	}
	decision, err := a.Decide(ctx, p, ticket, prepared.KeySerial, prepared.Request)
	if err != nil {
		return proof.Bundle{}, err
	}
	return a.CA.Issue(ctx, authority.IssueRequest{
		Case: id, Attempt: ticket.Attempt, Request: prepared.Request, Evidence: decision,
	})
}

// order gives the agent an order and wants a reply of kind R.
func order[R proof.Message](ctx context.Context, desk Desk, keySerial string, m proof.Message) (R, error) {
	var none R
	reply, err := desk.Do(ctx, keySerial, proof.Encode(m))
	if err != nil {
		return none, err
	}
	if trouble, err := proof.Decode[proof.Trouble](reply); err == nil {
		return none, fmt.Errorf("demo: the key answers %s to %T", trouble.Reason, m)
	}
	return proof.Decode[R](reply)
}
