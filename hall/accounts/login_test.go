package accounts_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// TestWaysIn: who gets in, and what everybody else is told.
func TestWaysIn(t *testing.T) {
	const right, wrongOne = "right", "wrong" // codes
	inMemory(t, func(w world) {
		w.people()
		for i, c := range []struct {
			name                 string
			who, password, code  string
			want                 *certhall.Error
			mustSet, hasPassword bool
		}{
			{"phone and password", zhang, zhangsOwn, "", nil, false, true},
			{"user name and password", zhangName, zhangsOwn, "", nil, false, true},
			{"as people type phones", "+86 138-0000-0001", zhangsOwn, "", nil, false, true},
			{"in full width", "１３８０００００００１", zhangsOwn, "", nil, false, true},
			{"phone and code", zhang, "", right, nil, false, true},
			{"user name and code", zhangName, "", right, nil, false, true},
			{"both", zhang, zhangsOwn, right, nil, false, true},
			{"a person without a password, by code", li, "", right, nil, false, false},
			{"an unknown phone, by code", stranger, "", right, nil, false, false},
			{"first password and code", li, firstLi, right, nil, true, false},
			{"first password of an unknown phone, and code", "13900000008", "000008", right, nil, true, false},

			{"wrong password", zhang, "wrong horse", "", accounts.ErrLogin, false, false},
			{"wrong password by user name", zhangName, "wrong horse", "", accounts.ErrLogin, false, false},
			{"of somebody who has none", li, "wrong horse", "", accounts.ErrLogin, false, false},
			{"of nobody", "13700000000", "wrong horse", "", accounts.ErrLogin, false, false},
			{"of nobody by user name", "nobody", "wrong horse", "", accounts.ErrLogin, false, false},
			{"wrong password and right code", zhang, "wrong horse", right, accounts.ErrLogin, false, false},
			{"right password and wrong code", zhang, zhangsOwn, wrongOne, accounts.ErrCodeWrong, false, false},
			{"wrong code", zhang, "", wrongOne, accounts.ErrCodeWrong, false, false},
			{"wrong code of nobody", "13700000001", "", wrongOne, accounts.ErrCodeWrong, false, false},
			{"wrong code of no user name", "nobody", "", wrongOne, accounts.ErrCodeWrong, false, false},
			{"nothing at all", zhang, "", "", accounts.ErrLoginCodeNeeded, false, false},
			{"nothing at all, of nobody", "nobody", "", "", accounts.ErrLoginCodeNeeded, false, false},

			{"first password alone", li, firstLi, "", accounts.ErrLoginCodeNeeded, false, false},
			{"a wrong first password alone", li, "999999", "", accounts.ErrLoginCodeNeeded, false, false},
			{"six digits where there is a password", zhang, firstZhang, "", accounts.ErrLoginCodeNeeded, false, false},
			{"six digits of nobody", "nobody", "123456", "", accounts.ErrLoginCodeNeeded, false, false},
			{"first password and wrong code", li, firstLi, wrongOne, accounts.ErrCodeWrong, false, false},
			{"wrong first password and right code", li, "999999", right, accounts.ErrLogin, false, false},
			{"first password where there is one of his own", zhang, firstZhang, right, accounts.ErrLogin, false, false},

			{"no name", "", zhangsOwn, "", accounts.ErrPhone, false, false},
			{"half a phone", "1380000", zhangsOwn, "", accounts.ErrPhone, false, false},
			{"no user name", "a b", zhangsOwn, "", accounts.ErrUserName, false, false},
		} {
			w.clock.now = w.clock.now.Add(25 * time.Hour) // beyond every limit
			in := accounts.Login{Name: c.who, Password: c.password, Session: accounts.Session(fmt.Sprint("browser", i))}
			if c.code != "" {
				if in.Code = w.code(in.Session, c.who); in.Code == "" || c.code == wrongOne {
					in.Code = wrong(w.sms.last())
				}
			}
			s, me, err := w.login(in)
			if c.want != nil {
				if !errors.Is(err, c.want) {
					w.Errorf("%s: %v, want %s", c.name, err, c.want.Code)
				}
				if v := w.visit(in.Session); v.Person != "" {
					w.Errorf("%s: let in", c.name)
				}
				continue
			}
			if err != nil {
				w.Errorf("%s: %v", c.name, err)
				continue
			}
			v := w.visit(s)
			if v.Person == "" || v.MustSetPassword != c.mustSet || me.MustSetPassword != c.mustSet || me.HasPassword != c.hasPassword || !me.SessionEndsAt.Equal(v.EndsAt()) {
				w.Errorf("%s: %+v, %+v", c.name, v, me)
			}
		}
		if strings.Contains(w.log.String(), "1380000000") {
			w.Errorf("a phone in the log: %s", w.log)
		}
	})
}

