package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaries builds both programs once, as `make build` does, and gives their folder.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "certhall-e2e-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "./cmd/...") // as make does: what was compiled there is not compiled again
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// english is the language of the people played here.
const english = "LANG=en_US.UTF-8"

// house is one `certhall demo` with its state in a folder of its own, laid out
// as in a clone after `make build`.
type house struct {
	t      *testing.T
	dir    string
	listen string
	flags  []string
	env    []string // of every program in it
	cmd    *exec.Cmd
	screen *screen
	read   int
	done   chan struct{}
}

// newHouse starts one; without flags of its own no agent is started with it.
func newHouse(t *testing.T, flags ...string) *house {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: t.TempDir(), listen: freePort(t), flags: flags}
	if len(flags) == 0 {
		h.flags = []string{"--agent=false"}
	}
	if err := os.Symlink(bin, filepath.Join(h.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	h.open()
	return h
}

// open starts it for as long as the test lasts.
func (h *house) open() {
	h.t.Helper()
	h.t.Cleanup(func() { h.stop(syscall.SIGKILL) })
	h.start()
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the server and waits until it serves.
func (h *house) start() {
	h.t.Helper()
	h.screen, h.read, h.done = newScreen(), 0, make(chan struct{})
	h.cmd = exec.Command("bin/certhall", append([]string{"demo", "--listen", h.listen}, h.flags...)...)
	h.cmd.Dir = h.dir
	h.cmd.Env = append(os.Environ(), english, "LC_ALL=", "LC_MESSAGES=", "CERTHALL_DEMO=.demo")
	h.cmd.Env = append(h.cmd.Env, h.env...)
	h.cmd.Stdout, h.cmd.Stderr = h.screen, h.screen
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, s *screen, done chan struct{}) {
		_ = cmd.Wait() // how it ended is judged by whoever stopped it
		s.end()
		close(done)
	}(h.cmd, h.screen, h.done)
	h.waitFor(`http://` + regexp.QuoteMeta(h.listen))
	h.waitFor(`\[SMS\]`) // the line that explains the messages comes last
}

// stop ends the server with a signal and waits for it.
func (h *house) stop(sig syscall.Signal) {
	h.t.Helper()
	select {
	case <-h.done:
		return
	default:
	}
	if err := h.cmd.Process.Signal(sig); err != nil {
		h.t.Fatal(err)
	}
	select {
	case <-h.done:
	case <-time.After(patience):
		h.t.Fatalf("the server does not stop on %v", sig)
	}
}

func (h *house) waitFor(want string) []string {
	h.t.Helper()
	match, next, ok := h.screen.after(h.t, h.read, regexp.MustCompile(want))
	if !ok {
		h.t.Fatalf("the server ended without %q:\n%s", want, h.screen)
	}
	h.read = next
	return match
}

// pin is the PIN of the handler's key, as the server printed it.
func (h *house) pin() string {
	h.t.Helper()
	m := regexp.MustCompile(`HT20260001.*PIN (\d+)`).FindStringSubmatch(h.screen.String())
	if m == nil {
		h.t.Fatalf("the server names no PIN:\n%s", h.screen)
	}
	return m[1]
}

// code is the next SMS code that the server prints for the line that runs.
func (h *house) code() string {
	h.t.Helper()
	return h.waitFor(`\[SMS\] \S+ 13800000001: .*?(\d{6})`)[1]
}

// run starts a line at a terminal in the house's folder. Codes that came
// before are of no use to it.
func (h *house) run(line string) *session {
	h.t.Helper()
	h.read = len(h.screen.raw())
	return runLine(h.t, h.dir, line, append(h.env, english, "LC_ALL=", "LC_MESSAGES=", "CERTHALL_SERVER=http://"+h.listen)...)
}

// says runs a line that asks nothing, and gives what it prints.
func (h *house) says(line string) string {
	h.t.Helper()
	return h.run(line).ends(0)
}

// tryIt gives the commands of the README's "Try it", with the exports in front
// of each, so that each can run in a shell of its own.
func tryIt(t *testing.T, readme string) []string {
	t.Helper()
	return linesOf(t, readme, "try-it")
}

// linesOf gives the commands of the README's block with a mark.
func linesOf(t *testing.T, readme, mark string) []string {
	t.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "<!-- "+mark)
	if !ok {
		t.Fatalf("%s has no block %s", readme, mark)
	}
	_, block, _ = strings.Cut(block, "```\n")
	block, _, _ = strings.Cut(block, "```")
	var commands []string
	exports := ""
	for _, line := range strings.Split(block, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "export "):
			exports += line + "; "
		default:
			commands = append(commands, exports+line)
		}
	}
	if len(commands) < 6 {
		t.Fatalf("%s: only %d commands in the block %s", readme, len(commands), mark)
	}
	return commands
}

// getUntil fetches an address as soon as somebody listens there.
func getUntil(t *testing.T, address string, s *screen) (body string, status int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		response, err := http.Get(address)
		if err == nil {
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			return string(text), response.StatusCode
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody answers at %s: %v\n%s", address, err, s)
		}
	}
	return "", 0
}
