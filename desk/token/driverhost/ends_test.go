//go:build linux

package driverhost

import (
	"bufio"
	"errors"
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

// TestHalfOpened: a key that nobody gets, as its state could not be read, does
// not stay open in the child.
func TestHalfOpened(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	if err := syscall.Mkfifo(closed, 0o600); err != nil {
		t.Fatal(err)
	}
	l := softLibrary(t, "acme", "K1")
	l.Environment = map[string]string{"CLOSED": closed}
	b := newBench(t, nil, l)
	if _, err := b.Open(t.Context(), "K1"); !errors.Is(err, token.ErrDriverWrong) {
		t.Fatal(err)
	}
	if said, err := os.ReadFile(closed); err != nil || string(said) != "!" { // which waits for it
		t.Errorf("%q, %v", said, err)
	}
}
