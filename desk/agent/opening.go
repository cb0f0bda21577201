package agent

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// SignOpening signs the opening of a case with the pair whose signing
// certificate has the opening's serial: token.ErrOldPairMissing if it is not
// on this key.
func (a *Agent) SignOpening(ctx context.Context, keySerial string, o proof.Opening) (signed proof.Signed, err error) {
	err = a.with(ctx, keySerial, "open", func(key token.Key, env token.Env) error {
		all, err := token.Look(ctx, key)
		if err != nil {
			return err
		}
		for _, h := range all {
			if !h.Fits() || string(certhall.SerialOf(h.Sign.SerialNumber)) != o.Serial {
				continue
			}
			if err := env.Unlock(ctx); err != nil {
				return err
			}
			signed, err = token.SignAs(ctx, h, o)
			return err
		}
		return token.ErrOldPairMissing.With("serial", o.Serial)
	})
	return signed, err
}
