package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
)

// initCmd founds an authority. Everything is made in a folder beside and moved
// into place at the end: a ceremony that breaks off leaves nothing behind.
type initCmd struct {
	Dir         string         `default:"." help:"State folder; must not hold an authority yet."`
	ID          string         `required:"" help:"Short name of the authority, lower-case letters and digits; part of every container name."`
	Name        string         `required:"" help:"Name of the authority, as people know it."`
	Public      string         `required:"" help:"Public address, such as https://hall.example; certificates carry it."`
	Officer     []string       `required:"" help:"P10 of an officer (certhall-agent enrol); given twice."`
	Algorithm   []gm.Algorithm `help:"Algorithm that gets an issuing CA and a root of its own beside SM2: rsa or p256; may be repeated."`
	AuthorityDB string         `name:"authority-db" help:"Database of the authority; default sqlite in the state folder."`

	passphraseFlags
	RootPassphraseFD int `name:"root-passphrase-fd" default:"-1" help:"Read the passphrase of root and escrow from this file descriptor."`
}

var (
	errTwoOfficers = certhall.NewError("officers-two", certhall.Invalid)
	errAuthorityID = certhall.NewError("authority-id-malformed", certhall.Invalid)
)

func (c *initCmd) Run(env *environment) error {
	if demo.IsComplete(c.Dir) {
		return errDemoFolder.With("dir", c.Dir)
	}
	if _, err := os.Stat(filepath.Join(c.Dir, authorityFolder)); err == nil {
		return ceremony.ErrFounded
	}
	if len(c.Officer) != 2 {
		return errTwoOfficers
	}
	if !shortName(c.ID) {
		return errAuthorityID
	}
	var founders []founder
	for _, path := range c.Officer {
		p10, name, err := readRequest(path)
		if err != nil {
			return err
		}
		founders = append(founders, founder{name, p10})
	}
	var pass ceremony.Passphrases
	var err error
	if pass.Daily, err = c.fresh(env, "cli.passphrase-daily"); err != nil {
		return err
	}
	if pass.Root, err = (passphraseFlags{c.RootPassphraseFD}).fresh(env, "cli.passphrase-root"); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	making, err := os.MkdirTemp(c.Dir, ".making-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(making)
	if err := c.found(env, making, pass, founders); err != nil {
		return err
	}
	if err := moveAll(making, c.Dir); err != nil {
		return err
	}
	env.say("cli.init-done", "dir", c.Dir, "offline", filepath.Join(c.Dir, authorityFolder, "offline"))
	return nil
}

type founder struct {
	name string
	p10  []byte
}

// found makes the authority in dir and enrols its first officers.
func (c *initCmd) found(env *environment, dir string, pass ceremony.Passphrases, founders []founder) error {
	plan := ceremony.Plan{ID: c.ID, Name: c.Name, Address: c.Public, Algorithms: c.Algorithm, Clock: env.clock, Random: env.random}
	founded, err := ceremony.Found(plan)
	if err != nil {
		return err
	}
	if err := ceremony.Write(filepath.Join(dir, authorityFolder), founded, plan, false, pass); err != nil {
		return err
	}
	if _, err := secretOf(dir, env); err != nil {
		return err
	}
	if err := foundInternal(env, filepath.Join(dir, internalFolder), c.ID, pass.Daily); err != nil {
		return err
	}
	address := c.AuthorityDB
	if address == "" {
		address = "sqlite:" + filepath.Join(dir, authorityDB)
	}
	db, err := sqldb.Open(env.ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(c.enrolFounders(env, dir, db, founded, founders), db.Close())
}

func (c *initCmd) enrolFounders(env *environment, dir string, db *sqldb.DB, founded *ceremony.Authority, founders []founder) error {
	if err := sqldb.Migrate(env.ctx, db, authoritystore.Migrations()); err != nil {
		return err
	}
	store := authoritystore.New(db)
	issuer := ca.New(ca.Options{
		ID: c.ID, Store: store, KMC: kmc.New(founded.EscrowKey(), env.random), Policy: ca.DefaultPolicy(),
		Chains: founded.Chains(), Profiles: ca.Profiles(), Addresses: ca.AddressesAt(c.Public),
		Clock: env.clock, Random: env.random,
	})
	if err := issuer.Unseal(env.ctx, founded.Keys(env.random)); err != nil {
		return err
	}
	for i, f := range founders {
		certificate, err := issuer.EnrolFounder(env.ctx, f.name, f.p10)
		if err != nil {
			return err
		}
		if err := writeCertificate(filepath.Join(dir, fmt.Sprintf("officer-%d.cer", i+1)), certificate); err != nil {
			return err
		}
	}
	_, err := (audit.Sequencer{Store: store}).Run(env.ctx)
	return err
}

// moveAll moves what was made into place, the authority's folder last: with it
// the state folder counts as founded.
func moveAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == authorityFolder {
			continue
		}
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return os.Rename(filepath.Join(from, authorityFolder), filepath.Join(to, authorityFolder))
}

// shortName tells whether an authority's id can be part of a container's name.
func shortName(id string) bool {
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return len(id) > 0 && len(id) <= 12
}
