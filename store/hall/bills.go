package hall

import (
	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
)

func (r *rows) bill(where string, args ...any) (*payment.Bill, error) {
	var b payment.Bill
	var fetched, due int64
	found, err := r.one(`SELECT day, fetched_at, entries, trouble, due, looks FROM bills `+where, args, &b.Day, &fetched, &b.Entries, &b.Trouble, &due, &b.Looks)
	if err != nil || !found {
		return nil, err
	}
	b.FetchedAt, b.Due = at(fetched), at(due)
	return &b, nil
}

func (r *rows) Bill(day string) (*payment.Bill, error) { return r.bill(`WHERE day = $1`, day) }

func (r *rows) LockBill(day string) (*payment.Bill, error) {
	return r.bill(`WHERE day = $1`+r.tx.ForUpdate(), day)
}

func (r *rows) LastBill() (*payment.Bill, error) {
	return r.bill(`WHERE fetched_at > 0 ORDER BY day DESC LIMIT 1`)
}

func (r *rows) AddBill(b payment.Bill) error {
	return r.run(`INSERT INTO bills (day, fetched_at, entries, trouble, due, looks) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		b.Day, ms(b.FetchedAt), b.Entries, b.Trouble, ms(b.Due), b.Looks)
}

func (r *rows) SaveBill(b payment.Bill) error {
	return r.run(`UPDATE bills SET fetched_at = $1, entries = $2, trouble = $3, due = $4, looks = $5 WHERE day = $6`,
		ms(b.FetchedAt), b.Entries, b.Trouble, ms(b.Due), b.Looks, b.Day)
}

func (r *rows) SaveBillRows(day string, all []payment.BillRow) error {
	if err := r.run(`DELETE FROM bill_rows WHERE day = $1`, day); err != nil {
		return err
	}
	for _, b := range all {
		err := r.run(`INSERT INTO bill_rows (day, number, refund_id, order_id, amount, state, at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			day, b.Transaction, string(b.Refund), string(b.Order), int64(b.Amount), b.State, ms(b.At))
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) Billed(number string, refund certhall.RefundID) (bool, error) {
	var day string
	return r.one(`SELECT day FROM bill_rows WHERE number = $1 AND refund_id = $2 LIMIT 1`, []any{number, string(refund)}, &day)
}

const differenceColumns = `id, day, kind, number, refund_id, order_id, here, there, found_at, explained_at, operator, note`

func (r *rows) Differences(day string, open bool, limit int) (all []payment.Difference, err error) {
	query, args := `SELECT `+differenceColumns+` FROM payment_differences WHERE ($1 = '' OR day = $1)`, []any{day}
	if open {
		query += ` AND explained_at = 0`
	}
	query += ` ORDER BY day DESC, id DESC`
	if limit > 0 {
		query, args = query+` LIMIT $2`, append(args, limit)
	}
	err = r.each(func(scan func(...any) error) error {
		var d payment.Difference
		var found, explained int64
		err := scan(&d.ID, &d.Day, &d.Kind, &d.Number, &d.Refund, &d.Order, &d.Here, &d.There, &found, &explained, &d.Operator, &d.Note)
		d.FoundAt, d.ExplainedAt = at(found), at(explained)
		all = append(all, d)
		return err
	}, query, args...)
	return all, err
}

func (r *rows) AddDifference(d payment.Difference) error {
	return r.run(`INSERT INTO payment_differences (`+differenceColumns+`) VALUES (`+places(12)+`) ON CONFLICT DO NOTHING`,
		d.ID, d.Day, string(d.Kind), d.Number, string(d.Refund), string(d.Order), d.Here, d.There, ms(d.FoundAt), ms(d.ExplainedAt), d.Operator, d.Note)
}

func (r *rows) DropDifference(id string) error {
	return r.run(`DELETE FROM payment_differences WHERE id = $1 AND explained_at = 0`, id)
}

func (r *rows) ExplainDifference(d payment.Difference) (bool, error) {
	return r.swap(`UPDATE payment_differences SET explained_at = $1, operator = $2, note = $3 WHERE id = $4`, ms(d.ExplainedAt), d.Operator, d.Note, d.ID)
}

func (r *rows) PaymentActs(subject string) (all []payment.Act, err error) {
	err = r.each(func(scan func(...any) error) error {
		var a payment.Act
		var when int64
		err := scan(&a.ID, &when, &a.Operator, &a.Kind, &a.Subject, &a.Reason)
		a.At = at(when)
		all = append(all, a)
		return err
	}, `SELECT id, at, operator, kind, subject, reason FROM payment_acts WHERE subject = $1 ORDER BY at, id`, subject)
	return all, err
}

func (r *rows) AddPaymentAct(a payment.Act) error {
	return r.run(`INSERT INTO payment_acts (id, at, operator, kind, subject, reason) VALUES ($1, $2, $3, $4, $5, $6)`,
		a.ID, ms(a.At), a.Operator, a.Kind, a.Subject, a.Reason)
}

// Tally counts orders and refunds by standing, and the differences that nobody
// has explained: for metrics.
func (r *rows) Tally() (t payment.Tally, err error) {
	if t.Orders, err = tally[orders.Standing](r, "orders"); err != nil {
		return t, err
	}
	if t.Refunds, err = tally[orders.RefundStanding](r, "refunds"); err != nil {
		return t, err
	}
	if _, err = r.one(`SELECT count(*) FROM orders WHERE `+unheard, nil, &t.Unheard); err != nil {
		return t, err
	}
	_, err = r.one(`SELECT count(*) FROM payment_differences WHERE explained_at = 0`, nil, &t.Open)
	return t, err
}

func tally[S ~string](r *rows, table string) (map[S]int64, error) {
	counts := map[S]int64{}
	err := r.each(func(scan func(...any) error) error {
		var standing string
		var n int64
		err := scan(&standing, &n)
		counts[S(standing)] = n
		return err
	}, `SELECT standing, count(*) FROM `+table+` GROUP BY standing`)
	return counts, err
}
