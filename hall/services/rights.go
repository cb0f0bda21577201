package services

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// RightList is all that was bought and not used, over all orders.
type RightList struct {
	Entitlements []RightView `json:"entitlements"`
}

// RightView is the right to one new pair, as whoever may use it sees it.
type RightView struct {
	orders.LineView
	Order       certhall.OrderID `json:"order"`
	BoughtAt    time.Time        `json:"bought_at"`
	Certificate HeldCertificate  `json:"certificate" doc:"as it is now: its case, or how one is opened"`
}

// Problems are those whose texts whoever shows the answer fills in.
func (l RightList) Problems() []*Problem {
	var all []*Problem
	for _, r := range l.Entitlements {
		all = append(all, r.Certificate.WhyNot)
	}
	return problems(all...)
}

// Entitlements are what was bought for the certificates that the person handles,
// by whomever, and not used, the oldest first.
func (c *Counter) Entitlements(ctx context.Context, who Caller) (RightList, error) {
	held, err := c.holdings(ctx, who.Person, nil)
	pairs, list := held.byLineage(), RightList{Entitlements: make([]RightView, 0, len(held.bought))}
	for _, b := range held.bought {
		p, ok := pairs[b.Lineage]
		if !ok {
			continue
		}
		list.Entitlements = append(list.Entitlements, RightView{
			LineView: b.Line.BoughtView([]orders.Entitlement{b.Entitlement}), Order: b.Order, BoughtAt: b.MadeAt,
			Certificate: c.heldCertificate(held, p.PairInfo),
		})
	}
	return list, err
}
