package sandbox

import (
	"cmp"
	_ "embed" // the page
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/certhall/certhall/locale"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// PagePath is where a person who has scanned a QR code pays: PagePath with the
// query code_url, what the code says.
const PagePath = "/pay"

// pageView is what the page shows.
type pageView struct {
	Lang    string
	Name    string // of the merchant
	Order   order
	State   string // unknown, open, paid, refunded, closed, left
	CodeURL string
	text    func(key string) string
}

// T is a text of the page.
func (v pageView) T(key string) string { return v.text(key) }

// pages shows the order of a QR code and takes what the person decides.
func (s *Server) pages() {
	s.mux.HandleFunc("GET "+PagePath, func(w http.ResponseWriter, r *http.Request) { s.show(w, r, "") })
	guard := http.NewCrossOriginProtection()
	s.mux.Handle("POST "+PagePath, guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		if r.FormValue("act") != "pay" {
			s.show(w, r, "left")
			return
		}
		if o, ok := s.bank.byCode(codeOf(r.FormValue("code_url"))); ok {
			_ = s.bank.Pay(o.Order) // the page shows how the order stands
		}
		s.show(w, r, "")
	})))
}

func (s *Server) show(w http.ResponseWriter, r *http.Request, left string) {
	lang := locale.Pick(r.Header.Get("Accept-Language"))
	v := pageView{Lang: lang, Name: s.bank.o.Name, State: "unknown", CodeURL: r.FormValue("code_url"), text: func(key string) string {
		return locale.Text(lang, "sandbox."+key, nil)
	}}
	status := http.StatusNotFound
	if o, ok := s.bank.byCode(codeOf(v.CodeURL)); ok {
		v.Order, status = o, http.StatusOK
		v.State = map[string]string{notPaid: cmp.Or(left, "open"), paid: "paid", refunded: "refunded", closed: "closed"}[o.State]
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_ = page.Execute(w, v)
}

// codeOf is the order's own code within what a QR code says.
func codeOf(codeURL string) string {
	u, err := url.Parse(strings.TrimSpace(codeURL))
	if err != nil {
		return ""
	}
	return u.Query().Get("pr")
}
