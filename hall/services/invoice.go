package services

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// InvoiceView is the invoice of an order as who asked for it sees it.
type InvoiceView struct {
	orders.InvoiceRequest
	Standing  orders.InvoiceStanding `json:"standing" enum:"requested,issued,refused,withdrawn"`
	Amount    certhall.Money         `json:"amount" doc:"that it was issued over, or would be now, in fen"`
	Number    string                 `json:"number,omitempty"`
	IssuedOn  time.Time              `json:"issued_on,omitzero"`
	Reversed  certhall.Money         `json:"reversed" doc:"taken back by red invoices, in fen"`
	RedDue    certhall.Money         `json:"red_due" doc:"refunded since it was issued: a red invoice over it follows, in fen"`
	RedNumber string                 `json:"red_number,omitempty"`
	Reason    string                 `json:"reason,omitempty" doc:"why it was refused"`
	ChangedAt time.Time              `json:"changed_at"`
}

func (b boughtOrder) invoiceView() *InvoiceView {
	if b.invoice == nil || !b.whole {
		return nil
	}
	i := *b.invoice
	v := InvoiceView{InvoiceRequest: i.InvoiceRequest, Standing: i.Standing, Amount: i.Amount, Number: i.Number, IssuedOn: i.IssuedOn, Reversed: i.Reversed,
		RedDue: b.billed().RedDue(), RedNumber: i.RedNumber, Reason: i.Reason, ChangedAt: i.ChangedAt}
	if i.Standing != orders.InvoiceIssued {
		v.Amount = b.billed().Kept()
	}
	return &v
}

// AskInvoice asks for the invoice of an order, or changes what was asked for while
// it is not issued.
func (c *Counter) AskInvoice(ctx context.Context, who Caller, id certhall.OrderID, bill orders.InvoiceRequest) (InvoiceView, error) {
	return c.invoice(ctx, who, id, func(b orders.Billed, now time.Time) (orders.Invoice, error) { return b.Ask(bill, who.Person, now) })
}

// WithdrawInvoice takes back that an invoice was asked for.
func (c *Counter) WithdrawInvoice(ctx context.Context, who Caller, id certhall.OrderID) (InvoiceView, error) {
	return c.invoice(ctx, who, id, orders.Billed.Withdraw)
}

func (c *Counter) invoice(ctx context.Context, who Caller, id certhall.OrderID, change func(orders.Billed, time.Time) (orders.Invoice, error)) (v InvoiceView, err error) {
	err = c.Store.Write(ctx, func(w Writer) error {
		if _, err := w.LockOrder(id); err != nil {
			return err
		}
		b, err := c.wholeOrder(w, who, id)
		if err != nil {
			return err
		}
		changed, err := change(b.billed(), c.now())
		if err != nil {
			return err
		}
		b.invoice = &changed
		v = *b.invoiceView()
		return w.SaveInvoice(changed, who.Person)
	})
	return v, err
}

// Invoices lists invoices for officers, the oldest change first.
func (c *Counter) Invoices(ctx context.Context, s orders.InvoiceStanding, since time.Time, limit int) (found []orders.Billed, err error) {
	err = c.Store.Read(ctx, func(r Reader) error {
		invoices, err := r.FindInvoices(s, since, limit)
		if err != nil {
			return err
		}
		var ids []certhall.OrderID
		for _, i := range invoices {
			ids = append(ids, i.Order)
		}
		bought, err := boughtOrders(r, ids)
		found = nil
		for _, id := range ids {
			if b := bought[id]; b != nil {
				found = append(found, b.billed())
			}
		}
		return err
	})
	return found, err
}

// OfficeInvoice changes an invoice for an officer.
func (c *Counter) OfficeInvoice(ctx context.Context, id certhall.OrderID, operator string, change func(orders.Billed, time.Time) (orders.Invoice, error)) (b orders.Billed, err error) {
	err = c.Store.Write(ctx, func(w Writer) error {
		if _, err := w.LockOrder(id); err != nil {
			return err
		}
		if b, err = orders.ReadBilled(w, id); err != nil {
			return err
		}
		changed, err := change(b, c.now())
		if err != nil {
			return err
		}
		b.Invoice = &changed
		return w.SaveInvoice(changed, operator)
	})
	return b, err
}
