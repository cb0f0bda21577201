// Package sqldb is the ground under the stores: it opens SQLite or PostgreSQL,
// runs transactions, brings schemas up to date and hides the few differences
// between the two, so that the stores hold one SQL text for both.
//
// On SQLite, transactions that wait at the same time share one commit
// (group.go); on PostgreSQL each has its own, under READ COMMITTED with
// explicit row locks (postgres.go). Either way the function given to Write
// touches only the database, may be run again, and Write reports success only
// after COMMIT. It must not call Read or Write itself.
package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Dialect tells the databases apart where the stores must.
type Dialect string

// The two databases.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// DB is one database. It may be used by many goroutines.
type DB struct {
	dialect Dialect
	writer  *sql.DB
	readers *sql.DB // the writer itself on PostgreSQL and in memory
	memory  bool
	schema  string           // PostgreSQL: first of the search path, made by Migrate
	group   Batcher[*member] // SQLite: transactions that share a commit
}

// Open opens a database by its address:
//
//	sqlite:PATH                a file, made with mode 0600 if absent
//	sqlite::memory:            in memory, private to the returned DB
//	postgres://…               as libpq; search_path=SCHEMA and role=ROLE may
//	                           stand among its parameters, and pool=N limits
//	                           the connections (default 16)
func Open(ctx context.Context, address string) (*DB, error) {
	return OpenSnapshot(ctx, address, nil)
}

// OpenSnapshot opens a new SQLite database that begins as a copy of the one
// whose Snapshot is given: thousands of tests can start from a schema that was
// migrated once. A file must not stand there yet.
func OpenSnapshot(ctx context.Context, address string, snapshot []byte) (*DB, error) {
	scheme, rest, _ := strings.Cut(address, ":")
	switch {
	case scheme == "sqlite" && rest == ":memory:":
		return openMemory(ctx, snapshot)
	case scheme == "sqlite" && rest != "":
		return openFile(ctx, rest, snapshot)
	case (scheme == "postgres" || scheme == "postgresql") && snapshot == nil:
		return openPostgres(ctx, address)
	}
	return nil, fmt.Errorf("sqldb: no database is opened by an address of scheme %q", scheme)
}

// Dialect tells which database it is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Writer is the pool that writes: on SQLite one connection, whose transactions
// begin immediate. The job queue shares it.
func (db *DB) Writer() *sql.DB { return db.writer }

// Stats are those of the pool that reads; on PostgreSQL it writes too.
func (db *DB) Stats() sql.DBStats { return db.readers.Stats() }

// Close closes all connections.
func (db *DB) Close() error {
	if db.readers != db.writer {
		if err := db.readers.Close(); err != nil {
			return err
		}
	}
	return db.writer.Close()
}

// Read runs f over one consistent state of the database. On SQLite only the
// waiting for a connection ends with ctx: its statements are short, and
// watching ctx would cost more than they do.
func (db *DB) Read(ctx context.Context, f func(*Tx) error) error {
	conn, err := db.readers.Conn(ctx)
	if err != nil {
		return named(err)
	}
	defer conn.Close()
	options := sql.TxOptions{ReadOnly: true}
	if db.dialect == Postgres {
		options.Isolation = sql.LevelRepeatableRead
	} else {
		ctx = context.WithoutCancel(ctx)
	}
	tx, err := conn.BeginTx(ctx, &options)
	if err != nil {
		return named(err)
	}
	defer tx.Rollback() // also when f panics
	return named(f(&Tx{ctx: ctx, tx: tx, dialect: db.dialect}))
}

// Write runs f in a transaction and returns nil once that is durable. If f
// returns an error, nothing of it is stored and the error is returned. A ctx
// that ends while f waits for its turn ends the waiting; once f has begun, its
// statements run detached from ctx and Write returns what came of them. A panic
// of f rolls it back and goes on in Write's caller.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.dialect == Postgres {
		return db.writePostgres(ctx, f)
	}
	return named(db.writeSQLite(ctx, f))
}
