package softkey

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/durable"
)

// Medium is what a key is stored on.
type Medium interface {
	// Load returns what was saved last: an error that is fs.ErrNotExist if
	// there is nothing. The caller does not write into it.
	Load() ([]byte, error)
	// Save replaces all of it: when it returns nil the data is durable, after
	// any error or power cut the old or the new data is whole.
	Save(data []byte) error
	// Lock keeps other users of the medium from writing until unlock is called:
	// token.ErrKeyBusy if another keeps it for longer than a write takes.
	Lock(ctx context.Context) (unlock func(), err error)
}

// File is a medium in a file, with a lock file beside it that other processes heed.
func File(path string) Medium { return file(path) }

type file string

func (f file) Load() ([]byte, error) {
	in, err := durable.Open(string(f))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxImage+1))
	if err != nil {
		return nil, fmt.Errorf("softkey: %w", err)
	}
	return data, nil
}

func (f file) Save(data []byte) error { return durable.Replace(string(f), data, durable.Secret) }

// lockWait is how long another process is waited for, many times what a write
// takes; lockAgain how often it is tried.
const (
	lockWait  = 5 * time.Second
	lockAgain = 5 * time.Millisecond
)

func (f file) Lock(ctx context.Context) (func(), error) {
	ctx, end := context.WithTimeout(ctx, lockWait)
	defer end()
	dir, name := filepath.Split(string(f))
	l := flock.New(filepath.Join(dir, "."+name+".lock"), flock.SetPermissions(0o600))
	switch _, err := l.TryLockContext(ctx, lockAgain); {
	case err != nil && ctx.Err() != nil:
		return nil, token.ErrKeyBusy.Because(err)
	case err != nil:
		return nil, ErrNotWritten.Because(err)
	}
	return func() { _ = l.Unlock() }, nil // closing the file unlocks it in any case
}

// Memory is a medium in memory: for tests and the simulation.
type Memory struct {
	writing sync.Mutex
	mu      sync.Mutex
	data    []byte
}

// NewMemory is an empty medium.
func NewMemory() *Memory { return new(Memory) }

// Clone is another medium with the same content.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{data: m.data} // saved slices are never written into
}

// Load returns what was saved last.
func (m *Memory) Load() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.data == nil {
		return nil, fs.ErrNotExist
	}
	return m.data, nil
}

// Save replaces the content; empty data takes the key away.
func (m *Memory) Save(data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data = nil
	if len(data) > 0 {
		m.data = slices.Clone(data)
	}
	return nil
}

// Lock keeps other users of this Memory from writing.
func (m *Memory) Lock(context.Context) (func(), error) {
	m.writing.Lock()
	return m.writing.Unlock, nil
}
