package web_test

import (
	"compress/gzip"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/certhall/certhall/web"
)

var portal = fstest.MapFS{
	".gitkeep":             {},
	"index.html":           {Data: []byte("<!doctype html><title>portal</title>" + strings.Repeat(" ", 2000))},
	"browsers.html":        {Data: []byte("<!doctype html><title>browsers</title>")},
	"mark.svg":             {Data: []byte("<svg/>")},
	"assets/main-1a2b.js":  {Data: []byte(strings.Repeat("let x;", 500))},
	"assets/main-1a2b.css": {Data: []byte("a{}")},
	"assets/odd.bin":       {Data: []byte{1}},
}

// visit asks for a page as a browser does.
func visit(t *testing.T, files fstest.MapFS, method, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler(new(counter), io.Discard, func(o *web.Options) {
		if files != nil {
			o.Pages = files
		}
		o.Hall.AgentPorts = []int{17083, 27083}
	}).ServeHTTP(w, r)
	return w
}

func TestPages(t *testing.T) {
	const (
		explorer = "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"
		older    = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)"
		forever  = "public, max-age=31536000, immutable"
		html     = "text/html; charset=utf-8"
	)
	for _, s := range []struct {
		name, path string
		headers    []string
		status     int
		kind       string
		cache      string
		has        string
	}{
		{"the portal", "/", nil, 200, html, "no-cache", "portal"},
		{"by its name", "/index.html", nil, 200, html, "no-cache", "portal"},
		{"Internet Explorer 11", "/", []string{"User-Agent", explorer}, 200, html, "no-cache", "browsers"},
		{"Internet Explorer 8", "/", []string{"User-Agent", older}, 200, html, "no-cache", "browsers"},
		{"the same page for all", "/browsers.html", nil, 200, html, "no-cache", "browsers"},
		{"a script", "/assets/main-1a2b.js", nil, 200, "text/javascript; charset=utf-8", forever, "let x"},
		{"a style", "/assets/main-1a2b.css", nil, 200, "text/css; charset=utf-8", forever, "a{}"},
		{"a picture", "/mark.svg", nil, 200, "image/svg+xml", "no-cache", "<svg/>"},
		{"another kind", "/assets/odd.bin", nil, 200, "application/octet-stream", forever, "\x01"},
		{"a hidden file", "/.gitkeep", nil, 404, problemType, "no-store", "address-unknown"},
		{"a folder", "/assets/", nil, 404, problemType, "no-store", "address-unknown"},
		{"outside", "/assets/../../etc/passwd", nil, 404, problemType, "no-store", "address-unknown"},
		{"lost", "/secret-typed-here", []string{"Accept", "text/html,*/*"}, 404, html, "no-store", "没有这个地址"},
		{"lost in English", "/x", []string{"Accept", "text/html", "Accept-Language", "en"}, 404, html, "no-store", `lang="en"`},
		{"programs get problems", "/api/x", []string{"Accept", "text/html"}, 404, problemType, "no-store", "address-unknown"},
	} {
		t.Run(s.name, func(t *testing.T) {
			w := visit(t, portal, "GET", s.path, s.headers...)
			h, body := w.Header(), w.Body.String()
			if w.Code != s.status || h.Get("Content-Type") != s.kind || h.Get("Cache-Control") != s.cache || !strings.Contains(body, s.has) {
				t.Errorf("%d %q %q: %.200s", w.Code, h.Get("Content-Type"), h.Get("Cache-Control"), body)
			}
			if strings.Contains(body, "secret-typed-here") {
				t.Error("what was typed is repeated")
			}
			if s.kind == problemType {
				return
			}
			if p := h.Get("Content-Security-Policy"); !strings.HasPrefix(p, "default-src 'none'; script-src 'self'; ") ||
				!strings.Contains(p, "connect-src 'self' http://127.0.0.1:17083 http://127.0.0.1:27083;") || strings.Contains(p, "unsafe") {
				t.Errorf("policy %s", p)
			}
			for name, want := range map[string]string{
				"Cross-Origin-Opener-Policy": "same-origin", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			} {
				if h.Get(name) != want {
					t.Errorf("%s: %q", name, h.Get(name))
				}
			}
			if p := h.Get("Permissions-Policy"); !strings.Contains(p, "camera=()") || !strings.Contains(p, "loopback-network=(self)") {
				t.Errorf("permissions %s", p)
			}
		})
	}
}

func TestPagesAreCompressedWhereItHelps(t *testing.T) {
	for _, s := range []struct{ path, accepts, coding string }{
		{"/", "gzip, deflate, br", "gzip"},
		{"/", "br, GZIP;q=0.5", "gzip"},
		{"/", "*", "gzip"},
		{"/", "gzip;q=0", ""},
		{"/", "gzip; q=0.0, identity", ""},
		{"/", "br", ""},
		{"/", "", ""},
		{"/mark.svg", "gzip", ""}, // too small
	} {
		w := visit(t, portal, "GET", s.path, "Accept-Encoding", s.accepts)
		if got := w.Header().Get("Content-Encoding"); got != s.coding || !strings.Contains(w.Header().Get("Vary"), "Accept-Encoding") {
			t.Errorf("%s, %q: coding %q, vary %q", s.path, s.accepts, got, w.Header().Get("Vary"))
		}
		if s.coding == "" {
			continue
		}
		unzipped, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(unzipped); err != nil || string(body) != string(portal["index.html"].Data) {
			t.Errorf("%.60q, %v", body, err)
		}
	}
}

// TestPagesSeenBefore are not sent again; each form has its own tag.
func TestPagesSeenBefore(t *testing.T) {
	plain := visit(t, portal, "GET", "/").Header().Get("ETag")
	zipped := visit(t, portal, "GET", "/", "Accept-Encoding", "gzip").Header().Get("ETag")
	if plain == zipped || plain == "" {
		t.Errorf("tags %s and %s", plain, zipped)
	}
	for _, s := range []struct {
		tag, accepts string
		status       int
	}{{plain, "", 304}, {zipped, "gzip", 304}, {plain, "gzip", 200}, {`"other"`, "", 200}} {
		if w := visit(t, portal, "GET", "/", "If-None-Match", s.tag, "Accept-Encoding", s.accepts); w.Code != s.status {
			t.Errorf("%s %q: %d", s.tag, s.accepts, w.Code)
		}
	}
	if w := visit(t, portal, "HEAD", "/"); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := visit(t, portal, "POST", "/"); w.Code != 405 {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestPagesNotBuilt(t *testing.T) {
	for _, files := range []fstest.MapFS{nil, {".gitkeep": {}}} {
		w := visit(t, files, "GET", "/")
		if w.Code != 503 || !strings.Contains(w.Body.String(), "make build") || strings.Count(w.Body.String(), "\n") != 2 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}
