package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
)

// stateFlags name the state folder and the authority's database.
type stateFlags struct {
	Dir         string `default:"." help:"State folder (certhall init)."`
	AuthorityDB string `name:"authority-db" help:"Database of the authority, sqlite:PATH or postgres://…; default in the state folder."`
}

// public reads what needs no passphrase.
func (f stateFlags) public() (ceremony.Public, error) {
	public, err := ceremony.ReadPublic(filepath.Join(f.Dir, authorityFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return public, errNoFolder.With("dir", f.Dir).Because(err)
	}
	return public, err
}

func (f stateFlags) authorityAddress() string {
	if f.AuthorityDB != "" {
		return f.AuthorityDB
	}
	return "sqlite:" + filepath.Join(f.Dir, authorityDB)
}

// authorityWing is the authority with its store: sealed until unseal.
type authorityWing struct {
	folder    string
	published ceremony.Public
	portal    proof.Portal
	db        *sqldb.DB
	store     *authoritystore.Store
	ca        *ca.CA
	sequencer audit.Sequencer
	env       *environment
}

// openAuthority opens store and CA of a founded authority, whose portal is at
// origin ("": the public address it was founded with); a demo's only for the
// demo itself.
func (f stateFlags) openAuthority(env *environment, origin string, demo bool) (*authorityWing, error) {
	published, err := f.public()
	if err != nil {
		return nil, err
	}
	if published.Demo && !demo {
		return nil, errDemoFolder.With("dir", f.Dir)
	}
	db, err := sqldb.Open(env.ctx, f.authorityAddress())
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(env.ctx, db, authoritystore.Migrations()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store := authoritystore.New(db)
	portal := proof.Portal{Origin: cmp.Or(origin, published.Address), Name: published.Name}
	return &authorityWing{
		folder: filepath.Join(f.Dir, authorityFolder), published: published, portal: portal, db: db, store: store, env: env,
		sequencer: audit.Sequencer{Store: store},
		ca: ca.New(ca.Options{
			ID: published.ID, Store: store, KMC: kmc.New(published.Escrow, env.random), Policy: ca.DefaultPolicy(),
			Chain: [][]byte{published.Issuing.Raw}, Profiles: ca.Profiles(),
			Addresses: ca.AddressesAt(published.Address), Portals: []proof.Portal{portal}, Clock: env.clock, Random: env.random,
		}),
	}, nil
}

// unseal reads the day-to-day keys and hands them to the CA.
func (w *authorityWing) unseal(ctx context.Context, pass []byte) error {
	opened, err := ceremony.Open(w.folder, pass)
	clear(pass)
	if err != nil {
		return err
	}
	return w.ca.Unseal(ctx, opened.Keys(w.env.random))
}

func (w *authorityWing) close() error { return w.db.Close() }

// secretLength is how many bytes the hall's secret has.
const secretLength = 32

// secretOf reads the hall's secret; init makes it, the demo's first start too.
// All nodes of a hall share it.
func secretOf(dir string, env *environment) ([]byte, error) {
	path := filepath.Join(dir, hallSecret)
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeSecret(path, env.random); err == nil || errors.Is(err, fs.ErrExist) { // another start was first
			secret, err = os.ReadFile(path)
		}
	}
	if err == nil && len(secret) != secretLength {
		err = errFile.With("file", path).Becausef("%d bytes instead of %d", len(secret), secretLength)
	}
	return secret, err
}

// makeSecret puts a whole secret in place, or none.
func makeSecret(path string, random io.Reader) error {
	secret := make([]byte, secretLength)
	if _, err := io.ReadFull(random, secret); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+hallSecret+"-") // for the owner's eyes alone
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(secret)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Link(file.Name(), path)
}
