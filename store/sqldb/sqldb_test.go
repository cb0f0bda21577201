package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

var migrations = fstest.MapFS{"001_things.sql": {Data: []byte(`-- +goose Up
CREATE TABLE things (
	n INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	place TEXT NOT NULL DEFAULT '',
	data BLOB
);
CREATE UNIQUE INDEX things_name ON things (name);
CREATE UNIQUE INDEX things_place_only ON things (place) WHERE place <> '';
-- +goose Down
DROP TABLE things;
`)}}

func open(t *testing.T, address string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := sqldb.Migrate(t.Context(), db, migrations); err != nil {
		t.Fatal(err)
	}
	return db
}

func add(name string) func(*sqldb.Tx) error {
	return func(tx *sqldb.Tx) error {
		_, err := tx.Exec("INSERT INTO things (name, data) VALUES ($1, $2)", name, []byte(name))
		return err
	}
}

func names(t *testing.T, db *sqldb.DB) string {
	t.Helper()
	var all []string
	err := db.Read(context.Background(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query("SELECT name FROM things ORDER BY n")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			all = append(all, name)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func expect(t *testing.T, db *sqldb.DB, want string) {
	t.Helper()
	if got := names(t, db); got != want {
		t.Fatalf("stored %q, want %q", got, want)
	}
}

func TestWriteStoresAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := open(t, address)
		if err := sqldb.Migrate(t.Context(), db, migrations); err != nil {
			t.Fatal("migrating twice:", err)
		}
		if err := db.Write(t.Context(), add("a")); err != nil {
			t.Fatal(err)
		}
		refused := errors.New("refused")
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			return errors.Join(add("b")(tx), refused)
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		expect(t, db, "a")
	})
}

func TestUniqueViolationsAreNamedByTableAndColumn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := open(t, address)
		if err := db.Write(t.Context(), add("a")); err != nil {
			t.Fatal(err)
		}
		name, ok := db.IsUnique(db.Write(t.Context(), add("a")))
		if !ok || name != "things_name" {
			t.Errorf("%q %v", name, ok)
		}
		place := func(tx *sqldb.Tx) error {
			_, err := tx.Exec("INSERT INTO things (name, place) VALUES ($1, $2), ($3, $4)", "b", "x", "c", "x")
			return err
		}
		name, ok = db.IsUnique(db.Write(t.Context(), place))
		if !ok || !strings.HasPrefix(name, "things_place") {
			t.Errorf("%q %v", name, ok)
		}
		if _, ok := db.IsUnique(errors.New("other")); ok {
			t.Error("any error is a unique violation")
		}
		expect(t, db, "a")
	})
}

// TestTextsThatNoRowHolds are not the database's fault.
func TestTextsThatNoRowHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := open(t, address)
		for _, text := range []string{"a\x00", "\xff"} {
			find := func(tx *sqldb.Tx) error {
				var n int
				return tx.QueryRow("SELECT COUNT(*) FROM things WHERE name = $1", text).Scan(&n)
			}
			for _, do := range []func(context.Context, func(*sqldb.Tx) error) error{db.Read, db.Write} {
				if err := do(t.Context(), find); err != nil && !errors.Is(err, sqldb.ErrText) {
					t.Errorf("%q: %v", text, err)
				}
			}
		}
	})
}

