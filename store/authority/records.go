package authority

import (
	"context"
	"database/sql"
	"time"

	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

const recordColumns = "at, kind, case_id, attempt, lineage, pair, salt, data, digest"

func recordValues(r *ca.Record) []any {
	return []any{milliseconds(r.At), r.Kind, r.Case, r.Attempt, r.Lineage, r.Pair, r.Salt, null(r.Data), r.Digest}
}

func recordFields(r *ca.Record) []any {
	return []any{instant{&r.At}, &r.Kind, &r.Case, &r.Attempt, &r.Lineage, &r.Pair, &r.Salt, &r.Data, &r.Digest}
}

func recordings(values []any) []sqldb.Statement {
	return insertions("records ("+recordColumns+")", 9, values)
}

// AddRecord implements ca.Writer.
func (w writer) AddRecord(r ca.Record) error {
	return w.ExecAll(recordings(recordValues(&r)))
}

// SuspensionsSince implements ca.Reader.
func (r rows) SuspensionsSince(t time.Time) (n int, err error) {
	err = r.QueryRow("SELECT count(*) FROM (SELECT DISTINCT lineage, at FROM records WHERE kind = 'suspended' AND at >= $1) AS held", milliseconds(t)).Scan(&n)
	return n, err
}

// Events implements ca.Reader.
func (r rows) Events(after int64, limit int) ([]ca.Record, error) {
	return r.records("seq > $1 ORDER BY seq LIMIT $2", after, limit)
}

func (r rows) records(where string, args ...any) (records []ca.Record, err error) {
	found, err := r.Query("SELECT seq, hash, "+recordColumns+" FROM records WHERE "+where, args...)
	err = all(found, err, func(row *sql.Rows) error {
		var e ca.Record
		err := row.Scan(append([]any{&e.Seq, &e.Hash}, recordFields(&e)...)...)
		records = append(records, e)
		return err
	})
	return records, err
}

// Records implements audit.Store.
func (s *Store) Records(ctx context.Context, after int64, limit int) (records []ca.Record, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		records, err = RecordsIn(tx, after, limit)
		return err
	})
	return records, err
}

// RecordsIn reads numbered records within a transaction, for fsck.
func RecordsIn(tx *sqldb.Tx, after int64, limit int) ([]ca.Record, error) {
	return rows{tx}.Events(after, limit)
}

// Sequence implements audit.Store. The lock on the chain's end lets one node
// number at a time.
func (s *Store) Sequence(ctx context.Context, limit int, link func(prev []byte, r ca.Record) []byte) (done int, err error) {
	if waiting, err := s.anyWaiting(ctx); err != nil || !waiting {
		return 0, err // most rounds find nothing: no writing transaction for those
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var seq int64
		var hash []byte
		if err := tx.QueryRow("SELECT seq, hash FROM chain WHERE n = 1"+tx.ForUpdate()).Scan(&seq, &hash); err != nil {
			return err
		}
		var numbering []sqldb.Statement
		// Salt and data are not in the chain, only their digest is.
		found, err := tx.Query(`SELECT n, at, kind, case_id, attempt, lineage, pair, digest FROM records
			WHERE seq IS NULL ORDER BY n LIMIT $1`, limit)
		err = all(found, err, func(row *sql.Rows) error {
			var n int64
			var r ca.Record
			if err := row.Scan(&n, instant{&r.At}, &r.Kind, &r.Case, &r.Attempt, &r.Lineage, &r.Pair, &r.Digest); err != nil {
				return err
			}
			seq++
			r.Seq = seq
			hash = link(hash, r)
			numbering = append(numbering, sqldb.Statement{Query: "UPDATE records SET seq = $1, hash = $2 WHERE n = $3", Args: []any{seq, hash, n}})
			return nil
		})
		done = len(numbering)
		if err != nil || done == 0 {
			return err
		}
		return tx.ExecAll(append(numbering, sqldb.Statement{Query: "UPDATE chain SET seq = $1, hash = $2 WHERE n = 1", Args: []any{seq, hash}}))
	})
	if err != nil {
		return 0, err
	}
	return done, nil
}

func (s *Store) anyWaiting(ctx context.Context) (waiting bool, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		return tx.QueryRow("SELECT EXISTS (SELECT 1 FROM records WHERE seq IS NULL)").Scan(&waiting)
	})
	return waiting, err
}

// Waiting counts the records that have no number yet.
func (s *Store) Waiting(ctx context.Context) (n int64, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM records WHERE seq IS NULL").Scan(&n)
	})
	return n, err
}
