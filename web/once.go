package web

import (
	"context"
	"encoding/json"

	"github.com/certhall/certhall/hall/accounts"
)

// Once keeps what was answered: hall/once's Keeper.
type Once interface {
	Do(ctx context.Context, s accounts.Session, key string, input []byte, do func() ([]byte, error)) ([]byte, error)
}

// OnceInput is part of the input of operations that may be sent again where
// their answer was lost. (Exported for huma.)
type OnceInput struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"64" doc:"chosen anew for every request, by random: the same one again, within a day and a session, is answered as before and does nothing"`
}

// once runs an operation, or answers what it answered before to the same input
// under the same key. Nothing secret may be in the answer: it is stored. A
// browser without a session has no keys.
func once[T any](ctx context.Context, r routes, key OnceInput, operation string, input any, do func() (T, error)) (answer T, err error) {
	session := requestOf(ctx).session
	if key.IdempotencyKey == "" || session == "" {
		return do()
	}
	asked, err := json.Marshal([]any{operation, input})
	if err != nil {
		return answer, err
	}
	body, err := r.Once.Do(ctx, session, key.IdempotencyKey, asked, func() ([]byte, error) {
		a, err := do()
		if err != nil {
			return nil, err
		}
		return json.Marshal(a)
	})
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(body, &answer)
}
