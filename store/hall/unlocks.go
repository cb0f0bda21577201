package hall

import (
	"context"
	"time"

	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/store/sqldb"
)

// Unlocks is the store as the room unlocks sees it.
func (s *Store) Unlocks() unlocks.Store { return unlocksStore{s.db} }

type unlocksStore struct{ db *sqldb.DB }

func (s unlocksStore) Read(ctx context.Context, f func(unlocks.Reader) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

func (s unlocksStore) Write(ctx context.Context, f func(unlocks.Writer) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

const unlockColumns = `id, digest, person, key_serial, key_label, request, state, made_at, operator, reason, trouble, decided_at,
	decision, response, answer, report, passed, told`

// unlocks reads rows of unlockColumns.
func (r *rows) unlocks(tail string, args ...any) (found []unlocks.Unlock, err error) {
	err = r.each(func(scan func(...any) error) error {
		var u unlocks.Unlock
		var made, decided int64
		err := scan(&u.ID, &u.Digest, &u.Person, &u.KeySerial, &u.KeyLabel, &u.Request, &u.State, &made, &u.Operator, &u.Reason, &u.Trouble, &decided,
			&u.Decision, &u.Response, &u.Answer, &u.Report, &u.Passed, &u.Told)
		u.MadeAt, u.DecidedAt = at(made), at(decided)
		found = append(found, u)
		return err
	}, `SELECT `+unlockColumns+` FROM unlocks `+tail, args...)
	return found, err
}

func (r *rows) unlock(tail string, args ...any) (*unlocks.Unlock, error) {
	found, err := r.unlocks(tail, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *rows) Unlock(id string) (*unlocks.Unlock, error) { return r.unlock(`WHERE id = $1`, id) }

func (r *rows) UnlockOf(digest []byte) (*unlocks.Unlock, error) {
	return r.unlock(`WHERE digest = $1`, digest)
}

func (r *rows) UnlocksBy(person string, since time.Time) ([]unlocks.Unlock, error) {
	return r.unlocks(`WHERE person = $1 AND made_at >= $2 ORDER BY made_at DESC, id DESC`, person, ms(since))
}

func (r *rows) CountUnlocks(person, keySerial string, since time.Time) (ofPerson, ofKey int, err error) {
	if _, err = r.one(`SELECT COUNT(*) FROM unlocks WHERE person = $1 AND made_at >= $2`, []any{person, ms(since)}, &ofPerson); err != nil {
		return 0, 0, err
	}
	_, err = r.one(`SELECT COUNT(*) FROM unlocks WHERE key_serial = $1 AND made_at >= $2`, []any{keySerial, ms(since)}, &ofKey)
	return ofPerson, ofKey, err
}

func (r *rows) FindUnlocks(state unlocks.State, limit int) ([]unlocks.Unlock, error) {
	if state == "" {
		return r.unlocks(`ORDER BY made_at DESC LIMIT $1`, limit)
	}
	return r.unlocks(`WHERE state = $1 ORDER BY made_at DESC LIMIT $2`, string(state), limit)
}

func (r *rows) OwedUnlocks(limit int) ([]unlocks.Unlock, error) {
	return r.unlocks(`WHERE state = 'approved' OR report IS NOT NULL AND NOT passed OR NOT told AND state IN ('answered', 'unknown', 'refused')
		ORDER BY made_at LIMIT $1`, limit)
}

func (r *rows) CertificatesOnKey(keySerial, person string) (found []unlocks.Certificate, err error) {
	query, args := `SELECT sign_serial, subject, organisation, project, key_number, not_after FROM certificates
		WHERE key_serial = $1 AND state IN ('issued', 'current', 'superseded')`, []any{keySerial}
	if person != "" {
		query += ` AND EXISTS (SELECT 1 FROM ` + held + ` WHERE held.person = $2 AND held.lineage = certificates.lineage)`
		args = append(args, person)
	}
	err = r.each(func(scan func(...any) error) error {
		var c unlocks.Certificate
		var end int64
		err := scan(&c.Serial, &c.Subject, &c.Organisation, &c.Project, &c.KeyNumber, &end)
		c.NotAfter = at(end)
		found = append(found, c)
		return err
	}, query+` ORDER BY seq`, args...)
	return found, err
}

func (r *rows) LockUnlocks(keySerial string) error { return r.tx.Lock("unlock " + keySerial) }

func (r *rows) AddUnlock(u unlocks.Unlock) error {
	return r.run(`INSERT INTO unlocks (`+unlockColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		u.ID, u.Digest, u.Person, u.KeySerial, u.KeyLabel, u.Request, string(u.State), ms(u.MadeAt), u.Operator, u.Reason, u.Trouble, ms(u.DecidedAt),
		u.Decision, u.Response, u.Answer, u.Report, u.Passed, u.Told)
}

func (r *rows) SaveUnlock(u unlocks.Unlock, was unlocks.State) (bool, error) {
	return r.swap(`UPDATE unlocks SET state = $1, operator = $2, reason = $3, trouble = $4, decided_at = $5, decision = $6, response = $7,
			answer = $8, report = $9, passed = $10, told = $11 WHERE id = $12 AND state = $13`,
		string(u.State), u.Operator, u.Reason, u.Trouble, ms(u.DecidedAt), u.Decision, u.Response, u.Answer, u.Report, u.Passed, u.Told, u.ID, string(was))
}
