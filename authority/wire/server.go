package wire

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/nodes"
	"github.com/certhall/certhall/proof"
)

// callTime is how long one call may take here; the caller gives up earlier.
const callTime = 30 * time.Second

// ServerOptions are what the answering side is made of.
type ServerOptions struct {
	Authority authority.Authority
	Ready     func(context.Context) error // nil answer: certificates can be issued
	Refused   []certhall.Serial           // certificates of nodes that are no longer trusted
	Log       *slog.Logger
}

// Handler answers the calls of halls. It is served with nodes.ServerTLS: whose
// certificate the internal CA did not sign gets no further than the handshake;
// of the others only halls may call, and the rest are told so by name.
func Handler(o ServerOptions) http.Handler {
	s := &server{o, door{o.Authority, o.Ready}, http.NewServeMux()}
	register(s, eligible)
	register(s, ticket)
	register(s, issue)
	register(s, acknowledge)
	register(s, retired)
	register(s, claim)
	register(s, closing)
	register(s, revoke)
	register(s, suspend)
	register(s, resume)
	register(s, unlockable)
	register(s, unlock)
	register(s, unlocked)
	register(s, pair)
	register(s, origins)
	register(s, events)
	register(s, ready)
	return s
}

type server struct {
	ServerOptions
	door door
	mux  *http.ServeMux
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.admit(r); err != nil {
		s.refuse(w, r, err)
		return
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.refuse(w, r, errRoute)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// admit judges who calls by the certificate of his connection.
func (s *server) admit(r *http.Request) error {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return errRole.With("role", "")
	}
	peer := r.TLS.PeerCertificates[0]
	for _, serial := range s.Refused {
		if serial == certhall.SerialOf(peer.SerialNumber) {
			return errTurnedOut
		}
	}
	if role := nodes.RoleOf(peer); role != nodes.Hall {
		return errRole.With("role", role)
	}
	return nil
}

func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := certhall.AsError(err)
	s.Log.WarnContext(r.Context(), "a node was refused", "route", r.Pattern, "from", r.RemoteAddr, "code", e.Code, "role", e.Params["role"], "cause", certhall.CauseText(errors.Unwrap(e)))
	write(w, e.Kind.Status(), answer[nothing]{Refused: failureOf(e)})
}

// register adds a call's route.
func register[In, Out any](s *server, c call[In, Out]) {
	s.mux.HandleFunc("POST "+version+c.name, func(w http.ResponseWriter, r *http.Request) {
		var in In
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err == nil {
			err = json.Unmarshal(body, &in)
		}
		if err != nil {
			s.refuse(w, r, proof.ErrMalformed.Because(err))
			return
		}
		ctx, end := context.WithTimeout(r.Context(), callTime)
		defer end()
		out, err := c.do(ctx, s.door, in)
		if err == nil {
			write(w, http.StatusOK, answer[Out]{Done: &out})
			return
		}
		e := certhall.AsError(err)
		if ctx.Err() != nil {
			e = ErrUnreachable.Because(err) // too slow: the caller may ask again
		}
		if e.Kind == certhall.Internal {
			s.Log.ErrorContext(ctx, "a call failed", "call", c.name, "cause", certhall.CauseText(err))
		}
		write(w, e.Kind.Status(), answer[Out]{Error: failureOf(e)})
	})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever does not hear it asks again
}
