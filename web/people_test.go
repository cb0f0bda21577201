package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/favourites"
	"github.com/certhall/certhall/hall/once"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
	"github.com/certhall/certhall/web"
)

const (
	zhang, zhangName, zhangsOwn = "13800000001", "zhang.san", "correct horse"
	li, firstLi                 = "13800000002", "000002"
	origin                      = "https://hall.example"
	secretCookie                = "__Host-certhall_session"
)

type setClock struct{ now time.Time }

func (c *setClock) Now() time.Time { return c.now }

// codes is a provider of short messages that keeps the codes.
type codes []string

func (c *codes) Send(_ context.Context, _, _ string, vars map[string]string, key string) (string, error) {
	*c = append(*c, vars["code"])
	return key, nil
}

func (c *codes) SendMail(ctx context.Context, address, template string, vars map[string]string, key string) (string, error) {
	return c.Send(ctx, address, template, vars, key)
}

func (c *codes) last() string { return (*c)[len(*c)-1] }

// site is the hall's HTTP side over real accounts: zhang has a user name and a
// password, li has none.
type site struct {
	*testing.T
	http.Handler
	desk  *accounts.Desk
	clock *setClock
	codes *codes
	log   *bytes.Buffer
}

func newSite(t *testing.T, more ...func(*web.Options)) site {
	t.Helper()
	db := storetest.Open(t, "sqlite::memory:", hall.Migrations())
	s := site{T: t, clock: &setClock{time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}, codes: new(codes), log: new(bytes.Buffer)}
	store, secret := hall.New(db, nil), []byte("secret")
	s.desk = accounts.New(accounts.Options{Store: store.Accounts(), SMS: s.codes, Mail: s.codes, Clock: s.clock, Random: rand.Reader, Secret: secret, AuthorityID: "a1", Origin: origin,
		TestCost: &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}})
	o := web.Options{
		Counter: new(counter), People: s.desk,
		Organisations: organisations.New(organisations.Options{Store: store.Organisations(), People: s.desk, Clock: s.clock, Random: rand.Reader}),
		Favourites:    &favourites.Shelf{Store: store, Clock: s.clock, Random: rand.Reader},
		Origin:        origin, Random: rand.Reader, Version: "test",
		Once: &once.Keeper{Store: store.Once(), Clock: s.clock, Random: rand.Reader, Secret: secret},
		Log:  slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range more {
		f(&o)
	}
	s.Handler = web.New(o)
	s.people()
	return s
}

func (s site) people() {
	s.Helper()
	b := s.browser()
	b.logIn(zhang)
	b.must(200, "POST", "/api/me/password", fmt.Sprintf(`{"new":%q}`, zhangsOwn))
	b.must(200, "POST", "/api/me/name", fmt.Sprintf(`{"user_name":%q}`, zhangName))
	b.must(204, "POST", "/api/logout", "{}")
	s.browser().logIn(li)
	s.clock.now = s.clock.now.Add(25 * time.Hour)
}

// browser keeps its cookies.
type browser struct {
	site
	cookies map[string]*http.Cookie
	plain   bool // over plain HTTP
}

func (s site) browser() *browser { return &browser{site: s, cookies: map[string]*http.Cookie{}} }

