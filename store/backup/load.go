package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/certhall/certhall/store/sqldb"
)

// unfinished is a table that stands in a database between the loading of an
// archive's rows and Finish: no server opens such a database.
const unfinished = "restoring"

// Load makes one store's rows anew in an empty database: the schema is brought
// to the archive's version, and all rows are written in one transaction. The
// archive was verified before. What follows (later migrations, Finish) is the
// caller's.
func Load(ctx context.Context, path string, m *Manifest, store string, db *sqldb.DB, migrations fs.FS) error {
	stored, ok := m.Stores[store]
	if !ok {
		return ErrDamaged.With("file", path).With("where", store)
	}
	newest, err := sqldb.Newest(migrations)
	if err != nil {
		return err
	}
	if stored.Schema > newest {
		return ErrNewer.With("file", path).With("format", strconv.FormatInt(stored.Schema, 10))
	}
	if err := Empty(ctx, db, store); err != nil {
		return err
	}
	if err := sqldb.MigrateTo(ctx, db, migrations, stored.Schema); err != nil {
		return err
	}
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		l := loading{ctx: ctx, tx: tx, store: store, path: path}
		if err := l.begin(stored); err != nil {
			return err
		}
		if _, err := walk(path, visitor{file: func(string, []byte) error { return nil }, chunk: l.chunk}); err != nil {
			return err
		}
		return l.end(stored)
	})
}

// Empty tells whether a database may be restored into: what a first migration
// leaves there counts for nothing.
func Empty(ctx context.Context, db *sqldb.DB, store string) error {
	return db.Read(ctx, func(tx *sqldb.Tx) error {
		if err := finished(tx); err != nil {
			return err
		}
		tables, err := tx.Tables(func(name string) bool { return kept(name) && name != "chain" && name != "cursors" })
		if err != nil {
			return ErrNotEmpty.With("where", store).Because(err) // somebody else's tables
		}
		for _, t := range tables {
			var some bool
			if err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM " + t.Quoted() + ")").Scan(&some); err != nil {
				return err
			}
			if some {
				return ErrNotEmpty.With("where", store).Becausef("rows in %s", t.Name)
			}
		}
		return nil
	})
}

// Unfinished answers ErrUnfinished if a restore into this database was begun
// and not brought to its end.
func Unfinished(ctx context.Context, db *sqldb.DB) error {
	return db.Read(ctx, finished)
}

func finished(tx *sqldb.Tx) error {
	half, err := tx.HasTable(unfinished)
	if err == nil && half {
		err = ErrUnfinished
	}
	return err
}

// Finish opens a restored database to servers.
func Finish(ctx context.Context, db *sqldb.DB) error {
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec("DROP TABLE " + unfinished)
		return err
	})
}

// loading writes a store's rows within one transaction.
type loading struct {
	ctx     context.Context
	tx      *sqldb.Tx
	store   string
	path    string
	tables  []sqldb.Table // of the database
	current sqldb.Table   // as it stands in the archive
	insert  string        // one row; what stands before VALUES of many
}

func (l *loading) begin(s Stored) error {
	if err := l.tx.Unhurried(); err != nil {
		return err
	}
	var err error
	if l.tables, err = l.tx.Tables(kept); err != nil {
		return err
	}
	if len(l.tables) != len(s.Tables) {
		return l.damaged(manifestName, fmt.Errorf("%d tables instead of %d", len(s.Tables), len(l.tables)))
	}
	for _, t := range slices.Backward(l.tables) { // what the migrations put there
		if _, err := l.tx.Exec("DELETE FROM " + t.Quoted()); err != nil {
			return err
		}
	}
	_, err = l.tx.Exec("CREATE TABLE " + unfinished + " (archive TEXT NOT NULL)")
	return err
}

func (l *loading) chunk(store, table string, content []byte) error {
	if store != l.store {
		return nil
	}
	if err := l.ctx.Err(); err != nil {
		return err
	}
	if l.current.Name != table {
		head, rest, _ := bytes.Cut(content, []byte("\n"))
		var err error
		if l.current, err = headOf(head); err != nil {
			return l.damaged(table, err)
		}
		if !slices.ContainsFunc(l.tables, func(t sqldb.Table) bool { return sameColumns(t, l.current) }) {
			return l.damaged(table, errors.New("other columns than the schema of its version has"))
		}
		l.insert = "INSERT INTO " + l.current.Quoted() + " (" + l.current.Names() + ") VALUES "
		content = rest
	}
	var args []any
	most := max(1, 900/len(l.current.Columns)) // arguments of one statement
	n := 0
	for line := range bytes.Lines(content) {
		var err error
		if args, err = readRow(line, l.current.Columns, args); err != nil {
			return l.damaged(table, err)
		}
		if n++; n == most {
			if err := l.rows(n, args); err != nil {
				return err
			}
			n, args = 0, args[:0]
		}
	}
	if n == 0 {
		return nil
	}
	return l.rows(n, args)
}

func (l *loading) rows(n int, args []any) error {
	var b strings.Builder
	b.WriteString(l.insert)
	for i := range args {
		switch {
		case i == 0:
			b.WriteString("($1")
		case i%len(l.current.Columns) == 0:
			b.WriteString("), ($" + strconv.Itoa(i+1))
		default:
			b.WriteString(", $" + strconv.Itoa(i+1))
		}
	}
	b.WriteByte(')')
	_, err := l.tx.Exec(b.String(), args...)
	if err != nil {
		return fmt.Errorf("backup: %s.%s, %d rows: %w", l.store, l.current.Name, n, err)
	}
	return nil
}

// end counts the rows and finds the chain's end where the manifest says.
func (l *loading) end(s Stored) error {
	for _, t := range s.Tables {
		var rows int64
		if err := l.tx.QueryRow("SELECT count(*) FROM " + t.Quoted()).Scan(&rows); err != nil {
			return err
		}
		if rows != t.Rows {
			return l.damaged(t.Name, fmt.Errorf("%d rows instead of %d", rows, t.Rows))
		}
		if err := l.tx.ContinueNumbering(t.Table); err != nil {
			return err
		}
	}
	if s.Chain == nil {
		return nil
	}
	chain, err := chainOf(l.tx)
	if err != nil {
		return err
	}
	if *chain != *s.Chain {
		return l.damaged("chain", fmt.Errorf("it ends at %d", chain.Seq))
	}
	return nil
}

func (l *loading) damaged(where string, cause error) error {
	return ErrDamaged.With("file", l.path).With("where", l.store+"/"+where).Because(cause)
}

// sameColumns: an archive's table fits into one with the same columns, in
// whichever order they were declared.
func sameColumns(a, b sqldb.Table) bool {
	if a.Name != b.Name || len(a.Columns) != len(b.Columns) {
		return false
	}
	for _, c := range a.Columns {
		if !slices.Contains(b.Columns, c) {
			return false
		}
	}
	return true
}
