package accounts_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/hall/accounts"
)

// box keeps what was mailed.
type box struct{ to, codes []string }

func (b *box) SendMail(_ context.Context, address, _ string, vars map[string]string, key string) (string, error) {
	b.to, b.codes = append(b.to, address), append(b.codes, vars["code"])
	return key, nil
}

func TestMail(t *testing.T) {
	each(t, func(w world) {
		w.people()
		mail := new(box)
		w.Mail = mail
		v := w.visitor(zhang)
		sent, err := w.SendMailCode(w.Context(), v, " zhang@Example.com ", "a")
		if err != nil || sent.TriesLeft != accounts.CodeTries || mail.to[0] != "zhang@example.com" {
			w.Fatalf("%+v %v %v", sent, mail.to, err)
		}
		_, err = w.SendMailCode(w.Context(), v, "zhang@example.com", "a")
		w.refused(err, accounts.ErrResend)
		_, err = w.SetMail(w.Context(), v, "zhang@example.com", wrong(mail.codes[0]))
		w.refused(err, accounts.ErrCodeWrong)
		_, err = w.SetMail(w.Context(), v, "li@example.com", mail.codes[0])
		w.refused(err, accounts.ErrCodeExpired) // was sent to another address
		_, err = w.SetMail(w.Context(), w.visitor(li), "zhang@example.com", mail.codes[0])
		w.refused(err, accounts.ErrCodeWrong) // was sent for another person
		me, err := w.SetMail(w.Context(), v, "zhang@example.com", mail.codes[0])
		if err != nil || me.Mail != "z***@example.com" {
			w.Fatalf("%+v %v", me, err)
		}
		if me, err := w.RemoveMail(w.Context(), v); err != nil || me.Mail != "" {
			w.Errorf("%+v %v", me, err)
		}
		_, err = w.SetMail(w.Context(), v, "zhang@example.com", mail.codes[0])
		w.refused(err, accounts.ErrCodeExpired) // once
		if strings.Contains(w.log.String(), mail.codes[0]) {
			w.Error("a code in the log")
		}
	})
}

