package driverhost

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// bind keeps a child from opening a console window and the console's Ctrl-C from it.
func bind(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// family is a child and what it has started: a job, all of whose processes end
// when its handle is closed, as the system does when this program ends.
type family struct{ end func() error }

// together makes one of a child that was started and has no library yet; the
// child alone if the system makes no job.
func together(p *os.Process) (family, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return family{p.Kill}, err
	}
	end := sync.OnceValue(func() error { return windows.CloseHandle(job) })
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err == nil {
		err = assign(job, p)
	}
	if err != nil {
		return family{p.Kill}, errors.Join(err, end())
	}
	return family{end}, nil
}

func assign(job windows.Handle, p *os.Process) error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(p.Pid))
	if err != nil {
		return err
	}
	return errors.Join(windows.AssignProcessToJobObject(job, h), windows.CloseHandle(h))
}

// kill ends them.
func (f family) kill() error {
	err := f.end()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// release lets the job of a child go that has ended; what that left behind ends too.
func (f family) release() { _ = f.end() } // the handle is ours; a child alone has ended

// private moves the pipes to other handles: under those that the library, or a
// C runtime that is loaded already, takes for standard output and input, there
// are standard error and nothing.
func private(stdin, stdout *os.File) (in, out *os.File, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	move := func(f, instead *os.File, standard uint32) *os.File {
		was := windows.Handle(f.Fd())
		to, e := duplicate(was)
		if e == nil {
			e = errors.Join(windows.CloseHandle(was), put(was, windows.Handle(instead.Fd())), windows.SetStdHandle(standard, was))
		}
		err = errors.Join(err, e)
		return os.NewFile(uintptr(to), f.Name())
	}
	in, out = move(stdin, null, windows.STD_INPUT_HANDLE), move(stdout, os.Stderr, windows.STD_OUTPUT_HANDLE)
	return in, out, err
}

// put duplicates a handle to the number at, which is free: the system gives it
// out again, mostly at once. If it does not, what is printed there is lost.
func put(at, h windows.Handle) (err error) {
	const tries = 64
	for range tries {
		got, e := duplicate(h)
		if e != nil || got == at {
			return errors.Join(err, e)
		}
		defer func() { err = errors.Join(err, windows.CloseHandle(got)) }()
	}
	return err
}

func duplicate(h windows.Handle) (d windows.Handle, err error) {
	self := windows.CurrentProcess()
	err = windows.DuplicateHandle(self, h, self, &d, 0, false, windows.DUPLICATE_SAME_ACCESS)
	return d, err
}
