package driverhost

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// bind keeps a child from outliving this program, however that ends, and the
// terminal's Ctrl-C from it. It holds for the thread that starts the child.
func bind(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// family is a child and what it has started: a group of processes.
type family struct{ leader int }

func together(p *os.Process) (family, error) { return family{p.Pid}, nil }

// kill ends them.
func (f family) kill() error {
	err := syscall.Kill(-f.leader, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

func (family) release() {}

// highest is above the descriptors that programs use by number.
const highest = 100

// private moves the pipes away from the numbers that libraries print to and
// read from: there, standard error and nothing take their places.
func private(stdin, stdout *os.File) (in, out *os.File, err error) {
	move := func(f, instead *os.File) *os.File {
		fd, e := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, highest)
		err = errors.Join(err, e, unix.Dup3(int(instead.Fd()), int(f.Fd()), 0))
		return os.NewFile(uintptr(fd), f.Name())
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	in, out = move(stdin, null), move(stdout, os.Stderr)
	return in, out, err
}
