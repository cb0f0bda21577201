package sqldb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"github.com/certhall/certhall"
)

// Migrate brings the schema up to date with goose migrations (*.sql at the root
// of migrations). They are written for SQLite; for PostgreSQL, BLOB becomes
// BYTEA, INTEGER PRIMARY KEY, the insertion-ordered key, an identity column, and
// COLLATE BINARY, which compares byte by byte, COLLATE "C".
// On PostgreSQL the schema named by search_path is made if absent.
func Migrate(ctx context.Context, db *DB, migrations fs.FS) error {
	provider, err := db.provider(ctx, migrations)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// MigrateTo brings the schema up to a version and no further, as rows of an
// earlier release want it.
func MigrateTo(ctx context.Context, db *DB, migrations fs.FS, version int64) error {
	provider, err := db.provider(ctx, migrations)
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

// Newest is the version to which Migrate brings a schema.
func Newest(migrations fs.FS) (int64, error) {
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, err
		}
		newest = max(newest, version)
	}
	return newest, nil
}

// SchemaVersion is the version of the transaction's schema; 0 before the first
// migration.
func (t *Tx) SchemaVersion() (version int64, err error) {
	if made, err := t.HasTable(SchemaTable); err != nil || !made {
		return 0, err
	}
	err = t.QueryRow("SELECT coalesce(max(version_id), 0) FROM " + SchemaTable + " WHERE is_applied").Scan(&version)
	return version, err
}

// SchemaTable is where the migrations keep count of themselves.
const SchemaTable = goose.DefaultTablename

func (db *DB) provider(ctx context.Context, migrations fs.FS) (*goose.Provider, error) {
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	if db.dialect == Postgres {
		dialect, migrations = goose.DialectPostgres, postgresText{migrations}
		options = append(options, goose.WithSessionLocker(advisoryLock{}))
		if err := db.makeSchema(ctx); err != nil {
			return nil, err
		}
	}
	provider, err := goose.NewProvider(dialect, db.writer, migrations, options...)
	if err != nil {
		return nil, fmt.Errorf("sqldb: migrations: %w", err)
	}
	return provider, nil
}

// ErrSchema says that a database's schema is an earlier release's, or another's.
var ErrSchema = certhall.NewError("schema-old", certhall.Unavailable)

// Current answers nil if the schema is as these migrations leave it, else
// ErrSchema: for whoever may not change it himself.
func Current(ctx context.Context, db *DB, migrations fs.FS) error {
	files, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return err
	}
	var newest, stands int64
	for _, name := range files {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return err
		}
		newest = max(newest, n)
	}
	err = db.Read(ctx, func(tx *Tx) error {
		return tx.QueryRow("SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&stands)
	})
	if err != nil {
		return ErrSchema.Because(err)
	}
	if stands != newest {
		return ErrSchema.Becausef("version %d instead of %d", stands, newest)
	}
	return nil
}

// advisoryLock lets one node migrate at a time.
type advisoryLock struct{}

const migrationLock int64 = 0x6365727468616c6c // "certhall"

func (advisoryLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock)
	return err
}

func (advisoryLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", migrationLock)
	return err
}

// makeSchema asks first: CREATE SCHEMA IF NOT EXISTS wants a privilege that a
// role with a schema of its own need not have.
func (db *DB) makeSchema(ctx context.Context) error {
	if db.schema == "" {
		return nil
	}
	stands := func() (yes bool, err error) {
		err = db.writer.QueryRowContext(ctx,
			"SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)", db.schema).Scan(&yes)
		return yes, err
	}
	if yes, err := stands(); err != nil || yes {
		return err
	}
	_, err := db.writer.ExecContext(ctx, "CREATE SCHEMA "+pgx.Identifier{db.schema}.Sanitize())
	if err != nil {
		if yes, _ := stands(); yes { // another node was faster
			return nil
		}
	}
	return err
}

// postgresText rewrites migrations for PostgreSQL as they are read.
type postgresText struct{ fs.FS }

var (
	blob     = regexp.MustCompile(`\bBLOB\b`)
	sequence = regexp.MustCompile(`\bINTEGER PRIMARY KEY\b`)
	bytewise = regexp.MustCompile(`\bCOLLATE BINARY\b`)
)

func (p postgresText) Open(name string) (fs.File, error) {
	file, err := p.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return file, err
	}
	text, err := fs.ReadFile(p.FS, name)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	text = blob.ReplaceAll(text, []byte("BYTEA"))
	text = sequence.ReplaceAll(text, []byte("BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"))
	text = bytewise.ReplaceAll(text, []byte(`COLLATE "C"`))
	return rewritten{file, bytes.NewReader(text)}, nil
}

type rewritten struct {
	fs.File
	text *bytes.Reader
}

func (r rewritten) Read(b []byte) (int, error) { return r.text.Read(b) }
