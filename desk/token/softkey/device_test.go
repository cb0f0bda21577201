package softkey

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

func device(t *testing.T, m *Memory, cut Switch) *Device {
	t.Helper()
	d, err := UseDevice(m, rand.Reader, cut)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var second1 = Application{Name: "medical", PIN: newPIN, Tries: 5, AdminPIN: newKeep, AdminTries: 2, FileRights: Anyone, Iterations: 1}

func TestApplications(t *testing.T) {
	ctx := t.Context()
	m := withAdmin(t)
	d := device(t, m, nil)
	k, err := d.CreateApplication(ctx, second1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.CreateApplication(ctx, second1); !errors.Is(err, ErrApplicationExists) {
		t.Error(err)
	}
	if names, err := d.Applications(ctx); err != nil || !slices.Equal(names, []string{DefaultApplication, "medical"}) {
		t.Error(names, err)
	}
	if err := k.Login(ctx, pin); !errors.Is(err, token.ErrPINWrong) {
		t.Errorf("another application's PIN: %v", err)
	}
	if err := k.Login(ctx, newPIN); err != nil {
		t.Fatal(err)
	}
	first, err := d.Application(ctx, DefaultApplication)
	if err != nil || first.LoggedIn() {
		t.Fatal(err, "a log-in opens one application")
	}
	for _, name := range []string{"a", "b"} { // one "a" lies in the other application
		if _, err := k.Create(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Create(ctx, "c"); !errors.Is(err, token.ErrKeyFull) {
		t.Errorf("room counts over all applications: %v", err)
	}
	if all, free, err := d.Room(ctx); err != nil || all != 3 || free != 0 {
		t.Error(all, free, err)
	}
	if err := d.DeleteApplication(ctx, "medical"); err != nil {
		t.Fatal(err)
	}
	if err := d.DeleteApplication(ctx, "medical"); !errors.Is(err, ErrNoApplication) {
		t.Error(err)
	}
	if _, err := k.Containers(ctx); !errors.Is(err, ErrNoApplication) || k.LoggedIn() {
		t.Error(err, k.LoggedIn())
	}
	opens(t, m, pin, admin)
	if err := d.DeleteApplication(ctx, DefaultApplication); err != nil {
		t.Fatal(err)
	}
	if _, err := Use(m, rand.Reader, nil); !errors.Is(err, ErrNoApplication) {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Present(ctx); !errors.Is(err, token.ErrRemoved) {
		t.Error(err)
	}
}

func TestBadApplications(t *testing.T) {
	d := device(t, withAdmin(t), nil)
	for what, change := range map[string]func(*Application){
		"no name":         func(a *Application) { a.Name = "" },
		"long name":       func(a *Application) { a.Name = string(make([]byte, 49)) },
		"many tries":      func(a *Application) { a.Tries = MaxTries + 1 },
		"many iterations": func(a *Application) { a.Iterations = MaxIterations + 1 },
		"short PIN":       func(a *Application) { a.PIN = "12345" },
		"short admin PIN": func(a *Application) { a.AdminPIN = "12345" },
	} {
		a := second1
		change(&a)
		if _, err := d.CreateApplication(t.Context(), a); !errors.Is(err, ErrOptions) && !errors.Is(err, token.ErrPINRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestDevicePowerCut cuts the power at every write of the device: it opens
// again, as it was or as it was to be, with the first application unharmed.
func TestDevicePowerCut(t *testing.T) {
	ctx := t.Context()
	another := bytes.Repeat([]byte{7}, AuthKeyLength)
	acts := []struct {
		name string
		do   func(*Device) error
		done func(*Device) bool
	}{
		{"label", func(d *Device) error { return d.SetLabel(ctx, "蓝色") }, func(d *Device) bool { return d.Info().Label == "蓝色" }},
		{"auth-key", func(d *Device) error { return d.ChangeAuthKey(ctx, another) }, func(d *Device) bool {
			key, _ := d.AuthKey(ctx)
			return bytes.Equal(key, another)
		}},
		{"application-create", func(d *Device) error { return second(d.CreateApplication(ctx, second1)) }, func(d *Device) bool {
			names, _ := d.Applications(ctx)
			return len(names) == 2
		}},
		{"application-delete", func(d *Device) error { return d.DeleteApplication(ctx, "medical") }, func(d *Device) bool {
			names, _ := d.Applications(ctx)
			return len(names) == 1
		}},
	}
	for i, act := range acts {
		for _, mode := range []Cut{Before, After, Torn} {
			m := withAdmin(t)
			for _, earlier := range acts[:i] {
				if err := earlier.do(device(t, m, nil)); err != nil {
					t.Fatal(err)
				}
			}
			d := device(t, m, func(n int, what string) Cut {
				if n == 1 && what == act.name {
					return mode
				}
				return None
			})
			if err := act.do(d); !errors.Is(err, ErrPowerCut) {
				t.Fatalf("%s mode %d: %v", act.name, mode, err)
			}
			if done := act.done(device(t, m, nil)); done != (mode == After) {
				t.Errorf("%s mode %d: done %v", act.name, mode, done)
			}
			opens(t, m, pin, admin)
		}
	}
}

// TestSwappedApplication: one that was taken from another key, or moved back
// in time by halves, is no part of this one.
func TestSwappedApplication(t *testing.T) {
	mine, other := withAdmin(t), NewMemory()
	o := quick
	o.Serial = "SK0002"
	if err := Format(other, o); err != nil {
		t.Fatal(err)
	}
	a, b := load(t, mine), load(t, other)
	swapped := a.clone()
	swapped.Applications = b.Applications
	if _, err := swapped.encode(); err == nil {
		t.Error("takes another key's application")
	}
	half := a.clone()
	half.Applications[0].Body = b.Applications[0].Body // only the body: even if the serial were the same
	if _, err := half.encode(); err == nil {
		t.Error("takes another key's body")
	}
	k := reopen(t, mine, nil)
	if err := k.Login(background, pin); err != nil {
		t.Fatal(err)
	}
	earlier := a.Applications[0]
	if _, err := k.Create(background, "b"); err != nil {
		t.Fatal(err)
	}
	now := load(t, mine)
	now.Applications[0].Body = earlier.Body // with today's seal
	data, err := now.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := mine.Save(data); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(background, "c"); !errors.Is(err, token.ErrKeyDamaged) || k.LoggedIn() {
		t.Errorf("%v, logged in %v", err, k.LoggedIn())
	}
	if err := reopen(t, mine, nil).Login(background, pin); !errors.Is(err, token.ErrKeyDamaged) {
		t.Error(err)
	}
	if err := reopen(t, mine, nil).Unblock(background, admin, newPIN); !errors.Is(err, token.ErrKeyDamaged) {
		t.Error(err)
	}
}

func load(t *testing.T, m *Memory) image {
	t.Helper()
	data, err := m.Load()
	if err != nil {
		t.Fatal(err)
	}
	img, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestImportKey brings an encryption pair of which somebody else opened the
// envelope.
func TestImportKey(t *testing.T) {
	ctx := t.Context()
	k := reopen(t, withAdmin(t), nil)
	secret, err := gm.RSA.GenerateKey(rand.Reader, token.RSABits)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := k.Container(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	c := opened.(*Container)
	if err := c.ImportKey(ctx, secret); !errors.Is(err, token.ErrPINNeeded) {
		t.Error(err)
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	if err := c.ImportKey(ctx, secret); err != nil {
		t.Fatal(err)
	}
	back, err := c.Private(ctx, token.Encryption)
	if err != nil || !gm.SameKey(back.Public(), secret.Public()) {
		t.Error(err)
	}
	if _, err := c.Generate(ctx, gm.RSA, 1024); !errors.Is(err, token.ErrAlgorithmUnsupported) {
		t.Errorf("a weak key: %v", err)
	}
}
