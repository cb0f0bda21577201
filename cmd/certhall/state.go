package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/durable"
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

// secretLength is how many bytes the hall's secret has.
const secretLength = 32

// secretOf reads the hall's secret; init makes it, the demo's first start too.
// All nodes of a hall share it.
func secretOf(dir string, env *environment) ([]byte, error) {
	secret, err := readSecret(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeSecret(filepath.Join(dir, hallSecret), env.random); err == nil || errors.Is(err, fs.ErrExist) { // another start was first
			secret, err = readSecret(dir)
		}
	}
	return secret, err
}

// readSecret reads the hall's secret where it must stand already: on a machine
// of its own, a hall that made another would not know the codes it sent before.
func readSecret(dir string) ([]byte, error) {
	path := filepath.Join(dir, hallSecret)
	secret, err := os.ReadFile(path)
	if err != nil {
		return nil, errFile.With("file", path).Because(err)
	}
	if len(secret) != secretLength {
		return nil, errFile.With("file", path).Becausef("%d bytes instead of %d", len(secret), secretLength)
	}
	return secret, nil
}

// makeSecret puts a whole secret in place, or none.
func makeSecret(path string, random io.Reader) error {
	secret := make([]byte, secretLength)
	if _, err := io.ReadFull(random, secret); err != nil {
		return err
	}
	return durable.Create(path, secret, durable.Secret)
}
