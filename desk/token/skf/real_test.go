//go:build linux

package skf_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
)

// built are the agent, which is the driver host, and libsoftkey, as `make build`
// makes them.
var built = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "skf"); err != nil {
		return "", err
	}
	agent := exec.Command("go", "build", "-o", filepath.Join(dir, "certhall-agent"), "../../../cmd/certhall-agent")
	agent.Env = append(os.Environ(), "CGO_ENABLED=0")
	library := exec.Command("make", "-s", "-C", "../../..", "softkey", "LIBSOFTKEY="+filepath.Join(dir, "libsoftkey.so"))
	for _, build := range []*exec.Cmd{agent, library} {
		if out, err := build.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("%w\n%s", err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := built(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// drawer is where soft keys are plugged in that are reached through libsoftkey,
// by a driver host in a process of its own.
type drawer struct {
	*testing.T
	dir  string
	host *driverhost.Host
}

func newDrawer(t *testing.T, serials ...string) *drawer { return newDrawerOf(t, "", nil, serials...) }

// makerSecret is what the maker of the drawer's keys knows.
const makerSecret = "the maker's secret"

// newDrawerOf adds to the library's profile, and records to a file that was begun.
func newDrawerOf(t *testing.T, record string, profile map[string]any, serials ...string) *drawer {
	t.Helper()
	programs, err := built()
	ok(t, err)
	d := &drawer{T: t, dir: t.TempDir()}
	for _, s := range serials {
		ok(t, softkey.Create(d.path(s), softkey.Options{Serial: s, Label: "label", PIN: userPIN, AdminPIN: adminPIN, MakerSecret: []byte(makerSecret), Room: 4, Iterations: 10}))
	}
	table, err := driverhost.Known()
	ok(t, err)
	lib, err := table.Named("softkey:" + filepath.Join(programs, "libsoftkey.so"))
	ok(t, err)
	lib.Environment = map[string]string{"CERTHALL_SOFTKEYS": d.dir}
	lib.Profile = maps.Clone(lib.Profile)
	maps.Copy(lib.Profile, profile)
	d.host, err = driverhost.Open(driverhost.Options{
		Libraries: []driverhost.Library{lib}, Record: record, Command: []string{filepath.Join(programs, "certhall-agent"), "driver-host"},
	})
	ok(t, err)
	t.Cleanup(func() { d.host.Close() })
	return d
}

func (d *drawer) path(serial string) string { return filepath.Join(d.dir, serial+softkey.Extension) }

// pull takes a key out; plug puts it back.
func (d *drawer) pull(serial string) { ok(d.T, os.Rename(d.path(serial), d.path(serial)+".out")) }
func (d *drawer) plug(serial string) { ok(d.T, os.Rename(d.path(serial)+".out", d.path(serial))) }

func (d *drawer) open(serial string) token.Key {
	d.Helper()
	k, err := d.host.Open(d.Context(), serial)
	ok(d.T, err)
	return k
}

// TestReal is a pair's whole life on keys behind libsoftkey's C interface, two
// keys at once, one of them used in this process too.
func TestReal(t *testing.T) {
	d := newDrawer(t, "SN1", "SN2")
	infos, err := d.host.List(background)
	ok(t, err)
	if len(infos) != 2 || infos[0].Serial != "SN1" || infos[0].Label != "label" || infos[0].Driver != "skf" || infos[0].Library != "softkey" {
		t.Fatalf("%+v", infos)
	}
	one, two := d.open("SN1"), d.open("SN2")
	for _, k := range []token.Key{one, two} {
		ok(t, k.Login(background, userPIN))
		life(t, k)
		if room, err := k.Room(background); err != nil || room != 4 {
			t.Errorf("room for %d, %v", room, err)
		}
	}
	for i := range 4 {
		create(t, one, fmt.Sprintf("CH-%d", i))
	}
	_, err = one.Create(background, "CH-4")
	want(t, err, token.ErrKeyFull)
	same, err := softkey.Open(d.path("SN1"))
	ok(t, err)
	if names, err := same.Containers(background); err != nil || len(names) != 4 {
		t.Errorf("%q, %v", names, err)
	}
	ok(t, same.Login(background, userPIN))
	ok(t, same.Delete(background, "CH-3"))
	if names, err := one.Containers(background); err != nil || len(names) != 3 {
		t.Errorf("%q, %v", names, err)
	}
	c, err := two.Container(background, "CH-none")
	if want(t, err, token.ErrNoContainer); c != nil {
		t.Error("a container")
	}
	c = create(t, two, "CH-rsa")
	pub, err := c.GenerateSigningKey(background, gm.RSA)
	ok(t, err)
	signature, err := c.Sign(background, []byte("m"))
	ok(t, err)
	ok(t, gm.VerifyAny(pub, []byte("m"), signature))
}

// TestRealPIN: wrong PINs until it locks, and unlocked by the administrator's.
func TestRealPIN(t *testing.T) {
	k := newDrawer(t, "SN1").open("SN1")
	for n := softkey.DefaultTries - 1; n > 0; n-- {
		err := k.Login(background, "wrong1")
		if want(t, err, token.ErrPINWrong); certhall.AsError(err).Params["tries"] != fmt.Sprint(n) {
			t.Error(err)
		}
		if s, err := k.PINState(background); err != nil || s != (token.PINState{Tries: n, Low: true, Final: n == 1}) {
			t.Errorf("%+v, %v", s, err)
		}
	}
	want(t, k.Login(background, "wrong1"), token.ErrPINLocked)
	want(t, k.Login(background, userPIN), token.ErrPINLocked)
	if s, err := k.PINState(background); err != nil || !s.Locked {
		t.Errorf("%+v, %v", s, err)
	}
	want(t, k.Unblock(background, "wrong1", "newpin1"), token.ErrAdminPINWrong)
	want(t, k.Unblock(background, adminPIN, "1"), token.ErrPINRefused)
	ok(t, k.Unblock(background, adminPIN, "newpin1"))
	ok(t, k.Login(background, "newpin1"))
	want(t, k.ChangePIN(background, "wrong1", userPIN), token.ErrPINWrong)
	ok(t, k.ChangePIN(background, "newpin1", userPIN))
	if k.LoggedIn() {
		t.Error("still logged in")
	}
	ok(t, k.Login(background, userPIN))
	ok(t, k.ChangeAdminPIN(background, adminPIN, "newadmin"))
	want(t, k.Unblock(background, adminPIN, userPIN), token.ErrAdminPINWrong)
	ok(t, k.Unblock(background, "newadmin", userPIN))
}

// TestRealChallenge: the maker's answer unlocks, once, and not after the key was
// pulled out: it has forgotten its question.
func TestRealChallenge(t *testing.T) {
	if _, can := newDrawer(t, "SN1").open("SN1").(token.Challenger); can {
		t.Error("a challenger without a profile")
	}
	d := newDrawerOf(t, "", map[string]any{"challenge": "V_GenUnlockRequest", "respond": "V_UnlockByResponse"}, "SN1")
	k := d.open("SN1")
	maker, can := k.(token.Challenger)
	if !can {
		t.Fatal("no challenger")
	}
	for range softkey.DefaultTries {
		if err := k.Login(background, "wrong1"); err == nil {
			t.Fatal("a wrong PIN opens")
		}
	}
	question, err := maker.Challenge(background)
	ok(t, err)
	answer, err := softkey.Answer(rand.Reader, []byte(makerSecret), question)
	ok(t, err)
	ok(t, maker.Respond(background, answer, "newpin1"))
	ok(t, k.Login(background, "newpin1"))
	if err := maker.Respond(background, answer, "newpin2"); !errors.Is(err, token.ErrAdminPINWrong) {
		t.Errorf("the same answer again: %v", err)
	}
	ok(t, k.Login(background, "newpin1"))

	question, err = maker.Challenge(background)
	ok(t, err)
	d.pull("SN1")
	_, err = k.Containers(background)
	want(t, err, token.ErrRemoved)
	d.plug("SN1")
	k = d.open("SN1")
	maker = k.(token.Challenger)
	for _, gone := range []bool{true, false} {
		answer, err := softkey.Answer(rand.Reader, []byte(makerSecret), question)
		ok(t, err)
		if err := maker.Respond(background, answer, "newpin3"); gone != errors.Is(err, token.ErrAdminPINWrong) || !gone && err != nil {
			t.Errorf("the question is gone: %v, and %v", gone, err)
		}
		question, err = maker.Challenge(background)
		ok(t, err)
	}
	ok(t, k.Login(background, "newpin3"))
}

// TestRealRenewal renews, and pulls the key out and puts it back before each of
// the steps that the desk asks a PIN for.
func TestRealRenewal(t *testing.T) {
	d := newDrawer(t, "SN1", "SN2")
	auth := desktest.New(t, "ra")
	desk := newDesk(t, auth, func() token.Key { return d.open("SN1") })
	old := desk.renew(t, "c0", nil, gm.SM2, nil)
	unlock, out, times, pulled := desk.env.Unlock, false, 0, 0
	desk.env.Unlock = func(ctx context.Context) error {
		if err := unlock(ctx); err != nil || out {
			return err
		}
		if times++; times%5 == 1 { // seldom enough for the step to be done again
			d.pull("SN1")
			out = true
			pulled++
		}
		return nil
	}
	desk.renew(t, "c1", &old, gm.SM2, func() {
		if out {
			d.plug("SN1")
			out = false
		}
	})
	if pulled < 2 {
		t.Errorf("pulled out %d times", pulled)
	}
	k := d.open("SN2")
	ok(t, k.Login(background, userPIN))
	d.pull("SN2")
	_, err := k.Containers(background)
	want(t, err, token.ErrRemoved)
	if _, err := d.host.Open(background, "SN2"); !errors.Is(err, token.ErrRemoved) {
		t.Error(err)
	}
	infos, err := d.host.List(background)
	ok(t, err)
	if len(infos) != 1 {
		t.Errorf("%+v", infos)
	}
	d.plug("SN2")
	if again := d.open("SN2"); again.LoggedIn() {
		t.Error("logged in before")
	}
}
