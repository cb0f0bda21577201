package agent

import (
	"context"
	"time"

	"github.com/certhall/certhall/desk/token"
)

// Tested is what a self-test showed: a signature was made and verified.
type Tested struct {
	Single     bool // there is no encryption pair
	Untestable bool // the driver cannot decrypt; else what was encrypted to the pair was decrypted
	At         time.Time
}

// SelfTest signs and decrypts with a pair just now: token.ErrKeyPairBroken if
// it does not work, token.ErrOldPairMissing if the caller has none such here.
func (a *Agent) SelfTest(ctx context.Context, keySerial, serial string) (tested Tested, err error) {
	err = a.with(ctx, keySerial, act{purpose: "self-test"}, func(key token.Key, env token.Env) error {
		h, err := a.pair(ctx, key, serial)
		if err != nil {
			return err
		}
		if err := env.Unlock(ctx); err != nil {
			return err
		}
		tested.Untestable, err = token.TestPair(ctx, h, a.random)
		tested.Single, tested.At = h.EncKey == nil, a.clock.Now()
		return err
	})
	return tested, err
}
