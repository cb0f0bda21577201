package pkcs11_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
)

// cut is what the power does at a command.
type cut int

const (
	nothing cut = iota
	before      // it is not carried out
	after       // it is, and its answer is lost
	torn        // half of it is
)

// commands are those that change a key or use a private key.
var commands = map[string]bool{
	"C_Login": true, "C_GenerateKeyPair": true, "C_CreateObject": true, "C_DestroyObject": true, "C_Sign": true, "C_UnwrapKey": true,
}

const removed = 0x32 // CKR_DEVICE_REMOVED

// chip is a key that loses its power at a command.
type chip struct {
	native.Library
	cut func(n int, fn string) cut
	n   int
	off bool
}

func (c *chip) Call(fn string, args ...native.Arg) uint32 {
	if fn == "C_Finalize" {
		return c.Library.Call(fn, args...)
	}
	if c.off {
		return removed
	}
	if !commands[fn] {
		return c.Library.Call(fn, args...)
	}
	c.n++
	switch how := c.cut(c.n, fn); how {
	case nothing:
		return c.Library.Call(fn, args...)
	case after, torn:
		code := c.Library.Call(fn, args...)
		if how == torn && fn == "C_GenerateKeyPair" && code == 0 { // the public key is there, the private one is not
			c.Library.Call("C_DestroyObject", args[0], native.Use(*args[7].Ref))
		}
	}
	c.off = true
	return removed
}

// life is a token with a pair on it, and what the steps need.
type life struct {
	*soft
	auth *desktest.Authority
	key  token.Key
	old  desktest.Pair
	env  token.Env
}

func newLife(t *testing.T, kind gm.Algorithm) *life {
	t.Helper()
	l := &life{soft: newSoft(t, "one"), auth: desktest.NewOf(t, kind, "ra")}
	l.env = token.Env{
		Trust: token.NewTrust(l.auth.Roots()), Random: rand.Reader,
		Unlock: func(ctx context.Context) error {
			if l.key.LoggedIn() {
				return nil
			}
			return l.key.Login(ctx, pin)
		},
		Consent: func(context.Context, token.Terms) (bool, error) { return true, nil },
	}
	l.replug(nil)
	first := l.renewal("c0", nil, nil)
	first.Kind = kind
	l.old = first.Run(t)
	return l
}

func (l *life) renewal(c string, old *desktest.Pair, replug func()) desktest.Renewal {
	return desktest.Renewal{
		Authority: l.auth, Case: certhall.CaseID(c), Subject: "测试医院", Old: old,
		Key: func() token.Key { return l.key }, Env: l.env, Replug: replug,
	}
}

// replug plugs the key in anew; what follows may be cut.
func (l *life) replug(cut func(int, string) cut) {
	l.Helper()
	l.plug(func(lib native.Library) native.Library {
		if cut == nil {
			return lib
		}
		return &chip{Library: lib, cut: cut}
	})
	l.key = l.open("one")
}

// TestRenewal renews a pair, and cuts the power at every command of it.
func TestRenewal(t *testing.T) {
	for _, kind := range []gm.Algorithm{gm.ECDSA, gm.RSA} {
		t.Run(kind.String(), func(t *testing.T) {
			l := newLife(t, kind)
			l.unplug()
			kept := copied(t, l.folder, t.TempDir())
			var whole []string
			l.replug(func(_ int, fn string) cut { whole = append(whole, fn); return nothing })
			l.renewal("c1", &l.old, nil).Run(t)
			l.names(l.key, "ch-ra-c1-1")
			if len(whole) < 12 {
				t.Fatalf("only %v", whole)
			}
			for i, fn := range whole {
				for _, how := range []cut{before, after, torn} {
					switch {
					case how == torn && fn != "C_GenerateKeyPair":
						continue // nothing else is done by halves
					case kind == gm.RSA && (fn == "C_Login" || fn == "C_Sign"):
						continue // as with the others; RSA keys take long to make
					}
					l.unplug()
					copied(t, kept, l.folder)
					l.replug(func(n int, _ string) cut {
						if n != i+1 {
							return nothing
						}
						return how
					})
					l.renewal("c1", &l.old, func() { l.replug(nil) }).Run(t)
					names, err := l.key.Containers(l.ctx)
					l.must(err)
					if len(names) != 1 {
						t.Errorf("command %d (%s), mode %d: left over: %v", i+1, fn, how, names)
					}
				}
			}
		})
	}
}

// copied makes one folder of tokens what another is.
func copied(t *testing.T, from, to string) string {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(to, "tokens")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(to, "tokens"), os.DirFS(filepath.Join(from, "tokens"))); err != nil {
		t.Fatal(err)
	}
	return to
}
