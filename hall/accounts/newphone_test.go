package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/hall/work"
	"github.com/certhall/certhall/proof"
)

const newNumber = "13700000007"

// byKey is what a key signs over a nonce.
func (w world) byKey(k key, n accounts.LoginNonce, err error) []byte {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	return k.sign(proof.Login{Authority: n.Authority, Serial: k.serial(), Origin: n.Origin, Nonce: n.Nonce})
}

// newPhoneCode has a code sent to a number; "" if that was refused.
func (w world) newPhoneCode(v accounts.Visit, phone string) (string, error) {
	if _, err := w.SendNewPhoneCode(w.Context(), v, phone, "a"); err != nil {
		return "", err
	}
	return w.sms.last(), nil
}

// TestNewPhoneByTheOldOne: the present number is shown to be his, the new one
// is proved, and then everything but this log-in ends.
func TestNewPhoneByTheOldOne(t *testing.T) {
	each(t, func(w world) {
		w.people()
		v, elsewhere := w.byPassword(zhang, zhangsOwn), w.byPassword(zhang, zhangsOwn)
		var followed []string
		w.Follow = func(_ context.Context, person, was, is string) error {
			followed = append(followed, person, was, is)
			return nil
		}
		_, err := w.newPhoneCode(v, newNumber)
		w.refused(err, accounts.ErrShowYourself)
		if got := certhall.AsError(err).Params["ways"]; got != "code" {
			w.Errorf("ways %q", got)
		}
		if _, err := w.SendMyCode(w.Context(), v, "a"); err != nil {
			w.Fatal(err)
		}
		mine := w.sms.last()
		w.refused(w.ShowMyself(w.Context(), v, wrong(mine), nil), accounts.ErrCodeWrong)
		if err := w.ShowMyself(w.Context(), v, mine, nil); err != nil {
			w.Fatal(err)
		}
		w.refused(w.ShowMyself(w.Context(), v, mine, nil), accounts.ErrCodeExpired) // once
		code, err := w.newPhoneCode(v, newNumber)
		if err != nil {
			w.Fatal(err)
		}
		_, err = w.SetNewPhone(w.Context(), v, newNumber, wrong(code))
		w.refused(err, accounts.ErrCodeWrong)
		me, err := w.SetNewPhone(w.Context(), v, newNumber, code)
		if err != nil || me.Phone != "137****0007" {
			w.Fatalf("%+v %v", me, err)
		}
		w.Wait()
		if w.visit(elsewhere.Session).Person != "" || w.visit(v.Session).Person != v.Person {
			w.Error("the other log-ins end, this one goes on")
		}
		if len(followed) != 3 || followed[1] != zhang || followed[2] != newNumber {
			w.Errorf("cases are told %v", followed)
		}
		told := w.sms.phones[len(w.sms.phones)-1]
		if told != zhang {
			w.Errorf("the notice went to %s", told)
		}
		f, err := w.Find(w.Context(), newNumber)
		if err != nil || len(f.Acts) != 1 || f.Acts[0].Operator != accounts.ByPerson(v.Person) || f.Acts[0].Was != accounts.Mask(zhang) {
			w.Errorf("%+v %v", f, err)
		}
		if _, _, err := w.login(accounts.Login{Name: newNumber, Password: zhangsOwn, Session: "n"}); err != nil {
			w.Errorf("the password goes with the account: %v", err)
		}
	})
}

// TestANewPhoneThatIsSomebodyElses is refused to whoever has proved it, and to
// nobody else.
func TestANewPhoneThatIsSomebodyElses(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		v := w.visitor(zhang)
		w.clock.now = w.clock.now.Add(accounts.ResendAfter)
		code, err := w.newPhoneCode(v, li)
		if err != nil {
			w.Fatal(err)
		}
		_, err = w.SetNewPhone(w.Context(), v, li, wrong(code))
		w.refused(err, accounts.ErrCodeWrong)
		_, err = w.SetNewPhone(w.Context(), v, li, code)
		w.refused(err, accounts.ErrPhoneTaken)
		_, err = w.newPhoneCode(v, zhang)
		w.refused(err, accounts.ErrPhoneSame)
		_, err = w.newPhoneCode(v, "12345")
		w.refused(err, accounts.ErrPhone)
	})
}

