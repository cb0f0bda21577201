package sim

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/certhall/certhall"
)

// TestRealLibraries plays renewals on keys behind real libraries: SM2 through
// libsoftkey's C interface, RSA and P-256 through SoftHSM's, each in driver
// hosts of its own, which are killed where the power is cut. Every fault of the
// call itself is tried at every command to the key, order and message; what
// others do there, reading commands with RSA, whose keys take long to make, and
// repairs, by a seeded part.
func TestRealLibraries(t *testing.T) {
	tmpl := realTemplate(t)
	var all []Schedule
	for _, k := range []string{SKF, HSMP256, HSMRSA} {
		base := Schedule{Service: certhall.Renew, Key: k}
		clean := cleanly(t, tmpl, base)
		near, _ := split(singles(base, clean), clean, KeyCommand, Order, Message)
		for _, s := range near {
			f := s.Faults[0]
			switch {
			case callFaults[f.What] == nil && !drawn(s, 16):
			case k == HSMRSA && !clean[f.At-1].Writes && !drawn(s, 8):
			default:
				all = append(all, s)
			}
		}
	}
	repair := Schedule{Service: certhall.Repair, Key: HSMP256}
	run(t, tmpl, append(all, part(singles(repair, cleanly(t, tmpl, repair)), 16)...))
}

// realTemplate has the kinds of key behind real libraries; their folders lie in
// memory where the system has such a place.
func realTemplate(t *testing.T) *Template {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "certhall-sim-")
	if err != nil {
		dir = t.TempDir()
	}
	tmpl := NewTemplateOf(dir)
	t.Cleanup(func() {
		if err := tmpl.Close(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	if err := tmpl.Real(programs(t)); err != nil {
		t.Fatal(certhall.CauseText(err))
	}
	return tmpl
}

// programs are built as `make build` does.
func programs(t *testing.T) Programs {
	t.Helper()
	dir := t.TempDir()
	p := Programs{Agent: filepath.Join(dir, "certhall-agent"), Softkey: filepath.Join(dir, "libsoftkey.so"), SoftHSM: "/usr/lib/softhsm/libsofthsm2.so"}
	agent := exec.Command("go", "build", "-trimpath", "-o", p.Agent, "../cmd/certhall-agent")
	agent.Env = append(os.Environ(), "CGO_ENABLED=0")
	library := exec.Command("make", "-s", "-C", "..", "softkey", "LIBSOFTKEY="+p.Softkey)
	for _, build := range []*exec.Cmd{agent, library} {
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	return p
}
