package hall

import (
	"context"
	"time"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/once"
	"github.com/certhall/certhall/store/sqldb"
)

// Once is the store as the room once sees it.
func (s *Store) Once() once.Store { return onceStore{s.db} }

type onceStore struct{ db *sqldb.DB }

func (s onceStore) Write(ctx context.Context, f func(once.Writer) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

func (r *rows) AddAnswer(a once.Answer) (bool, error) {
	return r.swap(`INSERT INTO answers (session, key, input, owner, leased, body, made_at)
		VALUES ($1, $2, $3, $4, $5, NULL, $6) ON CONFLICT DO NOTHING`,
		string(a.Session), a.Key, a.Input, a.Owner, ms(a.Leased), ms(a.MadeAt))
}

func (r *rows) Answer(s accounts.Session, key string) (*once.Answer, error) {
	a := once.Answer{Session: s, Key: key}
	var leased, made int64
	found, err := r.one(`SELECT input, owner, leased, body, made_at FROM answers WHERE session = $1 AND key = $2`,
		[]any{string(s), key}, &a.Input, &a.Owner, &leased, &a.Body, &made)
	if err != nil || !found {
		return nil, err
	}
	a.Leased, a.MadeAt = at(leased), at(made)
	return &a, nil
}

func (r *rows) TakeAnswer(was once.Answer, owner string, leased time.Time) (bool, error) {
	return r.swap(`UPDATE answers SET owner = $1, leased = $2 WHERE session = $3 AND key = $4 AND owner = $5 AND body IS NULL`,
		owner, ms(leased), string(was.Session), was.Key, was.Owner)
}

func (r *rows) FinishAnswer(a once.Answer, body []byte) error {
	return r.run(`UPDATE answers SET body = $1 WHERE session = $2 AND key = $3 AND owner = $4`,
		body, string(a.Session), a.Key, a.Owner)
}

func (r *rows) DropAnswer(a once.Answer) error {
	return r.run(`DELETE FROM answers WHERE session = $1 AND key = $2 AND owner = $3`, string(a.Session), a.Key, a.Owner)
}

func (r *rows) ForgetAnswers(before time.Time) error {
	return r.run(`DELETE FROM answers WHERE made_at <= $1`, ms(before))
}
