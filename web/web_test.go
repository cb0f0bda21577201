package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/web"
)

var update = flag.Bool("update", false, "write docs/openapi.json anew")

// counter answers what the scenario says and notes what it was asked.
type counter struct {
	err     error
	panics  bool
	next    services.Next
	opening []byte
	who     services.Caller
	service certhall.Service
	serial  certhall.Serial
	id      certhall.CaseID
	in      services.Input
	calls   int
}

func (c *counter) called() error {
	c.calls++
	if c.panics {
		panic("out of order")
	}
	return c.err
}

func (c *counter) Nonce(context.Context) (services.Nonce, error) {
	return services.Nonce{Nonce: []byte{1, 2}, Origin: "https://hall.example", Authority: "a1", ExpiresAt: time.Date(2026, 11, 22, 4, 5, 0, 0, time.UTC)}, c.called()
}

func (c *counter) Open(_ context.Context, _ services.Caller, opening []byte) (services.Opened, error) {
	c.opening = opening
	return services.Opened{Case: "c1", Token: "t1"}, c.called()
}

func (c *counter) OpenFor(_ context.Context, who services.Caller, service certhall.Service, serial certhall.Serial) (services.Opened, error) {
	c.who, c.service, c.serial = who, service, serial
	return services.Opened{Case: "c1"}, c.called()
}

func (c *counter) Case(_ context.Context, who services.Caller, id certhall.CaseID) (services.CaseView, error) {
	c.who, c.id = who, id
	return services.CaseView{CaseLine: line(id), Result: &services.Result{Receipt: string(id)}}, c.called()
}

func (c *counter) Cases(_ context.Context, who services.Caller) (services.CaseList, error) {
	c.who = who
	return services.CaseList{Cases: []services.CaseLine{line("c1"), line("c2")}, More: true}, c.called()
}

func (c *counter) Kinds(_ context.Context, serials []certhall.Serial) (list services.KindList, _ error) {
	for _, s := range serials {
		list.Kinds = append(list.Kinds, services.Kind{Serial: s, Project: "gov", Brand: "haitai"})
	}
	return list, c.called()
}

func (c *counter) Certificates(_ context.Context, who services.Caller) (services.CertificateList, error) {
	c.who = who
	return services.CertificateList{Certificates: []services.HeldCertificate{{
		Serial: "0a", State: services.Valid, Actions: []certhall.Service{}, DaysLeft: 300,
		WhyNot: &services.Problem{Code: "too-early", Params: map[string]string{"date": "2027-06-01"}},
	}}}, c.called()
}

func (c *counter) OriginList(context.Context) (services.Origins, error) {
	return services.Origins{List: []byte{4, 5}, Issuers: [][]byte{{6}}}, c.called()
}

func line(id certhall.CaseID) services.CaseLine {
	return services.CaseLine{Case: id, Service: certhall.Renew, State: services.Refused, Step: services.StepPhone, Stage: 2,
		Steps: []services.Step{services.StepIdentify}, Problem: &services.Problem{Code: "revoked"}}
}

func (c *counter) Next(_ context.Context, who services.Caller, id certhall.CaseID, in services.Input) (services.Next, error) {
	c.who, c.id, c.in = who, id, in
	return c.next, c.called()
}

func (c *counter) Close(_ context.Context, who services.Caller, id certhall.CaseID) (services.Next, error) {
	c.who, c.id = who, id
	return c.next, c.called()
}

// scenario is one request and what must come of it.
type scenario struct {
	name    string
	method  string
	path    string
	body    string
	headers map[string]string
	counter counter

	status  int
	content string // type
	has     []string
	hasNot  []string
	check   func(t *testing.T, c *counter)
}

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

