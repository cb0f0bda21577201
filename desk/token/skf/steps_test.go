package skf_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/skf"
	"github.com/certhall/certhall/gm"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// desk renews on a key that can be opened anew.
type desk struct {
	auth *desktest.Authority
	open func() token.Key // the key, plugged in
	key  token.Key
	env  token.Env
}

func newDesk(t *testing.T, auth *desktest.Authority, open func() token.Key) *desk {
	d := &desk{auth: auth, open: open, key: open()}
	d.env = token.Env{
		Trust: token.NewTrust(auth.Roots()), Random: rand.Reader,
		Unlock: func(ctx context.Context) error {
			if d.key.LoggedIn() {
				return nil
			}
			return d.key.Login(ctx, userPIN)
		},
		Consent: func(context.Context, token.Terms) (bool, error) { return true, nil },
	}
	return d
}

// renew gives the key its first pair, or one that follows old. If replug is not
// nil, it is called when the key was removed, before it is opened anew.
func (d *desk) renew(t *testing.T, c certhall.CaseID, old *desktest.Pair, kind gm.Algorithm, replug func()) desktest.Pair {
	t.Helper()
	r := desktest.Renewal{
		Authority: d.auth, Case: c, Subject: "测试医院", Old: old, Kind: kind,
		Key: func() token.Key { return d.key }, Env: d.env,
	}
	if replug != nil {
		r.Replug = func() {
			replug()
			d.key.Close()
			d.key = d.open()
		}
	}
	return r.Run(t)
}

// TestSteps renews pairs through the library, and pulls the key out at calls of
// the renewal: before the call is made, and after it was made and before it is
// answered.
func TestSteps(t *testing.T) {
	auth := desktest.New(t, "ra")
	for _, answered := range []bool{false, true} {
		for at, step := 1, 7; ; at += step {
			l := newLibrary("SN1")
			stick, calls := l.devices[0], -1<<30
			for fn := range l.Fake {
				l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					if calls++; calls != at {
						return before(a)
					}
					if answered {
						before(a)
					}
					stick.pull()
					return uint32(gmskf.DeviceRemoved)
				})
			}
			m := l.module(t, skf.Profile{})
			d := newDesk(t, auth, func() token.Key { return open1(t, m, "SN1") })
			old := d.renew(t, "c0", nil, gm.SM2, nil)
			calls = 0
			d.renew(t, "c1", &old, gm.SM2, stick.plug)
			if calls < at || stick.out { // pulled out when all was done
				if at < 100 {
					t.Errorf("a renewal of %d calls", calls)
				}
				break
			}
			if names, err := d.key.Containers(t.Context()); err != nil || len(names) != 1 {
				t.Errorf("pulled out at call %d: left over %q, %v", at, names, err)
			}
		}
	}
}

// TestStepsRSA renews a single RSA certificate.
func TestStepsRSA(t *testing.T) {
	l := newLibrary("SN1")
	m := l.module(t, skf.Profile{})
	d := newDesk(t, desktest.NewOf(t, gm.RSA, "ra"), func() token.Key { return open1(t, m, "SN1") })
	old := d.renew(t, "c0", nil, gm.RSA, nil)
	d.renew(t, "c1", &old, gm.RSA, nil)
}
