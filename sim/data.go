package sim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// databases are a world's two databases with the stores over them.
type databases struct {
	authorityDB, hallDB *sqldb.DB
	authority           *authority.Store
	hall                *hall.Store
	dir                 string // of the files; "" in memory
	generation          int
}

// open makes databases from snapshots; in files under dir, or in memory.
func openDatabases(dir string, authoritySnapshot, hallSnapshot []byte) (*databases, error) {
	d := &databases{dir: dir}
	var err error
	if d.authorityDB, err = sqldb.OpenSnapshot(background, d.address("authority"), authoritySnapshot); err != nil {
		return nil, err
	}
	if d.hallDB, err = sqldb.OpenSnapshot(background, d.address("hall"), hallSnapshot); err != nil {
		return nil, errors.Join(err, d.authorityDB.Close())
	}
	d.wire()
	return d, nil
}

func (d *databases) wire() {
	d.authority, d.hall = authority.New(d.authorityDB), hall.New(d.hallDB, queue{})
}

func (d *databases) address(name string) string {
	if d.dir == "" {
		return "sqlite::memory:"
	}
	return "sqlite:" + d.path(name, d.generation)
}

func (d *databases) path(name string, generation int) string {
	return filepath.Join(d.dir, fmt.Sprintf("%s-%d.db", name, generation))
}

// crash leaves databases in files as a killed process would: what lies on the
// disk at this moment, write-ahead log and all, is what the next process
// finds. In memory nothing outlives a process but the database itself.
func (d *databases) crash() error {
	if d.dir == "" {
		return nil
	}
	next := d.generation + 1
	for _, name := range []string{"authority", "hall"} {
		for _, part := range []string{"", "-wal"} {
			data, err := os.ReadFile(d.path(name, d.generation) + part)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(d.path(name, next)+part, data, 0o600)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := d.close(); err != nil {
		return err
	}
	d.generation = next
	var err error
	if d.authorityDB, err = sqldb.Open(background, d.address("authority")); err != nil {
		return err
	}
	if d.hallDB, err = sqldb.Open(background, d.address("hall")); err != nil {
		return err
	}
	d.wire()
	return nil
}

func (d *databases) close() error {
	return errors.Join(d.authorityDB.Close(), d.hallDB.Close())
}
