package services

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
)

// KindLimit bounds how many certificates are asked about at once: more than lie
// on the keys of one PC.
const KindLimit = 64

// Kind is the project and brand that a certificate is for.
type Kind struct {
	Serial  certhall.Serial `json:"serial" doc:"of the pair's signing certificate"`
	Project string          `json:"project" doc:"code; /api/hall has the names"`
	Brand   string          `json:"brand,omitempty" doc:"code; /api/catalog has the names; missing where none is known"`
}

// KindList are the kinds of the certificates that are known, in the order asked.
type KindList struct {
	Kinds []Kind `json:"kinds"`
}

// Kinds tells the kinds of certificates, so that whoever has the key finds the
// one he came for before he signs anything: no certificate says it itself.
// Anybody may ask: serial numbers are random, and who knows one has seen the
// certificate.
func (c *Counter) Kinds(ctx context.Context, serials []certhall.Serial) (KindList, error) {
	all, err := c.Catalog.Current(ctx)
	if err != nil {
		return KindList{}, err
	}
	list := KindList{Kinds: []Kind{}}
	err = c.Store.Read(ctx, func(r Reader) error {
		for _, serial := range serials[:min(len(serials), KindLimit)] {
			shown, err := r.Certificate(serial)
			if err != nil {
				return err
			}
			if shown == nil {
				continue
			}
			found, err := offerIn(all, shown.PairInfo)
			if err != nil && !errors.Is(err, catalog.ErrNotOffered) {
				return err
			}
			list.Kinds = append(list.Kinds, Kind{serial, shown.Project, found.Brand.Code})
		}
		return nil
	})
	return list, err
}
