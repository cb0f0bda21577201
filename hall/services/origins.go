package services

import (
	"context"

	"github.com/certhall/certhall/proof"
)

// OriginList is the authority's signed list of portals (proof.Signed, DER), as
// pages hand it to agents.
func (c *Counter) OriginList(ctx context.Context) ([]byte, error) {
	signed, err := c.Authority.Origins(ctx)
	if err != nil {
		return nil, err
	}
	return proof.Encode(signed), nil
}
