package hall

import (
	"encoding/json"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

const invoiceColumns = `order_id, version, standing, person, holder, title, tax_number, mail, amount, number, issued_on, reversed, red_number, reason, made_at, changed_at`

func (r *rows) invoices(where string, args ...any) (all []orders.Invoice, err error) {
	err = r.each(func(scan func(...any) error) error {
		var i orders.Invoice
		var on, made, changed int64
		err := scan(&i.Order, &i.Version, &i.Standing, &i.Person, &i.Holder, &i.Title, &i.TaxNumber, &i.Mail, &i.Amount, &i.Number, &on,
			&i.Reversed, &i.RedNumber, &i.Reason, &made, &changed)
		i.IssuedOn, i.MadeAt, i.ChangedAt = at(on), at(made), at(changed)
		all = append(all, i)
		return err
	}, `SELECT `+invoiceColumns+` FROM invoices `+where, args...)
	return all, err
}

func (r *rows) Invoice(id certhall.OrderID) (*orders.Invoice, error) {
	found, err := r.InvoicesOf(id)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *rows) InvoicesOf(ids ...certhall.OrderID) ([]orders.Invoice, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return r.invoices(`WHERE order_id IN (`+places(len(ids))+`)`, values(ids)...)
}

func (r *rows) FindInvoices(s orders.InvoiceStanding, since time.Time, limit int) ([]orders.Invoice, error) {
	if s == "" {
		return r.invoices(`WHERE changed_at >= $1 ORDER BY changed_at, order_id LIMIT $2`, ms(since), limit)
	}
	return r.invoices(`WHERE standing = $1 AND changed_at >= $2 ORDER BY changed_at, order_id LIMIT $3`, string(s), ms(since), limit)
}

func (r *rows) SaveInvoice(i orders.Invoice, by string) error {
	became, err := json.Marshal(i)
	if err != nil {
		return err
	}
	if err := r.run(`INSERT INTO invoices (`+invoiceColumns+`) VALUES (`+places(16)+`)
		ON CONFLICT (order_id) DO UPDATE SET version = excluded.version, standing = excluded.standing, person = excluded.person, holder = excluded.holder,
			title = excluded.title, tax_number = excluded.tax_number, mail = excluded.mail, amount = excluded.amount, number = excluded.number,
			issued_on = excluded.issued_on, reversed = excluded.reversed, red_number = excluded.red_number, reason = excluded.reason, changed_at = excluded.changed_at`,
		string(i.Order), i.Version, string(i.Standing), i.Person, i.Holder, i.Title, i.TaxNumber, i.Mail, int64(i.Amount), i.Number, ms(i.IssuedOn),
		int64(i.Reversed), i.RedNumber, i.Reason, ms(i.MadeAt), ms(i.ChangedAt)); err != nil {
		return err
	}
	return r.run(`INSERT INTO invoice_changes (order_id, version, at, by_whom, became) VALUES ($1, $2, $3, $4, $5)`,
		string(i.Order), i.Version, ms(i.ChangedAt), by, string(became))
}
