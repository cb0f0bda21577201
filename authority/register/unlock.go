package register

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// ErrUnlockReason says that a decision to unlock must say how the person proved
// who he is.
var ErrUnlockReason = certhall.NewError("unlock-reason-missing", certhall.Invalid)

// AdminPINs tells of which USB keys the administrator's PIN is escrowed, page by
// page behind a serial; next is "" on the last one. With a serial named it tells
// of that one alone.
func (r *Register) AdminPINs(ctx context.Context, keySerial, after string, limit int) (found []*ca.AdminPIN, next string, err error) {
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, MaxFound)
	err = r.Store.Look(ctx, func(rd Reader) (err error) {
		if keySerial == "" {
			found, err = rd.AdminPINs(after, limit+1)
			return err
		}
		p, err := rd.AdminPIN(keySerial)
		if err == nil && p == nil {
			err = authority.ErrAdminPINUnknown.With("key", keySerial)
		}
		found = []*ca.AdminPIN{p}
		return err
	})
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].KeySerial
	}
	return found, next, err
}

// OnKey are the pairs in force or superseded on a USB key.
func (r *Register) OnKey(ctx context.Context, keySerial string) (found []*ca.Pair, err error) {
	err = r.Store.Look(ctx, func(rd Reader) (err error) {
		found, err = rd.PairsOnKey(keySerial)
		return err
	})
	return found, err
}

// DraftUnlocking drafts the decision that the key of a request (DER of a
// proof.UnlockRequest) may be unlocked. The reviewer is shown all certificates
// that the authority knows on it.
func (r *Register) DraftUnlocking(ctx context.Context, request []byte, reason string, life time.Duration) (d proof.Draft, err error) {
	asked, err := proof.Decode[proof.UnlockRequest](request)
	if err != nil {
		return d, err
	}
	if asked.Authority != r.ID {
		return d, authority.ErrRequest.Becausef("of %.40q", asked.Authority)
	}
	if reason == "" {
		return d, ErrUnlockReason
	}
	m := proof.UnlockDecision{
		Authority: r.ID, RequestDigest: asked.Digest(), KeySerial: asked.KeySerial, KeyDigest: gm.SM3(asked.Key), Reason: reason,
		Expiry: r.now().Add(life).Truncate(time.Second),
	}
	if m.Nonce, err = proof.NewNonce(r.Random); err != nil {
		return d, err
	}
	err = r.Store.Look(ctx, func(rd Reader) error {
		pairs, err := rd.PairsOnKey(asked.KeySerial)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			if p.State == authority.Current && p.SignCert != nil {
				m.Documents, d.Documents = append(m.Documents, gm.SM3(p.SignCert)), append(d.Documents, p.SignCert)
			}
		}
		return r.vouch(rd, &d)
	})
	if err != nil {
		return proof.Draft{}, err
	}
	d.Message = proof.Encode(m)
	return d, nil
}
