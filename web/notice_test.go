package web_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/web"
)

// till takes notices and answers in words of its own.
type till struct {
	err  error
	mu   sync.Mutex
	body string
	hold chan struct{} // notices wait for it; nil: they do not
	came chan struct{}
}

func (t *till) Notice(_ context.Context, r *http.Request) error {
	if t.hold != nil {
		t.came <- struct{}{}
		<-t.hold
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return payment.ErrNotice.Because(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.body = string(body)
	return t.err
}

func (t *till) Answer(w http.ResponseWriter, err error) {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(certhall.AsError(err).Kind.Status())
	_, _ = io.WriteString(w, `{"code":"FAIL"}`)
}

// TestNotice: a notice comes from no browser: neither cookie nor origin counts, and
// what it says goes into no log.
func TestNotice(t *testing.T) {
	for name, c := range map[string]struct {
		method, body string
		till         *till
		status       int
		has          string
	}{
		"taken":                {"POST", "{sealed}", &till{}, 204, ""},
		"not believed":         {"POST", "{sealed}", &till{err: payment.ErrNotice}, 403, `{"code":"FAIL"}`},
		"not now":              {"POST", "{sealed}", &till{err: payment.ErrChannel}, 503, `{"code":"FAIL"}`},
		"too long":             {"POST", strings.Repeat("x", 64<<10+1), &till{}, 403, `{"code":"FAIL"}`},
		"another method":       {"GET", "", &till{}, 405, "method-wrong"},
		"nothing is paid here": {"POST", "{sealed}", nil, 404, "address-unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			r := httptest.NewRequestWithContext(t.Context(), c.method, payment.NoticePath, strings.NewReader(c.body))
			r.Header.Set("Origin", "https://elsewhere.example")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Cookie", "__Host-certhall="+strings.Repeat("a", 43))
			w := httptest.NewRecorder()
			handler(&counter{}, &log, func(o *web.Options) {
				if c.till != nil {
					o.Till = c.till
				}
			}).ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.has) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if c.status == 204 && c.till.body != c.body {
				t.Errorf("took %q", c.till.body)
			}
			if text := log.String(); strings.Contains(text, "sealed") || !strings.Contains(text, payment.NoticePath) && c.till != nil {
				t.Errorf("logged %s", text)
			}
		})
	}
}

// TestManyNotices: more than are looked at at once are asked to come again.
func TestManyNotices(t *testing.T) {
	held := &till{hold: make(chan struct{}), came: make(chan struct{})}
	h := handler(&counter{}, io.Discard, func(o *web.Options) { o.Till = held })
	post := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", payment.NoticePath, nil))
		return w.Code
	}
	answers := make(chan int)
	for range 16 {
		go func() { answers <- post() }()
		<-held.came
	}
	if got := post(); got != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", got)
	}
	close(held.hold)
	for range 16 {
		if got := <-answers; got != 204 {
			t.Errorf("answered %d", got)
		}
	}
}

// TestSlowNotices: whoever sends a notice slowly takes nobody's place.
func TestSlowNotices(t *testing.T) {
	taken := &till{}
	h := handler(&counter{}, io.Discard, func(o *web.Options) { o.Till = taken })
	post := func(body io.Reader) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", payment.NoticePath, body))
		return w.Code
	}
	answers := make(chan int)
	var slow []*io.PipeWriter
	for range 20 {
		body, sent := io.Pipe()
		slow = append(slow, sent)
		go func() { answers <- post(body) }()
		if _, err := sent.Write([]byte("{")); err != nil { // back once it has been read
			t.Fatal(err)
		}
	}
	if got := post(strings.NewReader("{sealed}")); got != 204 || taken.body != "{sealed}" {
		t.Errorf("beside slow ones: %d %q", got, taken.body)
	}
	for _, s := range slow {
		s.CloseWithError(io.ErrUnexpectedEOF)
		if got := <-answers; got != 403 {
			t.Errorf("half a notice: %d", got)
		}
	}
}
