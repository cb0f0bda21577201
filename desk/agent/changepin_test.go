package agent_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
)

// opens tells whether a PIN opens the key.
func (d *desk) opens(t testing.TB, pin string) bool {
	t.Helper()
	k, err := softkey.Use(d.keys["SK1"].Clone(), rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = k.Login(t.Context(), pin)
	if err != nil && !errors.Is(err, token.ErrPINWrong) && !errors.Is(err, token.ErrPINLocked) {
		t.Fatal(err)
	}
	return err == nil
}

func TestChangePIN(t *testing.T) {
	for _, c := range []struct {
		name         string
		typed, chose []string
		refuses      bool // to use the last try
		want         error
		why          []string // the new PIN was asked for
		now          string
	}{
		{"at once", []string{pin}, []string{"Bright-2"}, false, nil, []string{""}, "Bright-2"},
		{"wrong first", []string{"wrong-1", pin}, []string{"Bright-2"}, false, nil, []string{""}, "Bright-2"},
		{"last try not agreed to", []string{"wrong-1", "wrong-2"}, []string{"Bright-2"}, true, token.ErrPINWrong, nil, pin},
		{"last try", []string{"wrong-1", "wrong-2", pin}, []string{"Bright-2"}, false, nil, []string{""}, "Bright-2"},
		{"locked on the way", []string{"wrong-1", "wrong-2", "wrong-3"}, nil, false, token.ErrPINLocked, nil, ""},
		{"the old one", []string{pin}, []string{pin, "Bright-2"}, false, nil, []string{"", agent.NewPINSame}, "Bright-2"},
		{"too short", []string{pin}, []string{"short", "Bright-2"}, false, nil, []string{"", agent.NewPINRefused}, "Bright-2"},
		{"given up", []string{pin}, nil, false, token.ErrDeclined, []string{""}, pin},
	} {
		d := newDesk(t, 3)
		d.person.PINs, d.person.Chosen = c.typed, c.chose
		d.person.Refuses = map[string]bool{agent.LastTry: c.refuses}
		if err := d.ChangePIN(t.Context(), "SK1"); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var why []string
		for _, r := range d.person.Chose {
			why = append(why, r.Why)
			if r.Purpose != agent.ToChangePIN || r.Key.Serial != "SK1" {
				t.Errorf("%s: %+v", c.name, r)
			}
		}
		if !slices.Equal(why, c.why) {
			t.Errorf("%s: asked %q", c.name, why)
		}
		for _, p := range []string{pin, "Bright-2"} {
			if d.opens(t, p) != (p == c.now) {
				t.Errorf("%s: %s opens: %v", c.name, p, d.opens(t, p))
			}
		}
	}
}

// TestChangePINAsksAgain: whoever has logged in has not shown that he may
// change the PIN, and he is logged out by it.
func TestChangePINAsksAgain(t *testing.T) {
	d := newDesk(t, 3)
	if _, err := d.Enrol(t.Context(), "SK1", "x"); err != nil {
		t.Fatal(err)
	}
	d.person.Chosen = []string{"Bright-2"}
	if err := d.ChangePIN(t.Context(), "SK1"); err != nil || len(d.person.Asked) != 2 || d.person.Asked[1].Purpose != agent.ToChangePIN {
		t.Fatal(err, d.person.Asked)
	}
	d.person.PINs = []string{"Bright-2"}
	if _, err := d.Enrol(t.Context(), "SK1", "x"); err != nil || len(d.person.Asked) != 3 {
		t.Error(err, len(d.person.Asked))
	}
}

// cutKeys lets the power be cut.
type cutKeys struct {
	drawer
	cut softkey.Switch
}

func (k *cutKeys) Open(_ context.Context, serial string) (token.Key, error) {
	return softkey.Use(k.drawer[serial], rand.Reader, k.cut)
}

// TestChangePINPowerCut: one of the two PINs opens the key, and the command
// given again comes through.
func TestChangePINPowerCut(t *testing.T) {
	for n := 1; n <= 4; n++ {
		for _, mode := range []softkey.Cut{softkey.Before, softkey.After, softkey.Torn} {
			d := newDesk(t, 3)
			keys := &cutKeys{d.keys, func(w int, _ string) softkey.Cut {
				if w == n {
					return mode
				}
				return softkey.None
			}}
			person := &desktest.Person{PINs: []string{pin}, Chosen: []string{"Bright-2"}}
			a := agent.New(agent.Options{Keys: keys, Person: person, Clock: d.clock, Random: rand.Reader})
			if err := a.ChangePIN(t.Context(), "SK1"); !errors.Is(err, token.ErrRemoved) {
				t.Fatalf("write %d mode %d: %v", n, mode, err)
			}
			done := n == 4 && mode == softkey.After
			if d.opens(t, pin) == done || d.opens(t, "Bright-2") != done {
				t.Errorf("write %d mode %d: old %v, new %v", n, mode, d.opens(t, pin), d.opens(t, "Bright-2"))
			}
			if done {
				continue
			}
			keys.cut, person.PINs, person.Chosen = nil, []string{pin}, []string{"Bright-2"}
			if err := a.ChangePIN(t.Context(), "SK1"); err != nil || !d.opens(t, "Bright-2") {
				t.Errorf("write %d mode %d: again: %v", n, mode, err)
			}
		}
	}
}
