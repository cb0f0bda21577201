package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/certhall/certhall/store/sqldb"
)

// Source is what is copied.
type Source struct {
	Dir       string    // state folder
	Hall      *sqldb.DB // nil: not copied, or there is none (yet)
	Authority *sqldb.DB // nil: not copied
	Keys      bool      // secret files too
	ID        string
	Program   string
	TakenAt   time.Time
}

// Take writes an archive. It reads one consistent state of each store, the
// hall's first, and holds no more than a few rows in memory. The databases may
// be in use.
func Take(ctx context.Context, to io.Writer, s Source) (Manifest, error) {
	m := Manifest{Format: Format, ID: s.ID, Program: s.Program, TakenAt: s.TakenAt.UTC(), Keys: s.Keys, Stores: map[string]Stored{}}
	w, err := newWriter(to, m.TakenAt)
	if err != nil {
		return m, err
	}
	if m.Files, m.LeftOut, err = takeFiles(w, s.Dir, s.Keys); err != nil {
		return m, err
	}
	for _, store := range []struct {
		name string
		db   *sqldb.DB
	}{{Hall, s.Hall}, {Authority, s.Authority}} { // in this order: see the package's comment
		if store.db == nil {
			continue
		}
		err := store.db.Read(ctx, func(tx *sqldb.Tx) error {
			stored, err := takeStore(ctx, tx, w, store.name)
			m.Stores[store.name] = stored
			return err
		})
		if err != nil {
			return m, err
		}
	}
	return m, w.finish(m)
}

func takeStore(ctx context.Context, tx *sqldb.Tx, w *writer, store string) (Stored, error) {
	var s Stored
	if err := tx.Unhurried(); err != nil {
		return s, err
	}
	if err := finished(tx); err != nil {
		return s, err
	}
	var err error
	if s.Schema, err = tx.SchemaVersion(); err != nil {
		return s, err
	}
	tables, err := tx.Tables(kept)
	if err != nil {
		return s, err
	}
	for _, t := range tables {
		taken, err := takeTable(ctx, tx, w, store, t)
		if err != nil {
			return s, fmt.Errorf("backup: %s.%s: %w", store, t.Name, err)
		}
		s.Tables = append(s.Tables, taken)
	}
	if store == Authority {
		s.Chain, err = chainOf(tx)
	}
	return s, err
}

func chainOf(tx *sqldb.Tx) (*Chain, error) {
	c := new(Chain)
	var hash []byte
	err := tx.QueryRow("SELECT seq, hash FROM chain WHERE n = 1").Scan(&c.Seq, &hash)
	c.Hash = hex.EncodeToString(hash)
	return c, err
}

func takeTable(ctx context.Context, tx *sqldb.Tx, w *writer, store string, t sqldb.Table) (Table, error) {
	lines, err := newLines(w, store, t)
	if err != nil {
		return Table{}, err
	}
	rows, err := tx.Query("SELECT " + t.Names() + " FROM " + t.Quoted())
	if err != nil {
		return Table{}, err
	}
	defer rows.Close()
	places := scanned(t.Columns)
	for rows.Next() {
		if err := ctx.Err(); err != nil { // on SQLite the statement itself does not watch
			return Table{}, err
		}
		if err := rows.Scan(places...); err != nil {
			return Table{}, err
		}
		if err := lines.row(places); err != nil {
			return Table{}, err
		}
	}
	if err := rows.Err(); err != nil {
		return Table{}, err
	}
	return lines.end()
}

// lines gathers a table's lines into entries.
type lines struct {
	w      *writer
	store  string
	table  Table
	chunk  []byte
	chunks int
	sum    hash.Hash
}

func newLines(w *writer, store string, t sqldb.Table) (*lines, error) {
	head, err := json.Marshal(t)
	return &lines{w: w, store: store, table: Table{Table: t}, chunk: append(head, '\n'), sum: sha256.New()}, err
}

func (l *lines) row(places []any) (err error) {
	if l.chunk, err = appendRow(l.chunk, l.table.Columns, places); err != nil {
		return err
	}
	l.table.Rows++
	if len(l.chunk) < chunkSize {
		return nil
	}
	return l.flush()
}

func (l *lines) flush() error {
	l.chunks++
	l.sum.Write(l.chunk)
	err := l.w.entry(fmt.Sprintf("%s/%s/%06d.jsonl", l.store, l.table.Name, l.chunks), l.chunk)
	l.chunk = l.chunk[:0]
	return err
}

func (l *lines) end() (Table, error) {
	if len(l.chunk) > 0 {
		if err := l.flush(); err != nil {
			return l.table, err
		}
	}
	l.table.SHA256 = hex.EncodeToString(l.sum.Sum(nil))
	return l.table, nil
}
