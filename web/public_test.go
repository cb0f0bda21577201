package web

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Public addresses reach their handler as they came; without a handler they
// are like any address there is not.
func TestPublicAddresses(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	h := New(Options{Random: rand.Reader, Public: Public{OCSP: echo, CRLs: echo}})
	for path, want := range map[string]int{
		"/ocsp": 200, "/ocsp/MF//+a==": 200, "/ocsp/a/../b": 200, "/crl/issuing.crl": 200, "/ocspx": 404, "/ca/root.cer": 404, "/audit/checkpoint": 404,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://hall.example/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || want == 200 && w.Body.String() != path {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
}
