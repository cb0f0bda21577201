package driverhost

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native/nativetest"
	"github.com/certhall/certhall/desk/token/softkey"
)

// yes is a person who knows the PIN of every key.
type yes struct{}

func (yes) PIN(context.Context, agent.PINRequest) (string, error)       { return pin, nil }
func (yes) Consent(context.Context, agent.ConsentRequest) (bool, error) { return true, nil }
func (yes) NewPIN(context.Context, agent.NewPINRequest) (string, error) { return pin, nil }

// hostilePC has a hostile library and a soft key in a folder.
type hostilePC struct {
	*agent.Agent
	host *Host
	log  *safeBuffer
	deed string // file that tells the library what to do
	told *line  // on which it tells that it does
	hung chan struct{}
}

var compiled sync.Map // of the C sources, by name

// compile makes a library of a C source, once for all tests.
func compile(t *testing.T, name string) string {
	t.Helper()
	build, _ := compiled.LoadOrStore(name, sync.OnceValue(func() string { return nativetest.Compile(t, built, name) }))
	return build.(func() string)()
}

func newHostilePC(t *testing.T, kind string) *hostilePC {
	t.Helper()
	dir := t.TempDir()
	p := &hostilePC{log: new(safeBuffer), deed: filepath.Join(dir, "deed"), told: newLine(t), hung: make(chan struct{})}
	l := Library{Entry: Entry{Name: "hostile", Kind: kind, Environment: map[string]string{}}, Path: compile(t, "hostile_"+kind), Explicit: true}
	if kind == PKCS11 {
		real := softHSM(t)
		l.Environment, l.Profile = real.Environment, real.Profile
		l.Environment["SOFTHSM"] = real.Path
	}
	for name, value := range map[string]string{childVariable: "1", "HOSTILE": p.deed, "TOLD": p.told.path} {
		l.Environment[name] = value
	}
	makeKey(t, dir, "K2")
	var err error
	p.host, err = Open(Options{
		Libraries: []Library{l}, Folder: softkey.Folder(dir), Command: []string{os.Args[0]},
		Clock: &stoppedClock{}, Log: slog.New(slog.NewTextHandler(p.log, nil)), After: p.after,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.host.Close(); err != nil {
			t.Error(err)
		}
	})
	p.Agent = agent.New(agent.Options{Keys: p.host, Person: yes{}, Clock: certhall.SystemClock{}, Random: rand.Reader, Locks: dir})
	return p
}

// after is a timer that runs out when the library has told that it hangs.
func (p *hostilePC) after(d time.Duration) (<-chan time.Time, func() bool) {
	if d == limitEnd {
		t := time.NewTimer(d)
		return t.C, t.Stop
	}
	over, stopped := make(chan time.Time, 1), make(chan struct{})
	if d == limit {
		go func() {
			select {
			case <-p.hung:
				over <- time.Time{}
			case <-stopped:
			}
		}()
	}
	return over, sync.OnceValue(func() bool { close(stopped); return true })
}

// do tells the library what to do, and where; "" is to behave.
func (p *hostilePC) do(t *testing.T, deed, where string) {
	t.Helper()
	if err := os.WriteFile(p.deed, []byte(deed+" "+where), 0o600); err != nil {
		t.Fatal(err)
	}
	if deed == "hang" {
		go func() {
			line, err := p.told.listen() // waits for the library
			if err != nil {
				return
			}
			defer line.Close()
			p.hung <- struct{}{}
		}()
	}
}

// see lists: the trouble with the hostile library or its key, and the soft key.
func (p *hostilePC) see(t *testing.T) (trouble *certhall.Error, present bool) {
	t.Helper()
	all, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fine := false
	for _, l := range all {
		switch {
		case l.Serial == "K2":
			fine = l.Trouble == nil && l.PIN.Tries == 6
		case l.Library == "hostile" || l.Driver == SKF || l.Driver == PKCS11:
			present = true
			if l.Trouble != nil {
				trouble = l.Trouble
			}
		}
	}
	if !fine {
		t.Errorf("the soft key: %+v", all)
	}
	return trouble, present
}

// Errors that a hostile library may end in.
var (
	crashed = []error{token.ErrDriverCrashed}
	hung    = []error{token.ErrDriverHung}
	wrong   = []error{token.ErrDriverWrong}
	missing = []error{token.ErrDriverMissing}
	any1    = []error{nil, token.ErrDriverWrong, token.ErrDriverCrashed, token.ErrUnsupported, token.ErrKeyDamaged} // it depends on what the nonsense happens to say
	nothing = []error{nil}
)

func among(err *certhall.Error, all []error) bool {
	return slices.ContainsFunc(all, func(want error) bool {
		return want == nil && err == nil || want != nil && err != nil && err.Is(want)
	})
}

