package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// setPassword sets one and tells only what came of it.
func (w world) setPassword(v accounts.Visit, old, password string) error {
	_, err := w.SetPassword(w.Context(), v, old, password)
	return err
}

// byPassword is somebody who has logged in without his phone.
func (w world) byPassword(name, password string) accounts.Visit {
	w.Helper()
	s, _, err := w.login(accounts.Login{Name: name, Password: password, Session: "pc"})
	if err != nil {
		w.Fatal(err)
	}
	return w.visit(s)
}

func TestPasswordsThatMayBe(t *testing.T) {
	for typed, want := range map[string]*certhall.Error{
		"correct horse":              nil,
		"13579246":                   nil,
		"12345678":                   accounts.ErrPasswordGuessable,
		"987654321":                  accounts.ErrPasswordGuessable,
		"qwertyui":                   accounts.ErrPasswordGuessable,
		"ABCDEFGHIJ":                 accounts.ErrPasswordGuessable,
		"１２３４５６７８":                   accounts.ErrPasswordGuessable,
		"１３８０００００００１":                accounts.ErrPasswordGuessable,
		"０００００００１":                   accounts.ErrPasswordGuessable,
		"密码密码密码密码":                   nil,
		strings.Repeat("ab", 64):     nil,
		"":                           accounts.ErrPasswordLength,
		"1234567":                    accounts.ErrPasswordLength,
		"密码密码密码密":                    accounts.ErrPasswordLength,
		strings.Repeat("ab", 65):     accounts.ErrPasswordLength,
		"12345678\xff":               accounts.ErrPasswordLength,
		zhang:                        accounts.ErrPasswordGuessable,
		"+86 " + zhang:               accounts.ErrPasswordGuessable,
		"138-0000-0001":              accounts.ErrPasswordGuessable,
		"00000001":                   accounts.ErrPasswordGuessable,
		"aaaaaaaaaa":                 accounts.ErrPasswordGuessable,
		"密密密密密密密密":                   accounts.ErrPasswordGuessable,
		"13800000002":                nil,
		strings.Repeat("e\u0301", 8): accounts.ErrPasswordGuessable,
	} {
		if err := accounts.CheckNewPassword(typed, zhang); (want == nil) != (err == nil) || want != nil && !errors.Is(err, want) {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// TestOneFormOfAPassword: however a keyboard composes its letters.
func TestOneFormOfAPassword(t *testing.T) {
	inMemory(t, func(w world) {
		if err := w.setPassword(w.visitor(zhang), "", "ca\u0301fe\u0301 noir"); err != nil {
			w.Fatal(err)
		}
		w.byPassword(zhang, "c\u00e1f\u00e9 noir")
		w.byPassword(zhang, "ca\u0301fe\u0301 noir")
	})
}

func TestSetPassword(t *testing.T) {
	each(t, func(w world) {
		w.people()
		w.refused(w.setPassword(w.byPassword(zhang, zhangsOwn), "", "another horse"), accounts.ErrOldPassword)
		w.refused(w.setPassword(w.byPassword(zhang, zhangsOwn), "wrong horse", "another horse"), accounts.ErrOldPassword)
		v, elsewhere, lis := w.byPassword(zhang, zhangsOwn), w.visitor(zhang), w.visitor(li)
		if err := w.setPassword(v, zhangsOwn, "another horse"); err != nil {
			w.Fatal(err)
		}
		if w.visit(v.Session).Person == "" || w.visit(elsewhere.Session).Person != "" || w.visit(lis.Session).Person == "" {
			w.Error("his other log-ins end, and nobody else's")
		}
		_, _, err := w.login(accounts.Login{Name: zhang, Password: zhangsOwn})
		w.refused(err, accounts.ErrLogin)
		w.byPassword(zhang, "another horse")
		w.refused(w.setPassword(elsewhere, "another horse", "a third horse"), accounts.ErrLoginNeeded)
	})
}

// TestAProvedPhoneStandsInForTheOldPassword, for ten minutes.
func TestAProvedPhoneStandsInForTheOldPassword(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		v := w.visitor(zhang)
		w.clock.now = w.clock.now.Add(10*time.Minute - time.Second)
		if err := w.setPassword(v, "", "another horse"); err != nil {
			w.Error(err)
		}
		w.clock.now = w.clock.now.Add(time.Second)
		w.refused(w.setPassword(v, "", "a third horse"), accounts.ErrOldPassword)
	})
}

// TestTheFirstPasswordIsReplaced, and then everything is open.
func TestTheFirstPasswordIsReplaced(t *testing.T) {
	inMemory(t, func(w world) {
		w.person(li)
		s, _, err := w.login(accounts.Login{Name: li, Password: firstLi, Session: "s", Code: w.code("s", li)})
		if err != nil {
			w.Fatal(err)
		}
		w.clock.now = w.clock.now.Add(time.Hour) // no old one is asked for
		w.refused(w.setPassword(w.visit(s), "", firstLi), accounts.ErrPasswordLength)
		me, err := w.SetPassword(w.Context(), w.visit(s), "", "correct horse")
		if err != nil || me.MustSetPassword || !me.HasPassword || w.visit(s).MustSetPassword {
			w.Errorf("%+v, %v", me, err)
		}
		w.clock.now = w.clock.now.Add(time.Hour)
		_, _, err = w.login(accounts.Login{Name: li, Password: firstLi, Session: "s", Code: w.code("s", li)})
		w.refused(err, accounts.ErrLogin)
	})
}

// TestTwoChangesAtOnce: one of them was made with a password that is old now.
func TestTwoChangesAtOnce(t *testing.T) {
	each(t, func(w world) {
		w.people()
		v := w.byPassword(zhang, zhangsOwn)
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() { errs[i] = w.setPassword(v, zhangsOwn, fmt.Sprint("horse number ", i)) })
		}
		wg.Wait()
		made := 0
		for i, err := range errs {
			if err == nil {
				made++
				w.byPassword(zhang, fmt.Sprint("horse number ", i))
			} else {
				w.refused(err, accounts.ErrOldPassword)
			}
		}
		if made != 1 {
			w.Errorf("%d changes were made", made)
		}
	})
}

