package web_test

import (
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/web"
)

// counted is a site whose counter can be looked at.
func counted(t *testing.T, more ...func(*web.Options)) (site, *counter) {
	c := new(counter)
	return newSite(t, append(more, func(o *web.Options) { o.Counter = c })...), c
}

// TestListsWantALogIn, and one that lasts.
func TestListsWantALogIn(t *testing.T) {
	s, c := counted(t)
	b := s.browser()
	routes := []struct{ method, path, body string }{
		{"GET", "/api/cases", ""},
		{"GET", "/api/certificates", ""},
		{"POST", "/api/cases", `{"service":"renew","serial":"0a"}`},
	}
	for _, r := range routes {
		b.refused(401, "login-needed", r.method, r.path, r.body)
		b.refused(401, "login-needed", r.method, r.path, r.body, "Authorization", "Bearer token-of-a-case")
	}
	if c.calls > 0 {
		t.Errorf("the counter was asked %d times", c.calls)
	}
	b.logIn(li)
	for _, r := range routes {
		c.who.Person, c.who.Session = "", ""
		if w := b.do(r.method, r.path, r.body); w.Code >= 300 || c.who.Person == "" || c.who.Session == "" || c.who.Token != "" {
			t.Errorf("%s %s: %d, asked as %+v", r.method, r.path, w.Code, c.who)
		}
	}
	s.clock.now = s.clock.now.Add(accounts.VisitIdle)
	for _, r := range routes {
		b.refused(401, "login-needed", r.method, r.path, r.body)
	}
}

// TestCaseByEither: token and log-in are both told; who may see the case is
// the counter's to say.
func TestCaseByEither(t *testing.T) {
	s, c := counted(t)
	b := s.browser()
	for _, r := range []struct{ method, path, body string }{
		{"GET", "/api/cases/c1", ""}, {"POST", "/api/cases/c1/next", "{}"}, {"POST", "/api/cases/c1/close", ""},
	} {
		b.cookies = nil
		b.must(200, r.method, r.path, r.body)
		if c.who.Person != "" || c.who.Session != "" || c.who.Token != "" || c.id != "c1" {
			t.Errorf("%s: nobody is %+v", r.path, c.who)
		}
	}
	b = s.browser()
	b.logIn(li)
	b.must(200, "GET", "/api/cases/c1", "", "Authorization", "Bearer t1")
	if c.who.Person == "" || c.who.Token != "t1" {
		t.Errorf("asked as %+v", c.who)
	}
}

func TestOpeningForms(t *testing.T) {
	s, c := counted(t)
	b := s.browser()
	b.must(201, "POST", "/api/cases", `{"opening":"AQID"}`) // wants no log-in
	b.logIn(li)
	w := b.must(201, "POST", "/api/cases", `{"service":"repair","serial":"0a0b"}`)
	if c.service != certhall.Repair || c.serial != "0a0b" || strings.Contains(w.Body.String(), "token") {
		t.Errorf("%s of %s: %s", c.service, c.serial, w.Body)
	}
	for _, body := range []string{
		`{}`, `{"service":"renew"}`, `{"serial":"0a"}`, `{"opening":"AQID","service":"renew","serial":"0a"}`, `{"opening":""}`,
		`{"service":"revoke","serial":"0a"}`, `{"service":"renew","serial":"` + strings.Repeat("0", 41) + `"}`,
	} {
		b.refused(422, "input-malformed", "POST", "/api/cases", body)
	}
	c.err = authority.ErrUnknownCert
	b.refused(404, "certificate-unknown", "POST", "/api/cases", `{"service":"renew","serial":"0a"}`)
}

// TestOpeningIsAnsweredAsBefore under the same key, and only by log-in: the
// token that the key's opening gives is stored nowhere.
func TestOpeningIsAnsweredAsBefore(t *testing.T) {
	s, c := counted(t)
	b := s.browser()
	b.logIn(li)
	const body = `{"service":"renew","serial":"0a"}`
	first := b.must(201, "POST", "/api/cases", body, "Idempotency-Key", "k1").Body.String()
	again := b.must(201, "POST", "/api/cases", body, "Idempotency-Key", "k1").Body.String()
	if c.calls != 1 || first != again {
		t.Errorf("%d calls: %s, then %s", c.calls, first, again)
	}
	if w := b.do("POST", "/api/cases", `{"service":"repair","serial":"0a"}`, "Idempotency-Key", "k1"); w.Code != 409 {
		t.Errorf("another body under the same key: %d", w.Code)
	}
	c.calls = 0
	for range 2 {
		b.must(201, "POST", "/api/cases", `{"opening":"AQID"}`, "Idempotency-Key", "k2")
	}
	if c.calls != 2 {
		t.Errorf("an opening by key was kept: %d calls", c.calls)
	}
}

// TestListsSpeak the reader's language.
func TestListsSpeak(t *testing.T) {
	s, _ := counted(t)
	b := s.browser()
	b.logIn(li)
	for path, want := range map[string][2]string{
		"/api/certificates": {"2027-06-01 起可以办理", "Renewal opens on 2027-06-01"},
		"/api/cases":        {"证书已经注销", "has been revoked"},
		"/api/cases/c1":     {"证书已经注销", "has been revoked"},
	} {
		for i, lang := range []string{"zh-CN", "en"} {
			if body := b.must(200, "GET", path, "", "Accept-Language", lang).Body.String(); !strings.Contains(body, want[i]) {
				t.Errorf("%s in %s: %s", path, lang, body)
			}
		}
	}
}

func TestHallAndItsPortals(t *testing.T) {
	s, c := counted(t, func(o *web.Options) {
		o.Hall = web.Hall{Name: "大厅", Authority: "a1", AgentPorts: []int{17083}, Demo: true,
			Projects: []web.Project{{Code: "gp", Names: map[string]string{"zh-CN": "政府采购项目", "en": "Government procurement"}}}}
	})
	b := s.browser() // nobody has logged in
	body := b.must(200, "GET", "/api/hall", "").Body.String()
	for _, want := range []string{`"name":"大厅"`, `"authority":"a1"`, `"agent_ports":[17083]`, `"demo":true`, `"en":"Government procurement"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s: %s", want, body)
		}
	}
	if body := b.must(200, "GET", "/api/origin-list", "").Body.String(); !strings.Contains(body, `"list":"BAU="`) || !strings.Contains(body, `"issuers":["Bg=="]`) {
		t.Errorf("origins %s", body)
	}
	c.err = authority.ErrSealed
	b.refused(503, "sealed", "GET", "/api/origin-list", "")
}
