package sim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/desk/token/softkey"
)

// Programs are what keys behind real libraries need.
type Programs struct {
	Agent   string // certhall-agent: its driver hosts load the libraries
	Softkey string // libsoftkey
	SoftHSM string
}

// real is a key in a folder, behind a real library in driver hosts of its own:
// one for the agent, which is killed where the PC loses its power, and one for
// whoever judges.
type real struct {
	Programs
	kind   keyKind
	dir    string
	number string // serial of the device
	hosts  [2]*driverhost.Host
	open   []token.Key // by the agent
}

const (
	agents = iota
	judges
)

// Where what belongs to a key lies in its folder.
const (
	plugged  = "plugged" // the key; gone while it is pulled out
	pulled   = "pulled"
	confFile = "softhsm2.conf"
	pidFile  = "agents.pid"
)

// newReal makes a key in a folder, with another program's container on it.
func newReal(p Programs, kind keyKind, dir string, random io.Reader) (medium, error) {
	m := &real{Programs: p, kind: kind, dir: dir, number: keySerial}
	if err := os.MkdirAll(filepath.Join(dir, plugged), 0o700); err != nil {
		return nil, err
	}
	if err := m.begin(); err != nil {
		return nil, err
	}
	var err error
	if kind.library == libsoftkey {
		err = softkey.Create(filepath.Join(dir, plugged, "key"+softkey.Extension),
			softkey.Options{Serial: keySerial, Label: "simulation", PIN: pin, Room: kind.room, Iterations: 1, Random: random})
	} else {
		err = m.initToken()
	}
	if err != nil {
		return nil, err
	}
	return m, layForeign(m, kind.algorithm)
}

// initToken makes a token of SoftHSM's and learns its serial.
func (m *real) initToken() error {
	cmd := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "simulation", "--pin", pin, "--so-pin", pin)
	cmd.Env = append(os.Environ(), m.environment()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sim: softhsm2-util: %w: %s", err, out)
	}
	infos, err := m.hosts[judges].List(background)
	if err != nil {
		return err
	}
	made := slices.IndexFunc(infos, func(i token.Info) bool { return i.Trouble == nil }) // there is always one that may be made
	if made < 0 {
		return fmt.Errorf("sim: SoftHSM lists %+v", infos)
	}
	m.number = infos[made].Serial
	return nil
}

// begin makes driver hosts over the folder; their children start with the
// first call.
func (m *real) begin() error {
	conf := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = true\n", filepath.Join(m.dir, plugged))
	if err := os.WriteFile(filepath.Join(m.dir, confFile), []byte(conf), 0o600); err != nil {
		return err
	}
	for i := range m.hosts {
		if err := m.host(i); err != nil {
			return err
		}
	}
	return nil
}

// host makes one of the two. The agent's child leaves its number where
// powerCut finds it.
func (m *real) host(i int) (err error) {
	table, err := driverhost.Known()
	if err != nil {
		return err
	}
	name := driverhost.SKF + ":" + m.Softkey
	if m.kind.library == softhsm {
		name = driverhost.PKCS11 + ":" + m.SoftHSM
	}
	library, err := table.Named(name)
	if err != nil {
		return err
	}
	library.Environment = map[string]string{}
	for _, v := range m.environment() {
		name, value, _ := strings.Cut(v, "=")
		library.Environment[name] = value
	}
	command := []string{m.Agent, "driver-host"}
	if i == agents {
		command = append([]string{"sh", "-c", `echo $$ >"$0"; exec "$@"`, filepath.Join(m.dir, pidFile)}, command...)
	}
	m.hosts[i], err = driverhost.Open(driverhost.Options{Libraries: []driverhost.Library{library}, Command: command})
	return err
}

func (m *real) environment() []string {
	return []string{"SOFTHSM2_CONF=" + filepath.Join(m.dir, confFile), "CERTHALL_SOFTKEYS=" + filepath.Join(m.dir, plugged)}
}

func (m *real) serial() string { return m.number }

// plug knows no cuts within a command: torn writes are the library's own.
func (m *real) plug(softkey.Switch) (token.Key, error) {
	k, err := m.hosts[agents].Open(background, m.number)
	if err == nil {
		m.open = append(m.open, k)
	}
	return k, err
}

// look tries again where a listing took too long on a busy machine.
func (m *real) look() (token.Key, error) {
	k, err := m.hosts[judges].Open(background, m.number)
	if errors.Is(err, token.ErrRemoved) {
		k, err = m.hosts[judges].Open(background, m.number)
	}
	return k, err
}

// unplug takes the key's folder away for as long as the library needs to look.
// SoftHSM looks for its tokens once: there the keys are closed, no more.
func (m *real) unplug() {
	for _, k := range m.open {
		_ = k.Close()
	}
	m.open = nil
	if m.kind.library == softhsm {
		return
	}
	_ = os.Rename(filepath.Join(m.dir, plugged), filepath.Join(m.dir, pulled))
	_, _ = m.hosts[agents].List(background)
	_ = os.Rename(filepath.Join(m.dir, pulled), filepath.Join(m.dir, plugged))
}

// powerCut kills the agent's driver host.
func (m *real) powerCut() {
	if pid, err := os.ReadFile(filepath.Join(m.dir, pidFile)); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil {
			if p, err := os.FindProcess(n); err == nil {
				_ = p.Kill()
			}
		}
	}
	_ = m.hosts[agents].Close() // waits for its end
	m.open = nil
	_ = m.host(agents) // as at the beginning, when it could be made
}

func (m *real) clone(b *Bench, _ io.Reader) (medium, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	c := &real{Programs: m.Programs, kind: m.kind, dir: dir, number: m.number}
	if err := os.CopyFS(filepath.Join(dir, plugged), os.DirFS(filepath.Join(m.dir, plugged))); err != nil {
		return nil, err
	}
	return c, c.begin()
}

func (m *real) close() error {
	return errors.Join(m.hosts[agents].Close(), m.hosts[judges].Close(), os.RemoveAll(m.dir))
}
