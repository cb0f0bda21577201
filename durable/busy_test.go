package durable

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestReadWhileReplaced: whoever reads sees the old or the new content, whole,
// and hinders nobody who replaces it.
func TestReadWhileReplaced(t *testing.T) {
	const rounds = 100
	path := filepath.Join(t.TempDir(), "file")
	content := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 10_000) }
	if err := Replace(path, content(0), Secret); err != nil {
		t.Fatal(err)
	}
	for i := range rounds {
		var reading sync.WaitGroup
		reading.Go(func() {
			data, err := Read(path)
			if err != nil || len(data) != 10_000 || !bytes.Equal(data, content(int(data[0]))) {
				t.Errorf("%d bytes, %v", len(data), err)
			}
		})
		if err := Replace(path, content(i), Secret); err != nil {
			t.Error(err)
		}
		reading.Wait()
	}
}

// TestReplacedWhenRead: a file that is being read is replaced when that is over.
func TestReplacedWhenRead(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, path := range []string{from, to} {
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := Open(to)
	if err != nil {
		t.Fatal(err)
	}
	read := sync.OnceFunc(func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	})
	defer read()
	if err := patiently(func() error { return os.Rename(from, to) }, busy, func(time.Duration) { read() }); err != nil {
		t.Error(err)
	}
}

// TestPatience: what others hinder is tried again, for a while; nothing else is.
func TestPatience(t *testing.T) {
	hindered, wrong := errors.New("hindered"), errors.New("wrong")
	busy := func(err error) bool { return errors.Is(err, hindered) }
	for _, c := range []struct {
		name  string
		errs  []error // of the tries; the last one of all that follow
		want  error
		tries int
	}{
		{"fine", []error{nil}, nil, 1},
		{"hindered for a moment", []error{hindered, hindered, nil}, nil, 3},
		{"wrong", []error{wrong, nil}, wrong, 1},
		{"wrong in the end", []error{hindered, wrong, nil}, wrong, 2},
		{"hindered for good", []error{hindered}, hindered, 1 + int(busyWait/busyAgain)},
	} {
		t.Run(c.name, func(t *testing.T) {
			tries := 0
			err := patiently(func() error {
				err := c.errs[min(tries, len(c.errs)-1)]
				tries++
				return err
			}, busy, func(time.Duration) {})
			if err != c.want || tries != c.tries {
				t.Errorf("%v after %d tries, want %v after %d", err, tries, c.want, c.tries)
			}
		})
	}
}
