//go:build linux

package local

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

const childVariable = "LOCAL_TEST_CHILD"

// TestMain lets the tests' program be a driver host too.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := driverhost.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if dir, _ := hostileLibrary(); dir != "" {
		os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

// hostileLibrary is the driver hosts' library that does harm when it is told to.
var hostileLibrary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hostile")
	if err != nil {
		return "", err
	}
	so := filepath.Join(dir, "hostile.so")
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", so, "../../token/driverhost/testdata/hostile_skf.c", "-lpthread", "-ldl").CombinedOutput(); err != nil {
		return so, fmt.Errorf("%w\n%s", err, out)
	}
	return so, nil
})

// hostileSerial is what the library calls its key.
const hostileSerial = "HOSTILE"

// den is a house into whose PC such a library's key is plugged, beside its own.
type den struct {
	*house
	deed string // file that tells the library what to do
	told string // pipe on which it tells that it hangs
	hung chan struct{}
}

func newDen(t *testing.T) *den {
	t.Helper()
	dir := t.TempDir()
	d := &den{deed: filepath.Join(dir, "deed"), told: filepath.Join(dir, "told"), hung: make(chan struct{}, 1)}
	d.house = newHouseOf(t, nil, func(h *house) agent.Keys {
		h.must(syscall.Mkfifo(d.told, 0o600))
		so, err := hostileLibrary()
		h.must(err)
		host, err := driverhost.Open(driverhost.Options{
			Libraries: []driverhost.Library{{Path: so, Explicit: true, Entry: driverhost.Entry{
				Name: "hostile", Kind: driverhost.SKF, Environment: map[string]string{childVariable: "1", "HOSTILE": d.deed, "TOLD": d.told},
			}}},
			Folder: softkey.Folder(h.keys), Command: []string{os.Args[0]}, Clock: h.clock, After: d.after,
			Log: slog.New(slog.NewTextHandler(h.log, nil)),
		})
		h.must(err)
		t.Cleanup(func() {
			h.stop()
			h.must(host.Close())
		})
		return host
	})
	return d
}

// after is a timer: those by which a library counts as hung run out when it has
// told that it hangs, those by which a child ends are the machine's, and nobody
// is impatient.
func (d *den) after(how time.Duration) (<-chan time.Time, func() bool) {
	if how == 2*time.Second {
		t := time.NewTimer(how)
		return t.C, t.Stop
	}
	over, stopped := make(chan time.Time, 1), make(chan struct{})
	if how >= 30*time.Second {
		go func() {
			select {
			case <-d.hung:
				over <- time.Time{}
			case <-stopped:
			}
		}()
	}
	return over, sync.OnceValue(func() bool { close(stopped); return true })
}

// do tells the library what to do, and where; "" is to behave.
func (d *den) do(deed, where string) {
	d.t.Helper()
	d.must(os.WriteFile(d.deed, []byte(deed+" "+where), 0o600))
	if deed == "hang" {
		go func() {
			line, err := os.Open(d.told) // waits for the library
			if err != nil {
				return
			}
			defer line.Close()
			if _, err := io.ReadFull(line, make([]byte, 1)); err == nil {
				d.hung <- struct{}{}
			}
		}()
	}
}

// see asks for the keys as a page does: what became of the library's, while the
// other key has all that it had.
func (d *den) see(p *tab) (hostile *key) {
	d.t.Helper()
	var all keys
	if status, code := p.call("/keys", struct{}{}, &all); status != 200 {
		d.t.Fatal(status, code)
	}
	fine := false
	for i, k := range all.Keys {
		switch {
		case k.Serial == keySerial:
			fine = k.State == ready && k.PIN.Tries == 3 && len(k.Containers) == 1 && k.Containers[0].Complete
		case hostile != nil:
			d.t.Errorf("two of it: %+v", all.Keys)
		default:
			hostile = &all.Keys[i]
		}
	}
	if !fine {
		d.t.Errorf("the good key: %+v", all.Keys)
	}
	return hostile
}

// explained tells whether a page was given words for what went wrong: the
// library is named, nothing is left to be filled in, and something can be done.
func (d *den) explained(code string, p *problem) {
	d.t.Helper()
	if p == nil || p.Code != code || p.Params["library"] != "hostile" || !strings.Contains(p.Message, "hostile") ||
		p.Hint == "" || strings.ContainsAny(p.Message+p.Hint, "{}") {
		d.t.Errorf("%+v, want %s", p, code)
	}
}

