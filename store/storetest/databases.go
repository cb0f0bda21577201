// Package storetest holds the suites that every store passes on every
// database, and gives tests their databases: SQLite in a file, SQLite in
// memory, and PostgreSQL from a throwaway cluster that starts by itself.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Kinds are the databases that every store test runs on.
var Kinds = []string{"sqlite-file", "sqlite-memory", "postgres"}

// Each runs a test on a new empty database of each kind, given by its address
// for sqldb.Open.
func Each(t *testing.T, f func(t *testing.T, address string)) {
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) { f(t, Address(t, kind)) })
	}
}

// Address makes a new empty database of a kind, which goes with the test.
func Address(t testing.TB, kind string) string {
	t.Helper()
	switch kind {
	case "sqlite-file":
		return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	case "sqlite-memory":
		return "sqlite::memory:"
	case "postgres":
		return Postgres(t)
	}
	t.Fatalf("storetest: no kind of database is called %q", kind)
	return ""
}

// shared is the cluster of this test process; it stops with the process.
var shared = sync.OnceValues(func() (*Cluster, error) { return StartCluster(false) })

var databases atomic.Int64

// Postgres makes a new empty database in the test process's cluster.
func Postgres(t testing.TB) string {
	t.Helper()
	cluster, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("t%d", databases.Add(1))
	if err := cluster.administer(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.administer(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return cluster.URL(name)
}

func (c *Cluster) administer(ctx context.Context, statement string) error {
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}
