package library

import (
	"context"

	"github.com/certhall/certhall/desk/token/softkey"
)

// GenUnlockRequest asks a question that only the maker of the key can answer:
// NotSupported where the key has no maker's secret. Its functions are libsoftkey's
// own: V_GenUnlockRequest and V_UnlockByResponse.
func (l *Library) GenUnlockRequest(h Handle, out *Out) error {
	return l.opened(h, func(k *softkey.Key) error {
		if write, err := out.room(softkey.QuestionLength); !write {
			return err
		}
		question, err := k.Question(context.Background())
		if err != nil {
			return err
		}
		return out.put(question)
	})
}

// UnlockByResponse sets a new user's PIN by the maker's answer. Every question
// is good for one answer.
func (l *Library) UnlockByResponse(h Handle, answer []byte, next string) (tries uint32, err error) {
	if err := take(answer); err != nil {
		return 0, err
	}
	return l.tried(h, softkey.Admin, func(k *softkey.Key) error {
		if err := checkPIN(next); err != nil {
			return err
		}
		return k.UnblockByAnswer(context.Background(), answer, next)
	})
}