func handler(c *counter, log io.Writer, more ...func(*web.Options)) http.Handler {
	o := web.Options{Counter: c, Random: rand.Reader, Version: "test", Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, f := range more {
		f(&o)
	}
	return web.New(o)
}

func (s scenario) run(t *testing.T, more ...func(*web.Options)) *httptest.ResponseRecorder {
	t.Helper()
	var log bytes.Buffer
	r := httptest.NewRequestWithContext(t.Context(), s.method, s.path, strings.NewReader(s.body))
	if s.body != "" {
		r.Header.Set("Content-Type", jsonType)
	}
	for k, v := range s.headers {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	handler(&s.counter, &log, more...).ServeHTTP(w, r)
	body := w.Body.String()
	if w.Code != s.status {
		t.Errorf("status %d, want %d: %s", w.Code, s.status, body)
	}
	if got := w.Header().Get("Content-Type"); got != s.content {
		t.Errorf("content type %q, want %q", got, s.content)
	}
	for _, x := range s.has {
		if !strings.Contains(body, x) {
			t.Errorf("the answer lacks %s: %s", x, body)
		}
	}
	for _, x := range s.hasNot {
		if strings.Contains(body, x) || strings.Contains(log.String(), x) {
			t.Errorf("%s is told:\n%s\n%s", x, body, log.String())
		}
	}
	for _, h := range []string{"X-Request-Id", "X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy", "Referrer-Policy"} {
		if w.Header().Get(h) == "" {
			t.Errorf("no header %s", h)
		}
	}
	if s.status >= 400 && s.content == problemType {
		var p web.ProblemDocument
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != s.status || p.Code == "" || p.Detail == "" || p.Hint == "" ||
			p.Instance != "urn:request:"+w.Header().Get("X-Request-Id") || strings.HasPrefix(p.Detail, "error.") {
			t.Errorf("problem %+v, %v", p, err)
		}
	}
	if strings.Contains(body, "$schema") {
		t.Errorf("a schema link: %s", body)
	}
	if s.check != nil {
		s.check(t, &s.counter)
	}
	return w
}

func TestRoutes(t *testing.T) {
	post := func(name, path, body string) scenario {
		return scenario{name: name, method: "POST", path: path, body: body, status: 200, content: jsonType}
	}
	with := func(s scenario, change func(*scenario)) scenario { change(&s); return s }
	next := "/api/cases/c1/next"
	for _, s := range []scenario{
		with(post("begin an opening", "/api/openings", ""), func(s *scenario) {
			s.status, s.has = 201, []string{`"nonce":"AQI="`, `"origin":"https://hall.example"`, `"authority":"a1"`, `"expires_at":"2026-11-22T04:05:00Z"`}
		}),
		with(post("begin an opening with an empty object", "/api/openings", "{}"), func(s *scenario) { s.status = 201 }),
		with(post("open", "/api/cases", `{"opening":"AQID"}`), func(s *scenario) {
			s.status, s.has, s.hasNot = 201, []string{`"case":"c1"`, `"token":"t1"`}, nil
			s.check = func(t *testing.T, c *counter) {
				if !bytes.Equal(c.opening, []byte{1, 2, 3}) {
					t.Errorf("opening %x", c.opening)
				}
			}
		}),
		with(post("next with a reply", next, `{"reply":"AQID"}`), func(s *scenario) {
			s.headers = map[string]string{"Authorization": "Bearer secret-token", "X-Forwarded-For": "203.0.113.9"}
			s.counter.next = services.Next{Case: "c1", Service: certhall.Renew, State: services.Open, Step: services.StepPrepare,
				Steps: []services.Step{services.StepIdentify}, Operation: "prepare", Message: []byte{9}}
			s.has = []string{`"state":"open"`, `"step":"prepare"`, `"steps":["identify"]`, `"operation":"prepare"`, `"message":"CQ=="`}
			s.hasNot = []string{"secret-token", `"ask"`, `"wait"`, `"problem"`, `"result"`, "AQID"}
			s.check = func(t *testing.T, c *counter) {
				if c.who.Token != "secret-token" || c.id != "c1" || !bytes.Equal(c.in.Reply, []byte{1, 2, 3}) || c.in.Answer != nil || c.in.Address != "192.0.2.1" {
					t.Errorf("asked %+v", c)
				}
			}
		}),
		with(post("next with an answer", next, `{"answer":{"phone":"13800000001","send_code":true,"code":"314159"}}`), func(s *scenario) {
			s.counter.next = services.Next{Ask: &services.Ask{Kind: "code"}, Problem: &services.Problem{Code: "code-wrong", Params: map[string]string{"tries_left": "4"}}}
			s.headers = map[string]string{"Accept-Language": "en"}
			s.has = []string{`"kind":"code"`, `"code":"code-wrong"`, `4 tries are left`}
			s.hasNot = []string{"314159", "13800000001"}
			s.check = func(t *testing.T, c *counter) {
				if a := c.in.Answer; a == nil || a.Phone != "13800000001" || !a.SendCode || a.Code != "314159" {
					t.Errorf("answer %+v", a)
				}
			}
		}),
		with(post("next in Chinese", next, `{}`), func(s *scenario) {
			s.counter.next = services.Next{Problem: &services.Problem{Code: "code-wrong", Params: map[string]string{"tries_left": "4"}}}
			s.has = []string{"还可以试 4 次"}
		}),
		post("close", "/api/cases/c1/close", "{}"),
		post("close without a body", "/api/cases/c1/close", ""),
		with(post("a missing token is a missing case", next, "{}"), func(s *scenario) {
			s.counter.err, s.status, s.content, s.has = services.ErrCaseMissing, 404, problemType, []string{`"code":"case-missing"`, "没有找到这个业务"}
			s.check = func(t *testing.T, c *counter) {
				if c.who.Token != "" {
					t.Errorf("token %q", c.who.Token)
				}
			}
		}),
		with(post("another scheme is no token", next, "{}"), func(s *scenario) {
			s.headers = map[string]string{"Authorization": "Basic abc"}
			s.check = func(t *testing.T, c *counter) {
				if c.who.Token != "" {
					t.Errorf("token %q", c.who.Token)
				}
			}
		}),
		with(post("values are told", "/api/cases", `{"opening":"AQID"}`), func(s *scenario) {
			s.counter.err = authority.ErrTooEarly.With("date", "2026-12-01").Becausef("inner-cause")
			s.headers = map[string]string{"Accept-Language": "en-GB"}
			s.status, s.content, s.has = 403, problemType, []string{`"params":{"date":"2026-12-01"}`, "2026-12-01"}
		}),
		with(post("sealed", "/api/cases", `{"opening":"AQID"}`), func(s *scenario) { s.counter.err, s.status, s.content = authority.ErrSealed, 503, problemType }),
		with(post("limited", "/api/openings", ""), func(s *scenario) { s.counter.err, s.status, s.content = authority.ErrLimited, 429, problemType }),
		with(post("conflict", "/api/openings", ""), func(s *scenario) { s.counter.err, s.status, s.content = services.ErrOpenNonce, 409, problemType }),
		with(post("too slow", "/api/openings", ""), func(s *scenario) {
			s.counter.err, s.status, s.content, s.has = context.DeadlineExceeded, 503, problemType, []string{"too-slow"}
		}),
		with(post("gone before the answer", "/api/openings", ""), func(s *scenario) {
			s.counter.err, s.status, s.content, s.has = context.Canceled, 503, problemType, []string{"too-slow"}
		}),
		with(post("our fault", "/api/openings", ""), func(s *scenario) {
			s.counter.err, s.status, s.content, s.has = errors.New("disk"), 500, problemType, []string{`"code":"internal"`}
		}),
		with(post("a panic", "/api/openings", ""), func(s *scenario) { s.counter.panics, s.status, s.content = true, 500, problemType }),
		with(post("no JSON", next, "314159"), func(s *scenario) { s.status, s.content, s.hasNot = 422, problemType, []string{"314159"} }),
		with(post("broken JSON", next, `{"answer":{"code":"314159"`), func(s *scenario) {
			s.status, s.content, s.has, s.hasNot = 400, problemType, []string{"input-malformed"}, []string{"314159"}
		}),
		with(post("unknown member", next, `{"pin":"314159"}`), func(s *scenario) { s.status, s.content, s.hasNot = 422, problemType, []string{"314159"} }),
		with(post("wrong type", next, `{"answer":{"code":314159}}`), func(s *scenario) { s.status, s.content, s.hasNot = 422, problemType, []string{"314159"} }),
		with(post("code too long", next, `{"answer":{"code":"`+strings.Repeat("3", 40)+`"}}`), func(s *scenario) { s.status, s.content = 422, problemType }),
		with(post("no base64", next, `{"reply":"*"}`), func(s *scenario) { s.status, s.content = 422, problemType }),
		with(post("opening missing", "/api/cases", `{}`), func(s *scenario) { s.status, s.content = 422, problemType }),
		with(post("too large", next, `{"reply":"`+strings.Repeat("A", 256<<10)+`"}`), func(s *scenario) { s.status, s.content, s.has = 413, problemType, []string{"body-too-large"} }),
		with(post("another media type", next, `{}`), func(s *scenario) {
			s.headers = map[string]string{"Content-Type": "text/xml"}
			s.status, s.content, s.has = 415, problemType, []string{"media-type-wrong"}
		}),
		with(post("case id too long", "/api/cases/"+strings.Repeat("c", 65)+"/next", `{}`), func(s *scenario) { s.status, s.content = 422, problemType }),
		{name: "no such address", method: "GET", path: "/api/secret-typed-here", status: 404, content: problemType, has: []string{"address-unknown"}, hasNot: []string{"secret-typed-here"}},
		{name: "an address with a detour", method: "POST", path: "/api//cases/secret-typed-here/close", status: 404, content: problemType, has: []string{"address-unknown"}, hasNot: []string{"secret-typed-here"}},
		{name: "no such address in English", method: "GET", path: "/x", headers: map[string]string{"Accept-Language": "en"}, status: 404, content: problemType, has: []string{"nothing at this address"}},
		{name: "no such method", method: "GET", path: "/api/openings", status: 405, content: problemType, has: []string{"method-wrong"}},
		{name: "alive", method: "GET", path: "/healthz", status: 200, content: jsonType, has: []string{"ok"}},
		{name: "ready", method: "GET", path: "/readyz", status: 200, content: jsonType, has: []string{`"ready":true`}},
		{name: "the document", method: "GET", path: "/openapi.json", status: 200, content: jsonType, has: []string{`"/api/cases/{case}/next"`}},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t) })
	}
}