// together holds the writer with one transaction until n others wait, so that
// on SQLite they form one group.
func together(t *testing.T, db *sqldb.DB, members ...func(context.Context) error) []error {
	t.Helper()
	begun, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	all.Go(func() {
		err := db.Write(context.Background(), func(*sqldb.Tx) error {
			once.Do(func() { close(begun) })
			<-release
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	errs := make([]error, len(members))
	for i, m := range members {
		all.Go(func() { errs[i] = m(context.Background()) })
		sqldb.AwaitWaiting(db, i+1)
	}
	close(release)
	all.Wait()
	return errs
}

func TestFailingMemberTakesOnlyItsOwnBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := open(t, address)
		if err := db.Write(t.Context(), add("twice")); err != nil {
			t.Fatal(err)
		}
		write := func(f func(*sqldb.Tx) error) func(context.Context) error {
			return func(ctx context.Context) error { return db.Write(ctx, f) }
		}
		panicked := make(chan any, 1)
		errs := together(t, db,
			write(add("a")),
			write(func(tx *sqldb.Tx) error { return errors.Join(add("b")(tx), errors.New("refused")) }),
			write(add("twice")),
			write(add("c")),
			func(ctx context.Context) error {
				defer func() { panicked <- recover() }()
				return db.Write(ctx, func(tx *sqldb.Tx) error {
					if err := add("d")(tx); err != nil {
						return err
					}
					panic("a member's own trouble")
				})
			},
			write(add("e")),
		)
		for i, want := range []string{"", "refused", "unique", "", "", ""} {
			if got := fmt.Sprint(errs[i]); want == "" && errs[i] != nil || !strings.Contains(strings.ToLower(got), want) {
				t.Errorf("member %d: %v", i, errs[i])
			}
		}
		if p, ok := (<-panicked).(*sqldb.Panic); !ok || p.Value != "a member's own trouble" {
			t.Errorf("the panic came as %v", p)
		}
		stored := names(t, db)
		for _, n := range []string{"a", "c", "e"} {
			if !strings.Contains(stored, n) {
				t.Errorf("%s is not among %s", n, stored)
			}
		}
		if strings.ContainsAny(stored, "bd") {
			t.Error("rolled-back rows stand:", stored)
		}
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		if strings.HasPrefix(address, "postgres") {
			address += "&pool=1" // so that there, too, a second transaction waits
		}
		db := open(t, address)
		begun, release := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			first <- db.Write(ctx, func(tx *sqldb.Tx) error {
				close(begun)
				<-release
				return add("begun")(tx) // detached: runs although ctx has ended
			})
		}()
		<-begun
		go func() { second <- db.Write(ctx, add("never")) }()
		sqldb.AwaitWaiting(db, 1)
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Error("waiting ended with", err)
		}
		close(release)
		if err := <-first; err != nil {
			t.Error("the one that had begun ended with", err)
		}
		expect(t, db, "begun")
	})
}

func TestFullDiskRunsMembersSingly(t *testing.T) {
	for _, kind := range []string{"sqlite-file", "sqlite-memory"} {
		t.Run(kind, func(t *testing.T) {
			db := open(t, storetest.Address(t, kind))
			var pages int
			if err := db.Writer().QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Writer().Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+4)); err != nil {
				t.Fatal(err)
			}
			write := func(f func(*sqldb.Tx) error) func(context.Context) error {
				return func(ctx context.Context) error { return db.Write(ctx, f) }
			}
			swallowed := func(tx *sqldb.Tx) error {
				_, err := tx.Exec("INSERT INTO things (name, data) VALUES ('big', zeroblob(1000000))")
				if err == nil {
					return errors.New("the disk is not full")
				}
				_, err = tx.Exec("INSERT INTO things (name) VALUES ('after')")
				if err == nil {
					return errors.New("a lost transaction goes on")
				}
				return nil // a member that hides the error must not count as stored
			}
			errs := together(t, db, write(add("a")), write(swallowed), write(add("b")))
			if errs[0] != nil || errs[2] != nil {
				t.Error("small members failed:", errs)
			}
			if errs[1] == nil || !strings.Contains(errs[1].Error(), "full") {
				t.Error("the big one:", errs[1])
			}
			expect(t, db, "a b")
		})
	}
}

// Success is reported only after COMMIT: a deferred constraint fails there.
func TestFailingCommitIsReported(t *testing.T) {
	deferred := fstest.MapFS{"001_family.sql": {Data: []byte(`-- +goose Up
CREATE TABLE parents (id TEXT PRIMARY KEY);
CREATE TABLE children (id TEXT PRIMARY KEY, parent TEXT NOT NULL REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
`)}}
	storetest.Each(t, func(t *testing.T, address string) {
		db, err := sqldb.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := sqldb.Migrate(t.Context(), db, deferred); err != nil {
			t.Fatal(err)
		}
		child := func(id, parent string) func(context.Context) error {
			return func(ctx context.Context) error {
				return db.Write(ctx, func(tx *sqldb.Tx) error {
					_, err := tx.Exec("INSERT INTO children (id, parent) VALUES ($1, $2)", id, parent)
					return err
				})
			}
		}
		parent := func(ctx context.Context) error {
			return db.Write(ctx, func(tx *sqldb.Tx) error {
				_, err := tx.Exec("INSERT INTO parents (id) VALUES ('p')")
				return err
			})
		}
		if err := parent(t.Context()); err != nil {
			t.Fatal(err)
		}
		errs := together(t, db, child("a", "p"), child("orphan", "none"), child("b", "p"))
		if errs[0] != nil || errs[1] == nil || errs[2] != nil {
			t.Error(errs)
		}
	})
}

func TestReadsSeeOneState(t *testing.T) {
	for _, kind := range []string{"sqlite-file", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			db := open(t, storetest.Address(t, kind))
			err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
				var before, after int
				if err := tx.QueryRow("SELECT count(*) FROM things").Scan(&before); err != nil {
					return err
				}
				if err := db.Write(t.Context(), add("a")); err != nil {
					return err
				}
				if err := tx.QueryRow("SELECT count(*) FROM things").Scan(&after); err != nil {
					return err
				}
				if before != 0 || after != 0 {
					return fmt.Errorf("a read saw %d, then %d rows", before, after)
				}
				if _, err := tx.Exec("DELETE FROM things"); err == nil {
					return errors.New("a reader writes")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, db, "a")
		})
	}
}

