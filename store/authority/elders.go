package authority

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/store/sqldb"
)

var _ predecessors.Store = (*Store)(nil)

// partSize is how many bytes of a predecessor's list lie in one row.
const partSize = 1 << 20

// Predecessors implements predecessors.Store.
func (s *Store) Predecessors(ctx context.Context) (all []*ca.Predecessor, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		all, err = rows{tx}.Predecessors()
		return err
	})
	return all, err
}

func headIn(tx *sqldb.Tx, predecessor, lock string) (*predecessors.List, error) {
	l := &predecessors.List{Predecessor: predecessor}
	found, err := one(tx.QueryRow(`SELECT digest, number, this_update, next_update, tag, modified, fetched_at
		FROM predecessor_lists WHERE predecessor = $1`+lock, predecessor),
		&l.Digest, &l.Number, instant{&l.ThisUpdate}, instant{&l.NextUpdate}, &l.Tag, &l.Modified, instant{&l.FetchedAt})
	if !found {
		return nil, err
	}
	return l, nil
}

// Head implements predecessors.Store.
func (s *Store) Head(ctx context.Context, predecessor string) (l *predecessors.List, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		l, err = headIn(tx, predecessor, "")
		return err
	})
	return l, err
}

// List implements predecessors.Store.
func (s *Store) List(ctx context.Context, predecessor string, digest []byte) (l *predecessors.List, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if l, err = headIn(tx, predecessor, ""); err != nil || l == nil {
			return err
		}
		if !bytes.Equal(l.Digest, digest) {
			l = nil
			return nil
		}
		l.Bytes = nil
		found, err := tx.Query("SELECT bytes FROM predecessor_list_parts WHERE predecessor = $1 ORDER BY part", predecessor)
		return all(found, err, func(row *sql.Rows) error {
			var part []byte
			err := row.Scan(&part)
			l.Bytes = append(l.Bytes, part...)
			return err
		})
	})
	return l, err
}

// SaveList implements predecessors.Store.
func (s *Store) SaveList(ctx context.Context, l predecessors.List) (saved bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		saved = false
		if err := tx.Lock("predecessor's list " + l.Predecessor); err != nil {
			return err
		}
		before, err := headIn(tx, l.Predecessor, "")
		if err != nil || before != nil && before.After(l) {
			return err
		}
		saved = true
		statements := []sqldb.Statement{
			{Query: `INSERT INTO predecessor_lists (predecessor, digest, number, this_update, next_update, tag, modified, fetched_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (predecessor) DO UPDATE SET digest = excluded.digest, number = excluded.number,
				this_update = excluded.this_update, next_update = excluded.next_update, tag = excluded.tag, modified = excluded.modified,
				fetched_at = excluded.fetched_at`,
				Args: []any{l.Predecessor, l.Digest, l.Number, milliseconds(l.ThisUpdate), milliseconds(l.NextUpdate), l.Tag, l.Modified, milliseconds(l.FetchedAt)}},
			{Query: "DELETE FROM predecessor_list_parts WHERE predecessor = $1", Args: []any{l.Predecessor}},
		}
		for n, rest := 0, l.Bytes; len(rest) > 0; n++ {
			size := min(len(rest), partSize)
			statements = append(statements, sqldb.Statement{Query: "INSERT INTO predecessor_list_parts (predecessor, part, bytes) VALUES ($1, $2, $3)",
				Args: []any{l.Predecessor, n, rest[:size]}})
			rest = rest[size:]
		}
		return tx.ExecAll(statements)
	})
	return saved && err == nil, err
}

// Ask implements predecessors.Store.
func (s *Store) Ask(ctx context.Context, predecessor string, serial certhall.Serial, at time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO predecessor_questions (predecessor, serial, asked_at, this_update) VALUES ($1, $2, $3, 0)
			ON CONFLICT (predecessor, serial) DO UPDATE SET asked_at = excluded.asked_at`, predecessor, serial, milliseconds(at))
		return err
	})
}

func (s *Store) questions(ctx context.Context, where string, args ...any) (found []predecessors.Question, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		found = nil
		rows, err := tx.Query("SELECT predecessor, serial, answer, this_update FROM predecessor_questions WHERE "+where, args...)
		return all(rows, err, func(row *sql.Rows) error {
			var q predecessors.Question
			err := row.Scan(&q.Predecessor, &q.Serial, &q.Answer, instant{&q.ThisUpdate})
			found = append(found, q)
			return err
		})
	})
	return found, err
}

// Question implements predecessors.Store.
func (s *Store) Question(ctx context.Context, predecessor string, serial certhall.Serial) (*predecessors.Question, error) {
	found, err := s.questions(ctx, "predecessor = $1 AND serial = $2", predecessor, serial)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Questions implements predecessors.Store.
func (s *Store) Questions(ctx context.Context, predecessor string, after time.Time, limit int) ([]predecessors.Question, error) {
	return s.questions(ctx, "predecessor = $1 AND asked_at > $2 ORDER BY asked_at DESC LIMIT $3", predecessor, milliseconds(after), limit)
}

// SaveAnswer implements predecessors.Store.
func (s *Store) SaveAnswer(ctx context.Context, q predecessors.Question) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec("UPDATE predecessor_questions SET answer = $1, this_update = $2 WHERE predecessor = $3 AND serial = $4 AND this_update <= $2",
			q.Answer, milliseconds(q.ThisUpdate), q.Predecessor, q.Serial)
		return err
	})
}

// Superseded implements predecessors.Store. The pairs come without their papers.
func (s *Store) Superseded(ctx context.Context, predecessor string, since time.Time, after certhall.Serial, limit int) (found []ca.Pair, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		found = nil
		rows, err := tx.Query("SELECT "+intentColumns+", "+laterColumns+` FROM pairs WHERE issuer = $1 AND evidence_kind = 'import'
			AND superseded_at <> 0 AND superseded_at >= $2 AND sign_serial > $3 ORDER BY sign_serial LIMIT $4`,
			predecessor, milliseconds(since), after, limit)
		return all(rows, err, func(row *sql.Rows) error {
			var p ca.Pair
			err := row.Scan(append(intentFields(&p), laterFields(&p)...)...)
			found = append(found, p)
			return err
		})
	})
	return found, err
}