func TestMethodNotAllowedTellsWhich(t *testing.T) {
	w := scenario{method: "DELETE", path: "/api/openings", status: 405, content: problemType}.run(t)
	if got := w.Header().Get("Allow"); got != "POST" {
		t.Errorf("Allow: %s", got)
	}
}

func TestReadyzSaysWhy(t *testing.T) {
	checks := func(o *web.Options) {
		o.Checks = []web.Check{
			{Name: "database", Ready: func(context.Context) error { return nil }},
			{Name: "authority", Ready: func(context.Context) error { return authority.ErrSealed }},
			{Name: "disk", Ready: func(context.Context) error { return errors.New("a cause for the log") }},
		}
	}
	s := scenario{method: "GET", path: "/readyz", status: 503, content: jsonType, headers: map[string]string{"Accept-Language": "en"},
		has: []string{`"ready":false`, `{"name":"database","ready":true}`, `"code":"sealed"`, "not open yet", `"code":"internal"`}}
	if w := s.run(t, checks); strings.Contains(w.Body.String(), "a cause") {
		t.Errorf("a cause is told: %s", w.Body)
	}
}

func TestAddressBehindProxies(t *testing.T) {
	proxies := func(o *web.Options) {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}
	}
	for forwarded, want := range map[string]string{
		"":                               "192.0.2.1",
		"203.0.113.9":                    "203.0.113.9",
		"6.6.6.6, 203.0.113.9":           "203.0.113.9", // what the client made up is not believed
		"6.6.6.6, 203.0.113.9, 10.0.0.7": "203.0.113.9",
		"nonsense":                       "192.0.2.1",
		"2001:db8::1":                    "2001:db8::1",
	} {
		s := scenario{method: "POST", path: "/api/cases/c/next", body: "{}", status: 200, content: jsonType,
			headers: map[string]string{"X-Forwarded-For": forwarded},
			check: func(t *testing.T, c *counter) {
				if c.in.Address != want {
					t.Errorf("%q: from %s, want %s", forwarded, c.in.Address, want)
				}
			}}
		s.run(t, proxies)
	}
}

