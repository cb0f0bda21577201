package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/authority/status"
)

// oneShelf has a document named issuing, and breaks where it is told to.
type oneShelf struct {
	err    error
	broken bool // after the first octets
}

var madeAt = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func (s oneShelf) Find(_ context.Context, name string) (*status.Document, error) {
	if s.err != nil || name != "issuing" {
		return nil, s.err
	}
	d := &status.Document{Content: bytes.NewReader([]byte("0123456789")), ETag: `"abc"`, Modified: madeAt, MaxAge: 10 * time.Second}
	if s.broken {
		d.Content = breaking{d.Content}
	}
	return d, nil
}

type breaking struct{ io.ReadSeeker }

func (b breaking) Read(p []byte) (int, error) {
	n, _ := b.ReadSeeker.Read(p[:min(len(p), 4)])
	return n, errors.New("the disk is gone")
}

func TestDocuments(t *testing.T) {
	h := New(Options{Random: rand.Reader, Public: Public{
		CRLs:         CRLs(oneShelf{}, slog.New(slog.DiscardHandler)),
		Certificates: Certificates(oneShelf{err: errors.New("no database")}, slog.New(slog.DiscardHandler)),
	}})
	for _, c := range []struct {
		method, path string
		header       map[string]string
		status       int
		body         string
	}{
		{"GET", "/crl/issuing.crl", nil, 200, "0123456789"},
		{"HEAD", "/crl/issuing.crl", nil, 200, ""},
		{"GET", "/crl/issuing.crl", map[string]string{"If-None-Match": `"abc"`}, 304, ""},
		{"HEAD", "/crl/issuing.crl", map[string]string{"If-None-Match": `W/"abc", "x"`}, 304, ""},
		{"GET", "/crl/issuing.crl", map[string]string{"If-None-Match": `"abd"`}, 200, "0123456789"},
		{"GET", "/crl/issuing.crl", map[string]string{"If-Modified-Since": madeAt.Format(http.TimeFormat)}, 304, ""},
		{"GET", "/crl/issuing.crl", map[string]string{"If-Modified-Since": madeAt.Add(-time.Second).Format(http.TimeFormat)}, 200, "0123456789"},
		{"GET", "/crl/issuing.crl", map[string]string{"Range": "bytes=3-5"}, 206, "345"},
		{"GET", "/crl/issuing.crl", map[string]string{"Range": "bytes=0-0,9-9,0-0"}, 200, "0123456789"},
		{"GET", "/crl/issuing.crl", map[string]string{"Range": "bytes=3-5", "If-Range": `"old"`}, 200, "0123456789"},
		{"GET", "/crl/issuing.crl", map[string]string{"Range": "bytes=30-50"}, 416, "*"},
		{"GET", "/crl/other.crl", nil, 404, "address-unknown"},
		{"GET", "/crl/issuing", nil, 404, "address-unknown"},
		{"GET", "/crl/", nil, 404, "address-unknown"},
		{"GET", "/crl/.crl", nil, 404, "address-unknown"},
		{"GET", "/crl/../issuing.crl", nil, 404, "address-unknown"},
		{"GET", "/crl/issuing.crl/", nil, 404, "address-unknown"},
		{"POST", "/crl/issuing.crl", nil, 405, "method-wrong"},
		{"GET", "/ca/issuing.cer", nil, 500, "internal"},
	} {
		r := httptest.NewRequest(c.method, "http://hall.example/", nil)
		r.URL.Path = c.path
		for name, value := range c.header {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if c.body == "*" {
			c.body = w.Body.String()
		}
		problem := c.status >= 400 && c.status != 416
		if w.Code != c.status || !problem && w.Body.String() != c.body || problem && !strings.Contains(w.Body.String(), `"`+c.body+`"`) {
			t.Errorf("%s %s %v: %d %q", c.method, c.path, c.header, w.Code, w.Body)
		}
		if problem {
			if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: %v", c.method, c.path, w.Header())
			}
			continue
		}
		for name, want := range map[string]string{"Etag": `"abc"`, "Vary": "", "Cache-Control": "public, max-age=10", "Last-Modified": madeAt.Format(http.TimeFormat)} {
			if got := w.Header().Get(name); got != want && !(c.status == 416 || c.status == 304 && name == "Last-Modified") {
				t.Errorf("%s %s %v: %s is %q", c.method, c.path, c.header, name, got)
			}
		}
		if c.status == 200 && (w.Header().Get("Content-Type") != "application/pkix-crl" || w.Header().Get("Content-Length") != "10") {
			t.Errorf("%s %s: %v", c.method, c.path, w.Header())
		}
	}
}

// A document that breaks off is no whole document to whoever fetches it, and
// the log says why.
func TestDocumentBreaksOff(t *testing.T) {
	var log bytes.Buffer
	server := httptest.NewServer(New(Options{Random: rand.Reader, Public: Public{CRLs: CRLs(oneShelf{broken: true}, slog.New(slog.NewTextHandler(&log, nil)))}}))
	defer server.Close()
	answer, err := http.Get(server.URL + "/crl/issuing.crl")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.ReadAll(answer.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read to the end: %v", err)
	}
	server.Close() // what it had to say is said
	if !strings.Contains(log.String(), "the disk is gone") {
		t.Errorf("log: %s", log.String())
	}
}
