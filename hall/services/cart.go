package services

import (
	"context"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/orders"
)

// Wish is a certificate to buy for.
type Wish struct {
	Serial  certhall.Serial  `json:"serial" maxLength:"40" doc:"of the signing certificate"`
	Service certhall.Service `json:"service,omitempty" enum:"renew,repair" doc:"the one that is open now if absent"`
	Years   int              `json:"years,omitempty" minimum:"0" maximum:"99" doc:"the first that is offered if absent"`
}

// Cart is what a person means to buy (购物车), at the prices of this moment.
type Cart struct {
	Lines []CartLine     `json:"lines"`
	Count int            `json:"count" doc:"of lines that can be bought"`
	Total certhall.Money `json:"total" doc:"of these, in fen"`
}

// CartLine is a certificate in a cart.
type CartLine struct {
	orders.LineView
	Choices     []int           `json:"choices" doc:"numbers of years to choose from"`
	Certificate HeldCertificate `json:"certificate"`
	Problem     *Problem        `json:"problem,omitempty" doc:"why it cannot be bought now; the other lines can"`
}

// Problems are those whose texts whoever shows the answer fills in.
func (v Cart) Problems() []*Problem {
	var all []*Problem
	for _, l := range v.Lines {
		all = append(all, l.Problem, l.Certificate.WhyNot)
	}
	return problems(all...)
}

// Cart shows a person's cart: certificates that he does not handle any more are
// left out.
func (c *Counter) Cart(ctx context.Context, who Caller) (Cart, error) {
	var wanted []orders.Wanted
	held, err := c.holdings(ctx, who.Person, func(r Reader) (err error) {
		wanted, err = r.CartOf(who.Person)
		return err
	})
	if err != nil {
		return Cart{}, err
	}
	pairs := held.byLineage()
	var wishes []wish
	for _, w := range wanted {
		if p, ok := pairs[w.Lineage]; ok {
			wishes = append(wishes, wish{pair: p.PairInfo, years: w.Years})
		}
	}
	quotes, err := c.quote(ctx, held, wishes)
	if err != nil {
		return Cart{}, err
	}
	cart := Cart{Lines: make([]CartLine, 0, len(quotes))}
	for i, q := range quotes {
		line := CartLine{LineView: q.line.View(), Choices: append([]int{}, q.choices...), Certificate: c.heldCertificate(held, wishes[i].pair)}
		if q.refusal != nil {
			line.Problem = ProblemOf(q.refusal)
		} else {
			cart.Count, cart.Total = cart.Count+1, cart.Total+q.line.Subtotal()
		}
		cart.Lines = append(cart.Lines, line)
	}
	return cart, nil
}

// PutInCart puts certificates into the person's cart, in this order, or changes
// the years of those that lie there.
func (c *Counter) PutInCart(ctx context.Context, who Caller, wishes []Wish) (Cart, error) {
	err := c.Store.Write(ctx, func(w Writer) error {
		held, err := w.CertificatesOf(who.Person, CertificateLimit)
		if err != nil {
			return err
		}
		now := c.now()
		for n, x := range wishes {
			i := slices.IndexFunc(held, func(p Certificate) bool { return p.SignSerial == x.Serial })
			if i < 0 {
				return authority.ErrUnknownCert
			}
			if err := w.PutInCart(who.Person, orders.Wanted{Lineage: held[i].Lineage, Years: x.Years, AddedAt: now.Add(time.Duration(n) * time.Millisecond)}); err != nil {
				return err
			}
		}
		lies, err := w.CartOf(who.Person)
		if err == nil && len(lies) > orders.CartLimit {
			err = orders.ErrCartFull
		}
		return err
	})
	if err != nil {
		return Cart{}, err
	}
	return c.Cart(ctx, who)
}

// TakeFromCart takes certificates out of the person's cart; those that do not lie
// there are no error.
func (c *Counter) TakeFromCart(ctx context.Context, who Caller, serials []certhall.Serial) (Cart, error) {
	err := c.Store.Write(ctx, func(w Writer) error {
		var lineages []certhall.LineageID
		for _, s := range serials {
			p, err := w.Certificate(s)
			if err != nil {
				return err
			}
			if p != nil {
				lineages = append(lineages, p.Lineage)
			}
		}
		return w.TakeFromCart(who.Person, lineages)
	})
	if err != nil {
		return Cart{}, err
	}
	return c.Cart(ctx, who)
}
