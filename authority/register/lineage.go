package register

import (
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
)

// Lineage is all pairs of a lineage, oldest first: of the one named, else of
// the pair with the serial. Intents that were given up are left out.
func (r *Register) Lineage(ctx context.Context, s certhall.Serial, l certhall.LineageID) (pairs []*ca.Pair, err error) {
	err = r.Store.Look(ctx, func(rd Reader) error {
		of := l
		if of == "" {
			p, err := find(rd, Serial(string(s)))
			if err != nil {
				return err
			}
			of = p.Lineage
		}
		pairs, err = rd.LineagePairs(of)
		return err
	})
	pairs = slices.DeleteFunc(pairs, func(p *ca.Pair) bool { return p.GivenUp })
	if err == nil && len(pairs) == 0 {
		err = authority.ErrUnknownLineage
	}
	return pairs, err
}
