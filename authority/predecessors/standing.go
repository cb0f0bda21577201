package predecessors

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm/ocsp"
)

// skew is how far clocks may be apart.
const skew = 5 * time.Minute

// answerLife is how long an answer without nextUpdate counts.
const answerLife = time.Hour

// Status answers ca.Elders from what the database holds. It believes nobody
// who put it there: every list's and answer's signature is checked here again,
// a list's once, after which only what it says is kept in memory.
type Status struct {
	Store Store
	Clock certhall.Clock

	mu    sync.Mutex
	lists map[string]*parsed // by predecessor
	wrong map[string]string  // digest of the last list that does not hold, by predecessor
}

// parsed is a list that was checked.
type parsed struct {
	*crl
	digest, issuer string
}

var _ ca.Elders = (*Status)(nil)

// Standing implements ca.Elders.
func (s *Status) Standing(ctx context.Context, p *ca.Predecessor, c *smx509.Certificate) error {
	return s.standing(ctx, p, c, s.Clock.Now())
}

// Known implements ca.Elders.
func (s *Status) Known(ctx context.Context, p *ca.Predecessor, c *smx509.Certificate) error {
	l, err := s.list(ctx, p)
	if err != nil || l == nil || l.covers(c) != nil {
		return err
	}
	return l.judge(c)
}

func (s *Status) standing(ctx context.Context, p *ca.Predecessor, c *smx509.Certificate, now time.Time) error {
	l, err := s.list(ctx, p)
	if err != nil {
		return err
	}
	if l != nil && l.covers(c) == nil {
		if err := l.judge(c); err != nil || now.Before(l.nextUpdate) {
			return err
		}
	}
	if p.OCSP == "" {
		return stale(p)
	}
	return s.answered(ctx, p, c, now)
}

func stale(p *ca.Predecessor) *certhall.Error {
	return authority.ErrPredecessorStale.With("predecessor", p.Name)
}

// judge says what a list says of a certificate. That it was revoked stays true
// when the list is over.
func (c *crl) judge(of *smx509.Certificate) error {
	reason, revoked := c.revoked[string(of.SerialNumber.Bytes())]
	switch {
	case !revoked:
		return nil
	case reason == reasonHold:
		return authority.ErrSuspended
	}
	return authority.ErrRevoked
}

// list gives the predecessor's checked list, nil if there is none that holds.
// It never goes back: an earlier list than was seen does not count.
func (s *Status) list(ctx context.Context, p *ca.Predecessor) (*parsed, error) {
	head, err := s.Store.Head(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	issuer := string(p.Issuer.Raw)
	s.mu.Lock()
	known, wrong := s.lists[p.Name], s.wrong[p.Name]
	s.mu.Unlock()
	if known != nil && known.issuer != issuer {
		known = nil
	}
	if head == nil || string(head.Digest) == wrong || known != nil && known.digest == string(head.Digest) {
		return known, nil
	}
	l, err := s.Store.List(ctx, p.Name, head.Digest)
	if err != nil || l == nil {
		return known, err
	}
	c, err := parseList(l.Bytes, p.Issuer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lists == nil {
		s.lists, s.wrong = map[string]*parsed{}, map[string]string{}
	}
	if err != nil || known != nil && c.thisUpdate.Before(known.thisUpdate) {
		s.wrong[p.Name] = string(head.Digest) // whoever put it there had no right to
		return known, nil
	}
	fresh := &parsed{c, string(head.Digest), issuer}
	s.lists[p.Name] = fresh
	return fresh, nil
}

// answered judges by the responder's answer; without one that is fresh it is
// asked for.
func (s *Status) answered(ctx context.Context, p *ca.Predecessor, c *smx509.Certificate, now time.Time) error {
	serial := certhall.SerialOf(c.SerialNumber)
	q, err := s.Store.Question(ctx, p.Name, serial)
	if err != nil {
		return err
	}
	if q != nil && q.Answer != nil {
		a, err := answerOf(q.Answer, p.Issuer, serial, now)
		switch {
		case err != nil: // over, or not the responder's
		case a.Standing == ocsp.Revoked && a.Reason == reasonHold:
			return authority.ErrSuspended
		case a.Standing == ocsp.Revoked:
			return authority.ErrRevoked
		case a.Standing == ocsp.Unknown:
			return authority.ErrUnknownCert
		default:
			return nil
		}
	}
	if err := s.Store.Ask(ctx, p.Name, serial, now); err != nil {
		return err
	}
	return stale(p)
}

var errNoAnswer = errors.New("predecessors: nothing is said of the serial")

// answerOf reads a responder's answer about a serial and checks that it counts.
func answerOf(der []byte, issuer *smx509.Certificate, serial certhall.Serial, now time.Time) (ocsp.Answer, error) {
	answers, err := ocsp.Parse(der, issuer, nil, now)
	if err != nil {
		return ocsp.Answer{}, err
	}
	i := slices.IndexFunc(answers, func(a ocsp.Answer) bool { return certhall.SerialOf(a.Serial) == serial })
	if i < 0 {
		return ocsp.Answer{}, errNoAnswer
	}
	if a := answers[i]; !a.NextUpdate.IsZero() || now.Before(a.ThisUpdate.Add(answerLife)) {
		return a, nil
	}
	return ocsp.Answer{}, ocsp.ErrStale
}

// Stale names the predecessors whose list is missing or over; one that only
// has a responder is asked when there is a case.
func (s *Status) Stale(ctx context.Context) ([]string, error) {
	all, err := s.Store.Predecessors(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range all {
		head, err := s.Store.Head(ctx, p.Name)
		if err != nil {
			return nil, err
		}
		if p.WithdrawnAt.IsZero() && (p.CRL != "" || p.OCSP == "") && (head == nil || !s.Clock.Now().Before(head.NextUpdate)) {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// Ready says that a predecessor's list is stale: ErrPredecessorStale.
func (s *Status) Ready(ctx context.Context) error {
	names, err := s.Stale(ctx)
	if err == nil && len(names) > 0 {
		return authority.ErrPredecessorStale.With("predecessor", strings.Join(names, ", "))
	}
	return err
}