// TestACodeForANewPhoneIsForNothingElse, nor for another person.
func TestACodeForANewPhoneIsForNothingElse(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		v := w.visitor(zhang)
		code, err := w.newPhoneCode(v, newNumber)
		if err != nil {
			w.Fatal(err)
		}
		w.refused(w.CheckCode(w.Context(), v.Session, newNumber, code), accounts.ErrCodeWrong)
		_, _, err = w.login(accounts.Login{Name: newNumber, Session: v.Session, Code: code})
		w.refused(err, accounts.ErrCodeWrong)
		_, _, err = w.RecoverPhone(w.Context(), accounts.LostPhone{Phone: newNumber, Code: code, Session: v.Session})
		w.refused(err, accounts.ErrCodeWrong)
	})
}

// TestNewPhoneByKey: whoever cannot read the old phone any more signs.
func TestNewPhoneByKey(t *testing.T) {
	each(t, func(w world) {
		w.people()
		w.person(zhang, "l1")
		w.person(li, "l2")
		hers, his := w.pairs.grant(w.T, "l2"), w.pairs.grant(w.T, "l1")
		v := w.byPassword(zhang, zhangsOwn)
		_, err := w.newPhoneCode(v, newNumber)
		if got := certhall.AsError(err).Params["ways"]; got != "code,key" {
			w.Errorf("ways %q", got)
		}
		n, err := w.MyNonce(w.Context(), v)
		w.refused(w.ShowMyself(w.Context(), v, "", w.byKey(hers, n, err)), accounts.ErrLoginKey)
		n, err = w.LoginNonce(w.Context()) // a signature for a log-in is for that
		w.refused(w.ShowMyself(w.Context(), v, "", w.byKey(his, n, err)), accounts.ErrLoginNonce)
		n, err = w.MyNonce(w.Context(), v)
		signed := w.byKey(his, n, err)
		if err := w.ShowMyself(w.Context(), v, "", signed); err != nil {
			w.Fatal(err)
		}
		w.refused(w.ShowMyself(w.Context(), v, "", signed), accounts.ErrLoginNonce) // once
		other := w.byPassword(zhang, zhangsOwn)
		_, err = w.newPhoneCode(other, newNumber)
		w.refused(err, accounts.ErrShowYourself) // another session has shown nothing
		w.clock.now = w.clock.now.Add(10 * 60e9)
		_, err = w.newPhoneCode(v, newNumber)
		w.refused(err, accounts.ErrShowYourself)
		n, err = w.MyNonce(w.Context(), v)
		if err := w.ShowMyself(w.Context(), v, "", w.byKey(his, n, err)); err != nil {
			w.Fatal(err)
		}
		code, err := w.newPhoneCode(v, newNumber)
		if err != nil {
			w.Fatal(err)
		}
		if _, err := w.SetNewPhone(w.Context(), v, newNumber, code); err != nil {
			w.Fatal(err)
		}
	})
}

// lost has a code sent to the new phone of somebody who has lost his.
func (w world) lost(k key, name string) accounts.LostPhone {
	w.Helper()
	w.clock.now = w.clock.now.Add(accounts.ResendAfter)
	if _, err := w.SendLostPhoneCode(w.Context(), "v", newNumber, "a", ""); err != nil {
		w.Fatal(err)
	}
	n, err := w.LostPhoneNonce(w.Context(), newNumber)
	return accounts.LostPhone{Phone: newNumber, Code: w.sms.last(), Signed: w.byKey(k, n, err), Name: name, Session: "v", Address: "198.51.100.7"}
}

