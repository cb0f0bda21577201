package courier

import (
	"context"
	"errors"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// Succession lets an agent act for an authority on the certificates of its
// predecessors too: where an order names a pair that is not the authority's
// own, the hall is asked once for the signed list that may name its issuer, and
// the order is tried again.
type Succession struct {
	Agent interface {
		Agent
		Succeed(list proof.Signed) error
	}
	List  func(context.Context) (list []byte, issuers [][]byte, err error) // HTTP.OriginList
	asked bool
}

// Do carries out an order.
func (s *Succession) Do(ctx context.Context, keySerial string, order []byte) ([]byte, error) {
	reply, err := s.Agent.Do(ctx, keySerial, order)
	if s.asked || !errors.Is(err, token.ErrOldPairMissing) {
		return reply, err
	}
	der, _, lost := s.List(ctx)
	if lost != nil {
		return nil, lost
	}
	s.asked = true
	signed, lost := proof.Decode[proof.Signed](der)
	if lost == nil {
		lost = s.Agent.Succeed(signed)
	}
	if lost != nil {
		return nil, lost
	}
	return s.Agent.Do(ctx, keySerial, order)
}

// SignOpening signs an opening.
func (s *Succession) SignOpening(ctx context.Context, keySerial string, o proof.Opening) (proof.Signed, error) {
	return s.Agent.SignOpening(ctx, keySerial, o)
}
