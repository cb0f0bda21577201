package sqldb_test

import (
	"errors"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// TestCurrent: whoever may not change a schema learns whether it is the one he knows.
func TestCurrent(t *testing.T) {
	later := fstest.MapFS{"002_more.sql": {Data: []byte("-- +goose Up\nCREATE TABLE more (n INTEGER PRIMARY KEY);\n")}}
	maps.Copy(later, migrations)
	storetest.Each(t, func(t *testing.T, address string) {
		empty, err := sqldb.Open(t.Context(), storetest.Address(t, "sqlite-memory"))
		if err != nil {
			t.Fatal(err)
		}
		defer empty.Close()
		if err := sqldb.Current(t.Context(), empty, migrations); !errors.Is(err, sqldb.ErrSchema) {
			t.Errorf("an empty database: %v", err)
		}
		db := open(t, address)
		if err := sqldb.Current(t.Context(), db, migrations); err != nil {
			t.Error(err)
		}
		if err := sqldb.Current(t.Context(), db, later); !errors.Is(err, sqldb.ErrSchema) {
			t.Errorf("before an upgrade: %v", err)
		}
		if err := sqldb.Migrate(t.Context(), db, later); err != nil {
			t.Fatal(err)
		}
		if err := sqldb.Current(t.Context(), db, migrations); !errors.Is(err, sqldb.ErrSchema) {
			t.Errorf("after the others' upgrade: %v", err)
		}
	})
}
