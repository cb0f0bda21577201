package agent

import (
	"context"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// Do carries out one order: the DER of one of proof's operation messages. The
// reply is the DER of the message that answers it, a proof.Trouble where the
// server can act on what is wrong. Errors stay between the agent and the person.
func (a *Agent) Do(ctx context.Context, keySerial string, order []byte) ([]byte, error) {
	obey := orders[proof.Tag(order)]
	if obey == nil {
		return nil, proof.ErrMalformed.Becausef("no order of ours")
	}
	reply, err := obey(ctx, a, keySerial, order)
	if err != nil {
		return nil, err
	}
	return proof.Encode(reply), nil
}

// orders are what the agent carries out, by the tags of the messages.
var orders = map[string]func(ctx context.Context, a *Agent, keySerial string, order []byte) (proof.Message, error){
	proof.TagOf[proof.Identify](): obey(token.Identify, func(o proof.Identify) act {
		return act{authority: o.Authority, purpose: "identify", reads: true}
	}),
	proof.TagOf[proof.Prepare](): obey(token.Prepare, func(o proof.Prepare) act {
		return act{authority: o.Authority, purpose: "prepare", id: ticketCase(o.Ticket)}
	}),
	proof.TagOf[proof.Install](): obey(token.Install, func(o proof.Install) act {
		return act{authority: o.Authority, purpose: "install", id: o.Bundle.Case}
	}),
	proof.TagOf[proof.Acknowledge](): obey(token.Acknowledge, func(o proof.Acknowledge) act {
		return act{authority: o.Authority, purpose: "acknowledge", id: o.Bundle.Case}
	}),
	proof.TagOf[proof.Retire](): obey(token.Retire, func(o proof.Retire) act { // an errand, of other cases too: it goes along with whichever is at hand
		return act{authority: o.Authority, purpose: "retire"}
	}),
	proof.TagOf[proof.MakeClaim](): obey(token.Claim, func(o proof.MakeClaim) act {
		return act{authority: o.Authority, purpose: "claim", id: ticketCase(o.Ticket)}
	}),
}

// obey carries an order of kind M out by a step.
func obey[M proof.Message](
	step func(context.Context, token.Key, M, token.Env) (proof.Message, error), as func(M) act,
) func(ctx context.Context, a *Agent, keySerial string, order []byte) (proof.Message, error) {
	return func(ctx context.Context, a *Agent, keySerial string, order []byte) (reply proof.Message, err error) {
		m, err := proof.Decode[M](order)
		if err != nil {
			return nil, err
		}
		at := as(m)
		if err := a.mayActFor(at.authority); err != nil {
			return nil, err
		}
		err = a.with(ctx, keySerial, at, func(key token.Key, env token.Env) error {
			reply, err = step(ctx, key, m, env)
			return err
		})
		return reply, err
	}
}

// ticketCase is the case a ticket is for, as far as the session goes; the step
// verifies the ticket.
func ticketCase(s proof.Signed) string {
	t, err := proof.Decode[proof.Ticket](s.Message)
	if err != nil {
		return ""
	}
	return t.Case
}
