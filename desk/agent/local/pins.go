package local

import (
	"context"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/proof"
)

// changePIN changes a key's PIN: both are asked for in the agent's own window.
func changePIN(ctx context.Context, a *agent.Agent, _ trust.Site, in request) (any, error) {
	return struct{}{}, a.ChangePIN(ctx, in.Key)
}

type asked struct {
	message
	Code string `json:"code"`
}

type unlocked struct {
	message
	Outcome string `json:"outcome"`
}

// unlock makes the request to unlock a key or, given the authority's answer,
// carries it out.
func unlock(ctx context.Context, a *agent.Agent, _ trust.Site, in request) (any, error) {
	if len(in.Message) == 0 {
		request, code, err := a.RequestUnlock(ctx, in.Key, in.Authority)
		return asked{message{request}, code}, err
	}
	answer, err := proof.Decode[proof.Signed](in.Message)
	if err != nil {
		return nil, err
	}
	u, err := a.Unlock(ctx, in.Key, answer)
	return unlocked{message{proof.Encode(u.Report)}, u.Outcome}, err
}
