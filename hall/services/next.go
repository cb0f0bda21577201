package services

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
)

// How long a carrier waits before it asks again, in milliseconds.
const (
	waitBriefly = 200
	waitSealed  = 3000
)

// Next is the one loop of every service: it takes the agent's last reply or
// the person's answer and tells what comes next.
func (c *Counter) Next(ctx context.Context, who Caller, id certhall.CaseID, in Input) (Next, error) {
	k, session, err := c.admit(ctx, who, id)
	if err != nil {
		return Next{}, err
	}
	var halt, problem *certhall.Error
	switch {
	case len(in.Reply) > 0:
		k, halt, err = c.reply(ctx, k, in.Reply)
	case in.Answer != nil:
		k, problem, err = c.person(ctx, k, who, session, in)
	}
	if err != nil {
		return Next{}, err
	}
	n, err := c.answer(ctx, k, session, halt)
	if err == nil && problem != nil && n.Ask != nil {
		n.Problem = ProblemOf(problem)
	}
	return n, err
}

// answer tells how a case stands and, unless something stops the loop, what
// comes next.
func (c *Counter) answer(ctx context.Context, k Case, s accounts.Session, halt *certhall.Error) (Next, error) {
	n := Next{Case: k.ID, Service: k.Service, State: k.State, Step: k.Step(), Steps: procedures[k.Service], Stage: k.Stage(), Problem: k.Problem}
	if k.State == Open && !k.Acknowledged {
		n.Disposal = k.Disposal
	}
	if k.PhoneProved {
		n.Phone = accounts.Mask(k.Phone)
	}
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		n.Bought, err = k.bought(r)
		return err
	})
	if err != nil {
		return n, err
	}
	if k.Acknowledged {
		result, err := c.result(ctx, k)
		if err != nil {
			return n, err
		}
		n.Result = result
	}
	if halt != nil {
		n.Problem = ProblemOf(halt)
		return n, nil
	}
	switch {
	case k.State == Closing:
		return k.wait(n, "closing"), nil
	case k.State == Refused && k.Busy():
		return k.wait(n, "closing"), nil
	case k.State != Open && !k.Acknowledged:
		return n, nil
	case !k.Identified:
		return c.orderIdentify(k, n), nil
	case len(k.Errands) > 0:
		return c.orderRetire(ctx, k, s, n)
	case k.Acknowledged:
		return n, nil
	case k.Attempt == 0:
		return k.wait(n, "ticket"), nil
	case k.Suspended:
		n.Problem = ProblemOf(authority.ErrSuspended)
		return n, nil
	case !k.PhoneProved:
		return c.ask(ctx, k, s, n)
	case k.Entitlement == "":
		return c.pay(ctx, k, s, n)
	}
	return c.attempt(ctx, k, n)
}

// attempt tells what comes next within the authority's open attempt.
func (c *Counter) attempt(ctx context.Context, k Case, n Next) (Next, error) {
	switch {
	case k.Rank == RankEnded, len(k.Claim) > 0:
		return k.wait(n, "claiming"), nil
	case k.Claiming:
		return c.orderClaim(ctx, k, n)
	case len(k.Acknowledgement) > 0:
		return k.wait(n, "acknowledging"), nil
	case k.Rank == RankIssued && k.Installed:
		return c.orderAcknowledge(ctx, k, n)
	case k.Rank == RankIssued:
		return c.orderInstall(ctx, k, n)
	case len(k.Request) > 0:
		return k.wait(n, "issuing"), nil
	}
	return c.orderPrepare(ctx, k, n)
}

// wait asks the carrier to come back; what delays the authority is named.
func (k Case) wait(n Next, reason string) Next {
	n.Wait = &Wait{AfterMS: waitBriefly, Reason: reason}
	switch k.Delay {
	case "":
	case authority.ErrSealed.Code:
		n.Wait = &Wait{AfterMS: waitSealed, Reason: "sealed"}
	default:
		n.Wait.AfterMS = waitSealed
		n.Problem = &Problem{Code: k.Delay, Params: k.DelayBy}
	}
	return n
}
