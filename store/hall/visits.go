package hall

import (
	"time"

	"github.com/certhall/certhall/hall/accounts"
)

const visitColumns = `session, id, person, must_set_password, started_at, seen_at, address, browser, system`

func scanVisit(scan func(...any) error) (v accounts.Visit, err error) {
	var started, seen int64
	err = scan(&v.Session, &v.ID, &v.Person, &v.MustSetPassword, &started, &seen, &v.Address, &v.Browser, &v.System)
	v.StartedAt, v.SeenAt = at(started), at(seen)
	return v, err
}

func (r *rows) Visit(s accounts.Session) (v accounts.Visit, err error) {
	err = r.each(func(scan func(...any) error) error {
		v, err = scanVisit(scan)
		return err
	}, `SELECT `+visitColumns+` FROM visits WHERE session = $1`, string(s))
	return v, err
}

func (r *rows) VisitsOf(person string, seen, started time.Time) ([]accounts.Visit, error) {
	var found []accounts.Visit
	err := r.each(func(scan func(...any) error) error {
		v, err := scanVisit(scan)
		found = append(found, v)
		return err
	}, `SELECT `+visitColumns+` FROM visits WHERE person = $1 AND seen_at > $2 AND started_at > $3 ORDER BY started_at DESC, session`,
		person, ms(seen), ms(started))
	return found, err
}

func (r *rows) SeeVisit(s accounts.Session, now time.Time) error {
	return r.run(`UPDATE visits SET seen_at = $1 WHERE session = $2 AND seen_at < $3`, ms(now), string(s), ms(now))
}

func (r *rows) AddVisit(v accounts.Visit) error {
	return r.run(`INSERT INTO visits (`+visitColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		string(v.Session), v.ID, v.Person, v.MustSetPassword, ms(v.StartedAt), ms(v.SeenAt), v.Address, v.Browser, v.System)
}

func (r *rows) FreeVisit(s accounts.Session) error {
	return r.run(`UPDATE visits SET must_set_password = FALSE WHERE session = $1`, string(s))
}

func (r *rows) EndSession(s accounts.Session) error {
	if err := r.run(`DELETE FROM visits WHERE session = $1`, string(s)); err != nil {
		return err
	}
	return r.run(`DELETE FROM proofs WHERE session = $1`, string(s))
}

func (r *rows) EndVisit(person, id string) error {
	if err := r.run(`DELETE FROM proofs WHERE session IN (SELECT session FROM visits WHERE person = $1 AND id = $2)`, person, id); err != nil {
		return err
	}
	return r.run(`DELETE FROM visits WHERE person = $1 AND id = $2`, person, id)
}

func (r *rows) EndOthers(person string, but accounts.Session) error {
	return r.run(`DELETE FROM visits WHERE person = $1 AND session <> $2`, person, string(but))
}

func (r *rows) ForgetVisits(before time.Time) error {
	return r.run(`DELETE FROM visits WHERE started_at < $1`, ms(before))
}

func (r *rows) LockTries(subject string) error { return r.tx.Lock("tries " + subject) }

func (r *rows) Tries(subject string, after time.Time) (n int, first time.Time, err error) {
	var earliest int64
	_, err = r.one(`SELECT COUNT(*), COALESCE(MIN(at), 0) FROM tries WHERE subject = $1 AND at > $2`, []any{subject, ms(after)}, &n, &earliest)
	return n, at(earliest), err
}

func (r *rows) AddTry(id, subject string, now time.Time) error {
	return r.run(`INSERT INTO tries (id, subject, at) VALUES ($1, $2, $3)`, id, subject, ms(now))
}

func (r *rows) DropTry(id string) error { return r.run(`DELETE FROM tries WHERE id = $1`, id) }

func (r *rows) ForgetTries(before time.Time) error {
	return r.run(`DELETE FROM tries WHERE at <= $1`, ms(before))
}
