package pkcs11_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/gm"
)

const childVariable = "PKCS11_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	if err := driverhost.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestLifeInChild is a renewal of each algorithm on two tokens of one library
// that runs as the agent runs it: in a process of its own.
func TestLifeInChild(t *testing.T) {
	s := newSoft(t, "one", "two")
	t.Setenv(childVariable, "1")
	table, err := driverhost.Known()
	s.must(err)
	lib, err := table.Named("softhsm2")
	s.must(err)
	self, err := os.Executable()
	s.must(err)
	host, err := driverhost.Open(driverhost.Options{Libraries: []driverhost.Library{lib}, Command: []string{self}})
	s.must(err)
	t.Cleanup(func() { s.must(host.Close()) })
	infos, err := host.List(s.ctx)
	s.must(err)
	if len(infos) != 2 {
		t.Fatalf("%+v", infos)
	}
	for _, info := range infos {
		if info.Library != "softhsm2" || info.Driver != "pkcs11" || info.Trouble != nil {
			t.Errorf("%+v", info)
		}
		key, err := host.Open(s.ctx, info.Serial)
		s.must(err)
		kind := gm.RSA
		if info.Label == "two" {
			kind = gm.ECDSA
		}
		auth := desktest.NewOf(t, kind, "ra")
		r := desktest.Renewal{
			Authority: auth, Case: "c0", Subject: "测试医院", Kind: kind, Key: func() token.Key { return key },
			Env: token.Env{
				Trust: token.NewTrust(auth.Roots()), Random: rand.Reader,
				Unlock: func(ctx context.Context) error {
					if key.LoggedIn() {
						return nil
					}
					return key.Login(ctx, pin)
				},
				Consent: func(context.Context, token.Terms) (bool, error) { return true, nil },
			},
		}
		old := r.Run(t)
		s.names(key, "ch-ra-c0-1")
		s.refused(key.Login(s.ctx, "Bright-2"), token.ErrPINWrong)
		r.Case, r.Old = "c1", &old
		r.Run(t)
		s.names(key, "ch-ra-c1-1")
		s.must(key.Unblock(s.ctx, admin, "Brighter"))
		s.refused(key.Login(s.ctx, pin), token.ErrPINWrong)
		s.must(key.Close())
	}
	if _, err := host.Open(s.ctx, "nobody's"); !errors.Is(err, token.ErrRemoved) {
		t.Error(err)
	}
}
