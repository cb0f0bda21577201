package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent/trust"
)

// Bounds of what one origin may ask.
const (
	maxBody = 256 << 10 // bytes
	perOne  = 20        // requests a second
	burst   = 60
	atATime = 32
)

// guard stands before everything: it lets requests through that come to this
// PC by its own name, from the page of a listed portal, in the one form there
// is. Under /ui it lets the agent's own page in, and nothing else.
type guard struct {
	hosts [2]string // with the port
	site  func(origin string) (trust.Site, bool)
	clock certhall.Clock

	api http.Handler // finds the site by siteOf, the body read
	ui  http.Handler

	mu      sync.Mutex
	callers map[string]*traffic
}

// traffic is what one origin sends.
type traffic struct {
	limit *rate.Limiter
	now   int // requests being answered
}

type siteKey struct{}

// siteOf is the calling page's site.
func siteOf(ctx context.Context) trust.Site {
	s, _ := ctx.Value(siteKey{}).(trust.Site)
	return s
}

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if r.Host != g.hosts[0] && r.Host != g.hosts[1] {
		refuse(w, r, http.StatusMisdirectedRequest, errHost)
		return
	}
	if r.URL.Path == "/ui" || strings.HasPrefix(r.URL.Path, "/ui/") {
		g.window(w, r)
		return
	}
	g.page(w, r)
}

// page lets portals' pages in.
func (g *guard) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Origin")
	origin, one := single(r, "Origin")
	site, listed := g.site(origin)
	if !one || origin == "" || !listed {
		refuse(w, r, http.StatusForbidden, errOrigin)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	if mode, one := single(r, "Sec-Fetch-Mode"); !one || mode != "" && mode != "cors" {
		refuse(w, r, http.StatusForbidden, errMode)
		return
	}
	g.counted(w, r, origin, func() {
		switch r.Method {
		case http.MethodPost:
			if body(w, r) {
				g.api.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), siteKey{}, site)))
			}
		case http.MethodOptions:
			preflight(w, r)
		default:
			w.Header().Set("Allow", "POST, OPTIONS")
			refuse(w, r, http.StatusMethodNotAllowed, errMethod)
		}
	})
}

// preflight answers what browsers ask before a request (Fetch, 4.8). Older
// ones ask leave to reach a private network.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", http.MethodPost)
	h.Set("Access-Control-Allow-Headers", "authorization, content-type")
	h.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
}

// window lets the agent's own page in: whoever fetches it sends no Origin or
// its own, and what it sends comes from itself.
func (g *guard) window(w http.ResponseWriter, r *http.Request) {
	own := "http://" + r.Host
	origin, one := single(r, "Origin")
	if !one || origin != "" && origin != own || origin == "" && r.Method != http.MethodGet {
		refuse(w, r, http.StatusForbidden, errOrigin)
		return
	}
	switch from := r.Header.Get("Sec-Fetch-Dest"); from {
	case "iframe", "frame", "embed", "object":
		refuse(w, r, http.StatusForbidden, errMode)
		return
	}
	switch r.Method {
	case http.MethodGet: // any site can ask for it, as an image: counted, it would use up the window's own share
		g.ui.ServeHTTP(w, r)
	case http.MethodPost:
		g.counted(w, r, own, func() {
			if body(w, r) {
				g.ui.ServeHTTP(w, r)
			}
		})
	default:
		w.Header().Set("Allow", "GET, POST")
		refuse(w, r, http.StatusMethodNotAllowed, errMethod)
	}
}

// single is the value of a header that may stand there once.
func single(r *http.Request, name string) (value string, one bool) {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", true
	}
	return values[0], len(values) == 1
}

// counted serves unless the origin asks too much. Only listed origins come
// this far, so that there are few to remember.
func (g *guard) counted(w http.ResponseWriter, r *http.Request, origin string, serve func()) {
	g.mu.Lock()
	t := g.callers[origin]
	if t == nil {
		t = &traffic{limit: rate.NewLimiter(perOne, burst)}
		g.callers[origin] = t
	}
	if t.now >= atATime || !t.limit.AllowN(g.clock.Now(), 1) {
		g.mu.Unlock()
		w.Header().Set("Retry-After", "1")
		refuse(w, r, http.StatusTooManyRequests, errFlood)
		return
	}
	t.now++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		t.now--
		g.mu.Unlock()
	}()
	serve()
}

// body reads all of it, so that what follows reads from memory and may take its
// time: JSON only, not too much and not too slowly (readTime).
func body(w http.ResponseWriter, r *http.Request) bool {
	header, one := single(r, "Content-Type")
	kind, _, err := mime.ParseMediaType(header)
	if !one || err != nil || kind != "application/json" {
		refuse(w, r, http.StatusUnsupportedMediaType, errType)
		return false
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		refuse(w, r, http.StatusRequestEntityTooLarge, errSize)
		return false
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, r, http.StatusRequestEntityTooLarge, errSize)
		return false
	case err != nil:
		w.Header().Set("Connection", "close")
		refuse(w, r, http.StatusRequestTimeout, errSlow)
		return false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(data))
	return true
}