func TestDeadlockedTransactionsRunAgain(t *testing.T) {
	db := open(t, storetest.Postgres(t))
	for _, n := range []string{"a", "b"} {
		if err := db.Write(t.Context(), add(n)); err != nil {
			t.Fatal(err)
		}
	}
	var met sync.WaitGroup
	met.Add(2)
	cross := func(first, second string) error {
		var once sync.Once
		return db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for _, n := range []string{first, second} {
				if _, err := tx.Exec("UPDATE things SET place = $1 WHERE name = $2", "", n); err != nil {
					return err
				}
				once.Do(func() { met.Done(); met.Wait() })
			}
			return nil
		})
	}
	errs := make(chan error, 2)
	go func() { errs <- cross("a", "b") }()
	go func() { errs <- cross("b", "a") }()
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestSnapshot(t *testing.T) {
	for _, from := range []string{"sqlite-file", "sqlite-memory"} {
		for _, to := range []string{"sqlite-file", "sqlite-memory"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				db := open(t, storetest.Address(t, from))
				if err := db.Write(t.Context(), add("a")); err != nil {
					t.Fatal(err)
				}
				snapshot, err := db.Snapshot(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				copied, err := sqldb.OpenSnapshot(t.Context(), storetest.Address(t, to), snapshot)
				if err != nil {
					t.Fatal(err)
				}
				defer copied.Close()
				for _, n := range []string{"b", "c"} {
					if err := copied.Write(t.Context(), add(n)); err != nil {
						t.Fatal(err)
					}
				}
				expect(t, copied, "a b c")
				expect(t, db, "a")
				var mode string
				var synchronous, foreignKeys int
				for name, into := range map[string]any{"journal_mode": &mode, "synchronous": &synchronous, "foreign_keys": &foreignKeys} {
					if err := copied.Writer().QueryRow("PRAGMA " + name).Scan(into); err != nil {
						t.Fatal(err)
					}
				}
				if to == "sqlite-file" && (mode != "wal" || synchronous != 2) || foreignKeys != 1 {
					t.Error(mode, synchronous, foreignKeys)
				}
			})
		}
	}
}

func TestSameStatementNested(t *testing.T) {
	db := open(t, "sqlite::memory:")
	for _, n := range []string{"a", "b", "c"} {
		if err := db.Write(t.Context(), add(n)); err != nil {
			t.Fatal(err)
		}
	}
	err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
		var depth func(int) (int, error)
		depth = func(left int) (total int, err error) {
			rows, err := tx.Query("SELECT name FROM things")
			if err != nil {
				return 0, err
			}
			defer rows.Close()
			for rows.Next() {
				n := 1
				if left > 0 {
					if n, err = depth(left - 1); err != nil {
						return 0, err
					}
				}
				total += n
			}
			return total, rows.Err()
		}
		if total, err := depth(2); err != nil || total != 27 {
			return fmt.Errorf("%d %w", total, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPostgresSchema(t *testing.T) {
	address := storetest.Postgres(t)
	one, two := open(t, address+"&search_path=one"), open(t, address+"&search_path=two")
	if err := one.Write(t.Context(), add("a")); err != nil {
		t.Fatal(err)
	}
	expect(t, one, "a")
	expect(t, two, "")
	if _, err := sqldb.Open(t.Context(), "mysql:x"); err == nil {
		t.Error("an unknown scheme opens")
	}
}

func BenchmarkOpenMemory(b *testing.B) {
	db, err := sqldb.Open(b.Context(), "sqlite::memory:")
	if err != nil {
		b.Fatal(err)
	}
	if err := sqldb.Migrate(b.Context(), db, migrations); err != nil {
		b.Fatal(err)
	}
	snapshot, err := db.Snapshot(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		db, err := sqldb.OpenSnapshot(b.Context(), "sqlite::memory:", snapshot)
		if err != nil {
			b.Fatal(err)
		}
		if err := db.Write(b.Context(), add("a")); err != nil {
			b.Fatal(err)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	db, err := sqldb.Open(b.Context(), storetest.Address(b, "sqlite-file"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := sqldb.Migrate(b.Context(), db, migrations); err != nil {
		b.Fatal(err)
	}
	var n int
	var mu sync.Mutex
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			n++
			name := fmt.Sprint(n)
			mu.Unlock()
			if err := db.Write(b.Context(), add(name)); err != nil {
				b.Error(err)
			}
		}
	})
}
