package web

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// TestMetricsAreForOperators: only the declared networks see them, and who
// came by a proxy is judged by where he came from.
func TestMetricsAreForOperators(t *testing.T) {
	var heard []string
	h := New(Options{
		Random: rand.Reader, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")},
		MetricsFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("203.0.113.0/24")},
		Metrics:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("series")) }),
		Observe: func(route, method string, status int, _ time.Duration) {
			heard = append(heard, method+" "+route+" "+http.StatusText(status))
		},
	})
	for name, c := range map[string]struct {
		from, forwarded string
		status          int
	}{
		"the machine itself":                     {"127.0.0.1:1", "", http.StatusOK},
		"a declared network":                     {"203.0.113.7:1", "", http.StatusOK},
		"anybody":                                {"198.51.100.1:1", "", http.StatusNotFound},
		"a declared network, by a proxy":         {"10.0.0.1:1", "203.0.113.7", http.StatusOK},
		"anybody by a proxy":                     {"10.0.0.1:1", "198.51.100.1", http.StatusNotFound},
		"anybody who says he is the machine":     {"198.51.100.1:1", "127.0.0.1", http.StatusNotFound},
		"by a proxy here that was not declared":  {"127.0.0.1:1", "198.51.100.1", http.StatusNotFound},
		"the proxy, in the name of the machine?": {"10.0.0.1:1", "127.0.0.1, 198.51.100.1", http.StatusNotFound},
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = c.from
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	heard = nil
	for _, path := range []string{"/healthz", "/nowhere/13800000001", "/metrics"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	if len(heard) != 3 || heard[0] != "GET /healthz OK" || heard[1] != "GET none Not Found" || heard[2] != "GET none Not Found" {
		t.Errorf("heard %q", heard)
	}
}
