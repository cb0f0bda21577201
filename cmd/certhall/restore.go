package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/jobs"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/backup"
	"github.com/certhall/certhall/store/fsck"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// restoreCmd makes an authority and its hall anew from a backup.
type restoreCmd struct {
	Load      restoreLoadCmd `cmd:"" default:"withargs" help:"Make databases and state folder anew from a backup."`
	Reconcile reconcileCmd   `cmd:"" help:"Revoke the serials that were given away after the backup; only then does the authority issue again."`
}

type restoreLoadCmd struct {
	File        string `arg:"" help:"The backup."`
	Dir         string `required:"" help:"State folder to make; must be empty or absent."`
	AuthorityDB string `name:"authority-db" help:"Empty database for the authority, sqlite:PATH or postgres://…; default in the state folder."`
	HallDB      string `name:"hall-db" help:"Empty database for the hall; default in the state folder."`
	Only        string `enum:"both,authority,hall" default:"both" help:"Which database to restore where the other one was not lost: authority, hall, or both."`

	sourceFlags // to tell what is missing behind the backup; nothing is changed by it
}

// restoringFolder is where everything lies until it is whole.
const restoringFolder = ".restoring"

func (c *restoreLoadCmd) Run(env *environment) error {
	m, err := backup.Verify(c.File)
	if err != nil {
		return err
	}
	making, err := c.makeFolder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(making)
	if err := backup.LoadFiles(c.File, making); err != nil {
		return err
	}
	if err := c.load(env, m, making); err != nil {
		return err
	}
	if err := moveAll(making, c.Dir); err != nil {
		return err
	}
	return c.finish(env, m)
}

