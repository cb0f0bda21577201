package accounts_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/work"
)

// worked is a solution of a fresh challenge.
func (w world) worked() string {
	w.Helper()
	c, err := w.Challenge(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	done, err := work.Solve(c)
	if err != nil {
		w.Fatal(err)
	}
	return done
}

func (w world) ask(s accounts.Session, phone, done string) error {
	_, err := w.SendLoginCode(w.Context(), s, phone, "198.51.100.1", done)
	return err
}

// TestStrangersWork: before a message is sent for somebody whom the hall does
// not know; once each; nothing is sent and nothing counted without it.
func TestStrangersWork(t *testing.T) {
	each(t, func(w world) {
		w.Difficulty = 50
		w.refused(w.ask("s", zhang, ""), work.ErrNeeded)
		w.refused(w.ask("s", zhang, "x"), work.ErrWrong)
		if len(w.sms.codes) != 0 {
			w.Error("a message was sent")
		}
		done := w.worked()
		if err := w.ask("s", zhang, done); err != nil {
			w.Fatal(err)
		}
		w.refused(w.ask("s2", li, done), work.ErrWrong) // spent
		late := w.worked()
		w.clock.now = w.clock.now.Add(work.Life)
		w.refused(w.ask("s", li, late), work.ErrWrong)
		spare := w.worked()
		w.refused(func() error {
			if err := w.ask("s", li, w.worked()); err != nil {
				return err
			}
			return w.ask("s", li, spare)
		}(), accounts.ErrResend)
		if err := w.ask("s", "13900000011", spare); err != nil {
			w.Errorf("what was refused was not spent: %v", err)
		}
	})
}

// TestWhoIsKnownWorksNot.
func TestWhoIsKnownWorksNot(t *testing.T) {
	each(t, func(w world) {
		w.people()
		v := w.visitor(zhang)
		w.Difficulty = 50
		if err := w.send(v.Session, stranger, "b"); err != nil {
			w.Errorf("who has logged in: %v", err)
		}
		if _, err := w.SendMyCode(w.Context(), v, "b"); !errors.Is(err, accounts.ErrResend) && err != nil {
			w.Errorf("to his own phone: %v", err)
		}
		if err := w.ask("t", li, w.worked()); err != nil {
			w.Fatal(err)
		}
		if err := w.CheckCode(w.Context(), "t", li, "000000"); err == nil {
			w.Fatal("a guess")
		}
		if _, _, err := w.login(accounts.Login{Name: li, Session: "t", Code: w.sms.last()}); err != nil {
			w.Fatal(err)
		}
	})
}

// TestStrangersAreHeldBack: by their address in a day, and all together in an
// hour, while whoever is known goes on.
func TestStrangersAreHeldBack(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		v := w.visitor(zhang)
		w.StrangersADay, w.StrangersAnHour = 3, 6 // one of them zhang, a moment ago
		n := 0
		ask := func(address string) error {
			n++
			_, err := w.SendLoginCode(w.Context(), accounts.Session(fmt.Sprint("s", n)), fmt.Sprintf("139%08d", n), address, "")
			return err
		}
		for range 3 {
			if err := ask("203.0.113.1"); err != nil {
				w.Fatal(err)
			}
		}
		w.refused(ask("203.0.113.1"), accounts.ErrSendLimit)
		if err := w.send(v.Session, stranger, "203.0.113.1"); err != nil {
			w.Errorf("who is known, from the same address: %v", err)
		}
		if err := errors.Join(ask("203.0.113.2"), ask("203.0.113.2")); err != nil {
			w.Fatal(err)
		}
		w.refused(ask("203.0.113.3"), accounts.ErrSendBrake)
		w.clock.now = w.clock.now.Add(accounts.ResendAfter)
		if err := w.send(v.Session, stranger, "203.0.113.3"); err != nil {
			w.Errorf("who is known, under the brake: %v", err)
		}
		w.clock.now = w.clock.now.Add(time.Hour)
		if err := ask("203.0.113.3"); err != nil {
			w.Errorf("an hour later: %v", err)
		}
		w.refused(ask("203.0.113.1"), accounts.ErrSendLimit)
		w.clock.now = w.clock.now.Add(23 * time.Hour)
		if err := ask("203.0.113.1"); err != nil {
			w.Errorf("a day later: %v", err)
		}
	})
}
