// Package hall keeps the hall's rows: cases with their journal, entitlements,
// people with their codes, log-ins and tries, members of organisations, what
// people keep at hand, tokens, answers that may be asked
// for again, the projection of the authority's events and the outbox. It
// answers the small interfaces that the hall's rooms declare, with one SQL text
// for SQLite and PostgreSQL.
//
// What must hold at every moment (fsck states and checks it):
//
//   - at most one busy case a lineage; busy = open, closing, or refused and
//     not yet closed at the authority;
//   - a case with a request has an entitlement of its lineage; an entitlement
//     has one case at most, and is spent exactly when that is acknowledged. With
//     the case's signed closing it comes back if it was bought, else it is freed:
//     made = open + refunding + spent + refunded + freed;
//   - an order costs what its lines cost; a paid one's lines, and no others, are
//     entitlements; a lineage stands in one unpaid order at most; a refund is of
//     what its entitlements cost: paid = issued + refunded + entitled;
//   - a paid order has one payment that was taken, of its total; a payment that
//     bought nothing has a refund of the whole, a stray one stands among the
//     differences; never does more go back than came;
//   - a case is done or needs-reissue exactly when it is acknowledged, and
//     then names its new serial, which the projection knows;
//   - the journal of a case has one row for every version from 1 to the
//     case's own, first opened;
//   - one token a case at most;
//   - no two people have one user name; who is in by first password has none
//     of his own;
//   - the projection is what the authority's events up to the cursor say: one
//     current pair a lineage, no pair that the authority has not, and after
//     the last event the same state, suspension and dates as there;
//   - an acknowledged case's attempt is acknowledged at the authority; a case
//     with a closing, or closed there, is closed at the authority; the hall's
//     (attempt, rank) never runs ahead of the authority's.
package hall

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"time"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/sqldb"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the hall's schema, for sqldb.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Migrate brings the hall's schema up to date.
func Migrate(ctx context.Context, db *sqldb.DB) error { return sqldb.Migrate(ctx, db, Migrations()) }

// Enqueuer gives an effect to a queue within the transaction that made it.
type Enqueuer interface {
	Enqueue(ctx context.Context, tx *sql.Tx, e services.Effect) error
}

// Store is the hall's database. It is the Store of hall/services, and the
// Store of hall/notify; Accounts gives that of hall/accounts.
type Store struct {
	db    *sqldb.DB
	queue Enqueuer
}

// New makes a Store over a migrated database.
func New(db *sqldb.DB, queue Enqueuer) *Store { return &Store{db, queue} }

// Read implements services.Store.
func (s *Store) Read(ctx context.Context, f func(services.Reader) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, s.queue}) })
}

// Write implements services.Store.
func (s *Store) Write(ctx context.Context, f func(services.Writer) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, s.queue}) })
}

// Accounts is the store as the room accounts sees it.
func (s *Store) Accounts() accounts.Store { return accountsStore{s.db} }

type accountsStore struct{ db *sqldb.DB }

func (s accountsStore) Read(ctx context.Context, f func(accounts.Reader) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

func (s accountsStore) Write(ctx context.Context, f func(accounts.Writer) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

// rows is one transaction: every room's Reader and Writer.
type rows struct {
	tx    *sqldb.Tx
	queue Enqueuer
}

// exec runs a statement and tells how many rows it changed.
func (r *rows) exec(query string, args ...any) (int64, error) {
	result, err := r.tx.Exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// swap runs a compare-and-swap: true if it changed a row.
func (r *rows) swap(query string, args ...any) (bool, error) {
	n, err := r.exec(query, args...)
	return n > 0, err
}

// run runs a statement whose count of rows does not matter.
func (r *rows) run(query string, args ...any) error {
	_, err := r.tx.Exec(query, args...)
	return err
}

// one scans one row; found is false where there is none.
func (r *rows) one(query string, args []any, into ...any) (found bool, err error) {
	err = r.tx.QueryRow(query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each calls f on every row of a query.
func (r *rows) each(f func(scan func(...any) error) error, query string, args ...any) error {
	found, err := r.tx.Query(query, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := f(found.Scan); err != nil {
			return err
		}
	}
	return found.Err()
}

// Times are stored as milliseconds since 1970; the zero time is 0.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
