package agent

import (
	"context"
	"errors"

	"github.com/certhall/certhall/desk/token"
)

// ToChangePIN is the purpose that the windows of ChangePIN show.
const ToChangePIN = "change-pin"

// ChangePIN asks for the key's PIN, whoever has logged in, and for a new one
// until the key takes it. Nobody is logged in afterwards.
func (a *Agent) ChangePIN(ctx context.Context, keySerial string) error {
	return a.with(ctx, keySerial, act{purpose: ToChangePIN, begins: true}, func(key token.Key, _ token.Env) (err error) {
		if err := key.Logout(ctx); err != nil {
			return err
		}
		old, err := a.unlock(ctx, key, ToChangePIN)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, key.Logout(ctx)) }()
		why := ""
		for {
			pin, err := a.Person.NewPIN(ctx, NewPINRequest{Key: key.Info(), Purpose: ToChangePIN, Why: why})
			if err != nil {
				return err
			}
			if pin == old {
				why = NewPINSame
				continue
			}
			if err := key.ChangePIN(ctx, old, pin); !errors.Is(err, token.ErrPINRefused) {
				return err
			}
			why = NewPINRefused
		}
	})
}
