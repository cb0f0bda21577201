package library

import (
	"math"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/certhall/certhall/gm/skf"
)

// Forever is the time-out of LockDev that never ends.
const Forever = math.MaxUint32

// patience is how long a call waits for another process that has locked the
// device: not so long that it would be taken for a library that hangs.
const patience = 10 * time.Second

// guard is the device's lock across processes: whoever has it exclusively
// (LockDev) works alone, everybody else takes it shared for one call.
type guard struct {
	file  *flock.Flock
	owner Handle // of this process's connection that has the device to itself; 0: none
}

func newGuard(path string) *guard {
	dir, name := filepath.Split(path)
	return &guard{file: flock.New(filepath.Join(dir, "."+name+".device"), flock.SetPermissions(0o600))}
}

// LockDev gives a connection the device to itself: other processes' calls wait,
// other connections' LockDev too, for at most so many milliseconds (Timeout).
// Who has it already has it.
func (l *Library) LockDev(h Handle, milliseconds uint32) error {
	c, err := find[*connection](l, h)
	if err != nil {
		return err
	}
	d := c.device
	for waited := time.Duration(0); ; waited += Moment {
		switch locked, err := d.lock(h); {
		case err != nil:
			return err
		case locked:
			if _, err = find[*connection](l, h); err != nil {
				d.unlock(h) // another thread has closed it meanwhile
			}
			return err
		case milliseconds != Forever && waited >= time.Duration(milliseconds)*time.Millisecond:
			return refuse(skf.Timeout)
		}
		l.Pause(nil)
	}
}

// UnlockDev gives it back. A device that is not locked may be unlocked.
func (l *Library) UnlockDev(h Handle) error {
	c, err := find[*connection](l, h)
	if err != nil {
		return err
	}
	c.device.unlock(h)
	return nil
}

func (d *device) lock(h Handle) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.present(); err != nil {
		return false, err
	}
	switch d.guard.owner {
	case h:
		return true, nil
	case 0:
	default:
		return false, nil
	}
	locked, err := d.guard.file.TryLock()
	if err != nil {
		return false, because(skf.Fail, err)
	}
	if locked {
		d.guard.owner = h
	}
	return locked, nil
}

func (d *device) unlock(h Handle) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.guard.owner == h {
		d.guard.release()
	}
}

func (g *guard) release() {
	if g.owner != 0 {
		g.owner = 0
		_ = g.file.Unlock() // closing the file unlocks it in any case
	}
}

// share takes the guard for one call; the device's mutex is held. Where no
// lock can be made, as in a folder that cannot be written, nothing is locked.
func (d *device) share(l *Library) (release func(), err error) {
	if d.guard.owner != 0 {
		return func() {}, nil
	}
	for waited := time.Duration(0); ; waited += Moment {
		switch shared, err := d.guard.file.TryRLock(); {
		case err != nil:
			return func() {}, nil
		case shared:
			return func() { _ = d.guard.file.Unlock() }, nil
		case waited >= patience:
			return nil, refuse(skf.Timeout)
		}
		l.Pause(nil)
	}
}
