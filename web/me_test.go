package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/hall/work"
	"github.com/certhall/certhall/web"
)

// got reads an answer.
func got[T any](b *browser, method, path, body string) (answer T) {
	b.Helper()
	w := b.must(200, method, path, body)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		b.Fatal(err)
	}
	return answer
}

// TestTheMemberCentreIsForThoseWhoHaveLoggedIn.
func TestTheMemberCentreIsForThoseWhoHaveLoggedIn(t *testing.T) {
	b := newSite(t).browser()
	for _, path := range []string{"/api/me", "/api/me/logins", "/api/me/visits", "/api/me/favourites", "/api/organisations/91/members", "/api/organisations/91/certificates/0a/handlers", "/api/unlocks", "/api/unlocks/x"} {
		b.refused(401, "login-needed", "GET", path, "")
	}
	for path, body := range map[string]string{
		"/api/me/real-name": `{"real_name":""}`, "/api/me/proof/code": "", "/api/me/proof/nonce": "", "/api/me/proof": `{"code":"000000"}`,
		"/api/me/phone/code": `{"phone":"13900000001"}`, "/api/me/phone": `{"phone":"13900000001","code":"000000"}`,
		"/api/me/mail/code": `{"mail":"a@example.com"}`, "/api/me/mail": `{"mail":"a@example.com","code":"000000"}`, "/api/me/mail/remove": "",
		"/api/me/visits/x/end": "", "/api/me/visits/end-others": "", "/api/me/favourites": `{"project":"gov"}`, "/api/me/favourites/x/remove": "",
		"/api/unlocks": `{"message":"AQ=="}`, "/api/unlocks/x/withdraw": "", "/api/unlocks/x/report": `{"message":"AQ=="}`,
		"/api/organisations/91/members": `{"phone":"13900000001","role":"handler"}`, "/api/organisations/91/members/x/role": `{"role":"handler"}`,
		"/api/organisations/91/members/x/phone": `{"phone":"13900000001"}`, "/api/organisations/91/members/x/remove": "{}",
		"/api/organisations/91/certificates/0a/handlers": `{"member":"x"}`, "/api/organisations/91/certificates/0a/handlers/x/remove": "",
	} {
		b.refused(401, "login-needed", "POST", path, body)
	}
}

