package main

import (
	"context"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
)

// newPINFlag is where a script has a new PIN from.
type newPINFlag struct {
	NewPINFD int `name:"new-pin-fd" default:"-1" help:"Read the new PIN from this file descriptor (first line)."`
}

// changePINCmd changes a key's PIN.
type changePINCmd struct {
	keyFlag
	newPINFlag
}

// Run changes it.
func (c *changePINCmd) Run(s *shell) error {
	keys, serial, err := c.find(s)
	if err != nil {
		return err
	}
	s.secrets.newPINFD = c.NewPINFD
	a := s.agent(keys, nil)
	defer a.Close()
	if err := a.ChangePIN(s.ctx, serial); err != nil {
		return err
	}
	s.done("cli.pin-changed", "key", serial)
	return nil
}

// NewPIN asks for a new PIN twice. One from a descriptor is used once: it would
// be refused again.
func (p person) NewPIN(_ context.Context, r agent.NewPINRequest) (string, error) {
	if p.secrets.newPINFD >= 0 {
		if r.Why != "" {
			return "", token.ErrPINRefused.Becausef("%s", r.Why)
		}
		return p.nextLine(p.secrets.newPINFD)
	}
	if r.Why != "" {
		p.note("cli.pin-why." + r.Why)
	}
	for {
		pin, err := p.twice(p.text("cli.pin-choose", "key", r.Key.Label+" "+r.Key.Serial, "purpose", p.text("cli.purpose."+r.Purpose)))
		switch {
		case err == nil && pin == "":
			return "", token.ErrDeclined
		case err != errPINDiffers:
			return pin, err
		}
		p.note("cli.pin-why." + agent.NewPINDiffers)
	}
}
