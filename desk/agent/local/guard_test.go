package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/desktest"
)

const port = 17083

// newGuard stands before a door that says which site came, at a fixed port.
func newGuard(c *clock) *guard {
	open := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s", siteOf(r.Context()).Origin, data)
	})
	s := &Server{Options: Options{Clock: c}}
	g := s.guard(port)
	g.api, g.ui = open, open
	g.site = func(origin string) (trust.Site, bool) {
		return trust.Site{Origin: origin}, origin == portal || origin == "http://127.0.0.1:8083"
	}
	return g
}

// TestGuard tries every row of the contract's table.
func TestGuard(t *testing.T) {
	type set = func(r *http.Request)
	head := func(name string, values ...string) set {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	host := func(h string) set { return func(r *http.Request) { r.Host = h } }
	method := func(m string) set { return func(r *http.Request) { r.Method = m } }
	at := func(path string) set { return func(r *http.Request) { r.URL.Path = path } }
	for name, c := range map[string]struct {
		with   []set
		status int
		code   string
	}{
		"as it should be":       {nil, 200, ""},
		"by the other name":     {[]set{host("localhost:17083")}, 200, ""},
		"with a charset":        {[]set{head("Content-Type", "application/json; charset=utf-8")}, 200, ""},
		"by an older browser":   {[]set{head("Sec-Fetch-Mode")}, 200, ""},
		"of another portal":     {[]set{head("Origin", "http://127.0.0.1:8083")}, 200, ""},
		"a rebinding host":      {[]set{host("evil.example:17083")}, 421, "agent-host"},
		"a look-alike host":     {[]set{host("127.0.0.1.evil.example:17083")}, 421, "agent-host"},
		"host in upper case":    {[]set{host("LOCALHOST:17083")}, 421, "agent-host"},
		"host with a dot":       {[]set{host("localhost.:17083")}, 421, "agent-host"},
		"another port":          {[]set{host("127.0.0.1:27083")}, 421, "agent-host"},
		"host without a port":   {[]set{host("127.0.0.1")}, 421, "agent-host"},
		"another loopback":      {[]set{host("127.0.0.2:17083")}, 421, "agent-host"},
		"IPv6":                  {[]set{host("[::1]:17083")}, 421, "agent-host"},
		"no host":               {[]set{host("")}, 421, "agent-host"},
		"rebinding, to the ui":  {[]set{host("evil.example:17083"), method("GET"), at("/ui")}, 421, "agent-host"},
		"no origin":             {[]set{head("Origin")}, 403, "origin-unlisted"},
		"empty origin":          {[]set{head("Origin", "")}, 403, "origin-unlisted"},
		"null":                  {[]set{head("Origin", "null")}, 403, "origin-unlisted"},
		"unlisted":              {[]set{head("Origin", "https://evil.example")}, 403, "origin-unlisted"},
		"look-alike end":        {[]set{head("Origin", portal+".evil.example")}, 403, "origin-unlisted"},
		"look-alike beginning":  {[]set{head("Origin", "https://evil-hall.example")}, 403, "origin-unlisted"},
		"other scheme":          {[]set{head("Origin", "http://hall.example")}, 403, "origin-unlisted"},
		"other port of origin":  {[]set{head("Origin", portal+":8443")}, 403, "origin-unlisted"},
		"origin in upper case":  {[]set{head("Origin", "https://HALL.example")}, 403, "origin-unlisted"},
		"origin with a slash":   {[]set{head("Origin", portal+"/")}, 403, "origin-unlisted"},
		"origin with a dot":     {[]set{head("Origin", portal+".")}, 403, "origin-unlisted"},
		"two origins":           {[]set{head("Origin", portal, "https://evil.example")}, 403, "origin-unlisted"},
		"two origins in one":    {[]set{head("Origin", portal+" https://evil.example")}, 403, "origin-unlisted"},
		"the agent's own":       {[]set{head("Origin", "http://127.0.0.1:17083")}, 403, "origin-unlisted"},
		"no cors":               {[]set{head("Sec-Fetch-Mode", "no-cors")}, 403, "agent-fetch-mode"},
		"a navigation":          {[]set{head("Sec-Fetch-Mode", "navigate")}, 403, "agent-fetch-mode"},
		"a web socket":          {[]set{head("Sec-Fetch-Mode", "websocket"), method("GET")}, 403, "agent-fetch-mode"},
		"two modes":             {[]set{head("Sec-Fetch-Mode", "cors", "no-cors")}, 403, "agent-fetch-mode"},
		"GET":                   {[]set{method("GET")}, 405, "agent-method"},
		"HEAD":                  {[]set{method("HEAD")}, 405, ""},
		"PUT":                   {[]set{method("PUT")}, 405, "agent-method"},
		"DELETE":                {[]set{method("DELETE")}, 405, "agent-method"},
		"plain text":            {[]set{head("Content-Type", "text/plain")}, 415, "agent-media-type"},
		"a form":                {[]set{head("Content-Type", "application/x-www-form-urlencoded")}, 415, "agent-media-type"},
		"a second type":         {[]set{head("Content-Type", "application/json", "text/plain")}, 415, "agent-media-type"},
		"no type":               {[]set{head("Content-Type")}, 415, "agent-media-type"},
		"two types":             {[]set{head("Content-Type", "text/plain, application/json")}, 415, "agent-media-type"},
		"preflight":             {[]set{method("OPTIONS"), head("Content-Type")}, 204, ""},
		"preflight, unlisted":   {[]set{method("OPTIONS"), head("Origin", "https://evil.example")}, 403, "origin-unlisted"},
		"ui: its page":          {[]set{method("GET"), at("/ui"), head("Origin"), head("Sec-Fetch-Mode", "navigate")}, 200, ""},
		"ui: in a frame":        {[]set{method("GET"), at("/ui"), head("Origin"), head("Sec-Fetch-Dest", "iframe")}, 403, "agent-fetch-mode"},
		"ui: by a portal":       {[]set{method("GET"), at("/ui")}, 403, "origin-unlisted"},
		"ui: by itself":         {[]set{at("/ui/ask"), head("Origin", "http://127.0.0.1:17083")}, 200, ""},
		"ui: by its other name": {[]set{at("/ui/ask"), head("Origin", "http://localhost:17083")}, 403, "origin-unlisted"},
		"ui: by a portal, POST": {[]set{at("/ui/ask")}, 403, "origin-unlisted"},
		"ui: by nobody, POST":   {[]set{at("/ui/ask"), head("Origin")}, 403, "origin-unlisted"},
		"ui: preflight":         {[]set{at("/ui/ask"), method("OPTIONS")}, 403, "origin-unlisted"},
		"ui: plain text":        {[]set{at("/ui/answer"), head("Origin", "http://127.0.0.1:17083"), head("Content-Type", "text/plain")}, 415, "agent-media-type"},
		"ui: own preflight":     {[]set{at("/ui/ask"), method("OPTIONS"), head("Origin", "http://127.0.0.1:17083")}, 405, "agent-method"},
		"nearly ui":             {[]set{at("/uix"), method("GET"), head("Origin")}, 403, "origin-unlisted"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/keys", strings.NewReader("{}"))
			r.Host = "127.0.0.1:17083"
			r.Header = http.Header{"Origin": {portal}, "Content-Type": {"application/json"}, "Sec-Fetch-Mode": {"cors"}}
			for _, set := range c.with {
				set(r)
			}
			w := httptest.NewRecorder()
			newGuard(&clock{t: desktest.Now}).ServeHTTP(w, r)
			var d document
			_ = json.Unmarshal(w.Body.Bytes(), &d)
			if w.Code != c.status || c.code != "" && d.Code != c.code {
				t.Fatalf("%d %q, want %d %q", w.Code, d.Code, c.status, c.code)
			}
			h := w.Header()
			allowed := h.Get("Access-Control-Allow-Origin")
			if c.code == "origin-unlisted" || c.code == "agent-host" || strings.HasPrefix(r.URL.Path, "/ui") {
				if allowed != "" {
					t.Errorf("%s is allowed", allowed)
				}
			} else if allowed != r.Header.Get("Origin") || h.Get("Vary") != "Origin" {
				t.Errorf("allowed %q, vary %q", allowed, h.Get("Vary"))
			}
			if h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Set-Cookie") != "" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

// TestPreflight answers what browsers ask first, older ones about private networks too.
func TestPreflight(t *testing.T) {
	r := httptest.NewRequest(http.MethodOptions, "/keys", nil)
	r.Host = "127.0.0.1:17083"
	r.Header = http.Header{"Origin": {portal}, "Sec-Fetch-Mode": {"cors"}, "Access-Control-Request-Method": {"POST"}}
	w := httptest.NewRecorder()
	newGuard(&clock{t: desktest.Now}).ServeHTTP(w, r)
	h := w.Header()
	if h.Get("Access-Control-Allow-Methods") != "POST" || h.Get("Access-Control-Allow-Headers") != "authorization, content-type" || h.Get("Access-Control-Allow-Private-Network") != "" {
		t.Fatalf("%v", h)
	}
	r.Header.Set("Access-Control-Request-Private-Network", "true")
	w = httptest.NewRecorder()
	newGuard(&clock{t: desktest.Now}).ServeHTTP(w, r)
	if w.Header().Get("Access-Control-Allow-Private-Network") != "true" {
		t.Fatalf("%v", w.Header())
	}
}

// TestFlood: bursts of 60, then 20 a second; other origins are not held up.
func TestFlood(t *testing.T) {
	c := &clock{t: desktest.Now}
	g := newGuard(c)
	send := func(origin string) int {
		r := httptest.NewRequest(http.MethodPost, "/keys", strings.NewReader("{}"))
		r.Host = "127.0.0.1:17083"
		r.Header = http.Header{"Origin": {origin}, "Content-Type": {"application/json"}}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Code
	}
	passed := func() (n int) {
		for range 500 {
			if send(portal) == 200 {
				n++
			}
		}
		return n
	}
	if n := passed(); n != burst {
		t.Errorf("%d at once", n)
	}
	c.add(time.Second)
	if n := passed(); n != perOne {
		t.Errorf("%d a second", n)
	}
	if send("http://127.0.0.1:8083") != 200 {
		t.Error("another origin is held up")
	}
	for range 500 {
		send("https://evil.example")
	}
	if len(g.callers) != 2 {
		t.Errorf("%d origins are remembered", len(g.callers))
	}
}

// TestFloodOfTheWindow: other sites that ask for the agent's page, as images or
// scripts, do not keep the person from it.
func TestFloodOfTheWindow(t *testing.T) {
	g := newGuard(&clock{t: desktest.Now})
	send := func(method, path, origin string) int {
		r := httptest.NewRequest(method, path, strings.NewReader("{}"))
		r.Host = "127.0.0.1:17083"
		r.Header = http.Header{"Content-Type": {"application/json"}}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Code
	}
	for range 500 {
		send(http.MethodGet, "/ui/page.css", "")
	}
	if code := send(http.MethodGet, "/ui", ""); code != 200 {
		t.Errorf("the page: %d", code)
	}
	if code := send(http.MethodPost, "/ui/ask", "http://127.0.0.1:17083"); code != 200 {
		t.Errorf("its question: %d", code)
	}
}

// TestAtATime: the thirty-third request at the same time is turned away, and
// let in again when one ends.
func TestAtATime(t *testing.T) {
	g := newGuard(&clock{t: desktest.Now})
	in, out := make(chan struct{}), make(chan struct{})
	g.api = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		in <- struct{}{}
		<-out
	})
	send := func() int {
		r := httptest.NewRequest(http.MethodPost, "/watch", strings.NewReader("{}"))
		r.Host = "127.0.0.1:17083"
		r.Header = http.Header{"Origin": {portal}, "Content-Type": {"application/json"}}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Code
	}
	ended := make(chan int)
	for range atATime {
		go func() { ended <- send() }()
		<-in
	}
	if code := send(); code != http.StatusTooManyRequests {
		t.Errorf("%d", code)
	}
	out <- struct{}{}
	<-ended
	go func() { ended <- send() }()
	<-in
	close(out)
	for range atATime {
		if code := <-ended; code != 200 {
			t.Errorf("%d", code)
		}
	}
}

// counting counts what is read of it and never ends.
type counting struct{ n int64 }

func (c *counting) Read(p []byte) (int, error) {
	c.n += int64(len(p))
	return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
}

// TestLargeBodies are refused by what they say, or as soon as they are too long.
func TestLargeBodies(t *testing.T) {
	for name, length := range map[string]int64{"said": 100 << 20, "not said": -1} {
		body := &counting{}
		r := httptest.NewRequest(http.MethodPost, "/keys", body)
		r.Host, r.ContentLength = "127.0.0.1:17083", length
		r.Header = http.Header{"Origin": {portal}, "Content-Type": {"application/json"}}
		w := httptest.NewRecorder()
		newGuard(&clock{t: desktest.Now}).ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge || body.n > 2*maxBody || length > 0 && body.n > 0 {
			t.Errorf("%s: %d after %d bytes", name, w.Code, body.n)
		}
	}
	exact := httptest.NewRequest(http.MethodPost, "/keys", io.LimitReader(&counting{}, maxBody))
	exact.Host, exact.ContentLength = "127.0.0.1:17083", maxBody
	exact.Header = http.Header{"Origin": {portal}, "Content-Type": {"application/json"}}
	w := httptest.NewRecorder()
	newGuard(&clock{t: desktest.Now}).ServeHTTP(w, exact)
	if w.Code != 200 {
		t.Errorf("%d for a body of just the size", w.Code)
	}
}
