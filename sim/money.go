package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/sandbox"
)

// newBank makes the world outside that money comes from; it outlives every process.
func (w *World) newBank() *sandbox.Bank {
	b, err := sandbox.Open(sandbox.Options{Name: "sim", Clock: w.clock, Random: w.random, RefundTime: time.Minute})
	w.note(err)
	return b
}

// cashier is the hall's way to the bank: every call a boundary.
type cashier struct {
	payment.Channel
	w *World
}

func pass[T any](c cashier, name string, writes bool, fn func() (T, error)) (answer T, err error) {
	err = c.w.boundary(Money, name, writes, func() (err error) {
		answer, err = fn()
		return err
	})
	return answer, err
}

// Prepay implements payment.Channel.
func (c cashier) Prepay(ctx context.Context, p payment.Prepay) (string, error) {
	return pass(c, "Prepay", true, func() (string, error) {
		c.w.billed[p.Order] = true
		return c.Channel.Prepay(ctx, p)
	})
}

// Query implements payment.Channel.
func (c cashier) Query(ctx context.Context, id certhall.OrderID) (payment.Payment, error) {
	return pass(c, "Query", false, func() (payment.Payment, error) { return c.Channel.Query(ctx, id) })
}

// Close implements payment.Channel.
func (c cashier) Close(ctx context.Context, id certhall.OrderID) error {
	_, err := pass(c, "Close", true, func() (struct{}, error) { return struct{}{}, c.Channel.Close(ctx, id) })
	return err
}

// Refund implements payment.Channel: no money goes back for a pair that lives.
func (c cashier) Refund(ctx context.Context, r payment.RefundOrder) (payment.Refund, error) {
	return pass(c, "Refund", true, func() (payment.Refund, error) {
		c.w.judgeRefund(r)
		c.w.returned[r.Refund] = true
		return c.Channel.Refund(ctx, r)
	})
}

// QueryRefund implements payment.Channel.
func (c cashier) QueryRefund(ctx context.Context, id certhall.RefundID) (payment.Refund, error) {
	return pass(c, "QueryRefund", false, func() (payment.Refund, error) { return c.Channel.QueryRefund(ctx, id) })
}

// judgeRefund: when money goes back, no pair made of its entitlements is alive,
// nor can one come alive.
func (w *World) judgeRefund(r payment.RefundOrder) {
	given := map[string]bool{}
	w.note(w.data.hall.Till().Read(background, func(rd payment.Reader) error {
		which, err := rd.Refunding(r.Refund)
		for _, e := range which {
			given[string(e.ID)] = true
		}
		return err
	}))
	for _, p := range w.pairs() {
		if given[string(p.Entitlement)] && p.State != authority.Void {
			w.violate("invariant 6: money goes back, and its pair is %s", p.State)
		}
	}
}

// letter is a notice on its way from the bank to the hall.
type letter struct {
	payment.Notice
	due time.Time
}

// post delivers the bank's notices; one that is not taken is sent again later.
func (w *World) post() {
	w.bank.Deliver(background, func(_ context.Context, n sandbox.Note) error {
		w.letters = append(w.letters, letter{n.Notice, w.clock.Now()})
		return nil
	})
	for range len(w.letters) {
		l := w.letters[0]
		w.letters = w.letters[1:]
		if w.clock.Now().Before(l.due) {
			w.letters = append(w.letters, l)
			continue
		}
		err := w.boundary(Message, "Notice", true, func() error {
			return w.atServer(func() error { return w.serving().till.Told(background, l.Notice) })
		})
		if err != nil {
			l.due = w.clock.Now().Add(15 * time.Second)
			w.letters = append(w.letters, l)
		}
		w.worked++
	}
}

// payAtBank is what the person does with his telephone once he sees the code.
func (w *World) payAtBank(id certhall.OrderID) { _ = w.bank.Pay(id) }

// live finds the unpaid order of the lineage.
func (w *World) live() (o *orders.Order) {
	w.note(w.data.hall.Till().Read(background, func(r payment.Reader) (err error) {
		o, err = r.LiveOrderOf(lineage)
		return err
	}))
	return o
}

// cancelOrder: the person takes his unpaid order back.
func (w *World) cancelOrder() {
	if o := w.live(); o != nil {
		w.note(w.data.hall.Till().Write(background, func(t payment.Writer) error {
			_, err := orders.Cancel(t, o.ID, w.clock.Now())
			return err
		}))
	}
}

// overdue: nobody pays in time.
func (w *World) overdue() { w.clock.advance(orders.PayWithin + time.Minute) }

// payEarly: somebody pays before the hall has shown the code.
func (w *World) payEarly() {
	if o := w.live(); o != nil {
		w.payAtBank(o.ID)
	}
}

// askRefund: the person asks for his money back, of whatever is not used.
func (w *World) askRefund() {
	for _, id := range slices.Sorted(maps.Keys(w.billed)) {
		// Refused where nothing is paid, or everything used: then nothing happens.
		if _, err := w.nodes[0].counter.RefundOrderBy(background, id, nil, "", "simulation"); err == nil {
			w.closed, w.authorityChanged = true, true
		}
	}
}

// moneyAgrees is invariant 6 for money: what the bank took and did not give back
// is what the hall's open and spent rights cost.
func (w *World) moneyAgrees() error {
	var held, worth certhall.Money
	channel := w.bank.Channel()
	for id := range w.billed {
		p, err := channel.Query(background, id)
		if err == nil && (p.State == payment.Paid || p.State == payment.Refunded) {
			held += p.Amount
		}
	}
	for id := range w.returned {
		r, err := channel.QueryRefund(background, id)
		if err == nil && r.State == payment.RefundDone {
			held -= r.Amount
		}
	}
	err := w.data.hall.Till().Read(background, func(r payment.Reader) error {
		for id := range w.billed {
			o, err := r.Order(id)
			if err != nil || o == nil {
				return fmt.Errorf("invariant 6: the bank knows an order that the hall does not: %w", err)
			}
			if o.Live() {
				return fmt.Errorf("invariant 5: an order is still %s", o.Standing)
			}
			made, err := r.EntitlementsOf(id)
			if err != nil {
				return err
			}
			for _, e := range made {
				switch e.State {
				case orders.Open, orders.Spent:
					worth += price * certhall.Money(e.Years)
				case orders.Refunding:
					return fmt.Errorf("invariant 5: a refund never ends")
				}
			}
		}
		return nil
	})
	if err == nil && held != worth {
		err = fmt.Errorf("invariant 6: the bank holds %s for rights that are worth %s", held, worth)
	}
	return err
}
