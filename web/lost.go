package web

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/certhall/certhall/locale"
)

// wantsPage tells a person at a browser from a program: only the former is
// shown a page where there is nothing.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/api/")
}

// lostPage says what to do next, and never repeats what was typed.
var lostPage = template.Must(template.New("lost").Parse(`<!doctype html>
<html lang="{{.Language}}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Message}}</title>
<h1>{{.Message}}</h1>
<p>{{.Hint}}</p>
<p><a href="/">{{.Home}}</a></p>
</html>
`))

// showLost answers a browser at an address that there is not.
func (p *pages) showLost(w http.ResponseWriter, r *http.Request) {
	lang := locale.Pick(r.Header.Get("Accept-Language"))
	message, hint := locale.Error(lang, ErrAddress)
	p.secure(w.Header())
	w.Header().Set("Content-Type", kinds[".html"])
	w.WriteHeader(http.StatusNotFound)
	_ = lostPage.Execute(w, map[string]string{
		"Language": lang, "Message": message, "Hint": hint, "Home": locale.Text(lang, "page.home", nil),
	})
}
