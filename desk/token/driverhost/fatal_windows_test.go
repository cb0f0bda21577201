package driverhost

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/windows"
)

type line struct {
	path string
	pipe windows.Handle
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{path: fmt.Sprintf(`\\.\pipe\certhall-%d-%s`, os.Getpid(), rand.Text())}
	name, err := windows.UTF16PtrFromString(l.path)
	if err != nil {
		t.Fatal(err)
	}
	l.pipe, err = windows.CreateNamedPipe(name, windows.PIPE_ACCESS_INBOUND, 0, 1, 0, 64, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *line) listen() (io.ReadCloser, error) {
	if err := windows.ConnectNamedPipe(l.pipe, nil); err != nil && err != windows.ERROR_PIPE_CONNECTED {
		return nil, err
	}
	return l, nil
}

func (l *line) Read(p []byte) (int, error) {
	n, err := windows.Read(l.pipe, p)
	if errors.Is(err, windows.ERROR_BROKEN_PIPE) || err == nil && n == 0 {
		return 0, io.EOF
	}
	return n, err
}

// Close lets the next one open it.
func (l *line) Close() error { return windows.DisconnectNamedPipe(l.pipe) }

// accessViolation is STATUS_ACCESS_VIOLATION.
const accessViolation = 0xC0000005

func softHSM(*testing.T) Library { panic("SoftHSM is Debian's") }

func crash() {
	crash := windows.NewLazySystemDLL("kernel32.dll").NewProc("RaiseException")
	_, _, _ = crash.Call(accessViolation, 0, 0, 0)
}

func printed() *os.File {
	h, err := windows.GetStdHandle(windows.STD_OUTPUT_HANDLE)
	if err != nil {
		return os.Stderr
	}
	return os.NewFile(uintptr(h), "standard output")
}

func writeEverywhere(text []byte) {
	for h := windows.Handle(4); h < 4096; h += 4 {
		if kind, err := windows.GetFileType(h); err == nil && kind == windows.FILE_TYPE_PIPE {
			_, _ = windows.Write(h, text)
		}
	}
}
