//go:build !windows

package driverhost

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// line is a pipe with a name, which one process opens for writing.
type line struct{ path string }

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{filepath.Join(t.TempDir(), "line")}
	if err := syscall.Mkfifo(l.path, 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

// listen waits for somebody who opens it; reading ends when nobody has it open.
func (l *line) listen() (io.ReadCloser, error) { return os.Open(l.path) }

// What libraries do, as far as each system has its own ways.

func crash() { _ = syscall.Kill(os.Getpid(), syscall.SIGSEGV) }

// printed is where C's standard output goes.
func printed() *os.File { return os.Stdout }

// writeEverywhere finds the pipes, wherever they are.
func writeEverywhere(text []byte) {
	for fd := highest; fd < highest+8; fd++ {
		_, _ = syscall.Write(fd, text)
	}
}
