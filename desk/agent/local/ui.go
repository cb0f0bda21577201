package local

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"

	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/locale"
)

//go:embed ui
var assets embed.FS

var page = template.Must(template.ParseFS(assets, "ui/page.html"))

// ui serves the agent's own page and takes what it says. The guard has seen
// that whoever speaks is this page itself.
func (s *Server) ui(w http.ResponseWriter, r *http.Request) {
	windows, ok := s.Windows.(*window.Page)
	if !ok {
		refuse(w, r, http.StatusNotFound, errAddress)
		return
	}
	secure(w.Header())
	switch r.Method + " " + r.URL.Path {
	case "GET /ui":
		front(w, lang(r))
	case "GET /ui/page.js":
		file(w, "ui/page.js", "text/javascript; charset=utf-8")
	case "GET /ui/page.css":
		file(w, "ui/page.css", "text/css; charset=utf-8")
	case "POST /ui/ask":
		s.enter(w, r, windows)
	case "POST /ui/answer":
		s.answered(w, r, windows)
	default:
		refuse(w, r, http.StatusNotFound, errAddress)
	}
}

// secure lets the page do nothing but its own: no frame around it, no way to
// or from the page that opened it, nothing from elsewhere.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}

// words are the page's own texts; questions bring theirs.
var words = []string{"title", "loading", "working", "done", "cancelled", "withdrawn", "lost", "close", "noscript"}

func front(w http.ResponseWriter, lang string) {
	texts := map[string]string{"lang": lang}
	for _, word := range words {
		texts[word] = locale.Text(lang, "agent.page."+word, nil)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, texts); err != nil {
		panic("local: " + err.Error()) // a template and texts of our own
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

func file(w http.ResponseWriter, name, contentType string) {
	data, err := assets.ReadFile(name)
	if err != nil {
		panic("local: " + err.Error())
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(data)
}

// enter exchanges the one-time token for the question, and stays with the
// window: what follows is told as it comes, and a window that is closed is
// seen to be.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, windows *window.Page) {
	var in struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, r, http.StatusUnprocessableEntity, errInput)
		return
	}
	opened, err := windows.Enter(in.Token)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer windows.Leave(opened)
	endless(w)
	for {
		select {
		case m, more := <-opened.Messages():
			line, _ := json.Marshal(m)
			if !more || !put(w, append(line, '\n'), s.writeTime) {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// answered takes an answer. The PIN goes no further than to whoever asked.
func (s *Server) answered(w http.ResponseWriter, r *http.Request, windows *window.Page) {
	var in struct {
		Window string `json:"window"`
		Number int    `json:"n"`
		Yes    bool   `json:"yes"`
		PIN    string `json:"pin"`
		Again  string `json:"again"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, r, http.StatusUnprocessableEntity, errInput)
		return
	}
	if err := windows.Answer(in.Window, in.Number, window.Answer{Yes: in.Yes, PIN: in.PIN, Again: in.Again}); err != nil {
		s.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, "application/json", struct{}{})
}
