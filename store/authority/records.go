package authority

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
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
	err = r.QueryRow("SELECT count(*) FROM records WHERE kind = 'suspended' AND at >= $1", milliseconds(t)).Scan(&n)
	return n, err
}

// Events implements ca.Reader.
func (r rows) Events(after int64, limit int) (records []ca.Record, err error) {
	found, err := r.Query("SELECT seq, hash, "+recordColumns+" FROM records WHERE seq > $1 ORDER BY seq LIMIT $2", after, limit)
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

// sequenceChunk is how many records one UPDATE numbers.
const sequenceChunk = 64

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
		var numbered []any
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
			numbered = append(numbered, n, seq, hash)
			return nil
		})
		done = len(numbered) / 3
		if err != nil || done == 0 {
			return err
		}
		for len(numbered) > 0 {
			chunk := numbered[:min(len(numbered), 3*sequenceChunk)]
			numbered = numbered[len(chunk):]
			chunk = padded(chunk[:len(chunk):len(chunk)], 3)
			if _, err := tx.Exec(numberText(tx.Dialect(), len(chunk)/3), chunk...); err != nil {
				return err
			}
		}
		_, err = tx.Exec("UPDATE chain SET seq = $1, hash = $2 WHERE n = 1", seq, hash)
		return err
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

// numberText is the UPDATE that numbers so many records. PostgreSQL must be
// told the types of what stands in VALUES.
func numberText(d sqldb.Dialect, n int) string {
	bytes := "BLOB"
	if d == sqldb.Postgres {
		bytes = "BYTEA"
	}
	var b strings.Builder
	b.WriteString("UPDATE records SET seq = v.column2, hash = v.column3 FROM (VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(CAST($" + strconv.Itoa(3*i+1) + " AS BIGINT), CAST($" + strconv.Itoa(3*i+2) +
			" AS BIGINT), CAST($" + strconv.Itoa(3*i+3) + " AS " + bytes + "))")
	}
	b.WriteString(") AS v WHERE records.n = v.column1 AND records.seq IS NULL")
	return b.String()
}
