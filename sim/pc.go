package sim

import (
	"context"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
)

// pc is one computer with its agent. What the agent holds in memory, the
// key's session among it, dies with the PC; the key can be plugged into the next.
type pc struct {
	w     *World
	agent *agent.Agent
}

func (w *World) newPC() *pc {
	p := &pc{w: w}
	p.agent = agent.New(agent.Options{
		Keys: p, Roots: w.t.roots(), Person: handler{w}, Clock: w.clock, Random: w.random,
	})
	return p
}

// List names the one key.
func (p *pc) List(context.Context) ([]token.Info, error) {
	return []token.Info{{Serial: p.w.medium.serial(), Driver: softkey.Driver}}, nil
}

// Open opens it, its power under the schedule's control.
func (p *pc) Open(_ context.Context, serial string) (token.Key, error) {
	if serial != p.w.medium.serial() {
		return nil, token.ErrRemoved
	}
	k, err := p.w.medium.plug(func(int, string) softkey.Cut {
		if p.w.armed == nil {
			return softkey.None
		}
		return p.w.armed()
	})
	if err != nil {
		return nil, err
	}
	return watchedKey{k, p.w}, nil
}

// handler is the person before the PC: knows the PIN and agrees to everything,
// so that only the code stands between an order and the key.
type handler struct{ w *World }

func (h handler) PIN(context.Context, agent.PINRequest) (string, error) { return pin, nil }

func (handler) NewPIN(context.Context, agent.NewPINRequest) (string, error) {
	return "", token.ErrDeclined
}

func (h handler) Consent(_ context.Context, r agent.ConsentRequest) (bool, error) {
	if r.What == token.ToMakeRoom {
		h.w.consented = true
	}
	return true, nil
}
