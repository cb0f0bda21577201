package local

import (
	"context"
	"net/http"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
)

type status struct {
	Product     string      `json:"product"`
	Version     string      `json:"version"`
	API         int         `json:"api"`
	Paired      bool        `json:"paired"`
	UI          string      `json:"ui"`
	Authorities []authority `json:"authorities"`
}

type authority struct {
	ID     string    `json:"id"`
	Number int64     `json:"number"`
	Until  time.Time `json:"until"`
}

// status says what runs here and which lists name the caller.
func (s *Server) status(w http.ResponseWriter, r *http.Request, site trust.Site) {
	told := status{
		Product: "certhall-agent", Version: s.Version, API: certhall.AgentAPI, Paired: s.paired(r, site), UI: s.Windows.Name(), Authorities: []authority{},
	}
	for _, l := range site.Lists {
		told.Authorities = append(told.Authorities, authority{l.Authority, l.Number, l.Until})
	}
	answer(w, http.StatusOK, "application/json", told)
}

// origins takes a newer list.
func (s *Server) origins(w http.ResponseWriter, r *http.Request, site trust.Site) {
	in, err := read(r)
	if err == nil {
		err = s.Trust.Take(in.List)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if site, listed := s.Trust.Site(site.Origin); listed {
		s.status(w, r, site)
		return
	}
	refuse(w, r, http.StatusForbidden, errOrigin) // the newer list names it no more
}

// keys lists the keys.
func (s *Server) keys(w http.ResponseWriter, r *http.Request, site trust.Site) {
	all, err := s.list(r.Context(), site, lang(r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, "application/json", all)
}

type pass struct {
	Token string `json:"token"`
	Idle  int    `json:"idle_s"`
}

// pair lets the site in if the person says so.
func (s *Server) pair(_ context.Context, _ *agent.Agent, p person) (any, error) {
	secret, err := s.pairing.pair(p.page, p.site, p.pair)
	return pass{secret, int(idlePairing.Seconds())}, err
}

// refuse answers an error, and tells the log its cause.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := certhall.AsError(err)
	s.Log.Info("refused", "operation", r.URL.Path, "code", e.Code, "cause", certhall.CauseText(e.Unwrap()))
	refuse(w, r, e.Kind.Status(), e)
}