// makeFolder wants an empty state folder and makes the one beside, without
// what a restore that was killed left there.
func (c *restoreLoadCmd) makeFolder() (making string, err error) {
	entries, err := os.ReadDir(c.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, e := range entries {
		if e.Name() != restoringFolder {
			return "", backup.ErrNotEmpty.With("where", c.Dir)
		}
	}
	making = filepath.Join(c.Dir, restoringFolder)
	if err := os.RemoveAll(making); err != nil {
		return "", err
	}
	return making, os.MkdirAll(making, 0o700)
}

// stores are the addresses of what is to be restored, with sqlite files in dir.
func (c *restoreLoadCmd) stores(m *backup.Manifest, dir string) map[string]string {
	all := map[string]string{}
	if _, taken := m.Stores[backup.Hall]; taken && c.Only != backup.Authority {
		all[backup.Hall] = cmp.Or(c.HallDB, "sqlite:"+filepath.Join(dir, hallDB))
	}
	if _, taken := m.Stores[backup.Authority]; taken && c.Only != backup.Hall {
		all[backup.Authority] = cmp.Or(c.AuthorityDB, "sqlite:"+filepath.Join(dir, authorityDB))
	}
	return all
}

var migrationsOf = map[string]fs.FS{backup.Hall: hallstore.Migrations(), backup.Authority: authoritystore.Migrations()}

// load fills the databases and leaves them shut: no server opens them before finish.
func (c *restoreLoadCmd) load(env *environment, m *backup.Manifest, dir string) (err error) {
	opened := map[string]*sqldb.DB{}
	defer func() {
		for _, db := range opened {
			err = errors.Join(err, db.Close())
		}
	}()
	for name, address := range c.stores(m, dir) {
		db, err := sqldb.Open(env.ctx, address)
		if err != nil {
			return err
		}
		opened[name] = db
		if err := backup.Empty(env.ctx, db, name); err != nil { // before anything is written into either
			return err
		}
	}
	for name, db := range opened {
		env.say("cli.restore-loading", "store", name, "rows", count(m.Stores[name].Rows()))
		if err := backup.Load(env.ctx, c.File, m, name, db, migrationsOf[name]); err != nil {
			return err
		}
		if err := sqldb.Migrate(env.ctx, db, migrationsOf[name]); err != nil {
			return err
		}
	}
	var store *authoritystore.Store
	if db := opened[backup.Authority]; db != nil {
		store = authoritystore.New(db)
		if err := markRestored(env, m, store); err != nil {
			return err
		}
	}
	if db := opened[backup.Hall]; db != nil {
		return resumeHall(env, db, store)
	}
	return nil
}

// markRestored checks the whole record and adds to it that it was restored.
func markRestored(env *environment, m *backup.Manifest, store *authoritystore.Store) error {
	if _, _, err := audit.Verify(env.ctx, store); err != nil {
		return err
	}
	err := audit.MarkRestored(env.ctx, store, ca.Restoration{
		RestoredFrom: ca.RestoredFrom{Archive: m.ID, TakenAt: m.TakenAt}, RestoredAt: env.clock.Now(),
	}, env.random)
	if err != nil {
		return err
	}
	_, err = audit.Sequencer{Store: store}.Run(env.ctx)
	return err
}

// resumeHall queues what cases owe and, where the authority was restored with
// it, makes the projection anew.
func resumeHall(env *environment, db *sqldb.DB, authority *authoritystore.Store) error {
	queue, err := jobs.New(env.ctx, db, jobs.Options{Log: env.log})
	if err != nil {
		return err
	}
	o := services.Options{Store: hallstore.New(db, queue), Clock: env.clock, Random: env.random, Log: env.log}
	if authority == nil {
		return services.New(o).Resume(env.ctx)
	}
	o.Authority = ca.New(ca.Options{Store: authority, Clock: env.clock, Random: env.random})
	if err := services.New(o).Resume(env.ctx); err != nil {
		return err
	}
	return services.New(o).Rebuild(env.ctx)
}

// finish opens the databases to servers and tells what they lack.
func (c *restoreLoadCmd) finish(env *environment, m *backup.Manifest) error {
	var dbs = map[string]*sqldb.DB{}
	for name, address := range c.stores(m, c.Dir) {
		db, err := sqldb.Open(env.ctx, address)
		if err != nil {
			return err
		}
		defer closing(env.log, "databases", db.Close)
		if err := backup.Finish(env.ctx, db); err != nil {
			return err
		}
		dbs[name] = db
	}
	env.say("cli.restore-done", "dir", c.Dir, "taken_at", moment(m.TakenAt))
	if !m.Keys {
		env.say("cli.backup-no-keys")
	}
	authority, hall := dbs[backup.Authority], dbs[backup.Hall]
	if authority == nil {
		return nil
	}
	found, err := fsck.Check(env.ctx, authority, hall)
	if err != nil {
		return err
	}
	said := showFindings(env, found, hall != nil)
	if hall != nil {
		unheard, err := fsck.Unheard(env.ctx, authority, hall)
		if err != nil {
			return err
		}
		env.say("cli.restore-unheard", "count", count(len(unheard)), "cases", strings.Join(unheard, " "))
	}
	if err := c.tellMissing(env, authority); err != nil {
		return err
	}
	env.say("cli.restore-next", "record", count(m.Stores[backup.Authority].Chain.Seq), "dir", c.Dir)
	return said
}

// tellMissing tells which records and serials are missing behind the backup,
// as far as the sources know of them.
func (c *restoreLoadCmd) tellMissing(env *environment, db *sqldb.DB) error {
	if c.silent() && len(c.Checkpoint) == 0 {
		return nil
	}
	published, err := (stateFlags{Dir: c.Dir}).public()
	if err != nil {
		return err
	}
	s, err := c.read(published)
	if err != nil {
		return err
	}
	store := authoritystore.New(db)
	last, err := lastKept(env, store)
	if err != nil {
		return err
	}
	missing, err := ca.New(ca.Options{Store: store, Clock: env.clock, Random: env.random}).Missing(env.ctx, s.all())
	if err != nil {
		return err
	}
	s.tellRecords(env, last)
	env.say("cli.restore-missing", "count", count(len(missing)))
	tellSerials(env, missing)
	return nil
}
