package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// wrongAtOnce tries wrong passwords and counts the answers.
func (w world) wrongAtOnce(n int, in func(i int) accounts.Login) (judged, limited int64) {
	var wg sync.WaitGroup
	var j, l atomic.Int64
	for i := range n {
		wg.Go(func() {
			try := in(i)
			try.Password = "wrong horse"
			switch _, _, err := w.login(try); {
			case errors.Is(err, accounts.ErrLogin):
				j.Add(1)
			case errors.Is(err, accounts.ErrLoginLimited):
				l.Add(1)
			default:
				w.Error(err)
			}
		})
	}
	wg.Wait()
	return j.Load(), l.Load()
}

func TestWrongPasswordsForOneName(t *testing.T) {
	each(t, func(w world) {
		w.people()
		for _, name := range []string{zhang, "nobody"} {
			judged, limited := w.wrongAtOnce(25, func(i int) accounts.Login { return accounts.Login{Name: name, Address: fmt.Sprint("a", i)} })
			if judged != 10 || limited != 15 {
				w.Errorf("%s: %d were judged, %d limited", name, judged, limited)
			}
		}
		w.clock.now = w.clock.now.Add(20 * time.Minute)
		_, _, err := w.login(accounts.Login{Name: zhang, Password: zhangsOwn})
		w.refused(err, accounts.ErrLoginLimited)
		if got := certhall.AsError(err).Params["minutes"]; got != "40" {
			w.Errorf("after %s minutes", got)
		}
		if _, _, err := w.login(accounts.Login{Name: zhang, Session: "s", Code: w.code("s", zhang)}); err != nil {
			w.Errorf("by code: %v", err)
		}
		w.clock.now = w.clock.now.Add(40 * time.Minute)
		w.byPassword(zhang, zhangsOwn)
	})
}

// TestWrongPasswordsFromOneNetwork: the lower half of an IPv6 address is the
// host's to choose.
func TestWrongPasswordsFromOneNetwork(t *testing.T) {
	inMemory(t, func(w world) {
		judged, limited := w.wrongAtOnce(65, func(i int) accounts.Login {
			return accounts.Login{Name: fmt.Sprint("nobody", i), Address: fmt.Sprintf("2001:db8::%x", i)}
		})
		if judged != 60 || limited != 5 {
			w.Errorf("%d were judged, %d limited", judged, limited)
		}
		_, _, err := w.login(accounts.Login{Name: "nobody", Password: "wrong horse", Address: "2001:db8:0:1::1"})
		w.refused(err, accounts.ErrLogin)
	})
}

func TestRightPasswordsAreNotCounted(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		for range 9 {
			_, _, err := w.login(accounts.Login{Name: zhang, Password: "wrong horse"})
			w.refused(err, accounts.ErrLogin)
		}
		for range 5 {
			w.byPassword(zhang, zhangsOwn)
		}
	})
}

// TestTheOldPasswordIsLimitedToo: a stolen session is no place to guess.
func TestTheOldPasswordIsLimitedToo(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		v := w.byPassword(zhang, zhangsOwn)
		for range 10 {
			w.refused(w.setPassword(v, "wrong horse", "another horse"), accounts.ErrOldPassword)
		}
		w.refused(w.setPassword(v, zhangsOwn, "another horse"), accounts.ErrLoginLimited)
	})
}

// TestComparisonsWaitTheirTurn, and no longer than whoever asks.
func TestComparisonsWaitTheirTurn(t *testing.T) {
	inMemory(t, func(w world) {
		release := w.Occupy()
		ctx, gone := context.WithCancel(w.Context())
		gone()
		if _, err := w.IsPassword(ctx, "a", ""); !errors.Is(err, context.Canceled) {
			w.Error(err)
		}
		release()
		if fits, err := w.IsPassword(w.Context(), "a", ""); fits || err != nil {
			w.Errorf("%v, %v", fits, err)
		}
	})
}

// TestNobodysPasswordTakesAsLong as somebody's, and as long as it should.
func TestNobodysPasswordTakesAsLong(t *testing.T) {
	desk := accounts.New(accounts.Options{})
	nobody, somebody, err := desk.Costs(t.Context())
	full := argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32} // as OWASP says
	if err != nil || nobody != full || somebody != full {
		t.Errorf("%+v, %+v, %v", nobody, somebody, err)
	}
	inMemory(t, func(w world) {
		if nobody, somebody, err := w.Costs(w.Context()); err != nil || nobody != somebody {
			w.Errorf("%+v, %+v, %v", nobody, somebody, err)
		}
	})
}
