package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Between processes, a key is held by a lock on a file: for as long as an
// operation lasts, and for the moment in which a listing asks whether one does.
// The system takes the lock away from a process that dies.

// A listing's moment is waited for; lockAgain is how often it is tried.
const (
	listingMoment = 200 * time.Millisecond
	lockAgain     = 2 * time.Millisecond
)

// hold keeps the operations of other processes off a key: token.ErrKeyBusy
// while one has it.
func (a *Agent) hold(ctx context.Context, serial string) (release func(), err error) {
	if a.locks == "" {
		return func() {}, nil
	}
	l, err := a.lockFile(serial)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithTimeout(ctx, listingMoment)
	defer end()
	switch _, err := l.TryLockContext(ctx, lockAgain); {
	case err != nil && ctx.Err() != nil:
		return nil, token.ErrKeyBusy.Because(err)
	case err != nil:
		return nil, certhall.ErrInternal.Because(err)
	}
	return func() { _ = l.Unlock() }, nil // closing the file unlocks it in any case
}

// held tells whether an operation of another process is at the key.
func (a *Agent) held(serial string) (bool, error) {
	if a.locks == "" {
		return false, nil
	}
	l, err := a.lockFile(serial)
	if err != nil {
		return false, err
	}
	free, err := l.TryRLock()
	if err != nil {
		return false, certhall.ErrInternal.Because(err)
	}
	return !free, l.Close()
}

// lockFile is named by a digest: what a library calls a serial may be no name of a file.
func (a *Agent) lockFile(serial string) (*flock.Flock, error) {
	if err := os.MkdirAll(a.locks, 0o700); err != nil {
		return nil, certhall.ErrInternal.Because(err)
	}
	sum := sha256.Sum256([]byte(serial))
	return flock.New(filepath.Join(a.locks, hex.EncodeToString(sum[:16])+".lock"), flock.SetPermissions(0o600)), nil
}
