// Package authority keeps the authority's rows: it answers ca.Store, which the
// certificate authority declares, audit.Store, which the sequencer does, and
// what status asks.
// The ◆ rules of the protocol are unique indexes (migrations/) and
// compare-and-swaps here.
package authority

import (
	"context"
	"embed"
	"io/fs"

	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the schema, for sqldb.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Store is the authority's store.
type Store struct {
	db        *sqldb.DB
	looks     sqldb.Batcher[*look]
	savings   sqldb.Batcher[*saving]
	inquiries sqldb.Batcher[*inquiry]
}

var (
	_ ca.Store = (*Store)(nil)

	_ audit.CheckpointStore = (*Store)(nil)
)

// batchLimit is how many intents and signatures one transaction stores at
// most. Longer statements gain little and each length is compiled apart.
const batchLimit = 32

// New makes the store over a database whose schema is up to date.
func New(db *sqldb.DB) *Store {
	s := &Store{db: db}
	s.looks = sqldb.Batcher[*look]{Serve: s.answerLooks, Limit: batchLimit}
	s.savings = sqldb.Batcher[*saving]{Serve: s.save, Limit: batchLimit}
	s.inquiries = sqldb.Batcher[*inquiry]{Serve: s.answerInquiries, Limit: batchLimit, Leaders: 2}
	if db.Dialect() == sqldb.Postgres {
		s.savings.Leaders = 2 // one batch is made ready while the server flushes the other
	}
	return s
}

// Read implements ca.Store.
func (s *Store) Read(ctx context.Context, f func(ca.Reader) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return f(rows{tx}) })
}

// Write implements ca.Store.
func (s *Store) Write(ctx context.Context, f func(ca.Writer) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return f(writer{rows{tx}, s.db}) })
}

// rows reads within a transaction.
type rows struct{ *sqldb.Tx }

// writer writes within a transaction.
type writer struct {
	rows
	db *sqldb.DB
}
