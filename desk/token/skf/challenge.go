package skf

import (
	"context"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// challenged is a Key that its maker unlocks by question and answer.
type challenged struct{ *Key }

var _ token.Challenger = challenged{}

// maxChallenge bounds questions and answers, in bytes.
const maxChallenge = 4 << 10

// Challenge asks the key for its question.
func (k challenged) Challenge(ctx context.Context) (question []byte, err error) {
	err = k.do(ctx, func() error {
		b, n, err := k.m.answer(k.m.Challenge, maxChallenge, native.Use(k.handle))
		if err == nil && n == 0 {
			err = wrong(k.m.Challenge, "no question")
		}
		if err == nil {
			question = b[:n]
		}
		return err
	})
	return question, err
}

// Respond gives the maker's answer and sets a new user's PIN.
func (k challenged) Respond(ctx context.Context, answer []byte, new string) error {
	if len(answer) == 0 || len(answer) > maxChallenge {
		return token.ErrAdminPINWrong.Becausef("an answer of %d bytes", len(answer))
	}
	return k.afterwardsOut(ctx, gmskf.Admin, func(tries *uint64) error {
		return k.withPINs(func(p []native.Arg) error {
			err := k.m.call(k.m.Respond, native.Use(k.handle), native.Secret(answer), native.Word(uint64(len(answer))), p[0], native.ULong(tries))
			if is(err, gmskf.InputData, gmskf.InputLength) {
				err = &failure{k.m.Respond, gmskf.PINIncorrect}
			}
			return err
		}, new)
	})
}
