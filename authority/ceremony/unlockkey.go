package ceremony

import (
	"crypto/ecdsa"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/durable"
	"github.com/certhall/certhall/gm"
)

// Files of the unlock key: administrators' PINs of USB keys are sealed to its
// public half. Its private half lies under the day-to-day passphrase, other
// than the escrow's, which comes back only to recover.
const (
	unlockName = "unlock"
	unlockFile = unlockName + ".pub"
)

// ErrUnlockKeyExists says that the folder has an unlock key already: another
// one would open nothing of what is sealed to it.
var ErrUnlockKeyExists = certhall.NewError("unlock-key-exists", certhall.Conflict)

// MakeUnlockKey gives the folder of an authority that an earlier release
// founded the unlock key that it has not. The day-to-day passphrase must be the
// one that opens its other keys. The private half is put in place first: with
// the public one the key counts as made.
func MakeUnlockKey(dir string, pass []byte, random io.Reader) error {
	if _, err := os.Stat(filepath.Join(dir, unlockFile)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, ErrUnlockKeyExists)
	}
	if _, err := Open(dir, pass); err != nil {
		return err
	}
	key, err := sm2.GenerateKey(random)
	if err != nil {
		return err
	}
	w := folderWriter{dir: dir}
	w.unlockKey(key, pass, kdfCost)
	return w.err
}

func (w *folderWriter) unlockKey(key *sm2.PrivateKey, pass []byte, cost int) {
	w.key(unlockName, key, pass, cost)
	w.publicKey(unlockFile, &key.PublicKey)
}

func (w *folderWriter) publicKey(name string, key *ecdsa.PublicKey) {
	if w.err != nil {
		return
	}
	spki, err := gm.MarshalPublicKey(key)
	if err != nil {
		w.err = err
		return
	}
	w.file(name, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), durable.Public)
}

// readUnlockPublic reads the public half; nil where none was made yet.
func readUnlockPublic(dir string) (*ecdsa.PublicKey, error) {
	if _, err := os.Stat(filepath.Join(dir, unlockFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return readPublicKey(dir, unlockFile)
}

func readPublicKey(dir, name string) (*ecdsa.PublicKey, error) {
	der, err := readPEM(filepath.Join(dir, name), "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	key, err := gm.ParsePublicKey(der)
	if err != nil {
		return nil, ErrFolder.Becausef("%s: %w", name, err)
	}
	return key, nil
}

// readUnlockKey opens the private half, which must be the public one's; nil
// where none was made yet.
func readUnlockKey(dir string, public *ecdsa.PublicKey, pass []byte) (*sm2.PrivateKey, error) {
	if public == nil {
		return nil, nil
	}
	der, err := readPEM(filepath.Join(dir, unlockName+keySuffix), "ENCRYPTED PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := pkcs8.ParsePKCS8PrivateKey(der, pass)
	if err != nil {
		return nil, ErrPassphrase.Becausef("%s.key: %w", unlockName, err)
	}
	key, ok := parsed.(*sm2.PrivateKey)
	if !ok || !gm.SameKey(&key.PublicKey, public) {
		return nil, ErrFolder.Becausef("%s.key does not belong to %s", unlockName, unlockFile)
	}
	return key, nil
}
