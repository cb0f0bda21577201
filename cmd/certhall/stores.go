package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/certhall/certhall/store/backup"
	"github.com/certhall/certhall/store/sqldb"
)

// storeFlags name both databases, for commands that serve nobody.
type storeFlags struct {
	stateFlags
	HallDB string `name:"hall-db" help:"Database of the hall, sqlite:PATH or postgres://…; default in the state folder."`
}

func (f storeFlags) hallAddress() string {
	return cmp.Or(f.HallDB, "sqlite:"+filepath.Join(f.Dir, hallDB))
}

// openStores opens what stands already: both, or only the authority's or the
// hall's. The other one is nil, as the hall's is where there is none yet.
func (f storeFlags) openStores(env *environment, only string) (authority, hall *sqldb.DB, err error) {
	if only != backup.Hall {
		if authority, err = openExisting(env, f.authorityAddress()); err != nil {
			return nil, nil, err
		}
	}
	if only != backup.Authority {
		hall, err = openExisting(env, f.hallAddress())
	}
	if err != nil && (f.HallDB != "" || authority == nil || !errors.Is(err, errNoFolder)) { // an authority founded just now has no hall yet
		closeStores(env, authority)
		return nil, nil, err
	}
	return authority, hall, nil
}

// closeStores closes what openStores opened.
func closeStores(env *environment, dbs ...*sqldb.DB) {
	for _, db := range dbs {
		if db != nil {
			closing(env.log, "databases", db.Close)
		}
	}
}

// openExisting opens a database, but makes none.
func openExisting(env *environment, address string) (*sqldb.DB, error) {
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, errNoFolder.With("dir", filepath.Dir(path)).Because(err)
		}
	}
	return open(env, address)
}

// open opens a database unless a restore into it was not finished.
func open(env *environment, address string) (*sqldb.DB, error) {
	if err := checkDatabase(address); err != nil {
		return nil, err
	}
	if err := databasePasswords(); err != nil {
		return nil, err
	}
	db, err := sqldb.Open(env.ctx, address)
	if err != nil {
		return nil, err
	}
	if err := backup.Unfinished(env.ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openStore opens a server's database and brings its schema up to date.
func openStore(env *environment, address string, migrations fs.FS) (*sqldb.DB, error) {
	db, err := open(env, address)
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(env.ctx, db, migrations); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// pgpass is the systemd credential with the databases' passwords
// (LoadCredential=certhall-pgpass:…), in the form of libpq's .pgpass.
const pgpass = "certhall-pgpass"

// databasePasswords lets the PostgreSQL driver find that credential, unless
// PGPASSFILE names another file.
func databasePasswords() error {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" || os.Getenv("PGPASSFILE") != "" {
		return nil
	}
	path := filepath.Join(dir, pgpass)
	if _, err := os.Stat(path); err != nil {
		return nil // none is needed, or its lack is said when connecting
	}
	return os.Setenv("PGPASSFILE", path)
}
