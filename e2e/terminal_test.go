package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait: a test that hangs says on what.
const patience = 90 * time.Second

// screen gathers what a program prints and lets tests wait for words.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
	ended   bool
}

func newScreen() *screen { return &screen{changed: make(chan struct{})} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	close(s.changed)
	s.changed = make(chan struct{})
	return len(p), nil
}

func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	close(s.changed)
	s.changed = make(chan struct{})
}

// raw is all that was printed, as it came.
func (s *screen) raw() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) String() string { return strings.ReplaceAll(s.raw(), "\r\n", "\n") }

// after waits until the text from an offset on matches, and gives the match
// and the offset behind it. ok is false if the program ended without.
func (s *screen) after(t *testing.T, offset int, want *regexp.Regexp) (match []string, next int, ok bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		text, changed, ended := s.text.String(), s.changed, s.ended
		s.mu.Unlock()
		if at := want.FindStringSubmatchIndex(text[offset:]); at != nil {
			for i := 0; i < len(at); i += 2 {
				group := ""
				if at[i] >= 0 {
					group = text[offset+at[i] : offset+at[i+1]]
				}
				match = append(match, group)
			}
			return match, offset + at[1], true
		}
		if ended {
			return nil, len(text), false
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waited in vain for %q; the screen shows:\n%s", want, text)
		}
	}
}

// openTerminal makes a pseudo terminal: what a person sits in front of, so
// that prompts are asked as they are asked of people.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(ours.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// session is one command that a person runs in a terminal.
type session struct {
	t      *testing.T
	line   string
	cmd    *exec.Cmd
	screen *screen
	tty    *os.File
	read   int // how much of the screen was read
	done   chan struct{}
	err    error
}

// runLine starts a line of the README in a shell in dir.
func runLine(t *testing.T, dir, line string, env ...string) *session {
	t.Helper()
	ours, theirs := openTerminal(t)
	s := &session{t: t, line: line, screen: newScreen(), tty: ours, done: make(chan struct{})}
	s.cmd = exec.Command("bash", "-c", line)
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), append([]string{"TERM=dumb"}, env...)...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = theirs, theirs, theirs
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var drained sync.WaitGroup
	drained.Add(1)
	go func() {
		defer drained.Done()
		buf := make([]byte, 4096)
		for {
			n, err := ours.Read(buf)
			s.screen.Write(buf[:n])
			if err != nil { // the terminal answers EIO once nobody has it open
				return
			}
		}
	}()
	go func() {
		s.err = s.cmd.Wait()
		drained.Wait()
		s.screen.end()
		close(s.done)
	}()
	t.Cleanup(func() { s.kill(); ours.Close() })
	return s
}

// waitFor waits for words on the screen behind what was waited for before.
func (s *session) waitFor(want string) []string {
	s.t.Helper()
	match, next, ok := s.screen.after(s.t, s.read, regexp.MustCompile(want))
	if !ok {
		s.t.Fatalf("%s\nended (%v) without %q:\n%s", s.line, s.err, want, s.screen)
	}
	s.read = next
	return match
}

// answer types a line.
func (s *session) answer(line string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(line + "\n"); err != nil {
		s.t.Fatal(err)
	}
}

// kill ends the command and what it started, as a power cut would.
func (s *session) kill() {
	select {
	case <-s.done:
	default:
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
	}
}

// wait lets the command end and gives its exit code and all it printed.
func (s *session) wait() (code int, text string) {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case <-s.done:
	case <-deadline.C:
		s.t.Fatalf("%s\ndoes not end:\n%s", s.line, s.screen)
	}
	return s.cmd.ProcessState.ExitCode(), s.screen.String()
}

// ends wants the command to end with an exit code.
func (s *session) ends(want int) string {
	s.t.Helper()
	code, text := s.wait()
	if code != want {
		s.t.Fatalf("%s\nexit code %d, want %d:\n%s", s.line, code, want, text)
	}
	return text
}
