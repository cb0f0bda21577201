package local

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/certhall/certhall/desk/agent/window"
)

// pages makes the house ask in the agent's own page.
func pages(address string) window.Asker { return window.NewPage(address+"/ui", rand.Reader) }

// post sends what the agent's own page sends.
func (h *house) post(ctx context.Context, path string, body any) *http.Response {
	h.t.Helper()
	data, err := json.Marshal(body)
	h.must(err)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address+path, bytes.NewReader(data))
	h.must(err)
	r.Header.Set("Origin", h.address)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	h.must(err)
	h.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

type ticket struct {
	Token string `json:"token"`
}

type reply struct {
	Window string `json:"window"`
	Number int    `json:"n"`
	Yes    bool   `json:"yes"`
	PIN    string `json:"pin"`
	Again  string `json:"again"`
}

// shown is a window of the agent's that a person sees.
type shown struct {
	*house
	secret string
	lines  *bufio.Scanner
	close  context.CancelFunc
}

// enter opens the address of an event ask.
func (h *house) enter(e event) *shown {
	h.t.Helper()
	token, ok := strings.CutPrefix(e.Window, h.address+"/ui#")
	if !ok {
		h.t.Fatalf("%s", e.Raw)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	resp := h.post(ctx, "/ui/ask", ticket{token})
	if resp.StatusCode != http.StatusOK {
		h.t.Fatal(resp.Status)
	}
	return &shown{house: h, lines: bufio.NewScanner(resp.Body), close: cancel}
}

func (s *shown) next() (m window.Message) {
	s.t.Helper()
	if !s.lines.Scan() {
		s.t.Fatal("the window hears nothing more")
	}
	s.must(json.Unmarshal(s.lines.Bytes(), &m))
	if m.Window != "" {
		s.secret = m.Window
	}
	return m
}

func (s *shown) answer(a reply) int {
	s.t.Helper()
	a.Window = s.secret
	return s.post(s.t.Context(), "/ui/answer", a).StatusCode
}

// TestWindow asks in one window: pairing, then in another PIN, wrong PIN, PIN.
func TestWindow(t *testing.T) {
	h := newHouse(t, pages)
	p := h.tab(portal)
	r := p.begin("/pair", struct{}{})
	w := h.enter(r.want("ask"))
	m := w.next()
	if q := m.Question; q == nil || q.Lang != "en" || q.Field != "" || q.Yes != "Allow" || q.No != "Refuse" || q.Lines[0].Value != portal {
		t.Fatalf("%+v", m.Question)
	}
	if code := w.answer(reply{Number: m.Number, Yes: true}); code != 200 {
		t.Fatal(code)
	}
	if m := w.next(); m.End != "done" {
		t.Fatalf("%+v", m)
	}
	r.want("asked")
	var answer pass
	h.must(json.Unmarshal(r.want("reply").Raw, &answer))
	p.token = answer.Token

	r = p.begin("/open", h.opening())
	w = h.enter(r.want("ask"))
	m = w.next()
	if q := m.Question; q.Field != "PIN" || q.Notice != "" || len(q.Lines) != 5 {
		t.Fatalf("%+v", q)
	}
	if code := w.answer(reply{Number: m.Number + 1, Yes: true, PIN: pin}); code != http.StatusNotFound {
		t.Fatalf("%d to another question", code)
	}
	if code := w.answer(reply{Number: m.Number, Yes: true}); code != http.StatusNotFound {
		t.Fatalf("%d without a PIN", code)
	}
	w.answer(reply{Number: m.Number, Yes: true, PIN: "wrong-1"})
	again := w.next()
	if again.Number != m.Number+1 || again.Question.Notice == "" {
		t.Fatalf("%+v", again)
	}
	r.want("asked")
	if e := r.want("ask"); e.Window != "" {
		t.Fatalf("another window for the same operation: %s", e.Raw)
	}
	w.answer(reply{Number: again.Number, Yes: true, PIN: pin})
	r.want("asked")
	r.want("reply")
	if m := w.next(); m.End != "done" {
		t.Fatalf("%+v", m)
	}
	if code := w.answer(reply{Number: again.Number, Yes: true, PIN: pin}); code != http.StatusNotFound {
		t.Fatalf("%d after the end", code)
	}
	if log := h.log.String(); strings.Contains(log, pin) || strings.Contains(log, "wrong-1") || strings.Contains(log, w.secret) {
		t.Error("the log holds secrets")
	}
}

// TestWindowOnce: an address is good once; closed without an answer, the
// window gets another.
func TestWindowOnce(t *testing.T) {
	h := newHouse(t, pages)
	r := h.tab(portal).begin("/pair", struct{}{})
	first := r.want("ask")
	w := h.enter(first)
	w.next()
	_, token, _ := strings.Cut(first.Window, "#")
	for _, token := range []string{token, "", "guess"} {
		if resp := h.post(t.Context(), "/ui/ask", ticket{token}); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s for %q", resp.Status, token)
		}
	}
	w.close()
	second := r.want("ask")
	if second.Window == first.Window {
		t.Fatal("the same address again")
	}
	if code := w.answer(reply{Number: 1, Yes: true}); code != http.StatusNotFound {
		t.Fatalf("%d from a window that is closed", code)
	}
	w = h.enter(second)
	w.answer(reply{Number: w.next().Number})
	r.want("asked")
	if e := r.want("problem"); e.Code != "pairing-declined" {
		t.Fatalf("%s", e.Raw)
	}
}