func (b *browser) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
	if !b.plain {
		r.TLS = new(tls.ConnectionState)
	}
	if body != "" {
		r.Header.Set("Content-Type", jsonType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w
}

func (b *browser) must(status int, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	b.Helper()
	w := b.do(method, path, body, headers...)
	if w.Code != status {
		b.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	return w
}

// refused wants a problem with a code.
func (b *browser) refused(status int, code, method, path, body string, headers ...string) {
	b.Helper()
	w := b.do(method, path, body, headers...)
	var p web.ProblemDocument
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != status || p.Code != code || p.Detail == "" || p.Hint == "" || strings.HasPrefix(p.Detail, "error.") {
		b.Errorf("%s %s %s: %d %s, want %d %s", method, path, body, w.Code, w.Body, status, code)
	}
}

// logIn logs in by code.
func (b *browser) logIn(phone string) {
	b.Helper()
	b.must(200, "POST", "/api/login/code", fmt.Sprintf(`{"name":%q}`, phone))
	b.must(200, "POST", "/api/login", fmt.Sprintf(`{"name":%q,"code":%q}`, phone, b.codes.last()))
}

func (b *browser) me() (me accounts.Me) {
	b.Helper()
	if err := json.Unmarshal(b.must(200, "GET", "/api/me", "").Body.Bytes(), &me); err != nil {
		b.Fatal(err)
	}
	return me
}

func TestFromFirstPasswordToOnesOwn(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.refused(401, "login-needed", "GET", "/api/me", "")
	b.refused(409, "login-code-needed", "POST", "/api/login", `{"name":"13800000002","password":"000002"}`)
	w := b.must(200, "POST", "/api/login/code", `{"name":"13800000002"}`)
	if got := strings.TrimSpace(w.Body.String()); got != `{"resend_after_s":60,"minutes":10,"tries_left":5}` {
		t.Error(got)
	}
	before := b.cookies[secretCookie].Value
	code := s.codes.last()
	b.must(200, "POST", "/api/login", fmt.Sprintf(`{"name":"13800000002","password":"000002","code":%q}`, code))
	after := b.cookies[secretCookie].Value
	if before == after {
		t.Error("the session was not changed at log-in")
	}
	if me := b.me(); !me.MustSetPassword || me.Phone != "138****0002" || me.HasPassword {
		t.Errorf("%+v", me)
	}
	b.refused(403, "password-needed", "POST", "/api/me/name", `{"user_name":"li.si"}`)
	b.refused(422, "password-length", "POST", "/api/me/password", `{"new":"short"}`)
	b.must(200, "POST", "/api/me/password", `{"new":"battery staple"}`)
	b.must(200, "POST", "/api/me/name", `{"user_name":"li.si"}`)
	if me := b.me(); me.MustSetPassword || !me.HasPassword || me.UserName != "li.si" {
		t.Errorf("%+v", me)
	}
	b.must(204, "POST", "/api/logout", "{}")
	b.refused(401, "login-needed", "GET", "/api/me", "")
	other := s.browser()
	other.must(200, "POST", "/api/login", `{"name":"LI.SI","password":"battery staple"}`)
	other.refused(409, "user-name-taken", "POST", "/api/me/name", `{"user_name":"zhang.san"}`)
	for _, secret := range []string{code, before, after, "battery", "1380000000"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}

// TestWhoMustSetAPasswordDoesNothingElse, whatever operations there will be.
func TestWhoMustSetAPasswordDoesNothingElse(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.must(200, "POST", "/api/login/code", `{"name":"13800000002"}`)
	b.must(200, "POST", "/api/login", fmt.Sprintf(`{"name":"13800000002","password":"000002","code":%q}`, s.codes.last()))
	var document struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(web.OpenAPI("1"), &document); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for path, operations := range document.Paths {
		for method := range operations {
			switch method + " " + path {
			case "get /api/hall", "get /api/me", "post /api/me/password", "post /api/logout":
				continue
			}
			seen++
			b.refused(403, "password-needed", strings.ToUpper(method), strings.ReplaceAll(path, "{case}", "c1"), "{}")
		}
	}
	if seen < 10 {
		t.Errorf("only %d operations", seen)
	}
	b.must(200, "GET", "/healthz", "")
	b.must(200, "GET", "/api/hall", "") // the page where he sets it says whose it is
	b.must(204, "POST", "/api/logout", "{}")
	b.must(200, "POST", "/api/login/nonce", "{}")
}

func TestNobodyIsToldToLogIn(t *testing.T) {
	b := newSite(t).browser()
	b.refused(401, "login-needed", "GET", "/api/me", "")
	b.refused(401, "login-needed", "POST", "/api/me/password", `{"new":"battery staple"}`)
	b.refused(401, "login-needed", "POST", "/api/me/name", `{"user_name":"li.si"}`)
	b.must(204, "POST", "/api/logout", "{}")
	for _, value := range []string{"", "x", strings.Repeat("a", 43), strings.Repeat("a", 4000)} {
		b.cookies[secretCookie] = &http.Cookie{Name: secretCookie, Value: value}
		b.refused(401, "login-needed", "GET", "/api/me", "")
	}
}

// TestSessionsEnd by the clock, with the cookie still there.
func TestSessionsEnd(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.logIn(zhang)
	if me := b.me(); !me.SessionEndsAt.Equal(s.clock.now.Add(accounts.VisitIdle)) {
		t.Errorf("%+v", me)
	}
	s.clock.now = s.clock.now.Add(accounts.VisitIdle)
	b.refused(401, "login-needed", "GET", "/api/me", "")
}

func TestCookies(t *testing.T) {
	for _, c := range []struct {
		name        string
		plain       bool
		origin      string
		cookie      string
		secure      bool
		otherCookie string // not read
	}{
		{"over HTTPS", false, origin, secretCookie, true, "certhall_session"},
		{"behind a proxy that speaks HTTPS", true, origin, secretCookie, true, "certhall_session"},
		{"on loopback", true, "http://127.0.0.1:8083", "certhall_session", false, secretCookie},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, func(o *web.Options) { o.Origin = c.origin })
			b := s.browser()
			b.plain = c.plain
			w := b.must(200, "POST", "/api/login/code", fmt.Sprintf(`{"name":%q}`, zhang))
			for _, w := range []*httptest.ResponseRecorder{w, b.must(200, "POST", "/api/login", fmt.Sprintf(`{"name":%q,"code":%q}`, zhang, s.codes.last()))} {
				got := w.Result().Cookies()
				if len(got) != 1 {
					t.Fatalf("%d cookies", len(got))
				}
				k := got[0]
				if k.Name != c.cookie || k.Secure != c.secure || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" || k.MaxAge != 0 || !k.Expires.IsZero() {
					t.Errorf("cookie %s", k.Raw)
				}
			}
			b.me()
			k := b.cookies[c.cookie]
			b.cookies = map[string]*http.Cookie{c.otherCookie: {Name: c.otherCookie, Value: k.Value}}
			b.refused(401, "login-needed", "GET", "/api/me", "")
		})
	}
}

