package hall

import (
	"time"

	"github.com/certhall/certhall/hall/accounts"
)

func (r *rows) Visit(s accounts.Session) (accounts.Visit, error) {
	v := accounts.Visit{Session: s}
	var started, seen int64
	found, err := r.one(`SELECT person, must_set_password, started_at, seen_at FROM visits WHERE session = $1`,
		[]any{string(s)}, &v.Person, &v.MustSetPassword, &started, &seen)
	if err != nil || !found {
		return accounts.Visit{}, err
	}
	v.StartedAt, v.SeenAt = at(started), at(seen)
	return v, nil
}

func (r *rows) SeeVisit(s accounts.Session, now time.Time) error {
	return r.run(`UPDATE visits SET seen_at = $1 WHERE session = $2 AND seen_at < $3`, ms(now), string(s), ms(now))
}