// TestLostPhone: by a key of one's own and a code to the new number, without a
// log-in; one is logged in then.
func TestLostPhone(t *testing.T) {
	each(t, func(w world) {
		w.people()
		w.person(zhang, "l1")
		k := w.pairs.grant(w.T, "l1")
		before := w.visitor(zhang)
		in := w.lost(k, "")
		code := in.Code
		in.Code = wrong(code)
		_, _, err := w.RecoverPhone(w.Context(), in)
		w.refused(err, accounts.ErrCodeWrong)
		in.Code = code
		token, me, err := w.RecoverPhone(w.Context(), in)
		if err != nil || me.Phone != "137****0007" {
			w.Fatalf("%+v %v", me, err)
		}
		w.Wait()
		if v := w.visit(accounts.SessionOf(token)); v.Person != before.Person {
			w.Errorf("logged in as %+v", v)
		}
		if w.visit(before.Session).Person != "" {
			w.Error("the other log-ins end")
		}
		if told := w.sms.phones[len(w.sms.phones)-1]; told != zhang {
			w.Errorf("the notice went to %s", told)
		}
		_, _, err = w.RecoverPhone(w.Context(), in)
		w.refused(err, accounts.ErrCodeExpired) // what was proved has ended with the session
		again := w.lost(k, "")
		again.Signed = in.Signed
		_, _, err = w.RecoverPhone(w.Context(), again)
		w.refused(err, accounts.ErrLoginNonce) // once
		f, err := w.Find(w.Context(), newNumber)
		if err != nil || len(f.Acts) != 1 || !strings.HasPrefix(f.Acts[0].Reason, "key ") {
			w.Errorf("%+v %v", f, err)
		}
		if until, err := w.Logins(w.Context(), w.visit(accounts.SessionOf(token)), ""); err != nil || until.Logins[0].Way != accounts.WayKey {
			w.Errorf("%+v %v", until, err)
		}
	})
}

// TestWhoseLostPhone: a key mends the account of one who handles its
// certificate; of several he says which; of one who administers another
// organisation, none.
func TestWhoseLostPhone(t *testing.T) {
	for _, c := range []struct {
		name     string
		handlers []string
		typed    string
		want     *certhall.Error
	}{
		{"nobody's", nil, "", accounts.ErrLoginKey},
		{"one", []string{zhang}, "", nil},
		{"one of several", []string{zhang, li}, "", accounts.ErrWhoLost},
		{"he says which", []string{zhang, li}, zhang, nil},
		{"by user name", []string{zhang, li}, zhangName, nil},
		{"another's", []string{zhang}, li, accounts.ErrLoginKey},
		{"nobody's name", []string{zhang}, stranger, accounts.ErrLoginKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			inMemory(t, func(w world) {
				w.people()
				for _, h := range c.handlers {
					w.person(h, "l1")
				}
				_, _, err := w.RecoverPhone(w.Context(), w.lost(w.pairs.grant(w.T, "l1"), c.typed))
				if c.want != nil || err != nil {
					w.refused(err, c.want)
				}
			})
		})
	}
}

// TestAnAdministratorsLostPhone: the key of his organisation mends his account,
// unless he administers another one too.
func TestAnAdministratorsLostPhone(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		w.person(zhang, "l1")
		v := w.visitor(zhang)
		k := w.pairs.grant(w.T, "l1")
		w.pairs.views[0].Pair.Organisation = "91A"
		administers := func(code string) {
			w.Helper()
			if err := w.hall.Organisations().Write(w.Context(), func(r organisations.Writer) error {
				return r.SetMember(organisations.Row{Organisation: code, Person: v.Person, Role: accounts.Administrator, Source: accounts.ByOfficer}, w.clock.now)
			}); err != nil {
				w.Fatal(err)
			}
		}
		administers("91A")
		administers("91B")
		in := w.lost(k, "")
		_, _, err := w.RecoverPhone(w.Context(), in)
		w.refused(err, accounts.ErrOnlyDesk)
		if err := w.hall.Organisations().Write(w.Context(), func(r organisations.Writer) error { return r.DropMember("91B", v.Person) }); err != nil {
			w.Fatal(err)
		}
		if _, _, err := w.RecoverPhone(w.Context(), in); err != nil {
			w.Error(err)
		}
	})
}

