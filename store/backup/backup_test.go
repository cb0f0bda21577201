package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/certhall/certhall/store/backup"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// schema has every kind of column, and a table that points to a later one.
var schema = fstest.MapFS{
	"001_things.sql": {Data: []byte(`-- +goose Up
CREATE TABLE later (id TEXT PRIMARY KEY);
CREATE TABLE earlier (
	n INTEGER PRIMARY KEY,
	later TEXT NOT NULL REFERENCES later (id),
	place BIGINT,
	good BOOLEAN NOT NULL,
	data BLOB,
	name TEXT
);
CREATE TABLE river_job (id TEXT PRIMARY KEY);
CREATE TABLE chain (n INTEGER PRIMARY KEY, seq BIGINT NOT NULL, hash BLOB);
INSERT INTO chain (n, seq) VALUES (1, 0);
`)},
	"002_more.sql": {Data: []byte(`-- +goose Up
ALTER TABLE earlier ADD COLUMN more TEXT NOT NULL DEFAULT 'more';
`)},
}

var first = fstest.MapFS{"001_things.sql": schema["001_things.sql"]}

func open(t *testing.T, address string, migrations fs.FS) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if migrations != nil {
		if err := sqldb.Migrate(t.Context(), db, migrations); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

var kinds = []string{"sqlite-file", "postgres"}

const rows = 2000

// fill writes odd values and many rows.
func fill(t *testing.T, db *sqldb.DB, rows int) {
	t.Helper()
	long := make([]byte, 900)
	random := rand.New(rand.NewChaCha8([32]byte{})) // repetitions can be damaged without harm
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		if _, err := tx.Exec("INSERT INTO later VALUES ($1)", "甲 <&>\u2028\"\\"); err != nil {
			return err
		}
		for n := range rows {
			for i := range long {
				long[i] = byte(random.Uint32())
			}
			values := []any{"甲 <&>\u2028\"\\", int64(-1 << 62), n%2 == 0, long, fmt.Sprint("名", n)}
			switch n {
			case 3:
				values[1], values[3], values[4] = nil, nil, nil
			case 4:
				values[3], values[4] = []byte{}, ""
			}
			if _, err := tx.Exec("INSERT INTO earlier (later, place, good, data, name) VALUES ($1, $2, $3, $4, $5)", values...); err != nil {
				return err
			}
		}
		_, err := tx.Exec("UPDATE chain SET seq = 7, hash = $1 WHERE n = 1", []byte{1, 2})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shown is everything in the table, as text.
func shown(t *testing.T, db *sqldb.DB) string {
	t.Helper()
	var b strings.Builder
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query("SELECT n, later, place, good, data IS NULL, data, name FROM earlier ORDER BY n")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n int64
			var later string
			var place *int64
			var good, missing bool
			var data []byte
			var name *string
			if err := rows.Scan(&n, &later, &place, &good, &missing, &data, &name); err != nil {
				return err
			}
			fmt.Fprint(&b, n, later, place == nil, good, missing, data, name == nil)
			if place != nil && name != nil {
				fmt.Fprint(&b, *place, *name)
			}
			b.WriteByte('\n')
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func source(t *testing.T, db *sqldb.DB) backup.Source {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"authority/root.cer": "root", "authority/root.key": "key", "authority/offline/root.key": "away", "hall.secret": "secret",
		"authority.db": "rows", "old" + backup.Extension: "archive", "log": strings.Repeat("x", 2<<20),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return backup.Source{Dir: dir, Authority: db, Keys: true, ID: "a1", Program: "test", TakenAt: time.UnixMilli(1)}
}

func taken(t *testing.T, s backup.Source) (path string, m backup.Manifest) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a"+backup.Extension)
	m, err := backup.Write(t.Context(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	return path, m
}

// TestAcrossDatabases: what is taken from either database stands in either
// again, value for value, at the archive's own version, and can go on.
func TestAcrossDatabases(t *testing.T) {
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run(from+" to "+to, func(t *testing.T) {
				db := open(t, storetest.Address(t, from), first)
				fill(t, db, rows)
				path, m := taken(t, source(t, db))
				got, err := backup.Verify(path)
				if err != nil {
					t.Fatal(err)
				}
				stored := got.Stores[backup.Authority]
				if stored.Schema != 1 || *stored.Chain != (backup.Chain{Seq: 7, Hash: "0102"}) || stored.Table("earlier").Rows != rows || stored.Table("river_job") != nil {
					t.Errorf("manifest %+v", stored)
				}
				fresh := open(t, storetest.Address(t, to), nil)
				if err := backup.Load(t.Context(), path, &m, backup.Authority, fresh, schema); err != nil {
					t.Fatal(err)
				}
				if shown(t, fresh) != shown(t, db) {
					t.Error("other values")
				}
				if err := backup.Unfinished(t.Context(), fresh); !errors.Is(err, backup.ErrUnfinished) {
					t.Errorf("before the end: %v", err)
				}
				if err := backup.Finish(t.Context(), fresh); err != nil {
					t.Fatal(err)
				}
				if err := backup.Unfinished(t.Context(), fresh); err != nil {
					t.Error(err)
				}
				if err := sqldb.Migrate(t.Context(), fresh, schema); err != nil {
					t.Fatal(err)
				}
				var n int64
				err = fresh.Write(t.Context(), func(tx *sqldb.Tx) error {
					return tx.QueryRow("INSERT INTO earlier (later, good) SELECT id, TRUE FROM later RETURNING n").Scan(&n)
				})
				if err != nil || n != rows+1 {
					t.Errorf("the next row is %d: %v", n, err)
				}
				if err := backup.Load(t.Context(), path, &m, backup.Authority, fresh, schema); !errors.Is(err, backup.ErrNotEmpty) {
					t.Errorf("into what is not empty: %v", err)
				}
			})
		}
	}
}

func TestFiles(t *testing.T) {
	s := source(t, open(t, storetest.Address(t, "sqlite-file"), first))
	path, m := taken(t, s)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	names := func(m backup.Manifest) (all []string) {
		for _, f := range m.Files {
			all = append(all, f.Name)
		}
		return all
	}
	if got := fmt.Sprint(names(m), m.LeftOut); got != "[authority/root.cer authority/root.key hall.secret] [log]" {
		t.Error(got)
	}
	dir := t.TempDir()
	if err := backup.LoadFiles(path, dir); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "authority", "root.key")); err != nil || string(content) != "key" {
		t.Errorf("%q, %v", content, err)
	}
	s.Keys = false
	if _, m = taken(t, s); fmt.Sprint(names(m), m.LeftOut) != "[authority/root.cer] [authority/root.key hall.secret log]" {
		t.Error(names(m), m.LeftOut)
	}
	if _, err := backup.Write(t.Context(), path, s); !errors.Is(err, backup.ErrExists) {
		t.Errorf("in place of another: %v", err)
	}
}