// TestMemberCentre walks through what a person does about himself.
func TestMemberCentre(t *testing.T) {
	s := newSite(t)
	b, elsewhere := s.browser(), s.browser()
	elsewhere.must(200, "POST", "/api/login", fmt.Sprintf(`{"name":%q,"password":%q}`, zhangName, zhangsOwn))
	b.must(200, "POST", "/api/login", fmt.Sprintf(`{"name":%q,"password":%q}`, zhangName, zhangsOwn), "User-Agent", "Mozilla/5.0 (X11; Linux x64; rv:140.0) Gecko/20100101 Firefox/140.0")
	me := got[accounts.Me](b, "POST", "/api/me/real-name", `{"real_name":"张三"}`)
	if me.RealName != "张三" || me.Level != accounts.LevelOrdinary || me.LastLoginAt.IsZero() || me.Organisations == nil {
		t.Errorf("%+v", me)
	}
	b.refused(422, "input-malformed", "POST", "/api/me/proof", `{}`)
	b.refused(409, "show-yourself", "POST", "/api/me/phone/code", `{"phone":"13700000007"}`)
	b.must(200, "POST", "/api/me/proof/code", "")
	b.must(204, "POST", "/api/me/proof", fmt.Sprintf(`{"code":%q}`, b.codes.last()))
	b.must(200, "POST", "/api/me/phone/code", `{"phone":"13700000007"}`)
	change := fmt.Sprintf(`{"phone":"13700000007","code":%q}`, b.codes.last())
	first := b.must(200, "POST", "/api/me/phone", change, "Idempotency-Key", "k").Body.String()
	if again := b.must(200, "POST", "/api/me/phone", change, "Idempotency-Key", "k").Body.String(); again != first || !strings.Contains(first, "137****0007") {
		t.Errorf("%s, again %s", first, again)
	}
	s.desk.Wait()
	elsewhere.refused(401, "login-needed", "GET", "/api/me", "")
	b.must(200, "POST", "/api/me/mail/code", `{"mail":"zhang@example.com"}`)
	if me = got[accounts.Me](b, "POST", "/api/me/mail", fmt.Sprintf(`{"mail":"zhang@example.com","code":%q}`, b.codes.last())); me.Mail != "z***@example.com" {
		t.Errorf("%+v", me)
	}
	if me = got[accounts.Me](b, "POST", "/api/me/mail/remove", ""); me.Mail != "" {
		t.Errorf("%+v", me)
	}
	if h := got[accounts.History](b, "GET", "/api/me/logins", ""); len(h.Logins) != 3 || h.Logins[0].Way != accounts.WayPassword || h.Days != 180 {
		t.Errorf("%+v", h)
	}
	all := got[accounts.Visits](b, "GET", "/api/me/visits", "")
	if len(all.Visits) != 1 || !all.Visits[0].Current || all.Visits[0].Browser != "Firefox" || all.Visits[0].System != "Linux" {
		t.Errorf("%+v", all)
	}
	got[accounts.Visits](b, "POST", "/api/me/visits/end-others", "")
	if !strings.Contains(b.must(200, "POST", "/api/me/favourites", `{"project":"gov","brand":"haitai"}`).Body.String(), `"brand":"haitai"`) {
		t.Error("kept")
	}
	b.refused(404, "favourite-certificate", "POST", "/api/me/favourites", `{"serial":"0a"}`)
	got[accounts.Visits](b, "POST", "/api/me/visits/"+all.Visits[0].ID+"/end", "") // this one
	b.refused(401, "login-needed", "GET", "/api/me", "")
	for _, secret := range append(*s.codes, "13700000007", "zhang@example.com", "张三") {
		if secret != "" && strings.Contains(s.log.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

// TestMembers walks through what an administrator does.
func TestMembers(t *testing.T) {
	const members = "/api/organisations/91310000MA1K35XE0X/members"
	var desk *organisations.Desk
	s := newSite(t, func(o *web.Options) { desk = o.Organisations.(*organisations.Desk) })
	if _, err := desk.NameAdministrator(t.Context(), "91310000MA1K35XE0X", zhang, "officer", "letter"); err != nil {
		t.Fatal(err)
	}
	b, lis := s.browser(), s.browser()
	b.logIn(zhang)
	lis.logIn(li)
	if me := got[accounts.Me](b, "GET", "/api/me", ""); me.Level != accounts.LevelAdministrator {
		t.Errorf("%+v", me)
	}
	lis.refused(404, "organisation-unknown", "GET", members, "")
	m := got[organisations.Members](b, "POST", members, fmt.Sprintf(`{"phone":%q,"role":"handler"}`, li))
	if len(m.Members) != 2 || !m.Members[1].Invited {
		t.Fatalf("%+v", m)
	}
	s.clock.now = s.clock.now.Add(time.Hour)
	lis.logIn(li)
	if m = got[organisations.Members](b, "GET", members, ""); m.Members[1].Invited {
		t.Fatalf("%+v", m)
	}
	one := members + "/" + m.Members[1].ID
	if m = got[organisations.Members](b, "POST", one+"/role", `{"role":"administrator"}`); m.Members[1].Role != accounts.Administrator {
		t.Errorf("%+v", m)
	}
	b.refused(422, "input-malformed", "POST", one+"/role", `{"role":"owner"}`)
	if his := got[organisations.Handled](b, "GET", one+"/certificates", ""); his.Serials == nil {
		t.Errorf("%+v", his)
	}
	b.refused(404, "member-unknown", "GET", members+"/nobody/certificates", "")
	if m = got[organisations.Members](b, "POST", one+"/phone", `{"phone":"13700000007"}`); m.Members[1].Phone != "137****0007" {
		t.Errorf("%+v", m)
	}
	got[organisations.Members](b, "POST", one+"/remove", "{}")
	b.refused(409, "last-administrator", "POST", members+"/"+m.Members[0].ID+"/remove", "{}")
	got[organisations.Members](b, "POST", members+"/"+m.Members[0].ID+"/remove", `{"really":true}`)
	b.refused(404, "organisation-unknown", "GET", members, "")
	b.refused(404, "organisation-unknown", "GET", "/api/organisations/91310000MA1K35XE0X/certificates/0a/handlers", "")
}

// TestWorkBeforeACode: a stranger's browser works before a message is sent.
func TestWorkBeforeACode(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	if c := got[work.Challenge](b, "GET", "/api/proof-of-work", ""); c.Needed {
		t.Errorf("%+v", c)
	}
	s.desk.Difficulty = 50
	b.refused(409, "work-needed", "POST", "/api/login/code", `{"name":"13900000001"}`)
	b.refused(409, "work-needed", "POST", "/api/lost-phone/code", `{"phone":"13900000001"}`)
	b.refused(409, "work-wrong", "POST", "/api/login/code", `{"name":"13900000001","work":"e30="}`)
	done, err := work.Solve(got[work.Challenge](b, "GET", "/api/proof-of-work", ""))
	if err != nil {
		t.Fatal(err)
	}
	b.must(200, "POST", "/api/lost-phone/code", fmt.Sprintf(`{"phone":"13900000001","work":%q}`, done))
	b.must(200, "POST", "/api/lost-phone/nonce", `{"phone":"13900000001"}`)
	b.refused(403, "code-wrong", "POST", "/api/lost-phone", `{"phone":"13900000001","code":"0","signed":"AA=="}`)
	s.browser().refused(409, "work-wrong", "POST", "/api/login/code", fmt.Sprintf(`{"name":"13900000002","work":%q}`, done))
}