func TestUserNames(t *testing.T) {
	for typed, key := range map[string]string{
		"demo": "demo", "张三": "张三", "ab": "ab", "Zhang.San_1-2": "zhang.san_1-2", " demo ": "demo", "ＤＥＭＯ": "demo",
		strings.Repeat("张", 32): strings.Repeat("张", 32), "a12": "a12",
		"": "", "a": "", "张": "", strings.Repeat("a", 33): "", "13800000001": "", "138-0000-0001": "", "a b c": "", "a@b.c": "",
		"...": "", "demо": "" /* a Cyrillic о */, "a\u200bbc": "", "naïve": "", "дима": "", "12345": "",
	} {
		_, got, err := accounts.ParseUserName(typed)
		if got != key || (err == nil) != (key != "") {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
}

func TestSetUserName(t *testing.T) {
	each(t, func(w world) {
		w.people()
		v, other := w.visitor(li), w.visitor(stranger)
		me, err := w.SetUserName(w.Context(), v, "Li.Si")
		if err != nil || me.UserName != "Li.Si" {
			w.Fatal(me, err)
		}
		_, err = w.SetUserName(w.Context(), other, "LI.SI")
		w.refused(err, accounts.ErrNameTaken)
		if me, err := w.SetUserName(w.Context(), v, "LI.SI"); err != nil || me.UserName != "LI.SI" {
			w.Errorf("his own in other letters: %+v, %v", me, err)
		}
		if _, err := w.SetUserName(w.Context(), v, "li4"); err != nil {
			w.Fatal(err)
		}
		if _, err := w.SetUserName(w.Context(), other, "li.si"); err != nil {
			w.Errorf("a name that was given up: %v", err)
		}
		for range 8 {
			_, err = w.SetUserName(w.Context(), other, zhangName)
			w.refused(err, accounts.ErrNameTaken)
		}
		_, err = w.SetUserName(w.Context(), other, zhangName)
		w.refused(err, accounts.ErrLoginLimited)
		w.clock.now = w.clock.now.Add(time.Hour)
		_, err = w.SetUserName(w.Context(), other, zhangName)
		w.refused(err, accounts.ErrNameTaken)
	})
}

func TestOneNameForManyAtOnce(t *testing.T) {
	each(t, func(w world) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		given := 0
		for i := range 5 {
			v := w.visitor(fmt.Sprint("1380000000", i))
			wg.Go(func() {
				_, err := w.SetUserName(w.Context(), v, "demo")
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					given++
				} else {
					w.refused(err, accounts.ErrNameTaken)
				}
			})
		}
		wg.Wait()
		if given != 1 {
			w.Errorf("given to %d", given)
		}
	})
}
