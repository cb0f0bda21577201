package services

import (
	"context"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/orders"
)

// PlaceOrder makes an order of what the person agreed to, at the total that he
// read. All of it can be bought, or nothing is. What is ordered leaves his cart.
func (c *Counter) PlaceOrder(ctx context.Context, who Caller, wishes []Wish, agreed certhall.Money) (OrderDetail, error) {
	held, err := c.holdings(ctx, who.Person, nil)
	if err != nil {
		return OrderDetail{}, err
	}
	wanted, err := held.wishes(wishes)
	if err != nil {
		return OrderDetail{}, err
	}
	quotes, err := c.quote(ctx, held, wanted)
	if err != nil {
		return OrderDetail{}, err
	}
	order := orders.Order{Person: who.Person, Catalog: held.offered.Version}
	if order.Lines, err = agreedLines(quotes); err != nil {
		return OrderDetail{}, err
	}
	var lineages []certhall.LineageID
	for _, l := range order.Lines {
		lineages = append(lineages, l.Lineage)
	}
	now, placed := c.now(), orders.Order{}
	err = c.Store.Write(ctx, func(w Writer) error {
		if placed, err = c.place(w, order, agreed, now); err != nil {
			return err
		}
		return w.TakeFromCart(who.Person, lineages)
	})
	if err != nil {
		return OrderDetail{}, err
	}
	return c.Order(ctx, who, placed.ID)
}

// place makes an order. What costs something is asked of the channel of payment:
// of that everybody has his share.
func (c *Counter) place(w Writer, o orders.Order, agreed certhall.Money, now time.Time) (orders.Order, error) {
	if agreed > 0 && c.channel() != "" {
		if err := c.OrderLimits.Admit(w, o.Person, now); err != nil {
			return o, err
		}
	}
	return orders.Place(w, o, agreed, c.channel(), now, c.Random)
}

// wishes finds what a person asks for among what he handles: each certificate
// once. Other people's answer like missing ones.
func (h holdings) wishes(asked []Wish) ([]wish, error) {
	bySerial := make(map[certhall.Serial]Certificate, len(h.pairs))
	for _, p := range h.pairs {
		bySerial[p.SignSerial] = p
	}
	var found []wish
	for _, a := range asked {
		p, ok := bySerial[a.Serial]
		if !ok {
			return nil, authority.ErrUnknownCert
		}
		delete(bySerial, a.Serial)
		found = append(found, wish{pair: p.PairInfo, service: a.Service, years: a.Years})
	}
	return found, nil
}

// agreedLines are the lines of quotes; one that is refused refuses all, by its own
// reason if there is no other line.
func agreedLines(quotes []quoted) (lines []orders.Line, err error) {
	var first error
	unfit, number := 0, ""
	for _, q := range quotes {
		if q.refusal != nil {
			if unfit++; first == nil {
				first, number = q.refusal, q.line.KeyNumber
			}
		}
		lines = append(lines, q.line)
	}
	if unfit > 0 && len(quotes) > 1 {
		first = orders.ErrUnfit.With("count", strconv.Itoa(unfit)).With("key_number", number).Because(first)
	}
	return lines, first
}

// channel is the name of the channel of payment; "" where nothing can be paid.
func (c *Counter) channel() string {
	if c.Till == nil { // where nothing is sold at all
		return ""
	}
	return c.Till.Channel()
}
