package services

import (
	"context"
	"errors"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
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
	Over    authority.State `json:"over,omitempty" enum:"superseded,revoked" doc:"why no service is open to it ever again; superseded only beside its successor"`
}

// KindList are the kinds of the certificates that are known, in the order asked.
type KindList struct {
	Kinds []Kind `json:"kinds"`
}

// Kinds tells the kinds of certificates, so that whoever has the key finds the
// one he came for before he signs anything: no certificate says it itself.
// Anybody may ask: serial numbers are random, and who knows one has seen the
// certificate. Its project and brand are all he hears beyond what the status
// services say; that a pair was superseded, which these say at the end of its
// grace, is told to whoever names its successor too: both lie on his key.
func (c *Counter) Kinds(ctx context.Context, serials []certhall.Serial) (KindList, error) {
	all, err := c.Catalog.Current(ctx)
	if err != nil {
		return KindList{}, err
	}
	list := KindList{Kinds: []Kind{}}
	err = c.Store.Read(ctx, func(r Reader) error {
		var asked []authority.PairInfo
		for _, serial := range serials[:min(len(serials), KindLimit)] {
			shown, err := r.Certificate(serial)
			if err != nil {
				return err
			}
			if shown != nil {
				asked = append(asked, shown.PairInfo)
			}
		}
		for _, p := range asked {
			found, err := offerIn(all, p)
			if err != nil && !errors.Is(err, catalog.ErrNotOffered) {
				return err
			}
			list.Kinds = append(list.Kinds, Kind{p.SignSerial, p.Project, found.Brand.Code, over(p, asked)})
		}
		return nil
	})
	return list, err
}

// over tells whether a pair has had its day, as far as somebody may hear who
// named these.
func over(p authority.PairInfo, named []authority.PairInfo) authority.State {
	follows := func(other authority.PairInfo) bool { // a void one never took anybody's place
		return other.Lineage == p.Lineage && other.State != authority.Void && other.NotBefore.After(p.NotBefore)
	}
	ended := p.State == authority.Revoked || p.State == authority.Void
	switch {
	case (ended || p.State == authority.Superseded) && slices.ContainsFunc(named, follows):
		return authority.Superseded // after its grace too: people ask where its successor is
	case ended:
		return authority.Revoked
	}
	return ""
}
