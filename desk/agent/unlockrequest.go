package agent

import (
	"context"
	"errors"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// ToRequestUnlock is what a ConsentRequest that shows a request's code is about.
const ToRequestUnlock = "unlock-request"

// RequestUnlock makes the request to unlock a key, and shows the person its
// code, which he is to name to the authority: what a page shows might be of
// another request. It changes nothing on the key. While the answer to an earlier
// request is awaited it is the same request again. token.ErrAdminPINLocked where
// no answer could help.
func (a *Agent) RequestUnlock(ctx context.Context, keySerial, authority string) (request []byte, code string, err error) {
	if err := a.mayActFor(authority); err != nil {
		return nil, "", err
	}
	err = a.with(ctx, keySerial, act{authority: authority, reads: true}, func(key token.Key, _ token.Env) error {
		w, err := a.waiting(authority, keySerial)
		if err != nil {
			return err
		}
		if w.Request == nil || w.Report != nil || w.old(a.clock.Now()) {
			if err := a.ask(ctx, key, authority, w); err != nil {
				return err
			}
		}
		request = w.Request
		m, err := proof.Decode[proof.UnlockRequest](request)
		if err != nil {
			return err
		}
		code = proof.UnlockCode(m.Digest())
		facts := filled([]Fact{{"authority", authority}, {"request-code", code}})
		return a.agree(ctx, ConsentRequest{Key: key.Info(), What: ToRequestUnlock, Facts: facts}, token.ErrDeclined)
	})
	return request, code, err
}

// ask makes a new request with a key of its own.
func (a *Agent) ask(ctx context.Context, key token.Key, authority string, w *waiting) error {
	state, err := key.PINState(ctx)
	if err != nil {
		return err
	}
	m := proof.UnlockRequest{Authority: authority, KeySerial: key.Info().Serial, PINTries: tries(state), AdminTries: -1}
	if c, ok := key.(token.Challenger); ok {
		if m.Challenge, err = c.Challenge(ctx); err != nil && !errors.Is(err, token.ErrUnsupported) {
			return err
		}
	}
	keeper, err := key.AdminPINState(ctx)
	switch {
	case err == nil:
		m.AdminTries = tries(keeper)
		if keeper.Locked && len(m.Challenge) == 0 {
			return token.ErrAdminPINLocked
		}
	case !errors.Is(err, token.ErrUnsupported):
		return err
	}
	own, err := sm2.GenerateKey(a.random)
	if err != nil {
		return err
	}
	if m.Key, err = gm.MarshalPublicKey(&own.PublicKey); err != nil {
		return err
	}
	if m.Nonce, err = proof.NewNonce(a.random); err != nil {
		return err
	}
	w.waits = waits{Request: proof.Encode(m), Key: own.D.FillBytes(make([]byte, keyLength)), Made: a.clock.Now()}
	return w.save()
}

// tries are a PIN's as UnlockRequest has them.
func tries(s token.PINState) int {
	switch {
	case s.Locked:
		return 0
	case s.Final:
		return 1
	}
	return s.Tries
}
