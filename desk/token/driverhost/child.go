package driverhost

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// maxReply bounds a line of the child's, in bytes.
const maxReply = 8 << 20

// pipesStay is how long a child's pipes are read on after its end: something
// that it started may hold them open.
const pipesStay = time.Second

// child is a process with one library.
type child struct {
	in      io.WriteCloser
	replies chan reply    // closed when no more can come
	ended   chan struct{} // closed when the process is gone
	giveUp  func()        // nobody takes replies any more
	family  family        // the process and what it starts
	said    *sayings
}

// start begins a child.
func start(command, environment []string, said *sayings) (*child, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	bind(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, write := io.Pipe()
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = write, said, pipesStay
	c := &child{in: in, replies: make(chan reply), ended: make(chan struct{}), said: said}
	begun := make(chan error)
	go func() {
		runtime.LockOSThread() // where a child is bound to its parent, it is to the thread that started it
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			var apart error
			if c.family, apart = together(cmd.Process); apart != nil {
				said.log.Warn("driver host", "library", said.library, "cause", apart)
			}
		}
		begun <- err
		if err != nil {
			return
		}
		said.end(cmd.Wait())
		c.family.release()
		_ = write.Close() // never fails
		close(c.ended)
	}()
	if err := <-begun; err != nil {
		return nil, err
	}
	ctx, giveUp := context.WithCancel(context.Background())
	c.giveUp = giveUp
	go c.read(ctx, out)
	return c, nil
}

// read takes replies until the child ends, says what is none, or is given up.
func (c *child) read(ctx context.Context, out *io.PipeReader) {
	defer close(c.replies)
	defer out.CloseWithError(errGarbage) // nothing the child still writes holds up its end
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxReply)
	for lines.Scan() {
		var r reply
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			return
		}
		select {
		case c.replies <- r:
		case <-ctx.Done():
			return
		}
	}
}

var errGarbage = errors.New("driverhost: garbage on the pipe")

// send sends a request.
func (c *child) send(r request) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if r.PIN != "" || r.New != "" {
		c.said.hush.Store(true)
	}
	line = append(line, '\n')
	_, err = c.in.Write(line)
	clear(line)
	return err
}

// sayings is what a child prints, for the log: so much at most, and nothing
// more once it was given a PIN, which a library may print.
type sayings struct {
	log     *slog.Logger
	library string
	hush    atomic.Bool

	mu   sync.Mutex
	left int // bytes that are still logged
	line []byte
}

// maxSaid is how much of what a child prints is logged, in bytes.
const maxSaid = 16 << 10

func (s *sayings) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(p)
	for len(p) > 0 && s.left > 0 && !s.hush.Load() {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		take := min(len(line), s.left)
		s.line, s.left, p = append(s.line, line[:take]...), s.left-take-1, rest
		if whole {
			s.flush()
		}
	}
	return n, nil
}

func (s *sayings) flush() {
	if len(s.line) > 0 && !s.hush.Load() {
		s.log.Info("driver host", "library", s.library, "says", fmt.Sprintf("%q", s.line))
	}
	s.line = s.line[:0]
}

// end logs how the child ended.
func (s *sayings) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	if err != nil {
		s.log.Info("driver host", "library", s.library, "ended", err)
	}
}