// TestHostileLibraries puts libraries that do harm under the agent: each ends
// in an error that names it, the other key stays usable, and once the library
// behaves its key is there, in another child.
func TestHostileLibraries(t *testing.T) {
	type deed struct {
		deed, where string
		want        []error
	}
	anywhere := func(where string) []deed {
		if runtime.GOOS == "windows" { // whose C runtime has no handles but its own
			all := []deed{
				{"crash", where, crashed}, {"abort", where, crashed}, {"exit", where, crashed}, {"hang", where, hung}, {"stack", where, crashed},
				{"closefds", where, nothing}, {"print", where, nothing}, {"fork", where, nothing},
			}
			if where != "load" {
				return append(all, deed{"fatalthread", where, crashed}, deed{"thread", where, nothing})
			}
			all[0].want, all[4].want = missing, missing // the loader says that it failed; threads wait for it
			return all
		}
		return []deed{
			{"crash", where, crashed}, {"abort", where, crashed}, {"exit", where, crashed}, {"hang", where, hung}, {"stack", where, crashed},
			{"closefds", where, crashed}, {"fatalthread", where, crashed}, {"print", where, nothing}, {"signals", where, nothing},
			{"fork", where, nothing}, {"thread", where, nothing},
		}
	}
	for kind, deeds := range map[string][]deed{
		SKF: slices.Concat(anywhere("load"), anywhere("SKF_EnumDev"), []deed{
			{"huge", "SKF_EnumDev", wrong}, {"negative", "SKF_EnumDev", wrong}, {"code", "SKF_EnumDev", wrong},
			{"over", "SKF_EnumDev", wrong}, {"longer", "SKF_EnumDev", wrong}, {"garbage", "SKF_EnumDev", any1}, {"full", "SKF_EnumDev", any1}, {"zero", "SKF_EnumDev", any1},
			{"garbage", "SKF_GetDevInfo", any1}, {"nothing", "SKF_GetDevInfo", wrong}, {"long", "SKF_GetDevInfo", any1},
			{"crash", "SKF_OpenApplication", crashed}, {"hang", "SKF_GetPINInfo", hung}, {"negative", "SKF_EnumContainer", wrong},
		}),
		PKCS11: slices.Concat(anywhere("load"), anywhere("C_GetSlotList"), []deed{
			{"null", "C_GetFunctionList", missing}, {"garbage", "C_GetFunctionList", crashed}, {"empty", "C_GetFunctionList", any1},
			{"huge", "C_GetSlotList", wrong}, {"negative", "C_GetSlotList", wrong}, {"code", "C_GetSlotList", wrong},
			{"over", "C_GetSlotList", wrong}, {"longer", "C_GetSlotList", wrong}, {"garbage", "C_GetSlotList", any1},
			{"garbage", "C_GetTokenInfo", any1}, {"over", "C_GetTokenInfo", wrong},
			{"crash", "C_OpenSession", crashed}, {"hang", "C_FindObjects", hung}, {"longer", "C_FindObjects", wrong}, {"garbage", "C_FindObjects", any1},
		}),
	} {
		if kind == PKCS11 && runtime.GOOS == "windows" {
			continue // SoftHSM is Debian's
		}
		for _, d := range deeds {
			t.Run(kind+" "+d.deed+" "+d.where, func(t *testing.T) {
				p := newHostilePC(t, kind)
				p.do(t, d.deed, d.where)
				trouble, _ := p.see(t)
				if !among(trouble, d.want) {
					t.Errorf("%v, want one of %v", trouble, d.want)
				}
				if trouble != nil && strings.HasPrefix(trouble.Code, "driver-") && trouble.Params["library"] != "hostile" {
					t.Errorf("the library is not named: %v", trouble)
				}
				if _, err := p.Enrol(t.Context(), "K2", "somebody"); err != nil {
					t.Errorf("the soft key meanwhile: %v", err)
				}
				p.do(t, "", "")
				for n := 0; ; n++ { // what the child was left with, its end clears away
					trouble, present := p.see(t)
					if trouble == nil && present {
						break
					}
					if n == 3 {
						t.Fatalf("when it behaves again: %v, there: %v", trouble, present)
					}
					p.restart()
				}
			})
		}
	}
}

// restart ends the child, as pulling out the key and plugging it in would not.
func (p *hostilePC) restart() {
	if c := p.host.named[0].running.Load(); c != nil {
		p.host.named[0].end(c)
	}
}

// TestHostileLogin: in the midst of an operation too, and the PIN is in no log.
func TestHostileLogin(t *testing.T) {
	for kind, where := range map[string]string{SKF: "SKF_VerifyPIN", PKCS11: "C_Login"} {
		for deed, want := range map[string]error{"crash": token.ErrDriverCrashed, "hang": token.ErrDriverHung, "exit": token.ErrDriverCrashed, "closefds": token.ErrDriverCrashed} {
			if runtime.GOOS == "windows" && (kind == PKCS11 || deed == "closefds") {
				continue // SoftHSM is Debian's; closing what is C's harms nobody
			}
			t.Run(kind+" "+deed, func(t *testing.T) {
				p := newHostilePC(t, kind)
				serial := ""
				infos, err := p.host.List(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, i := range infos {
					if i.Library == "hostile" {
						serial = i.Serial
					}
				}
				p.do(t, deed, where)
				if _, err := p.Enrol(t.Context(), serial, "somebody"); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
				p.do(t, "", "")
				if trouble, present := p.see(t); trouble != nil || !present {
					t.Errorf("afterwards: %v, there: %v\n%s", trouble, present, p.log)
				}
				if strings.Contains(p.log.String(), pin) {
					t.Error("the PIN is in the log")
				}
			})
		}
	}
}

// TestNothingStays: what a library has started ends with its child.
func TestNothingStays(t *testing.T) {
	p := newHostilePC(t, SKF)
	p.do(t, "fork", "SKF_EnumDev")
	ended := make(chan error, 1)
	opened := make(chan struct{})
	go func() {
		line, err := p.told.listen() // waits for the process that was started
		close(opened)
		if err == nil {
			_, err = io.Copy(io.Discard, line) // until nobody holds the other end
		}
		ended <- err
	}()
	p.see(t)
	<-opened
	if err := p.host.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
