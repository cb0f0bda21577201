package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/certhall/certhall/store/sqldb"
)

// Open opens a new empty database, given by its address, and gives it a schema.
// The migrations run once for SQLite and once for PostgreSQL in a test process;
// what they made is copied from then on.
func Open(t testing.TB, address string, migrations fs.FS) *sqldb.DB {
	t.Helper()
	db, err := open(t.Context(), address, migrations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func open(ctx context.Context, address string, migrations fs.FS) (*sqldb.DB, error) {
	schema, err := digest(migrations)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(address, "postgres:") {
		snapshot, err := snapshots.get(schema, func() ([]byte, error) { return snapshotOf(ctx, migrations) })
		if err != nil {
			return nil, err
		}
		return sqldb.OpenSnapshot(ctx, address, snapshot)
	}
	cluster, err := shared()
	if err != nil {
		return nil, err
	}
	template, err := templates.get(schema, func() (string, error) { return templateOf(ctx, cluster, migrations) })
	if err != nil {
		return nil, err
	}
	where, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(where.Path, "/")
	for _, statement := range []string{"DROP DATABASE " + name, "CREATE DATABASE " + name + " TEMPLATE " + template} {
		if err := cluster.administer(ctx, statement); err != nil {
			return nil, err
		}
	}
	return sqldb.Open(ctx, address)
}

// What was migrated in this process, by the digest of the migrations.
var (
	snapshots made[[]byte]
	templates made[string]
)

type made[T any] struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]T
}

func (m *made[T]) get(key [sha256.Size]byte, make func() (T, error)) (T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.all[key]; ok {
		return v, nil
	}
	v, err := make()
	if err != nil {
		return v, err
	}
	if m.all == nil {
		m.all = map[[sha256.Size]byte]T{}
	}
	m.all[key] = v
	return v, nil
}

// digest of all migrations, by their names.
func digest(migrations fs.FS) (sum [sha256.Size]byte, err error) {
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return sum, err
	}
	h := sha256.New()
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return sum, err
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func snapshotOf(ctx context.Context, migrations fs.FS) (snapshot []byte, err error) {
	db, err := sqldb.Open(ctx, "sqlite::memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := sqldb.Migrate(ctx, db, migrations); err != nil {
		return nil, err
	}
	return db.Snapshot(ctx)
}

func templateOf(ctx context.Context, cluster *Cluster, migrations fs.FS) (string, error) {
	name := fmt.Sprintf("schema%d", databases.Add(1))
	if err := cluster.administer(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	db, err := sqldb.Open(ctx, cluster.URL(name))
	if err != nil {
		return "", err
	}
	return name, errors.Join(sqldb.Migrate(ctx, db, migrations), db.Close())
}