// TestKnownAndUnknownAnswerAlike: nobody learns who has an account, nor whose
// phone belongs to which user name.
func TestKnownAndUnknownAnswerAlike(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		// told is everything a stranger is told who tries all there is.
		told := func(browser, name string) (all []string) {
			s := accounts.Session(browser)
			note := func(what string, err error) {
				all = append(all, fmt.Sprint(what, ": ", err))
				w.clock.now = w.clock.now.Add(time.Second)
			}
			send := func() {
				sent, err := w.SendLoginCode(w.Context(), s, name, browser, "")
				note(fmt.Sprint("send ", sent), err)
			}
			try := func(what string, in accounts.Login) {
				in.Name, in.Session = name, s
				_, _, err := w.login(in)
				note(what, err)
			}
			try("code before one was sent", accounts.Login{Code: "12345x"})
			send()
			send()
			try("first password", accounts.Login{Password: "123456"})
			try("wrong code and first password", accounts.Login{Password: firstZhang, Code: "12345x"})
			for range accounts.CodeTries {
				try("wrong code", accounts.Login{Code: "12345x"})
			}
			w.clock.now = w.clock.now.Add(accounts.ResendAfter)
			send()
			for range 12 {
				try("wrong password", accounts.Login{Password: "wrong horse"})
			}
			try("wrong password and code", accounts.Login{Password: "wrong horse", Code: "12345x"})
			w.clock.now = w.clock.now.Add(day)
			return all
		}
		want := told("b1", "nobody")
		for i, name := range []string{zhangName, zhang, li, "13700000000", "Nobody.2"} {
			got := told(fmt.Sprint("c", i), name)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				w.Errorf("%s is told\n%s\nbut nobody\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// TestAUserNameDoesNotTellItsPhone: what was sent or tried by one is not seen
// by the other.
func TestAUserNameDoesNotTellItsPhone(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		w.code("s1", zhangName)
		if sent, err := w.SendLoginCode(w.Context(), "s2", zhang, "a", ""); err != nil || sent.TriesLeft != accounts.CodeTries {
			w.Errorf("%+v, %v", sent, err)
		}
		w.Wait()
		if len(w.sms.phones) < 2 || w.sms.phones[len(w.sms.phones)-2] != zhang {
			w.Errorf("sent to %v", w.sms.phones)
		}
	})
}

// TestAFailedSendTellsNothingOfAUserName: it is told by phone, where whoever
// asks has a right to know.
func TestAFailedSendTellsNothingOfAUserName(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		w.sms.fail = io.ErrUnexpectedEOF
		_, err := w.SendLoginCode(w.Context(), "s1", zhang, "a", "")
		w.refused(err, accounts.ErrSendFailed)
		for _, name := range []string{zhangName, "nobody"} {
			if _, err := w.SendLoginCode(w.Context(), "s1", name, "a", ""); err != nil {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.Wait()
		if !strings.Contains(w.log.String(), "a code was not sent") {
			w.Error("nothing in the log")
		}
	})
}

// TestACodeIsGoodForOneThing: a code read out to somebody at his case does not
// let him in, nor the other way round; nor is a user name's good for whoever
// has the name later.
func TestACodeIsGoodForOneThing(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		_, _, err := w.login(accounts.Login{Name: zhang, Session: "s", Code: w.sent("s")})
		w.refused(err, accounts.ErrCodeWrong)
		w.clock.now = w.clock.now.Add(day)
		w.refused(w.check("s", w.code("s", zhang)), accounts.ErrCodeWrong)
		w.clock.now = w.clock.now.Add(day)

		if err := w.check("case", w.sent("case")); err != nil {
			w.Fatal(err)
		}
		_, _, err = w.login(accounts.Login{Name: zhang, Session: "case"})
		w.refused(err, accounts.ErrLoginCodeNeeded)
		w.clock.now = w.clock.now.Add(day)

		code := w.code("s", zhangName)
		v := w.visitor(zhang)
		if _, err := w.SetUserName(w.Context(), v, "other"); err != nil {
			w.Fatal(err)
		}
		if _, err := w.SetUserName(w.Context(), w.visitor(li), zhangName); err != nil {
			w.Fatal(err)
		}
		_, _, err = w.login(accounts.Login{Name: zhangName, Session: "s", Code: code})
		w.refused(err, accounts.ErrCodeWrong)
	})
}

