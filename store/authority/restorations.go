package authority

import (
	"context"
	"time"

	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

var _ audit.RestoredStore = (*Store)(nil)

// AddRestoration implements audit.RestoredStore.
func (s *Store) AddRestoration(ctx context.Context, r ca.Restoration, next func(last int64, hash []byte) (ca.Record, error)) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var last int64
		var hash []byte
		if err := tx.QueryRow("SELECT seq, hash FROM chain WHERE n = 1"+tx.ForUpdate()).Scan(&last, &hash); err != nil {
			return err
		}
		record, err := next(last, hash)
		if err != nil {
			return err
		}
		values := append(recordValues(&record), record.Seq, record.Hash)
		if _, err := insert(tx, "records ("+recordColumns+", seq, hash)", values, ""); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE chain SET seq = $1, hash = $2 WHERE n = 1", record.Seq, record.Hash); err != nil {
			return err
		}
		_, err = insert(tx, "restorations (archive, taken_at, restored_at, seq, reconciled_at)",
			[]any{r.Archive, milliseconds(r.TakenAt), milliseconds(r.RestoredAt), last, milliseconds(r.ReconciledAt)}, "")
		return err
	})
}

// Restoration implements ca.Reader.
func (r rows) Restoration() (*ca.Restoration, error) {
	last := new(ca.Restoration)
	found, err := one(r.QueryRow("SELECT archive, taken_at, restored_at, seq, reconciled_at FROM restorations ORDER BY n DESC LIMIT 1"),
		&last.Archive, instant{&last.TakenAt}, instant{&last.RestoredAt}, &last.Last, instant{&last.ReconciledAt})
	if err != nil || !found {
		return nil, err
	}
	return last, nil
}

// EndRestoration implements ca.Writer.
func (w writer) EndRestoration(at time.Time) (bool, error) {
	return changed(w.Exec("UPDATE restorations SET reconciled_at = $1 WHERE reconciled_at = 0", milliseconds(at)))
}

// AddLostSerial implements ca.Writer. The serial is one of those given away, too.
func (w writer) AddLostSerial(l ca.LostSerial) (bool, error) {
	if _, err := insert(w.Tx, "serials (serial, pair)", []any{l.Serial, ""}, " ON CONFLICT DO NOTHING"); err != nil {
		return false, err
	}
	return changed(insert(w.Tx, "lost_serials (issuer, serial, revoked_at, reason)",
		[]any{l.Issuer, l.Serial, milliseconds(l.RevokedAt), l.Reason}, " ON CONFLICT DO NOTHING"))
}