// TestASignatureForOnePhoneIsForNoOther.
func TestASignatureForOnePhoneIsForNoOther(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		w.person(zhang, "l1")
		k := w.pairs.grant(w.T, "l1")
		in := w.lost(k, "")
		n, err := w.LostPhoneNonce(w.Context(), stranger)
		in.Signed = w.byKey(k, n, err)
		_, _, err = w.RecoverPhone(w.Context(), in)
		w.refused(err, accounts.ErrLoginNonce)
		in.Session = ""
		_, _, err = w.RecoverPhone(w.Context(), in)
		w.refused(err, accounts.ErrCodeExpired)
	})
}

// TestAPhoneThatWasSetIsProvedAtTheNextLogIn.
func TestAPhoneThatWasSetIsProvedAtTheNextLogIn(t *testing.T) {
	each(t, func(w world) {
		w.people()
		if _, err := w.SetPhone(w.Context(), zhang, newNumber, "officer", "lost"); err != nil {
			w.Fatal(err)
		}
		in := accounts.Login{Name: zhangName, Password: zhangsOwn, Session: "s"}
		_, _, err := w.login(in)
		w.refused(err, accounts.ErrLoginCodeNeeded)
		in.Code = w.code("s", zhangName)
		if last := w.sms.phones[len(w.sms.phones)-1]; last != newNumber {
			w.Errorf("sent to %s", last)
		}
		if _, _, err := w.login(in); err != nil {
			w.Fatal(err)
		}
		if _, _, err := w.login(accounts.Login{Name: zhangName, Password: zhangsOwn, Session: "t"}); err != nil {
			w.Errorf("proved once: %v", err)
		}
	})
}

// TestANoticeThatDoesNotGo does not undo what was done.
func TestANoticeThatDoesNotGo(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		v := w.visitor(zhang)
		code, err := w.newPhoneCode(v, newNumber)
		if err != nil {
			w.Fatal(err)
		}
		w.sms.fail = errors.New("down")
		if _, err := w.SetNewPhone(w.Context(), v, newNumber, code); err != nil {
			w.Error(err)
		}
		w.Wait()
		if !strings.Contains(w.log.String(), "the old phone was not told") {
			w.Error("it is noted")
		}
	})
}

// TestWhoHasToDoElsewhereGoesToTheDesk: the key of one organisation does not
// open what somebody handles for another.
func TestWhoHasToDoElsewhereGoesToTheDesk(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		w.person(zhang, "l1", "l2")
		_, _, err := w.RecoverPhone(w.Context(), w.lost(w.pairs.grant(w.T, "l1"), ""))
		w.refused(err, accounts.ErrOnlyDesk)
	})
}

// TestACodeForACaseShowsNobody: read out to whoever has the session, it does
// not give the account away.
func TestACodeForACaseShowsNobody(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		v := w.byPassword(zhang, zhangsOwn)
		if err := w.SendCode(w.Context(), v.Session, zhang, "a", false); err != nil {
			w.Fatal(err)
		}
		if err := w.CheckCode(w.Context(), v.Session, zhang, w.sms.last()); err != nil {
			w.Fatal(err)
		}
		_, err := w.newPhoneCode(v, newNumber)
		w.refused(err, accounts.ErrShowYourself)
		w.refused(w.setPassword(v, "", "Kx9-zebra-lamp"), accounts.ErrOldPassword)
	})
}

// TestALogInVouchesForNoNumber: one account does not have messages sent to all
// the world at the log-in.
func TestALogInVouchesForNoNumber(t *testing.T) {
	inMemory(t, func(w world) {
		w.people()
		v := w.visitor(zhang)
		w.Difficulty = 50
		w.refused(w.ask(v.Session, stranger, ""), work.ErrNeeded)
		_, err := w.SendLostPhoneCode(w.Context(), v.Session, stranger, "b", "")
		w.refused(err, work.ErrNeeded)
		if err := w.ask(v.Session, stranger, w.worked()); err != nil {
			w.Error(err)
		}
	})
}
