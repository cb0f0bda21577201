package agent

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// SignOpening signs the opening of a case with the pair whose signing
// certificate has the opening's serial: token.ErrOldPairMissing if the caller
// has none such on this key. A session left by another case is ended first.
func (a *Agent) SignOpening(ctx context.Context, keySerial string, o proof.Opening) (signed proof.Signed, err error) {
	return a.signAs(ctx, keySerial, act{authority: o.Authority, purpose: "open", begins: true}, o.Serial, o)
}

// SignLogin signs a log-in with the pair whose signing certificate has the
// log-in's serial: token.ErrOldPairMissing.
func (a *Agent) SignLogin(ctx context.Context, keySerial string, l proof.Login) (signed proof.Signed, err error) {
	return a.signAs(ctx, keySerial, act{authority: l.Authority, purpose: "sign-login", begins: true}, l.Serial, l)
}

func (a *Agent) signAs(ctx context.Context, keySerial string, at act, serial string, m proof.Message) (signed proof.Signed, err error) {
	if err := a.mayActFor(at.authority); err != nil {
		return signed, err
	}
	err = a.with(ctx, keySerial, at, func(key token.Key, env token.Env) error {
		h, err := a.pair(ctx, key, serial)
		if err != nil {
			return err
		}
		if err := env.Unlock(ctx); err != nil {
			return err
		}
		signed, err = token.SignAs(ctx, h, m)
		return err
	})
	return signed, err
}

// pair finds the caller's pair by the serial of its signing certificate.
func (a *Agent) pair(ctx context.Context, key token.Key, serial string) (*token.Holding, error) {
	all, err := token.Look(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if h.Fits() && string(certhall.SerialOf(h.Sign.SerialNumber)) == serial && a.mine(h) {
			return h, nil
		}
	}
	return nil, token.ErrOldPairMissing.With("serial", serial)
}
