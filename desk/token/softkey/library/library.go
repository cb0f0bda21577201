// Package library is what libsoftkey does behind its C functions: the smart
// token interface SKF (GM/T 0016-2012) over the soft keys of a folder. It is
// plain Go, without C: cmd/softkey carries memory in and out and does nothing
// else.
//
// Functions are named as in the standard, without SKF_. They may be called from
// many threads at once, and by several processes on one key: what one writes
// the others see. Structures come and go as bytes in the standard's layout
// (gm/skf). Errors become codes by CodeOf.
//
// As the standard has it, a PIN that was verified holds for the application, in
// this process, whatever handles are closed and opened, until
// ClearSecureState; the authentication of the device holds likewise. Taking the
// key's file away ends both.
package library

import (
	"crypto/rand"
	"io"
	"sync"
	"time"

	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm/skf"
)

// Options say where the keys are. Zero values of the others mean the defaults.
type Options struct {
	Folder softkey.Folder
	Random io.Reader
	// Open opens the soft key of a path: softkey.OpenDevice.
	Open func(path string) (*softkey.Device, error)
	// Pause waits for a Moment, or until cancel is closed, before the folder is
	// looked at again, or a lock of another process's tried again.
	Pause func(cancel <-chan struct{})
	// Iterations of PBKDF2 for new applications.
	Iterations int
}

// Library is the interface of one process.
type Library struct {
	Options
	watch watch

	mu      sync.Mutex
	handles table
	devices map[string]*device // by path
}

// New makes the interface over a folder.
func New(o Options) *Library {
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Open == nil {
		o.Open = softkey.OpenDevice
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	return &Library{Options: o, handles: newTable(), devices: map[string]*device{}}
}

// Moment is how long one waits before looking at the folder, or a lock, again.
const Moment = 50 * time.Millisecond

func pause(cancel <-chan struct{}) {
	t := time.NewTimer(Moment)
	defer t.Stop()
	select {
	case <-cancel:
	case <-t.C:
	}
}

// MaxInput is how many bytes one call takes (DEVINFO.MaxBufferSize). A length
// beyond it is a mistake, and nothing is read.
const MaxInput = 16 << 20

// standard is the layout of every structure here.
var standard = skf.Standard
