//go:build linux

package driverhost

import (
	"bufio"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/certhall/certhall/desk/token"
)

// TestParentDies: a child ends with its parent, even in the midst of a call that
// never returns.
func TestParentDies(t *testing.T) {
	dir := t.TempDir()
	makeKey(t, dir, "K1")
	told := filepath.Join(dir, "told")
	if err := syscall.Mkfifo(told, 0o600); err != nil {
		t.Fatal(err)
	}
	line, err := os.OpenFile(told, os.O_RDWR, 0) // kept open by us until it is inherited
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+dir, "TOLD="+told)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	if !said.Scan() || said.Text() != "K1" {
		t.Fatalf("%q", said.Text())
	}
	if _, err := line.Read(make([]byte, 1)); err != nil { // the child is in the call
		t.Fatal(err)
	}
	// The child holds the pipe open for writing; when nobody does any more, reading ends.
	reading, err := os.Open(told)
	if err != nil {
		t.Fatal(err)
	}
	if err := line.Close(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if n, err := reading.Read(make([]byte, 1)); n != 0 || err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("%d, %v", n, err)
	}
	_ = parent.Wait() // killed
}

// closing is a library that tells when a key is closed; told waits for it.
func closing(t *testing.T, environment map[string]string) (l Library, told func()) {
	t.Helper()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := syscall.Mkfifo(closed, 0o600); err != nil {
		t.Fatal(err)
	}
	l = softLibrary(t, "acme", "K1")
	l.Environment = map[string]string{"CLOSED": closed}
	maps.Copy(l.Environment, environment)
	return l, func() {
		t.Helper()
		if said, err := os.ReadFile(closed); err != nil || string(said) != "!" {
			t.Errorf("%q, %v", said, err)
		}
	}
}

// TestHalfOpened: a key that nobody gets, as its state could not be read, does
// not stay open in the child.
func TestHalfOpened(t *testing.T) {
	l, told := closing(t, map[string]string{"STATELESS": "1"})
	b := newBench(t, nil, l)
	if _, err := b.Open(t.Context(), "K1"); !errors.Is(err, token.ErrDriverWrong) {
		t.Fatal(err)
	}
	told()
}

// TestClosedWhileInUse: a key that is closed while its library is in use does
// not stay open, and logged in, in the child.
func TestClosedWhileInUse(t *testing.T) {
	l, told := closing(t, nil)
	b := newBench(t, nil, l)
	k, err := b.Open(t.Context(), "K1")
	if err != nil {
		t.Fatal(err)
	}
	d := b.named[0]
	d.turn <- struct{}{}
	if err := k.Close(); err != nil { // at once
		t.Fatal(err)
	}
	d.release()
	told()
}
