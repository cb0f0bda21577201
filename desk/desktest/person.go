package desktest

import (
	"context"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
)

// Person types the PINs of a list, one after the other, the last one for ever,
// and agrees to everything but what Refuses names.
type Person struct {
	PINs    []string
	Refuses map[string]bool
	Asked   []agent.PINRequest
	Shown   []agent.ConsentRequest
}

// PIN types the next PIN.
func (p *Person) PIN(_ context.Context, r agent.PINRequest) (string, error) {
	p.Asked = append(p.Asked, r)
	if len(p.PINs) == 0 {
		return "", token.ErrPINNeeded
	}
	pin := p.PINs[0]
	if len(p.PINs) > 1 {
		p.PINs = p.PINs[1:]
	}
	return pin, nil
}

// Consent agrees unless told otherwise.
func (p *Person) Consent(_ context.Context, r agent.ConsentRequest) (bool, error) {
	p.Shown = append(p.Shown, r)
	return !p.Refuses[r.What], nil
}
