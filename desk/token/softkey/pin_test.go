package softkey

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/certhall/certhall/desk/token"
)

const (
	admin   = "Keeper-01"
	newPIN  = "Bright-2"
	newKeep = "Keeper-02"
)

// withAdmin is a key with one full container, logged out.
func withAdmin(t *testing.T) *Memory {
	t.Helper()
	m := NewMemory()
	o := quick
	o.AdminPIN, o.AdminTries = admin, 4
	if err := Format(m, o); err != nil {
		t.Fatal(err)
	}
	k := reopen(t, m, nil)
	if err := k.Login(background, pin); err != nil {
		t.Fatal(err)
	}
	c, err := k.Create(background, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(background, c); err != nil {
		t.Fatal(err)
	}
	return m
}

func reopen(t *testing.T, m *Memory, cut Switch) *Key {
	t.Helper()
	k, err := Use(m, rand.Reader, cut)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// opens checks that exactly the expected PINs open the key, and the container
// with it.
func opens(t *testing.T, m *Memory, user, keeper string) {
	t.Helper()
	for _, p := range []struct {
		login func(*Key, context.Context, string) error
		right string
		all   []string
		wrong error
	}{
		{(*Key).Login, user, []string{pin, newPIN}, token.ErrPINWrong},
		{(*Key).LoginAdmin, keeper, []string{admin, newKeep}, token.ErrAdminPINWrong},
	} {
		k := reopen(t, m.Clone(), nil)
		for _, other := range p.all {
			if err := p.login(k, background, other); other != p.right && !errors.Is(err, p.wrong) && !errors.Is(err, token.ErrPINLocked) && !errors.Is(err, token.ErrAdminPINLocked) {
				t.Errorf("%s opens: %v", other, err)
			}
		}
		k = reopen(t, m.Clone(), nil)
		if err := p.login(k, background, p.right); err != nil {
			t.Errorf("%s: %v", p.right, err)
		}
	}
	k := reopen(t, m.Clone(), nil)
	if err := k.Login(background, user); err != nil {
		t.Fatal(err)
	}
	c, err := k.Container(background, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sign(background, []byte("x")); err != nil {
		t.Error(err)
	}
}

func (k *Key) mustTries(t *testing.T) (user, keeper int) {
	t.Helper()
	u, err := k.PINState(background)
	if err != nil {
		t.Fatal(err)
	}
	a, err := k.AdminPINState(background)
	if err != nil {
		t.Fatal(err)
	}
	return u.Tries, a.Tries
}

// TestPINChange runs every change of a PIN with the right and a wrong proof.
func TestPINChange(t *testing.T) {
	for _, c := range changes {
		m := withAdmin(t)
		k := reopen(t, m, nil)
		wrong := c.do(k, "wrong-pin", c.next)
		if user, keeper := k.mustTries(t); !errors.Is(wrong, c.wrong) || user+keeper != 3+4-1 {
			t.Errorf("%s: wrong proof: %v, %d and %d tries", c.name, wrong, user, keeper)
		}
		for _, bad := range []string{"", "short", "123456789012345678901234567890123"} {
			if err := c.do(k, c.proof, bad); !errors.Is(err, token.ErrPINRefused) {
				t.Errorf("%s: takes %q: %v", c.name, bad, err)
			}
		}
		if user, keeper := k.mustTries(t); user+keeper != 3+4-1 {
			t.Errorf("%s: a refused PIN spent a try", c.name)
		}
		if err := k.Login(background, pin); err != nil {
			t.Fatal(err)
		}
		if err := c.do(k, c.proof, c.next); err != nil || k.LoggedIn() {
			t.Errorf("%s: %v, logged in %v", c.name, err, k.LoggedIn())
		}
		if user, keeper := k.mustTries(t); user != 3 || keeper != 4 {
			t.Errorf("%s: %d and %d tries", c.name, user, keeper)
		}
		opens(t, m, c.user, c.keeper)
	}
}

var changes = []struct {
	name         string
	do           func(k *Key, proof, next string) error
	proof, next  string
	wrong        error
	user, keeper string // PINs afterwards
}{
	{"change-pin", func(k *Key, a, b string) error { return k.ChangePIN(background, a, b) }, pin, newPIN, token.ErrPINWrong, newPIN, admin},
	{"unblock", func(k *Key, a, b string) error { return k.Unblock(background, a, b) }, admin, newPIN, token.ErrAdminPINWrong, newPIN, admin},
	{"change-admin-pin", func(k *Key, a, b string) error { return k.ChangeAdminPIN(background, a, b) }, admin, newKeep, token.ErrAdminPINWrong, pin, newKeep},
}

// TestPINPowerCut cuts the power at both writes of every change: either all of
// it happened or nothing but a try is gone.
func TestPINPowerCut(t *testing.T) {
	for _, c := range changes {
		for n, what := range []string{c.name, c.name + "-done"} {
			for _, mode := range []Cut{Before, After, Torn} {
				m := withAdmin(t)
				k := reopen(t, m, func(w int, at string) Cut {
					if w == n+1 && at == what {
						return mode
					}
					return None
				})
				if err := c.do(k, c.proof, c.next); !errors.Is(err, ErrPowerCut) {
					t.Fatalf("%s mode %d: %v", what, mode, err)
				}
				if n == 1 && mode == After {
					opens(t, m, c.user, c.keeper)
					continue
				}
				spent := 1
				if n == 0 && mode == Before {
					spent = 0
				}
				if user, keeper := reopen(t, m, nil).mustTries(t); user+keeper != 3+4-spent {
					t.Errorf("%s mode %d: %d and %d tries", what, mode, user, keeper)
				}
				opens(t, m, pin, admin)
			}
		}
	}
}

// TestUnblock: a locked key opens again with the new PIN, and only by the
// administrator's.
func TestUnblock(t *testing.T) {
	m := withAdmin(t)
	k := reopen(t, m, nil)
	for range 3 {
		_ = k.Login(background, "wrong-pin")
	}
	if err := k.ChangePIN(background, pin, newPIN); !errors.Is(err, token.ErrPINLocked) {
		t.Error(err)
	}
	if err := k.Unblock(background, pin, newPIN); !errors.Is(err, token.ErrAdminPINWrong) {
		t.Error(err)
	}
	if err := k.Unblock(background, admin, newPIN); err != nil {
		t.Fatal(err)
	}
	if user, keeper := k.mustTries(t); user != 3 || keeper != 4 {
		t.Error(user, keeper)
	}
	opens(t, m, newPIN, admin)
}

// TestAdminPINLocks: then nothing unlocks the key any more.
func TestAdminPINLocks(t *testing.T) {
	m := withAdmin(t)
	k := reopen(t, m, nil)
	var got []string
	for range 5 {
		got = append(got, k.Unblock(background, "wrong-pin", newPIN).Error())
	}
	want := []string{"admin-pin-wrong map[tries:3]", "admin-pin-wrong map[tries:2]", "admin-pin-wrong map[tries:1]", "admin-pin-locked", "admin-pin-locked"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for what, err := range map[string]error{
		"unblock": k.Unblock(background, admin, newPIN),
		"change":  k.ChangeAdminPIN(background, admin, newKeep),
		"login":   k.LoginAdmin(background, admin),
	} {
		if !errors.Is(err, token.ErrAdminPINLocked) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := k.Login(background, pin); err != nil {
		t.Error("the user's PIN went with it:", err)
	}
}

// TestAdminIsNoUser: the administrator's PIN opens files, not keys.
func TestAdminIsNoUser(t *testing.T) {
	k := reopen(t, withAdmin(t), nil)
	if err := k.LoginAdmin(background, admin); err != nil {
		t.Fatal(err)
	}
	c, err := k.Container(background, "a")
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"sign":   second(c.Sign(background, []byte("x"))),
		"create": second(k.Create(background, "b")),
		"delete": k.Delete(background, "a"),
		"import": c.ImportCertificate(background, token.Signing, []byte("x")),
	} {
		if !errors.Is(err, token.ErrPINNeeded) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if k.LoggedIn() || k.Rights() != Admin {
		t.Error(k.LoggedIn(), k.Rights())
	}
	if err := k.Login(background, pin); err != nil || k.Rights() != Admin|User {
		t.Error(err, k.Rights())
	}
	if err := k.Login(background, "wrong-pin"); err == nil || k.Rights() != Admin {
		t.Error(err, k.Rights())
	}
}