func TestMailAddresses(t *testing.T) {
	for typed, want := range map[string]bool{
		"a@example.com": true, "a.b+c@mail.example.com.cn": true, "A@EXAMPLE.com": true,
		"": false, "a": false, "a@b": false, "a@example.": false, "张 <a@example.com>": false, "a@example.com, b@example.com": false,
		"a b@example.com": false, `"a b"@example.com`: false, "张@example.com": false, "a@例子.com": false, "a@example.com\r\nBcc: b@example.com": false,
		strings.Repeat("a", 250) + "@example.com": false,
	} {
		if _, err := accounts.ParseMail(typed); (err == nil) != want {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// TestProfile: the real name is what he wrote, else what was imported.
func TestProfile(t *testing.T) {
	each(t, func(w world) {
		w.people()
		err := w.Store.Write(w.Context(), func(r accounts.Writer) error {
			p, err := r.PersonOfPhone(zhang, "", w.clock.now)
			if err != nil {
				return err
			}
			return r.AddHandler(accounts.Handler{Person: p, Lineage: "l1", Source: accounts.ByImport, Name: "张经办"}, w.clock.now)
		})
		if err != nil {
			w.Fatal(err)
		}
		v := w.visitor(zhang)
		me, err := w.Me(w.Context(), v)
		if err != nil || me.RealName != "张经办" || me.Level != accounts.LevelOrdinary || len(me.Organisations) != 0 || me.Organisations == nil {
			w.Errorf("%+v %v", me, err)
		}
		if !me.LastLoginAt.Equal(w.clock.now.Add(-day)) {
			w.Errorf("the log-in before this one was at %s", me.LastLoginAt)
		}
		if me, err = w.SetRealName(w.Context(), v, "  张　三·丰 "); err != nil || me.RealName != "张 三·丰" {
			w.Errorf("%q %v", me.RealName, err)
		}
		for _, typed := range []string{"<b>", "a1", strings.Repeat("张", 41), "张\x00", "a\u202e"} {
			_, err := w.SetRealName(w.Context(), v, typed)
			w.refused(err, accounts.ErrRealName)
		}
		if me, err = w.SetRealName(w.Context(), v, ""); err != nil || me.RealName != "张经办" {
			w.Errorf("%q %v", me.RealName, err)
		}
	})
}

const (
	chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)

// TestHistory: what succeeded and what was refused, by whom nobody knows.
func TestHistory(t *testing.T) {
	each(t, func(w world) {
		w.people()
		try := func(in accounts.Login) error {
			w.clock.now = w.clock.now.Add(time.Minute)
			_, _, err := w.login(in)
			return err
		}
		w.refused(try(accounts.Login{Name: zhangName, Password: "wrong horse", Address: "203.0.113.9", Agent: chrome, Session: "x"}), accounts.ErrLogin)
		w.refused(try(accounts.Login{Name: "nobody", Password: "wrong horse", Address: "203.0.113.9", Session: "x"}), accounts.ErrLogin)
		w.refused(try(accounts.Login{Name: zhang, Password: firstZhang, Session: "x"}), accounts.ErrLoginCodeNeeded) // a question
		if err := try(accounts.Login{Name: zhangName, Password: zhangsOwn, Address: "2001:db8:1:2:3::4", Agent: iphone, Session: "x"}); err != nil {
			w.Fatal(err)
		}
		w.clock.now = w.clock.now.Add(time.Minute)
		v := w.visitor(zhang)
		h, err := w.Logins(w.Context(), v, "")
		if err != nil || h.Days != 180 || len(h.Logins) != 4 {
			w.Fatalf("%+v %v", h, err)
		}
		for i, want := range []accounts.ShownLogin{
			{Way: accounts.WayCode, Success: true},
			{Way: accounts.WayPassword, Success: true, ShownDevice: accounts.ShownDevice{Address: "2001:db8:1::*", Browser: "Safari", System: "iOS"}},
			{Way: accounts.WayPassword, Refusal: "login-wrong", ShownDevice: accounts.ShownDevice{Address: "203.0.*.*", Browser: "Chrome", System: "Windows"}},
		} {
			got := h.Logins[i]
			if got.At, got.ID = (time.Time{}), ""; got != want {
				w.Errorf("%d: %+v, want %+v", i, got, want)
			}
		}
		w.clock.now = w.clock.now.Add(accounts.HistoryLife + time.Minute)
		w.refused(try(accounts.Login{Name: zhangName, Password: "wrong horse", Session: "x"}), accounts.ErrLogin) // sweeps
		if h, err = w.Logins(w.Context(), v, ""); err != nil || len(h.Logins) != 1 {
			w.Errorf("after half a year: %+v %v", h, err)
		}
	})
}

// TestHistoryByPages: nobody's log-ins hide behind those that were refused since.
func TestHistoryByPages(t *testing.T) {
	each(t, func(w world) {
		w.people()
		const all = 2*accounts.HistoryPage + 2 // and one that people made
		var person string
		err := w.Store.Write(w.Context(), func(wr accounts.Writer) error {
			a, err := wr.AccountOfPhone(zhang)
			if err != nil {
				return err
			}
			person = a.ID
			for i := range all { // three at a moment
				at := w.clock.now.Add(-time.Duration(i/3) * time.Minute)
				if err := wr.AddLogin(accounts.LoginLine{ID: fmt.Sprintf("l%03d", all-i), Person: person, At: at, Way: accounts.WayCode}); err != nil {
					return err
				}
			}
			return wr.AddLogin(accounts.LoginLine{ID: "old", Person: person, At: w.clock.now.Add(-accounts.HistoryLife - time.Minute), Way: accounts.WayCode})
		})
		if err != nil {
			t.Fatal(err)
		}
		var pages, seen []string
		for before := ""; ; {
			h, err := w.Logins(w.Context(), accounts.Visit{Person: person}, before)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, fmt.Sprint(len(h.Logins)))
			for _, l := range h.Logins {
				if slices.Contains(seen, l.ID) {
					w.Fatalf("page %d, behind the mark %q, begins before it: %s was shown already", len(pages), before, l.ID)
				}
				seen = append(seen, l.ID)
			}
			if before = h.Before; before == "" {
				break
			}
		}
		if strings.Join(pages, " ") != "50 50 3" || !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) || slices.Contains(seen, "old") {
			t.Errorf("pages of %v: %v", pages, seen)
		}
		if h, err := w.Logins(w.Context(), accounts.Visit{Person: person}, "no mark"); err != nil || len(h.Logins) != accounts.HistoryPage {
			t.Errorf("%d %v", len(h.Logins), err)
		}
	})
}

// TestDevices: where one has logged in, by ids that open nothing.
func TestDevices(t *testing.T) {
	each(t, func(w world) {
		w.people()
		a, b, c, lis := w.byPassword(zhang, zhangsOwn), w.byPassword(zhang, zhangsOwn), w.byPassword(zhang, zhangsOwn), w.visitor(li)
		all, err := w.Visits(w.Context(), a)
		if err != nil || len(all.Visits) != 3 {
			w.Fatalf("%+v %v", all, err)
		}
		ids := map[bool][]string{}
		for _, v := range all.Visits {
			ids[v.Current] = append(ids[v.Current], v.ID)
			if v.ID == "" || strings.Contains(string(a.Session+b.Session+c.Session), v.ID) {
				w.Errorf("id %q", v.ID)
			}
		}
		if len(ids[true]) != 1 || ids[true][0] != a.ID {
			w.Errorf("current: %v", ids)
		}
		if _, err := w.EndVisit(w.Context(), lis, b.ID); err != nil { // not hers: nothing happens
			w.Fatal(err)
		}
		if w.visit(b.Session).Person == "" {
			w.Error("somebody else ended it")
		}
		if all, err = w.EndVisit(w.Context(), a, b.ID); err != nil || len(all.Visits) != 2 || w.visit(b.Session).Person != "" {
			w.Errorf("%+v %v", all, err)
		}
		_, err = w.EndVisit(w.Context(), a, "")
		w.refused(err, accounts.ErrVisitUnknown)
		if all, err = w.EndOtherVisits(w.Context(), a); err != nil || len(all.Visits) != 1 || w.visit(c.Session).Person != "" || w.visit(lis.Session).Person == "" {
			w.Errorf("%+v %v", all, err)
		}
		w.clock.now = w.clock.now.Add(accounts.VisitIdle)
		if all, err = w.Visits(w.Context(), a); err != nil || len(all.Visits) != 0 {
			w.Errorf("those that have ended are not shown: %+v %v", all, err)
		}
	})
}
