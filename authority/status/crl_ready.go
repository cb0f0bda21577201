package status

import (
	"context"
	"time"

	"github.com/certhall/certhall"
)

// What stands against being ready. until is the time from which relying
// systems refuse every certificate of the issuer.
var (
	ErrCRLMissing = certhall.NewError("crl-missing", certhall.Unavailable)
	ErrCRLEnding  = certhall.NewError("crl-ending", certhall.Unavailable)
	ErrCRLAhead   = certhall.NewError("crl-ahead", certhall.Unavailable)
)

// clockSkew is how far this node's clock may lie behind the one that made a CRL.
const clockSkew = 5 * time.Minute

// Ready says nil while the issuer's newest CRL is fit to be relied on, with
// time left to mend what stops the next: until three quarters of its life.
func (s *Shelf) Ready(ctx context.Context, issuer string) error {
	newest, err := s.Store.NewestCRL(ctx, issuer)
	if err != nil {
		return err
	}
	if newest == nil {
		return ErrCRLMissing.With("name", issuer)
	}
	return newest.ready(issuer, newest.NextUpdate.Sub(newest.ThisUpdate)/4, s.Clock.Now())
}

// ready wants so much of the list's life to be left.
func (h Head) ready(name string, left time.Duration, now time.Time) error {
	switch {
	case !now.Before(h.NextUpdate.Add(-left)):
		return ErrCRLEnding.With("name", name).With("until", certhall.DateTime(h.NextUpdate))
	case now.Add(clockSkew).Before(h.ThisUpdate):
		return ErrCRLAhead.With("name", name).With("from", certhall.DateTime(h.ThisUpdate))
	}
	return nil
}
