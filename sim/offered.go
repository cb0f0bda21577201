package sim

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/services"
)

// price of a year in schedules where a pair costs something.
const price = certhall.Money(200_00)

// offered is the catalogue of a schedule's hall.
type offered struct {
	price   certhall.Money // for a year
	history int            // old containers that stay on a key at most; 0: all
}

// catalog of the schedule; nil is none.
func (w *World) catalog() services.Catalog {
	var o offered
	if w.sched.Priced {
		o.price = price
	}
	if w.sched.Key == Aged {
		o.history = 1
	}
	if o == (offered{}) {
		return nil
	}
	return o
}

// Current implements services.Catalog.
func (o offered) Current(context.Context) (*catalog.Catalog, error) {
	product := func(s certhall.Service) catalog.Product {
		return catalog.Product{Service: s, Price: o.price, Years: []int{1}}
	}
	return &catalog.Catalog{
		Version:  1,
		Projects: []catalog.Project{{Code: project, Names: catalog.Names{"zh-CN": project}, Brand: "soft"}},
		Brands:   []catalog.Brand{{Code: "soft"}},
		Offers: []catalog.Offer{{
			Project: project, Brand: "soft", Policy: catalog.Policy{History: o.history},
			Products: []catalog.Product{product(certhall.Renew), product(certhall.Repair)},
		}},
	}, nil
}