// TestOtherSitesPages reach nothing that changes anything.
func TestOtherSitesPages(t *testing.T) {
	const form, text = "application/x-www-form-urlencoded", "text/plain"
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
		code               string // of the problem
	}{
		{"our page", "POST", "/api/logout", []string{"Sec-Fetch-Site", "same-origin", "Origin", origin}, 204, ""},
		{"our page behind a proxy that names the host otherwise", "POST", "/api/logout", []string{"Origin", origin}, 204, ""},
		{"the command line", "POST", "/api/login/nonce", nil, 200, ""},
		{"a fetch from another site", "POST", "/api/logout", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403, "cross-site"},
		{"from a neighbouring host", "POST", "/api/logout", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://other.hall.example"}, 403, "cross-site"},
		{"an older browser", "POST", "/api/logout", []string{"Origin", "https://evil.example"}, 403, "cross-site"},
		{"our name on plain HTTP", "POST", "/api/logout", []string{"Origin", "http://hall.example"}, 403, "cross-site"},
		{"a sandboxed frame", "POST", "/api/logout", []string{"Origin", "null"}, 403, "cross-site"},
		{"a sandboxed frame, newer browser", "POST", "/api/logout", []string{"Sec-Fetch-Site", "cross-site", "Origin", "null"}, 403, "cross-site"},
		{"a form", "POST", "/api/login", []string{"Sec-Fetch-Site", "cross-site", "Content-Type", form}, 403, "cross-site"},
		{"log-in to somebody else's account", "POST", "/api/login", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403, "cross-site"},
		{"opening a case", "POST", "/api/cases", []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-site"},
		{"reading is the browser's to refuse", "GET", "/api/me", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 200, ""},
		{"our own form is none either", "POST", "/api/login", []string{"Sec-Fetch-Site", "same-origin", "Content-Type", form}, 415, "media-type-wrong"},
		{"nor is text", "POST", "/api/login", []string{"Sec-Fetch-Site", "same-origin", "Content-Type", text}, 415, "media-type-wrong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newSite(t).browser()
			b.logIn(zhang)
			body := "{}"
			if c.method == "GET" {
				body = ""
			}
			if c.code != "" {
				b.refused(c.status, c.code, c.method, c.path, body, c.headers...)
				b.me()
				return
			}
			w := b.must(c.status, c.method, c.path, body, c.headers...)
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("other sites may read it")
			}
		})
	}
}

