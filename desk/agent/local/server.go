// Package local is the agent's HTTP service on this PC: through it the pages
// of trusted portals reach the keys (docs/agent-api.md). A guard stands before
// everything, a site has to be let in by the person, operations are typed and
// tell what happens as it happens.
package local

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/doctor"
)

// Ports are where pages look for the agent, in this order.
var Ports = []int{17083, 27083, 37083}

// Options are what the service works with.
type Options struct {
	Agent   *agent.Agent
	Trust   *trust.Folder
	Windows window.Asker
	Version string // of the program
	Clock   certhall.Clock
	Random  io.Reader
	Log     *slog.Logger
	Doctor  doctor.Doctor // as far as it is the same for every page: Client, Drivers, Neighbours, Ports, Locks
	// Ticks ticks until stop is called: a time.Ticker, but in tests.
	Ticks func(every time.Duration) (ticks <-chan time.Time, stop func())
}

// Ticks are time.Ticker's.
func Ticks(every time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(every)
	return t.C, t.Stop
}

// Server is the service.
type Server struct {
	Options
	pairing   *pairing
	looks     *looks
	examining chan struct{} // holds one
	askTime   time.Duration
	writeTime time.Duration
}

// New makes the service. Serve runs it.
func New(o Options) *Server {
	return &Server{Options: o, pairing: newPairing(o.Clock, o.Random), looks: newLooks(), examining: make(chan struct{}, 1), askTime: askTime, writeTime: writeTime}
}

// ErrPorts says that no port was free.
var ErrPorts = certhall.NewError("agent-ports", certhall.Unavailable)

// Listen takes the first free of these ports of this PC, 0 being any: ErrPorts.
func Listen(ports ...int) (net.Listener, error) {
	var errs []error
	var names []string
	for _, port := range ports {
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return l, nil
		}
		errs, names = append(errs, err), append(names, strconv.Itoa(port))
	}
	return nil, ErrPorts.With("ports", strings.Join(names, ", ")).Because(errors.Join(errs...))
}

// Bounds of connections.
const (
	headerTime  = 5 * time.Second
	readTime    = 10 * time.Second // for all of a request, read or not
	answerTime  = time.Minute      // for all of an answer; streams have no end of their own
	idleTime    = 2 * time.Minute
	headerBytes = 16 << 10
)

// Serve answers on l until ctx ends. Then questions are withdrawn, and it
// returns when what has begun on the keys is finished.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	silent := silent{open: map[net.Conn]bool{}}
	server := newHTTP(s.Handler(l.Addr().(*net.TCPAddr).Port))
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	server.ConnState = silent.heard
	server.ErrorLog = slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug)
	ticks, stop := s.Ticks(lookEvery)
	defer stop()
	go s.look(ctx, ticks)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	server.RegisterOnShutdown(silent.close)
	return server.Shutdown(context.WithoutCancel(ctx))
}

// newHTTP bounds what a connection may take, whatever is said on it: also one
// that is refused is read to the end of its request.
func newHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, DisableGeneralOptionsHandler: true, // OPTIONS * passes the guard too
		ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: answerTime,
		IdleTimeout: idleTime, MaxHeaderBytes: headerBytes,
	}
}

// silent are the connections on which nothing was said yet: browsers open some
// in advance, and Shutdown would wait for them.
type silent struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (s *silent) heard(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		s.open[c] = true
	} else {
		delete(s.open, c)
	}
}

func (s *silent) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Close()
	}
}

// Handler is everything, behind the guard, for the port it is reached at.
func (s *Server) Handler(port int) http.Handler {
	return s.guard(port)
}

func (s *Server) guard(port int) *guard {
	at := ":" + strconv.Itoa(port)
	return &guard{
		hosts: [2]string{"127.0.0.1" + at, "localhost" + at}, site: s.Trust.Site, clock: s.Clock,
		api: http.HandlerFunc(s.api), ui: http.HandlerFunc(s.ui), callers: map[string]*traffic{},
	}
}

// api finds the operation. Without a pairing there are only the first three,
// with an expired list only the first two.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	site := siteOf(r.Context())
	switch r.URL.Path {
	case "/status":
		s.status(w, r, site)
		return
	case "/origins":
		s.origins(w, r, site)
		return
	}
	if site.Trust == nil {
		refuse(w, r, http.StatusForbidden, trust.ErrExpired)
		return
	}
	if r.URL.Path == "/pair" {
		s.run(w, r, site, s.pair)
		return
	}
	do, known := operations[r.URL.Path]
	if !known && !slices.Contains([]string{"/keys", "/watch", "/examine"}, r.URL.Path) {
		refuse(w, r, http.StatusNotFound, errAddress)
		return
	}
	if !s.paired(r, site) {
		refuse(w, r, http.StatusUnauthorized, errUnpaired)
		return
	}
	switch r.URL.Path {
	case "/keys":
		s.keys(w, r, site)
	case "/watch":
		s.watch(w, r, site)
	case "/examine":
		s.run(w, r, site, s.examine)
	default:
		in, err := read(r)
		if err != nil {
			refuse(w, r, http.StatusUnprocessableEntity, errInput)
			return
		}
		s.run(w, r, site, func(ctx context.Context, a *agent.Agent, _ person) (any, error) { return do(ctx, a, site, in) })
	}
}

// paired tells whether the request carries a token of its origin's.
func (s *Server) paired(r *http.Request, site trust.Site) bool {
	header, one := single(r, "Authorization")
	token, bearer := strings.CutPrefix(header, "Bearer ")
	return one && bearer && s.pairing.check(site.Origin, token)
}
