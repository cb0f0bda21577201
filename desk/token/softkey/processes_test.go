package softkey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

const (
	pathVariable = "SOFTKEY_TEST_PATH"
	nameVariable = "SOFTKEY_TEST_NAME"
	rounds       = 12
)

func TestMain(m *testing.M) {
	if path := os.Getenv(pathVariable); path != "" {
		if err := occupy(path, os.Getenv(nameVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// occupy fills and deletes containers of its own, as one of several processes.
func occupy(path, name string) error {
	for n := range rounds {
		k, err := Open(path)
		if err != nil {
			return err
		}
		if err := k.Login(background, pin); err != nil {
			return err
		}
		c, err := k.Create(background, fmt.Sprintf("%s-%d", name, n))
		if err != nil {
			return err
		}
		if err := fill(background, c); err != nil {
			return err
		}
		if n > 0 {
			if err := k.Delete(background, fmt.Sprintf("%s-%d", name, n-1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestTwoProcesses: nothing that one process writes is lost by another.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a"+Extension)
	o := quick
	o.Room, o.Tries = 16, 15
	if err := Create(path, o); err != nil {
		t.Fatal(err)
	}
	var running []*exec.Cmd
	for _, name := range []string{"a", "b", "c"} {
		p := exec.Command(os.Args[0])
		p.Env = append(os.Environ(), pathVariable+"="+path, nameVariable+"="+name)
		p.Stderr = os.Stderr
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, p)
	}
	for _, p := range running {
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
	k, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := k.PINState(t.Context()); err != nil || s.Tries != o.Tries {
		t.Errorf("%+v, %v", s, err)
	}
	for _, name := range []string{"a", "b", "c"} {
		c, err := k.Container(t.Context(), fmt.Sprintf("%s-%d", name, rounds-1))
		if err != nil {
			t.Error(name, err)
			continue
		}
		if _, err := c.Certificate(t.Context(), token.Encryption); err != nil {
			t.Error(name, err)
		}
	}
	if names, err := k.Containers(t.Context()); err != nil || len(names) != 3 {
		t.Error(names, err)
	}
}

// TestTwoSessions: what one session changed, the other sees.
func TestTwoSessions(t *testing.T) {
	one, m := newKey(t, nil)
	two, err := Use(m, one.store.random, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*Key{one, two} {
		if err := k.Login(background, pin); err != nil {
			t.Fatal(err)
		}
	}
	c, err := one.Create(background, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Create(background, "a"); !errors.Is(err, token.ErrContainerExists) {
		t.Error(err)
	}
	if err := two.Delete(background, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GenerateSigningKey(background, gm.SM2); !errors.Is(err, token.ErrNoContainer) {
		t.Error(err)
	}
}

// TestPINChangedElsewhere: who has logged in goes on, and so does what he
// wrote meanwhile.
func TestPINChangedElsewhere(t *testing.T) {
	one, m := newKey(t, nil)
	if err := one.Login(background, pin); err != nil {
		t.Fatal(err)
	}
	two := reopen(t, m, nil)
	if err := two.ChangePIN(background, pin, newPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Create(background, "a"); err != nil {
		t.Fatal(err)
	}
	three := reopen(t, m, nil)
	if err := three.Login(background, newPIN); err != nil {
		t.Fatal(err)
	}
	if _, err := three.Container(background, "a"); err != nil {
		t.Error(err)
	}
	if err := three.Login(background, pin); !errors.Is(err, token.ErrPINWrong) {
		t.Error(err)
	}
}

// TestHeldForLong: a key that another program does not let go of is busy; it
// is not waited for without end.
func TestHeldForLong(t *testing.T) {
	m := File(filepath.Join(t.TempDir(), "a"+Extension))
	unlock, err := m.Lock(background)
	if err != nil {
		t.Fatal(err)
	}
	impatient, give := context.WithCancel(background)
	give()
	if _, err := m.Lock(impatient); !errors.Is(err, token.ErrKeyBusy) {
		t.Errorf("held by another: %v, want busy", err)
	}
	unlock()
	unlock, err = m.Lock(background)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
