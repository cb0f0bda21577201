package services

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
)

// holdings are the certificates that a person handles, with all that his lists,
// his cart and his orders say of them: read by a few statements, however many
// there are.
type holdings struct {
	person  string
	offered *catalog.Catalog
	pairs   []Certificate // the soonest end first; one more than the limit tells that there are others
	cases   map[certhall.LineageID]*OpenCase
	rights  map[certhall.LineageID]orders.Entitlement // bought and not used
	unpaid  map[certhall.LineageID]orders.UnpaidLine
	bought  []orders.Right // of which rights has the first of each lineage
}

// holdings reads what a person handles; also, if not nil, reads more of the same
// state.
func (c *Counter) holdings(ctx context.Context, person string, also func(Reader) error) (h holdings, err error) {
	offered, err := c.Catalog.Current(ctx)
	if err != nil {
		return holdings{person: person}, err
	}
	err = c.Store.Read(ctx, func(r Reader) (err error) {
		if h, err = holdingsOf(r, person); err == nil && also != nil {
			err = also(r)
		}
		return err
	})
	h.offered = offered
	return h, err
}

func holdingsOf(r Reader, person string) (h holdings, err error) {
	h = holdings{
		person: person, cases: map[certhall.LineageID]*OpenCase{},
		rights: map[certhall.LineageID]orders.Entitlement{}, unpaid: map[certhall.LineageID]orders.UnpaidLine{},
	}
	if h.pairs, err = r.CertificatesOf(person, CertificateLimit+1); err != nil {
		return h, err
	}
	busy, err := r.BusyCasesOf(person)
	if err != nil {
		return h, err
	}
	for _, k := range busy {
		if k.Live() {
			h.cases[k.Lineage] = &OpenCase{Case: k.ID, Service: k.Service, Stage: k.Stage()}
		}
	}
	if h.bought, err = r.RightsOf(person); err != nil {
		return h, err
	}
	for _, right := range h.bought {
		if h.rights[right.Lineage].ID == "" {
			h.rights[right.Lineage] = right.Entitlement
		}
	}
	unpaid, err := r.UnpaidOf(person)
	for _, u := range unpaid {
		h.unpaid[u.Lineage] = u
	}
	return h, err
}

// byLineage are the pairs by their lineages.
func (h holdings) byLineage() map[certhall.LineageID]Certificate {
	all := make(map[certhall.LineageID]Certificate, len(h.pairs))
	for _, p := range h.pairs {
		all[p.Lineage] = p
	}
	return all
}
