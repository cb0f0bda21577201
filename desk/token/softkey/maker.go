package softkey

import (
	"context"
	"encoding/hex"
	"io"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// Makers of keys can unlock them by question and answer, without a PIN that
// somebody might overhear. A soft key that was made with a maker's secret does
// the same: its question is a fresh public key of SM2 (a point,
// uncompressed), the answer is the secret, encrypted to it (SM2Cipher). The secret
// is drawn for one key and lies on it only as what opens the application; every
// question is good for one answer.

// QuestionLength is that of a question, in bytes.
const QuestionLength = 65

// MinMakerSecret is how long a maker's secret is at least, in bytes: it cannot
// be tried out, as its tries are not counted.
const MinMakerSecret = 16

// Question draws one: token.ErrUnsupported where the key has no maker's secret.
func (k *Key) Question(ctx context.Context) ([]byte, error) {
	a, err := k.ready(ctx)
	if err != nil {
		return nil, err
	}
	if len(a.Maker.Master) == 0 {
		return nil, token.ErrUnsupported
	}
	key, err := sm2.GenerateKey(k.store.random)
	if err != nil {
		return nil, certhall.ErrInternal.Because(err)
	}
	public, err := sm2.PublicKeyToECDH(&key.PublicKey)
	if err != nil {
		return nil, certhall.ErrInternal.Because(err)
	}
	k.question = key
	return public.Bytes(), nil
}

// UnblockByAnswer sets a new user's PIN and gives its tries back, if the maker
// answered the last question: otherwise token.ErrAdminPINWrong.
func (k *Key) UnblockByAnswer(ctx context.Context, answer []byte, next string) error {
	if err := checkPIN(next); err != nil {
		return err
	}
	a, err := k.ready(ctx)
	if err != nil {
		return err
	}
	question := k.question
	k.question = nil
	if question == nil || len(a.Maker.Master) == 0 {
		return token.ErrAdminPINWrong.Becausef("an answer without a question")
	}
	secret, err := gm.Open(question, answer)
	if err != nil {
		return token.ErrAdminPINWrong.Because(err)
	}
	v, err := a.Maker.open(makerPIN(secret), a.Iterations)
	if err != nil {
		return token.ErrAdminPINWrong.Because(err)
	}
	k.forget()
	under, err := v.under(next, a.Iterations, k.store.random)
	if err != nil {
		return certhall.ErrInternal.Because(err)
	}
	return k.write(ctx, "maker-unblock", v, func(a *application) error {
		a.Tries, a.User = a.MaxTries, under
		return nil
	}, same)
}

// Answer is what the maker, who knows the key's secret, makes of its question.
func Answer(random io.Reader, secret, question []byte) ([]byte, error) {
	to, err := sm2.NewPublicKey(question)
	if err != nil {
		return nil, err
	}
	return gm.Seal(random, to, secret)
}

// makerPIN is the secret in the place of a PIN.
func makerPIN(secret []byte) string { return hex.EncodeToString(secret) }