// TestWindowHearsOfWithdrawal, and an address not opened by then is worth nothing.
func TestWindowHearsOfWithdrawal(t *testing.T) {
	h := newHouse(t, pages)
	r := h.tab(portal).begin("/pair", struct{}{})
	w := h.enter(r.want("ask"))
	w.next()
	r.leave()
	if m := w.next(); m.End != "withdrawn" {
		t.Fatalf("%+v", m)
	}
	r = h.tab(second).begin("/pair", struct{}{})
	e := r.want("ask")
	h.stop()
	r.want("problem")
	if err := func() error {
		_, err := h.server.Windows.(*window.Page).Enter(e.Window[strings.Index(e.Window, "#")+1:])
		return err
	}(); err == nil {
		t.Fatal("entered though the question is gone")
	}
}

// TestPageFiles are served with a policy that lets nothing else in or out.
func TestPageFiles(t *testing.T) {
	h := newHouse(t, pages)
	for path, kind := range map[string]string{"/ui": "text/html", "/ui/page.js": "text/javascript", "/ui/page.css": "text/css"} {
		r, err := http.NewRequest(http.MethodGet, h.address+path, nil)
		h.must(err)
		r.Header.Set("Accept-Language", "en")
		resp, err := http.DefaultClient.Do(r)
		h.must(err)
		data, err := io.ReadAll(resp.Body)
		h.must(err)
		resp.Body.Close()
		head := resp.Header
		policy := head.Get("Content-Security-Policy")
		if resp.StatusCode != 200 || !strings.HasPrefix(head.Get("Content-Type"), kind) || len(data) < 100 ||
			!strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "form-action 'none'") || strings.Contains(policy, "unsafe") ||
			head.Get("Cross-Origin-Opener-Policy") != "same-origin" || head.Get("Referrer-Policy") != "no-referrer" || head.Get("Cache-Control") != "no-store" || head.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %s %v", path, resp.Status, head)
		}
		if path == "/ui" && (!bytes.Contains(data, []byte(`lang="en"`)) || bytes.Contains(data, []byte("agent.page."))) {
			t.Errorf("%s", data)
		}
	}
	for _, path := range []string{"/ui/", "/ui/page.html", "/ui/../ui", "/ui/ask"} {
		resp, err := http.Get(h.address + path)
		h.must(err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	dialogs := newHouse(t, nil)
	resp, err := http.Get(dialogs.address + "/ui")
	h.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("a page is served where there are dialogs: %s", resp.Status)
	}
}