// serves opens a business with the good key, as a page does.
func (d *den) serves(p *tab, asks bool) {
	d.t.Helper()
	r := p.begin("/open", d.opening())
	if asks {
		d.asked(r, yes)
	}
	if _, err := proof.VerifyKey[proof.Opening](replyOf[proof.Signed](d.house, r.want("reply")), d.signing(d.pair.Bundle.Sign)); err != nil {
		d.t.Error(err)
	}
}

// behaves waits for no more than a call: the library behaves again, and its key
// is there.
func (d *den) behaves(p *tab) {
	d.t.Helper()
	d.do("", "")
	if k := d.see(p); k == nil || k.Serial != hostileSerial || k.State != ready || k.PIN.Tries != 6 {
		d.t.Errorf("it behaves again: %+v", k)
	}
}

// TestHostileLibraries: libraries that do harm while a page lists the keys. The
// page is told of each by name, and the agent serves the next call.
func TestHostileLibraries(t *testing.T) {
	for _, c := range []struct{ deed, where, code string }{
		{"crash", "load", "driver-crashed"},
		{"crash", "SKF_EnumDev", "driver-crashed"},
		{"abort", "SKF_GetDevInfo", "driver-crashed"},
		{"exit", "SKF_OpenApplication", "driver-crashed"},
		{"stack", "SKF_EnumContainer", "driver-crashed"},
		{"fatalthread", "SKF_EnumDev", "driver-crashed"},
		{"hang", "load", "driver-hung"},
		{"hang", "SKF_EnumDev", "driver-hung"},
		{"hang", "SKF_GetPINInfo", "driver-hung"},
		{"huge", "SKF_EnumDev", "driver-wrong"},
		{"negative", "SKF_EnumContainer", "driver-wrong"},
		{"over", "SKF_EnumDev", "driver-wrong"},
		{"longer", "SKF_EnumApplication", "driver-wrong"},
		{"code", "SKF_EnumContainer", "driver-wrong"},
		{"nothing", "SKF_GetDevInfo", "driver-wrong"},
	} {
		t.Run(c.deed+" "+c.where, func(t *testing.T) {
			t.Parallel()
			d := newDen(t)
			p := d.paired(portal)
			d.do(c.deed, c.where)
			k := d.see(p)
			if k == nil || k.State != trouble {
				t.Fatalf("%+v", k)
			}
			d.explained(c.code, k.Trouble)
			d.serves(p, true)
			d.behaves(p)
			d.serves(p, false)
		})
	}
}

// TestHostileGarbage: what a library says of its keys, if it is no sense, does
// no harm either, whatever it is taken for.
func TestHostileGarbage(t *testing.T) {
	for _, where := range []string{"SKF_EnumDev", "SKF_GetDevInfo", "SKF_EnumApplication", "SKF_EnumContainer"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			d := newDen(t)
			p := d.paired(portal)
			d.do("garbage", where)
			d.see(p)
			d.serves(p, true)
			d.behaves(p)
		})
	}
}

// TestHostileOperation: in the midst of an operation, where the PIN was given.
// The operation ends in the error by its name, and the PIN is nowhere.
func TestHostileOperation(t *testing.T) {
	for deed, code := range map[string]string{"crash": "driver-crashed", "exit": "driver-crashed", "hang": "driver-hung"} {
		t.Run(deed, func(t *testing.T) {
			t.Parallel()
			d := newDen(t)
			p := d.paired(portal)
			d.do(deed, "SKF_VerifyPIN")
			r := p.begin("/prepare", request{Key: hostileSerial, Message: proof.Encode(proof.Prepare{
				Authority: "ra", Ticket: d.auth.Ticket(certhall.Apply, "c1", 1, ""), Algorithm: gm.SM2.String(),
				Disposal: string(certhall.Keep), Chain: d.auth.Chain(),
			})})
			if q := d.asked(r, yes); q.What != window.PIN || q.Key.Serial != hostileSerial {
				t.Fatalf("%+v", q)
			}
			e := r.want("problem")
			d.explained(code, &problem{e.Code, e.Params, e.Message, e.Hint})
			if strings.Contains(string(e.Raw)+d.log.String(), pin) {
				t.Error("the PIN was told")
			}
			d.serves(p, true)
			d.behaves(p)
		})
	}
}
