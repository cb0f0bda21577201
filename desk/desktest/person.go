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
	Chosen  []string // new PINs, one after the other
	Refuses map[string]bool
	Asked   []agent.PINRequest
	Shown   []agent.ConsentRequest
	Chose   []agent.NewPINRequest
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

// NewPIN chooses the next new PIN.
func (p *Person) NewPIN(_ context.Context, r agent.NewPINRequest) (string, error) {
	p.Chose = append(p.Chose, r)
	if len(p.Chosen) == 0 {
		return "", token.ErrDeclined
	}
	pin := p.Chosen[0]
	p.Chosen = p.Chosen[1:]
	return pin, nil
}

// Consent agrees unless told otherwise.
func (p *Person) Consent(_ context.Context, r agent.ConsentRequest) (bool, error) {
	p.Shown = append(p.Shown, r)
	return !p.Refuses[r.What], nil
}
