package authority

import (
	"database/sql"
	"time"

	"github.com/certhall/certhall/authority/ca"
)

const adminPINColumns = "key_serial, state, key_digest, sealed, pending, last, imported_at, changed_at"

func (r rows) adminPINs(where string, args ...any) (found []*ca.AdminPIN, err error) {
	rows, err := r.Query("SELECT "+adminPINColumns+" FROM admin_pins WHERE "+where, args...)
	err = all(rows, err, func(row *sql.Rows) error {
		p := new(ca.AdminPIN)
		found = append(found, p)
		return row.Scan(&p.KeySerial, &p.State, &p.KeyDigest, &p.Sealed, &p.Pending, &p.Last, instant{&p.ImportedAt}, instant{&p.ChangedAt})
	})
	return found, err
}

// AdminPIN implements ca.Reader.
func (r rows) AdminPIN(keySerial string) (*ca.AdminPIN, error) {
	found, err := r.adminPINs("key_serial = $1", keySerial)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// AdminPINs implements register.Reader.
func (r rows) AdminPINs(after string, limit int) ([]*ca.AdminPIN, error) {
	return r.adminPINs("key_serial > $1 ORDER BY key_serial LIMIT $2", after, limit)
}

// LockUnlocking implements ca.Writer.
func (w writer) LockUnlocking() error { return w.Lock("unlocking") }

// SaveAdminPIN implements ca.Writer.
func (w writer) SaveAdminPIN(p ca.AdminPIN) error {
	_, err := insert(w.Tx, "admin_pins ("+adminPINColumns+")", []any{p.KeySerial, p.State, p.KeyDigest, null(p.Sealed), null(p.Pending), null(p.Last),
		milliseconds(p.ImportedAt), milliseconds(p.ChangedAt)},
		` ON CONFLICT (key_serial) DO UPDATE SET state = excluded.state, key_digest = excluded.key_digest, sealed = excluded.sealed,
			pending = excluded.pending, last = excluded.last, imported_at = excluded.imported_at, changed_at = excluded.changed_at`)
	return err
}

const unlockingColumns = "digest, key_serial, request, decision, answer, answered_at, outcome, report, reported_at"

// Unlocking implements ca.Reader.
func (r rows) Unlocking(digest []byte) (*ca.Unlocking, error) {
	u := new(ca.Unlocking)
	found, err := one(r.QueryRow("SELECT "+unlockingColumns+" FROM unlockings WHERE digest = $1", digest),
		&u.Digest, &u.KeySerial, &u.Request, &u.Decision, &u.Answer, instant{&u.AnsweredAt}, &u.Outcome, &u.Report, instant{&u.ReportedAt})
	if err != nil || !found {
		return nil, err
	}
	return u, nil
}

// UnlockingsSince implements ca.Reader.
func (r rows) UnlockingsSince(keySerial string, t time.Time) (n int, err error) {
	if keySerial == "" {
		err = r.QueryRow("SELECT count(*) FROM unlockings WHERE answered_at >= $1", milliseconds(t)).Scan(&n)
	} else {
		err = r.QueryRow("SELECT count(*) FROM unlockings WHERE key_serial = $1 AND answered_at >= $2", keySerial, milliseconds(t)).Scan(&n)
	}
	return n, err
}

// PairsOnKey implements ca.Reader.
func (r rows) PairsOnKey(keySerial string) ([]*ca.Pair, error) {
	return r.pairs("key_serial = $1 AND state IN ('issued', 'current', 'superseded') ORDER BY pairs.n", keySerial)
}

// AddUnlocking implements ca.Writer.
func (w writer) AddUnlocking(u ca.Unlocking) error {
	_, err := insert(w.Tx, "unlockings ("+unlockingColumns+")", []any{u.Digest, u.KeySerial, u.Request, u.Decision, u.Answer,
		milliseconds(u.AnsweredAt), u.Outcome, null(u.Report), milliseconds(u.ReportedAt)}, "")
	return err
}

// ReportUnlocking implements ca.Writer.
func (w writer) ReportUnlocking(digest []byte, outcome string, report []byte, at time.Time) (bool, error) {
	return changed(w.Exec("UPDATE unlockings SET outcome = $1, report = $2, reported_at = $3 WHERE digest = $4 AND outcome = ''",
		outcome, report, milliseconds(at), digest))
}
