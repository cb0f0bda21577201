package courier

import (
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Candidates are the pairs on a key that a service may be meant for, the
// likeliest first. The clock only orders them; whether one qualifies is the
// authority's to say, and Passable tells whether to go on to the next.
func Candidates(on []*token.Holding, service certhall.Service, now time.Time) []certhall.Serial {
	var pairs []*token.Holding
	for _, h := range on {
		if h.Fits() && !h.Sign.IsCA {
			pairs = append(pairs, h)
		}
	}
	likely := func(h *token.Holding) bool { return h.Sign.NotAfter.Before(now) == (service == certhall.Repair) }
	slices.SortStableFunc(pairs, func(a, b *token.Holding) int {
		if likely(a) != likely(b) {
			if likely(a) {
				return -1
			}
			return 1
		}
		order := a.Sign.NotAfter.Compare(b.Sign.NotAfter) // renew: what ends first
		if service == certhall.Repair {
			order = -order // repair: what ended last
		}
		return order
	})
	serials := make([]certhall.Serial, len(pairs))
	for i, h := range pairs {
		serials[i] = certhall.SerialOf(h.Sign.SerialNumber)
	}
	return serials
}

// Passable tells whether a refusal means only that this pair is not the one,
// so that another on the key may be. History says that it never will be again:
// superseded and revoked pairs kept on the key, other authorities'.
func Passable(err error) (passable, history bool) {
	switch certhall.AsError(err).Code {
	case "superseded", "revoked", "not-current", "certificate-unknown":
		return true, true
	case "expired", "not-expired", "too-early", "too-late":
		return true, false
	}
	return false, false
}
