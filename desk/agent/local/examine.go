package local

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/doctor"
)

// found is the event finding.
type found struct {
	Check   string            `json:"check"`
	Verdict doctor.Verdict    `json:"verdict"`
	Code    string            `json:"code"`
	Params  map[string]string `json:"params"`
	Message string            `json:"message"`
	Hint    string            `json:"hint,omitempty"`
}

// examined is what an examination answers.
type examined struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"` // of the agent
}

// onlyHere are params that say more of this PC than a page needs: paths have
// the user's name in them.
var onlyHere = []string{"folder", "path"}

// examine examines this PC for the page: its own portal as the hall, the
// authorities whose portal it is, and of the keys what it may see. One at a
// time; it ends with the page.
func (s *Server) examine(_ context.Context, a *agent.Agent, p person) (any, error) {
	select {
	case s.examining <- struct{}{}:
		defer func() { <-s.examining }()
	case <-p.page.Done():
		return nil, p.page.Err()
	}
	d := s.Doctor
	d.Keys, d.Clock, d.Version, d.Served = a, s.Clock, s.Version, true
	d.Listed, d.Server = true, p.site.Origin
	d.Known, d.Issuers = s.authoritiesOf(p.site)
	var server, here time.Time
	d.Hall = &courier.HTTP{Base: p.site.Origin, Lang: p.stream.lang, Client: d.Client, Heard: func(t time.Time) { server, here = t, s.Clock.Now() }}
	d.Heard = func() (time.Time, time.Time) { return server, here }
	d.Examine(p.page, func(f doctor.Finding) {
		message, hint := f.Words(p.stream.lang, doctor.Page)
		told := maps.Clone(f.Params)
		maps.DeleteFunc(told, func(name, _ string) bool { return slices.Contains(onlyHere, name) })
		p.stream.send("finding", found{f.Check, f.Verdict, f.Code, told, message, hint})
	})
	return examined{s.Clock.Now(), s.Version}, p.page.Err()
}

// authoritiesOf are the trusted authorities whose lists name the site.
func (s *Server) authoritiesOf(site trust.Site) ([]trust.Authority, []*smx509.Certificate) {
	known, issuers := s.Trust.Authorities()
	ids := site.Authorities()
	return slices.DeleteFunc(known, func(a trust.Authority) bool { return !slices.Contains(ids, a.List.Authority) }), issuers
}
