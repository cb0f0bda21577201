package web

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/payment"
)

// edge is what every request passes first: an id, a time limit, headers, the
// log, and problems for addresses and methods there are not.
type edge struct {
	mux     *http.ServeMux
	cross   *http.CrossOriginProtection
	pages   *pages
	notices http.Handler // nil: none are taken
	Options
}

// request is what the edge knows of the request at hand.
type request struct {
	id      string
	address string           // network address of the client
	agent   string           // what its browser says it is
	secure  bool             // over HTTPS, as the browser sees it
	session accounts.Session // of the browser's cookie; "" without one
	visit   accounts.Visit   // who has logged in there; zero if nobody
}

type requestKey struct{}

func requestOf(ctx context.Context) request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return *r
	}
	return request{}
}

// ServeHTTP implements http.Handler.
func (e edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	at := &request{id: e.newID(), address: e.addressOf(r)}
	ctx := context.WithValue(r.Context(), requestKey{}, at)
	r = r.WithContext(ctx)
	seen := &seen{ResponseWriter: w}
	defer func() {
		if p := recover(); p != nil {
			e.Log.ErrorContext(ctx, "panic", "request", at.id, "value", p)
			if seen.status == 0 {
				refuse(seen, r, http.StatusInternalServerError, certhall.ErrInternal)
			}
		}
		// The pattern and not the path: what people type is none of the log's business.
		if e.Observe != nil {
			e.Observe(routeOf(r), methodOf(r), seen.status, time.Since(began))
		}
		e.Log.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("request", at.id), slog.String("route", r.Pattern),
			slog.String("method", methodOf(r)), slog.Int("status", seen.status), slog.Duration("took", time.Since(began)), slog.String("from", at.address))
	}()
	machines, route := e.Public.find(r.URL.Path)
	if r.URL.Path == payment.NoticePath {
		machines, route = e.notices, payment.NoticePath
	}
	if machines != nil {
		r.Pattern = route
		answersMachines(seen.Header(), at.id)
		machines.ServeHTTP(seen, r)
		return
	}
	e.secure(seen.Header(), r, at.id)
	timed, end := context.WithTimeout(ctx, requestTime)
	defer end()
	r = r.WithContext(timed)
	handler, pattern := e.mux.Handler(r)
	if pattern == "" || path.Clean(r.URL.Path) != r.URL.Path { // the mux would send it elsewhere, repeating what was typed
		e.lost(seen, r, handler)
		return
	}
	if err := e.enter(r, at); err != nil {
		p := routes{e.Options}.problem(ctx, err)
		refuse(seen, r, p.Status, &certhall.Error{Code: p.Code, Params: p.Params})
		return
	}
	e.mux.ServeHTTP(seen, r)
}

// metrics answers only the declared networks; nobody else learns that it is
// there. Who came by a proxy that was not declared could be anybody.
func (e edge) metrics(w http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	forwarded := r.Header.Get("X-Forwarded-For")+r.Header.Get("Forwarded") != ""
	if forwarded && !e.isProxy(host) || !within(requestOf(r.Context()).address, e.MetricsFrom) {
		r.Pattern = ""
		refuse(w, r, http.StatusNotFound, ErrAddress)
		return
	}
	e.Metrics.ServeHTTP(w, r)
}

// lost answers for addresses there are not, and methods they do not take.
func (e edge) lost(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	verdict := &seen{ResponseWriter: nowhere{http.Header{}}}
	handler.ServeHTTP(verdict, r)
	if verdict.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", verdict.Header().Get("Allow"))
		refuse(w, r, http.StatusMethodNotAllowed, ErrMethod)
		return
	}
	if wantsPage(r) {
		e.pages.showLost(w, r)
		return
	}
	refuse(w, r, http.StatusNotFound, ErrAddress)
}

// answersMachines sets the headers of what no browser asks for: nothing of it is a page,
// and each header costs an answer that is asked for thousands of times a
// second. How long things may take is for each handler to say.
func answersMachines(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

func (e edge) secure(h http.Header, r *http.Request, id string) {
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language")
	if e.secured(r) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (e edge) newID() string {
	var b [8]byte
	if _, err := io.ReadFull(e.Random, b[:]); err != nil {
		panic("web: no randomness: " + err.Error())
	}
	return hex.EncodeToString(b[:])
}

// addressOf is the client's network address: the last one that a declared
// proxy tells of, else the other end of the connection.
func (e edge) addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && e.isProxy(host); i-- {
		told, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		host = told.String()
	}
	return host
}

func (e edge) isProxy(host string) bool { return within(host, e.Proxies) }

func within(host string, networks []netip.Prefix) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// routeOf is the pattern that a request matched, without its method.
func routeOf(r *http.Request) string {
	_, path, ok := strings.Cut(r.Pattern, " ")
	switch {
	case ok:
		return path
	case r.Pattern == "":
		return "none"
	}
	return r.Pattern
}

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// seen notes the status.
type seen struct {
	http.ResponseWriter
	status int
}

func (s *seen) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *seen) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// nowhere takes an answer that nobody will see.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}
