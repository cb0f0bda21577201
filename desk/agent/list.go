package agent

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Listed is one key and what lies on it.
type Listed struct {
	token.Info
	PIN        token.PINState
	Containers []*token.Holding
}

// List reads all keys; needs no PIN. A key that cannot be read now is named
// with its trouble.
func (a *Agent) List(ctx context.Context) ([]Listed, error) {
	infos, err := a.Keys.List(ctx)
	if err != nil {
		return nil, err
	}
	var all []Listed
	for _, info := range infos {
		l := Listed{Info: info}
		if info.Trouble == nil {
			err := a.with(ctx, info.Serial, "list", func(key token.Key, _ token.Env) (err error) {
				if l.PIN, err = key.PINState(ctx); err != nil {
					return err
				}
				l.Containers, err = token.Look(ctx, key)
				return err
			})
			if errors.Is(err, token.ErrRemoved) {
				continue
			}
			if err != nil {
				l.Trouble = certhall.AsError(err)
			}
		}
		all = append(all, l)
	}
	return all, nil
}
