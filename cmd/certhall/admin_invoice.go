package main

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// invoiceCmd is what officers do with invoices (电子发票): they are issued in the
// tax system, and noted here.
type invoiceCmd struct {
	List   invoiceListCmd   `cmd:"" help:"List what was asked for, with what is to be done."`
	Issue  invoiceIssueCmd  `cmd:"" help:"Note that an invoice was issued, over what was paid and not refunded."`
	Refuse invoiceRefuseCmd `cmd:"" help:"Refuse an invoice; the person reads why, and may ask again."`
	Red    invoiceRedCmd    `cmd:"" help:"Note that a red invoice was issued over what was refunded since."`
}

var errInvoiceDay = certhall.NewError("invoice-day", certhall.Invalid)

// invoicesAtOnce are read from the database in one piece.
const invoicesAtOnce = 1000

type invoiceListCmd struct {
	hallRoomFlags
	tableFlags
	State string `enum:",requested,issued,refused,withdrawn" default:"" help:"Only those: requested, issued, refused or withdrawn."`
	Due   bool   `help:"Only those with something to be done: requested, or refunded since they were issued."`
	Since string `help:"Only those that changed on this day (YYYY-MM-DD, Beijing) or later."`
}

func (c *invoiceListCmd) Run(env *environment) error {
	var since time.Time
	if c.Since != "" {
		var err error
		if since, err = dayOf(c.Since); err != nil {
			return err
		}
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	all, err := allInvoices(since, invoicesAtOnce, func(since time.Time, limit int) ([]orders.Billed, error) {
		return h.counter.Invoices(env.ctx, orders.InvoiceStanding(c.State), since, limit)
	})
	if err != nil {
		return err
	}
	return env.invoices(c.tableFlags, all, c.Due)
}

// allInvoices reads piece by piece: what is due may lie behind any number of
// invoices with which all is done.
func allInvoices(since time.Time, limit int, read func(since time.Time, limit int) ([]orders.Billed, error)) (all []orders.Billed, err error) {
	seen := map[certhall.OrderID]bool{}
	for {
		piece, err := read(since, limit)
		if err != nil {
			return nil, err
		}
		news := 0
		for _, b := range piece {
			if !seen[b.Order.ID] {
				seen[b.Order.ID], all, news = true, append(all, b), news+1
			}
		}
		if len(piece) < limit {
			return all, nil
		}
		if since = piece[len(piece)-1].Invoice.ChangedAt; news == 0 { // all of them changed in one moment
			limit *= 2
		}
	}
}

// invoices writes a list; of all, or of those with something to be done.
func (e *environment) invoices(as tableFlags, all []orders.Billed, due bool) error {
	t := newTable("order", "state", "title", "tax_number", "mail", "amount", "number", "red_due", "changed", "reason")
	for _, b := range all {
		i := b.Invoice
		if due && i.Standing != orders.InvoiceRequested && b.RedDue() == 0 {
			continue
		}
		amount, red := i.Amount, ""
		if i.Standing != orders.InvoiceIssued {
			amount = b.Kept()
		}
		if b.RedDue() > 0 {
			red = b.RedDue().String()
		}
		t.add(string(i.Order), e.text("cli.invoice."+string(i.Standing)), i.Title, i.TaxNumber, i.Mail, amount.String(), i.Number, red, moment(i.ChangedAt), i.Reason)
	}
	return t.write(e, as)
}

// officeInvoice changes an invoice and shows it.
func (f hallRoomFlags) officeInvoice(env *environment, order string, change func(orders.Billed, time.Time) (orders.Invoice, error)) error {
	operator, err := f.operator()
	if err != nil {
		return err
	}
	h, err := f.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	b, err := h.counter.OfficeInvoice(env.ctx, certhall.OrderID(order), operator, change)
	if err != nil {
		return err
	}
	return env.invoices(tableFlags{}, []orders.Billed{b}, false)
}

type invoiceIssueCmd struct {
	hallRoomFlags
	Order  string `arg:"" help:"Number of the order."`
	Number string `arg:"" help:"Number of the invoice."`
	Date   string `help:"Day it was issued (YYYY-MM-DD, Beijing); default is today."`
}

func (c *invoiceIssueCmd) Run(env *environment) error {
	on := env.clock.Now()
	if c.Date != "" {
		var err error
		if on, err = dayOf(c.Date); err != nil {
			return err
		}
	}
	return c.officeInvoice(env, c.Order, func(b orders.Billed, now time.Time) (orders.Invoice, error) { return b.Issue(c.Number, on, now) })
}

type invoiceRefuseCmd struct {
	hallRoomFlags
	Order  string `arg:"" help:"Number of the order."`
	Reason string `required:"" help:"Why, as the person will read it."`
}

func (c *invoiceRefuseCmd) Run(env *environment) error {
	return c.officeInvoice(env, c.Order, func(b orders.Billed, now time.Time) (orders.Invoice, error) { return b.Refuse(c.Reason, now) })
}

type invoiceRedCmd struct {
	hallRoomFlags
	Order  string `arg:"" help:"Number of the order."`
	Number string `arg:"" help:"Number of the red invoice."`
}

func (c *invoiceRedCmd) Run(env *environment) error {
	return c.officeInvoice(env, c.Order, func(b orders.Billed, now time.Time) (orders.Invoice, error) { return b.Reverse(c.Number, now) })
}

// dayOf reads a day in Beijing.
func dayOf(text string) (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, certhall.Beijing)
	if err != nil {
		return day, errInvoiceDay.With("value", text)
	}
	return day, nil
}