// TestLoginRotates: the session somebody came with is worth nothing after.
func TestLoginRotates(t *testing.T) {
	each(t, func(w world) {
		w.people()
		first, _, err := w.login(accounts.Login{Name: zhang, Session: "planted", Code: w.code("planted", zhang)})
		if err != nil {
			w.Fatal(err)
		}
		_, _, err = w.login(accounts.Login{Name: zhang, Session: "planted"})
		w.refused(err, accounts.ErrLoginCodeNeeded)
		for s, want := range map[accounts.Session]bool{"planted": false, first: true} {
			if got, err := w.Proved(w.Context(), s, zhang); got != want || err != nil {
				w.Errorf("%s proved: %v, %v", s, got, err)
			}
		}
		second, _, err := w.login(accounts.Login{Name: zhang, Session: first, Password: zhangsOwn})
		if err != nil || second == first {
			w.Fatal(err)
		}
		if w.visit("planted").Person != "" || w.visit(first).Person != "" || w.visit(second).Person == "" {
			w.Error("an earlier session lives")
		}
		if proved, err := w.Proved(w.Context(), second, zhang); proved || err != nil {
			w.Errorf("a password proved the phone: %v, %v", proved, err)
		}
		if err := w.Logout(w.Context(), second); err != nil || w.visit(second).Person != "" {
			w.Errorf("after log-out: %v", err)
		}
	})
}

// TestAProvedPhoneWaitsTenMinutes for what a log-in needs besides, in its own
// session alone.
func TestAProvedPhoneWaitsTenMinutes(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		prove := func() {
			_, _, err := w.login(accounts.Login{Name: li, Session: "s", Password: "999999", Code: w.code("s", li)})
			w.refused(err, accounts.ErrLogin)
		}
		prove()
		_, _, err := w.login(accounts.Login{Name: li, Session: "other"})
		w.refused(err, accounts.ErrLoginCodeNeeded)
		if proved, err := w.Proved(w.Context(), "s", li); proved || err != nil {
			w.Errorf("a case may use it: %v, %v", proved, err)
		}
		w.clock.now = w.clock.now.Add(10*time.Minute - time.Second)
		if _, me, err := w.login(accounts.Login{Name: li, Session: "s", Password: firstLi}); err != nil || !me.MustSetPassword {
			w.Errorf("%+v, %v", me, err)
		}
		prove()
		w.clock.now = w.clock.now.Add(10 * time.Minute)
		_, _, err = w.login(accounts.Login{Name: li, Session: "s"})
		w.refused(err, accounts.ErrLoginCodeNeeded)
	})
}

// TestACodeMayBeSentAgain with what is to be mended, or because the answer was
// lost: it was right.
func TestACodeMayBeSentAgain(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		in := accounts.Login{Name: li, Session: "s", Password: "999999", Code: w.code("s", li)}
		for range 2 {
			_, _, err := w.login(in)
			w.refused(err, accounts.ErrLogin)
		}
		other := in
		other.Session = "other"
		_, _, err := w.login(other)
		w.refused(err, accounts.ErrCodeExpired)
		in.Password = firstLi
		if _, me, err := w.login(in); err != nil || !me.MustSetPassword {
			w.Errorf("%+v, %v", me, err)
		}
		_, _, err = w.login(in)
		w.refused(err, accounts.ErrCodeExpired) // it let in once
	})
}

func TestVisitsEnd(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		s := w.visitor(li).Session
		w.clock.now = w.clock.now.Add(accounts.VisitIdle - time.Second)
		if w.visit(s).Person == "" {
			w.Error("it ended before two hours of idleness")
		}
		w.clock.now = w.clock.now.Add(accounts.VisitIdle)
		if w.visit(s).Person != "" {
			w.Error("it goes on after two hours of idleness")
		}
		w.clock.now = w.clock.now.Add(day)
		s = w.visitor(li).Session
		began := w.clock.now
		for w.clock.now.Before(began.Add(accounts.VisitLife)) {
			if w.visit(s).Person == "" {
				w.Fatalf("it ended after %v", w.clock.now.Sub(began))
			}
			w.clock.now = w.clock.now.Add(time.Hour)
		}
		if w.visit(s).Person != "" {
			w.Error("it goes on after twelve hours")
		}
	})
}