// TestNobodyLearnsWhoIsThere: the whole answers are alike, headers included.
func TestNobodyLearnsWhoIsThere(t *testing.T) {
	s := newSite(t)
	told := func(name string) string {
		b, all := s.browser(), ""
		for i, r := range [][2]string{
			{"/api/login/code", `{"name":%q}`}, {"/api/login/code", `{"name":%q}`},
			{"/api/login", `{"name":%q}`},
			{"/api/login", `{"name":%q,"password":"wrong horse"}`},
			{"/api/login", `{"name":%q,"password":"123456"}`},
			{"/api/login", `{"name":%q,"code":"12345x"}`},
			{"/api/login", `{"name":%q,"password":"123456","code":"12345x"}`},
			{"/api/login", `{"name":%q,"password":"wrong horse","code":"12345x"}`},
		} {
			w := b.do("POST", r[0], fmt.Sprintf(r[1], name))
			body := strings.ReplaceAll(w.Body.String(), w.Header().Get("X-Request-Id"), "ID")
			for _, c := range w.Result().Cookies() {
				body += c.Name
			}
			all += fmt.Sprintln(i, w.Code, w.Header().Get("Content-Type"), len(w.Header()), body)
		}
		s.clock.now = s.clock.now.Add(25 * time.Hour)
		return all
	}
	want := told("nobody")
	for _, name := range []string{zhangName, zhang, li, "13700000000"} {
		if got := told(name); got != want {
			t.Errorf("%s is told\n%s\nnobody\n%s", name, got, want)
		}
	}
}

func TestIdempotencyKeys(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	const key = "Idempotency-Key"
	b.logIn(zhang)
	s.clock.now = s.clock.now.Add(time.Minute)

	send := fmt.Sprintf(`{"name":%q}`, zhang)
	first := b.must(200, "POST", "/api/login/code", send, key, "k1").Body.String()
	sent := len(*s.codes)
	if again := b.must(200, "POST", "/api/login/code", send, key, "k1").Body.String(); again != first || len(*s.codes) != sent {
		t.Errorf("%s, then %s; %d codes", first, again, len(*s.codes)-sent)
	}
	b.refused(409, "idempotency-conflict", "POST", "/api/login/code", `{"name":"13900000000"}`, key, "k1")
	b.refused(409, "idempotency-conflict", "POST", "/api/me/password", `{"new":"battery staple"}`, key, "k1")
	b.refused(429, "code-resend", "POST", "/api/login/code", send, key, "k2")
	s.clock.now = s.clock.now.Add(time.Minute)
	b.must(200, "POST", "/api/login/code", send, key, "k2") // what was refused was not done

	s.clock.now = s.clock.now.Add(time.Hour)
	change := fmt.Sprintf(`{"old":%q,"new":"battery staple"}`, zhangsOwn)
	b.must(200, "POST", "/api/me/password", change, key, "k3")
	b.must(200, "POST", "/api/me/password", change, key, "k3")
	b.refused(403, "old-password-wrong", "POST", "/api/me/password", change)
	b.refused(409, "idempotency-conflict", "POST", "/api/me/password", `{"old":"battery staple","new":"a third horse"}`, key, "k3")
	b.refused(422, "input-malformed", "POST", "/api/me/password", change, key, strings.Repeat("k", 65))

	other := s.browser()
	other.must(200, "POST", "/api/login", fmt.Sprintf(`{"name":%q,"password":"battery staple"}`, zhang))
	other.refused(403, "old-password-wrong", "POST", "/api/me/password", change, key, "k3") // keys are a session's
}

// TestAnIdleAccountIsAskedForMore, and not for another code.
func TestAnIdleAccountIsAskedForMore(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	s.clock.now = s.clock.now.Add(accounts.IdleAfter)
	b.must(200, "POST", "/api/login/code", fmt.Sprintf(`{"name":%q}`, zhang))
	w := b.must(409, "POST", "/api/login", fmt.Sprintf(`{"name":%q,"code":%q}`, zhang, s.codes.last()))
	if !strings.Contains(w.Body.String(), `"code":"login-idle"`) || !strings.Contains(w.Body.String(), `"ways":"password"`) {
		t.Error(w.Body)
	}
	b.refused(422, "message-malformed", "POST", "/api/login", fmt.Sprintf(`{"name":%q,"signed":"AQID"}`, zhang))
	w = b.must(200, "POST", "/api/login/nonce", "{}")
	if !strings.Contains(w.Body.String(), `"authority":"a1","origin":"https://hall.example"`) {
		t.Error(w.Body)
	}
	b.must(200, "POST", "/api/login", fmt.Sprintf(`{"name":%q,"password":%q}`, zhang, zhangsOwn))
}

func TestALongChineseUserName(t *testing.T) {
	b := newSite(t).browser()
	b.logIn(zhang)
	b.must(200, "POST", "/api/me/name", fmt.Sprintf(`{"user_name":%q}`, strings.Repeat("张", 32)))
	b.refused(422, "user-name-malformed", "POST", "/api/me/name", fmt.Sprintf(`{"user_name":%q}`, strings.Repeat("张", 33)))
}
