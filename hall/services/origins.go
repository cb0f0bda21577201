package services

import (
	"context"

	"github.com/certhall/certhall/proof"
)

// Origins is what agents need to know the authority's portals by.
type Origins struct {
	List    []byte   `json:"list" doc:"DER of the signed origin list: proof.Signed over proof.OriginList"`
	Issuers [][]byte `json:"issuers" doc:"DER of the issuing certificates, for agents that lack them"`
}

// OriginList is the authority's signed list of portals, as pages hand it to
// agents.
func (c *Counter) OriginList(ctx context.Context) (Origins, error) {
	signed, err := c.Authority.Origins(ctx)
	if err != nil {
		return Origins{}, err
	}
	return Origins{List: proof.Encode(signed), Issuers: c.Issuers}, nil
}