// TestBytesAreStandardBase64, as carriers in every language write them.
func TestBytesAreStandardBase64(t *testing.T) {
	raw := []byte{0xfb, 0xff, 0xfe}
	s := scenario{method: "POST", path: "/api/cases/c/next", body: `{"reply":"` + base64.StdEncoding.EncodeToString(raw) + `"}`, status: 200, content: jsonType,
		counter: counter{next: services.Next{Message: raw}}, has: []string{`"message":"+//+"`},
		check: func(t *testing.T, c *counter) {
			if !bytes.Equal(c.in.Reply, raw) {
				t.Errorf("reply %x", c.in.Reply)
			}
		}}
	s.run(t)
}

// TestDocument keeps docs/openapi.json: clients are generated from it.
func TestDocument(t *testing.T) {
	const file = "../docs/openapi.json"
	got := web.OpenAPI("1")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.json is not what the code says: go test ./web -update")
	}
}

// TestStrictTransport is asked for wherever people come by HTTPS, also where a
// proxy ends it.
func TestStrictTransport(t *testing.T) {
	for origin, want := range map[string]bool{"https://hall.example": true, "http://127.0.0.1:8083": false} {
		s := scenario{method: "GET", path: "/healthz", status: 200, content: jsonType}
		w := s.run(t, func(o *web.Options) { o.Origin = origin })
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != want {
			t.Errorf("%s: %v, want %v", origin, got, want)
		}
	}
}