// TestDamageIsNamed: whatever byte is changed and wherever it breaks off, the
// archive is not taken for a whole one.
func TestDamageIsNamed(t *testing.T) {
	db := open(t, storetest.Address(t, "sqlite-file"), first)
	fill(t, db, 100)
	path, _ := taken(t, source(t, db))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Verify(path); !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := 20; n < len(whole); n += max(1, len(whole)/150) { // the first bytes are the compression's own head
		changed := bytes.Clone(whole)
		changed[n] ^= 0x10
		refused(fmt.Sprint("byte ", n), changed)
	}
	for n := 0; n < len(whole); n += max(1, len(whole)/50) {
		refused(fmt.Sprint("cut at ", n), whole[:n])
	}
	refused("one byte short", whole[:len(whole)-1])
	refused("one byte more", append(bytes.Clone(whole), 0))
	refused("empty", nil)
	refused("twice", append(bytes.Clone(whole), whole...))
}

// TestBrokenOff: a backup that is given up leaves nothing behind.
func TestBrokenOff(t *testing.T) {
	db := open(t, storetest.Address(t, "sqlite-file"), first)
	fill(t, db, 100)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := backup.Write(ctx, filepath.Join(dir, "a"), source(t, db)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := backup.Write(t.Context(), filepath.Join(dir, "missing", "a"), source(t, db)); !errors.Is(err, backup.ErrWrite) {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

// TestNewer: an archive of a later release is not restored by an earlier one.
func TestNewer(t *testing.T) {
	db := open(t, storetest.Address(t, "sqlite-file"), schema)
	path, m := taken(t, source(t, db))
	fresh := open(t, storetest.Address(t, "sqlite-file"), nil)
	if err := backup.Load(t.Context(), path, &m, backup.Authority, fresh, first); !errors.Is(err, backup.ErrNewer) {
		t.Error(err)
	}
}
