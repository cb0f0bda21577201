package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/authority/status"
)

type fixedClock time.Time

func (c fixedClock) Now() time.Time { return time.Time(c) }

// echo answers with the request: public ones are those that begin with "public".
type echo struct{ from, to time.Time }

func (e echo) Answer(_ context.Context, request []byte) *status.OCSPAnswer {
	return &status.OCSPAnswer{DER: request, Public: bytes.HasPrefix(request, []byte("public")), Tag: "abc", ThisUpdate: e.from, NextUpdate: e.to}
}

// ocspServer is a whole edge with an OCSP handler over TCP.
func ocspServer(t *testing.T, life time.Duration) *httptest.Server {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := httptest.NewServer(New(Options{Random: rand.Reader, Public: Public{OCSP: OCSP(echo{now.Add(-time.Minute), now.Add(life)}, fixedClock(now), OCSPMaxAge)}}))
	t.Cleanup(s.Close)
	return s
}

func call(t *testing.T, method, address string, body []byte, headers ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r) // no redirect is followed
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, got
}

// However a client writes the base64 of a GET, the responder gets the same bytes.
func TestOCSPGet(t *testing.T) {
	s := ocspServer(t, time.Hour)
	der := append([]byte{0x30, 0xff, 0xff, 0xfe, 0xfb, 0xef}, bytes.Repeat([]byte{0xff, 0xef, 0xfb, 0xe0}, 20)...)
	text := base64.StdEncoding.EncodeToString(der)
	if !strings.Contains(text, "//") || !strings.Contains(text, "+") || !strings.HasSuffix(text, "=") {
		t.Fatalf("%s holds nothing odd", text)
	}
	for name, path := range map[string]string{
		"raw": "/" + text, "escaped": "/" + url.PathEscape(text), "query-escaped": "/" + url.QueryEscape(text),
		"all escaped": "/" + strings.ReplaceAll(url.QueryEscape(text), "M", "%4D"), "no padding": "/" + strings.TrimRight(text, "="),
		"two slashes": "//" + text, "spaces": "/" + strings.ReplaceAll(text, "+", "%20"),
	} {
		response, got := call(t, "GET", s.URL+"/ocsp"+path, nil)
		if response.StatusCode != 200 || !bytes.Equal(got, der) || response.Header.Get("Content-Type") != "application/ocsp-response" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %x %v", name, response.StatusCode, got, response.Header)
		}
	}
	malformed := status.Refusal(status.OCSPMalformedRequest).DER
	for path, want := range map[string]int{"/M!!": 200, "/" + strings.Repeat("A", maxOCSPGet): 200, "/" + strings.Repeat("A", maxOCSPGet+1): 414} {
		response, got := call(t, "GET", s.URL+"/ocsp"+path, nil)
		if response.StatusCode != want || len(path) != maxOCSPGet+1 && !bytes.Equal(got, malformed) {
			t.Errorf("%.20s: %d %x", path, response.StatusCode, got)
		}
	}
	for _, path := range []string{"", "/"} { // nothing: for the responder to judge
		if response, got := call(t, "GET", s.URL+"/ocsp"+path, nil); response.StatusCode != 200 || len(got) != 0 {
			t.Errorf("%q: %d %x", path, response.StatusCode, got)
		}
	}
}

func TestOCSPPost(t *testing.T) {
	s := ocspServer(t, time.Hour)
	for _, kind := range []string{"application/ocsp-request", "Application/OCSP-Request; a=b", "", "application/x-www-form-urlencoded"} {
		response, got := call(t, "POST", s.URL+"/ocsp", []byte("public as nothing else"), "Content-Type", kind)
		if response.StatusCode != 200 || string(got) != "public as nothing else" || response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Etag") != "" {
			t.Errorf("%q: %d %s %v", kind, response.StatusCode, got, response.Header)
		}
	}
	for length, want := range map[int]int{status.MaxOCSPRequest: 200, status.MaxOCSPRequest + 1: 413, 10 << 20: 413} {
		response, got := call(t, "POST", s.URL+"/ocsp", make([]byte, length))
		if response.StatusCode != want || want != 200 && !bytes.Equal(got, status.Refusal(status.OCSPMalformedRequest).DER) {
			t.Errorf("%d bytes: %d %.20x", length, response.StatusCode, got)
		}
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS"} {
		if response, _ := call(t, method, s.URL+"/ocsp", nil); response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
		}
	}
}

func TestOCSPCaching(t *testing.T) {
	s := ocspServer(t, time.Hour)
	address := s.URL + "/ocsp/" + base64.StdEncoding.EncodeToString([]byte("public"))
	for _, method := range []string{"GET", "HEAD"} {
		response, got := call(t, method, address, nil)
		for name, want := range map[string]string{
			"Cache-Control": "max-age=30, public, no-transform, must-revalidate", "Etag": `"abc"`, "Vary": "", "Content-Length": "6",
			"Expires": "Sun, 01 Mar 2026 13:00:00 GMT", "Last-Modified": "Sun, 01 Mar 2026 11:59:00 GMT",
		} {
			if response.Header.Get(name) != want {
				t.Errorf("%s: %s: %q, want %q", method, name, response.Header.Get(name), want)
			}
		}
		if response.StatusCode != 200 || (string(got) == "public") != (method == "GET") {
			t.Errorf("%s: %d %s", method, response.StatusCode, got)
		}
	}
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"If-None-Match", `"abc"`, 304}, {"If-None-Match", `"x", W/"abc"`, 304}, {"If-None-Match", "*", 304}, {"If-None-Match", `"x"`, 200},
		{"If-Modified-Since", "Sun, 01 Mar 2026 11:59:00 GMT", 304}, {"If-Modified-Since", "Sun, 01 Mar 2026 11:58:59 GMT", 200}, {"If-Modified-Since", "once", 200},
	} {
		response, got := call(t, "GET", address, nil, c.header, c.value)
		if response.StatusCode != c.want || (len(got) == 0) != (c.want == 304) || response.Header.Get("Etag") == "" || response.Header.Get("Cache-Control") == "no-store" {
			t.Errorf("%s %s: %d %s %v", c.header, c.value, response.StatusCode, got, response.Header)
		}
	}
	// Never beyond nextUpdate.
	s = ocspServer(t, 7*time.Second)
	response, _ := call(t, "GET", s.URL+"/ocsp/"+base64.StdEncoding.EncodeToString([]byte("public")), nil)
	if got := response.Header.Get("Cache-Control"); !strings.HasPrefix(got, "max-age=7,") {
		t.Error(got)
	}
}
