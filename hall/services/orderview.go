package services

import (
	"context"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// What can be done with an order, or with a case, as lists say it.
const (
	ActContinue = "continue" // 继续操作: the case
	ActPay      = "pay"      // 去支付
	ActCancel   = "cancel"
	ActUse      = "use" // 继续续费: what was bought and not used
	ActRefund   = "refund"
	ActReceipt  = "receipt" // 收据
	ActInvoice  = "invoice" // 发票: ask for it, or see it
)

// OrderDetail is an order with what became of it, line by line.
type OrderDetail struct {
	orders.OrderHead
	Whole    bool           `json:"whole" doc:"false for whoever sees only some of its lines: total is theirs, and nothing of the payment is told"`
	Lines    []OrderedLine  `json:"lines"`
	Open     int            `json:"open" doc:"lines that are paid and not used"`
	Refunded certhall.Money `json:"refunded" doc:"that went back, in fen"`
	Refunds  []RefundLine   `json:"refunds"`
	Actions  []string       `json:"actions" enum:"pay,cancel,use,refund,receipt,invoice"`
	Invoice  *InvoiceView   `json:"invoice,omitempty" doc:"that was asked for"`
	Problem  *Problem       `json:"problem,omitempty" doc:"why it cannot be paid, or its refund not be made, at this moment"`
}

// OrderedLine is a line with the certificate as it is now.
type OrderedLine struct {
	orders.LineView
	Certificate *HeldCertificate `json:"certificate,omitempty" doc:"of a paid line, if the person handles it; its serial changes with every new pair"`
}

// RefundLine is a refund as the buyer sees it.
type RefundLine struct {
	Refund   certhall.RefundID     `json:"refund"`
	Standing orders.RefundStanding `json:"standing" enum:"waiting,wanted,sent,done,dropped,failed"`
	Whole    bool                  `json:"whole" doc:"a payment that bought nothing, such as one made twice"`
	Amount   certhall.Money        `json:"amount" doc:"in fen; 0 until it is known"`
	Reason   string                `json:"reason"`
	MadeAt   time.Time             `json:"made_at"`
	EndedAt  time.Time             `json:"ended_at,omitzero"`
}

// Problems are those whose texts whoever shows the answer fills in.
func (d OrderDetail) Problems() []*Problem {
	all := []*Problem{d.Problem}
	for _, l := range d.Lines {
		if l.Certificate != nil {
			all = append(all, l.Certificate.WhyNot)
		}
	}
	return problems(all...)
}

// Order shows an order, and has it made payable if it can be paid.
func (c *Counter) Order(ctx context.Context, who Caller, id certhall.OrderID) (OrderDetail, error) {
	var b boughtOrder
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		b, err = c.orderSeenBy(r, who, id)
		return err
	})
	if err != nil {
		return OrderDetail{}, err
	}
	var problem *Problem
	if b.whole {
		b.Order, problem = c.payable(ctx, b.Order)
	}
	held, pairs := holdings{}, map[certhall.LineageID]Certificate{}
	if b.Standing == orders.Paid && who.Person != "" { // it is asked for every few seconds until then
		if held, err = c.holdings(ctx, who.Person, nil); err != nil {
			return OrderDetail{}, err
		}
		pairs = held.byLineage()
	}
	d := b.detail()
	for i, l := range b.Lines {
		if p, ok := pairs[l.Lineage]; ok {
			shown := c.heldCertificate(held, p.PairInfo)
			d.Lines[i].Certificate = &shown
		}
	}
	if problem == nil && b.whole && c.channel() == "" && slices.ContainsFunc(b.refunds, orders.Refund.UnderWay) {
		problem = ProblemOf(orders.ErrRefundStopped)
	}
	d.Problem = problem
	return d, nil
}

// CancelOrder asks for the end of an unpaid order, for who made it.
func (c *Counter) CancelOrder(ctx context.Context, who Caller, id certhall.OrderID) (OrderDetail, error) {
	err := c.Store.Write(ctx, func(w Writer) error {
		if _, err := c.wholeOrder(w, who, id); err != nil {
			return err
		}
		_, err := orders.Cancel(w, id, c.now())
		return err
	})
	if err != nil {
		return OrderDetail{}, err
	}
	return c.Order(ctx, who, id)
}

// boughtOrder is an order, or the part of it that somebody may see, with what
// became of it.
type boughtOrder struct {
	orders.Order
	whole   bool
	made    []orders.Entitlement
	refunds []orders.Refund
	invoice *orders.Invoice
}

// orderSeenBy is the order as far as the caller may see it.
func (c *Counter) orderSeenBy(r Reader, who Caller, id certhall.OrderID) (b boughtOrder, err error) {
	o, err := r.Order(id)
	if err != nil {
		return b, err
	}
	if o == nil {
		return b, orders.ErrOrderMissing
	}
	if b.made, err = r.EntitlementsOf(id); err != nil {
		return b, err
	}
	if b.Order, b.whole, err = c.sight(r, who, *o, b.made); err != nil || !b.whole {
		return b, err
	}
	if b.refunds, err = r.RefundsOf(id); err == nil {
		b.invoice, err = r.Invoice(id)
	}
	return b, err
}

// billed is the order as its invoice is about it.
func (b boughtOrder) billed() orders.Billed {
	return orders.Billed{Order: b.Order, Refunds: b.refunds, Invoice: b.invoice}
}

func (b boughtOrder) detail() OrderDetail {
	d := OrderDetail{OrderHead: b.Head(), Whole: b.whole, Lines: make([]OrderedLine, 0, len(b.Lines)), Refunds: []RefundLine{}, Refunded: orders.GivenBack(b.refunds), Open: b.open()}
	for _, l := range b.Lines {
		d.Lines = append(d.Lines, OrderedLine{LineView: l.BoughtView(b.made)})
	}
	for _, f := range b.refunds {
		d.Refunds = append(d.Refunds, RefundLine{f.ID, f.Standing, f.Whole, f.Amount, f.Reason, f.MadeAt, f.EndedAt})
	}
	d.Actions, d.Invoice = b.actions(), b.invoiceView()
	return d
}

// open counts what is paid and not used, of what may be seen.
func (b boughtOrder) open() (n int) {
	for _, l := range b.Lines {
		if slices.ContainsFunc(b.made, func(e orders.Entitlement) bool { return e.ID == l.Entitlement && e.State == orders.Open }) {
			n++
		}
	}
	return n
}

// actions are what can be done with the order now.
func (b boughtOrder) actions() []string {
	all := []string{}
	add := func(act string, can bool) {
		if can {
			all = append(all, act)
		}
	}
	paid, sold := b.Standing == orders.Paid, b.whole && b.Total > 0
	add(ActPay, b.whole && b.Standing == orders.Unpaid)
	add(ActCancel, b.whole && b.Standing == orders.Unpaid)
	add(ActUse, paid && b.open() > 0)
	add(ActRefund, paid && sold && b.open() > 0)
	add(ActReceipt, paid && sold)
	add(ActInvoice, b.whole && (b.invoice != nil || b.billed().Kept() > 0))
	return all
}
