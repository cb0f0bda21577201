package ca

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
)

// Eligible tells whether renew or repair is open to the pair with this signing
// certificate, and the terms: also beside a refusal, for a case that was let in
// before its window ended.
func (ca *CA) Eligible(ctx context.Context, service certhall.Service, serial certhall.Serial) (authority.Eligibility, error) {
	var e authority.Eligibility
	var p *Pair
	err := ca.opt.Store.Read(ctx, func(r Reader) (err error) {
		if p, err = findSerial(r, serial); err != nil {
			return err
		}
		if p == nil || p.SignCert == nil {
			return authority.ErrUnknownCert
		}
		now := ca.now()
		e.Pair = p.PairInfo
		if e.Escrowed, err = r.Escrowed(p.ID); err != nil {
			return err
		}
		e.MaxYears = ca.longestTerm(service, p, now)
		e.NotAfter = ca.end(service, p, 1, now)
		if refusal := ca.judge(p, service, now); refusal != nil {
			e.Refusal = certhall.AsError(refusal)
		} else if e.MaxYears < 1 {
			e.Refusal = authority.ErrTerm
		}
		return nil
	})
	if err != nil || e.Refusal != nil {
		return e, err
	}
	if err := ca.vouched(ctx, p); err != nil && !notYet(err) {
		if e.Refusal = certhall.AsError(err); e.Refusal.Kind == certhall.Internal {
			return e, err
		}
	}
	return e, nil
}

// judge says why a service is not open to a pair, nil if it is. Its answer at
// the case's first ticket holds until the case is closed ◆.
func (ca *CA) judge(p *Pair, service certhall.Service, now time.Time) error {
	if err := inForce(p); err != nil {
		return err
	}
	opens, closes := p.NotAfter.Add(-ca.opt.Policy.RenewBefore), p.NotAfter.Add(ca.opt.Policy.RepairAfter)
	switch service {
	case certhall.Renew:
		if now.After(p.NotAfter) {
			return authority.ErrExpired.With("date", certhall.Date(p.NotAfter))
		}
		if now.Before(opens) {
			return authority.ErrTooEarly.With("date", certhall.Date(opens))
		}
	case certhall.Repair:
		if !now.After(p.NotAfter) {
			return authority.ErrNotExpired.With("date", certhall.Date(p.NotAfter))
		}
		if now.After(closes) {
			return authority.ErrTooLate.With("date", certhall.Date(closes))
		}
	default:
		return authority.ErrService
	}
	return nil
}

// inForce says why a pair cannot be succeeded on its own key's word.
func inForce(p *Pair) error {
	switch {
	case p.State == authority.Revoked && p.Reason == reasonSuperseded && !p.SupersededAt.IsZero():
		return authority.ErrSuperseded // its grace is over: its owner has the newer pair
	case p.State == authority.Revoked || p.State == authority.Void:
		return authority.ErrRevoked
	case p.State == authority.Superseded:
		return authority.ErrSuperseded
	case p.State != authority.Current:
		return authority.ErrNotCurrent
	case p.Suspended:
		return authority.ErrSuspended
	}
	return nil
}

// end is the new pair's notAfter: renewals add to the old end, everything
// else counts from now.
func (ca *CA) end(service certhall.Service, old *Pair, years int, now time.Time) time.Time {
	from := now
	if service == certhall.Renew {
		from = old.NotAfter
	}
	return certhall.AddYears(from, years).Truncate(time.Second)
}

// longestTerm is the longest whole term that fits the profile and the
// issuer's end; while sealed the issuer's end is judged at issuing.
func (ca *CA) longestTerm(service certhall.Service, old *Pair, now time.Time) int {
	profile := ca.opt.Profiles[old.Profile]
	years := profile.MaxYears
	k := ca.keys.Load()
	if k == nil {
		return years
	}
	issuer, err := k.issuer(authority.IssuerFor(profile.Algorithm))
	if err != nil {
		return 0
	}
	for years > 0 && ca.end(service, old, years, now).After(issuer.Certificate.NotAfter) {
		years--
	}
	return years
}
