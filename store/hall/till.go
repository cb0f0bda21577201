package hall

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/store/sqldb"
)

// Till is the store as the room payment sees it.
func (s *Store) Till() payment.Store { return tillStore{s.db} }

type tillStore struct{ db *sqldb.DB }

func (s tillStore) Read(ctx context.Context, f func(payment.Reader) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

func (s tillStore) Write(ctx context.Context, f func(payment.Writer) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

// texts reads a column of texts.
func texts[T ~string](r *rows, query string, args ...any) ([]T, error) {
	var all []T
	err := r.each(func(scan func(...any) error) error {
		var one string
		err := scan(&one)
		all = append(all, T(one))
		return err
	}, query, args...)
	return all, err
}

func (r *rows) DueOrders(now time.Time, limit int) ([]certhall.OrderID, error) {
	return texts[certhall.OrderID](r, `SELECT id FROM orders WHERE due > 0 AND due <= $1 ORDER BY due, id LIMIT $2`, ms(now), limit)
}

func (r *rows) DueRefunds(now time.Time, limit int) ([]certhall.RefundID, error) {
	return texts[certhall.RefundID](r, `SELECT id FROM refunds WHERE due > 0 AND due <= $1 ORDER BY due, id LIMIT $2`, ms(now), limit)
}

func (r *rows) DueBills(now time.Time, limit int) ([]string, error) {
	return texts[string](r, `SELECT day FROM bills WHERE due > 0 AND due <= $1 ORDER BY day LIMIT $2`, ms(now), limit)
}

const paymentColumns = `number, order_id, channel, amount, currency, merchant, verdict, paid_at, seen_at`

func (r *rows) received(where string, args ...any) (all []payment.Received, err error) {
	err = r.each(func(scan func(...any) error) error {
		var p payment.Received
		var paid, seen int64
		err := scan(&p.Number, &p.Order, &p.Channel, &p.Amount, &p.Currency, &p.Merchant, &p.Verdict, &paid, &seen)
		p.PaidAt, p.SeenAt = at(paid), at(seen)
		all = append(all, p)
		return err
	}, `SELECT `+paymentColumns+` FROM payments `+where, args...)
	return all, err
}

func (r *rows) Payment(number string) (*payment.Received, error) {
	found, err := r.received(`WHERE number = $1`, number)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *rows) PaymentsOf(o certhall.OrderID) ([]payment.Received, error) {
	return r.received(`WHERE order_id = $1 ORDER BY paid_at, number`, string(o))
}

func (r *rows) PaymentsBetween(from, to time.Time) ([]payment.Received, error) {
	return r.received(`WHERE paid_at >= $1 AND paid_at < $2 ORDER BY paid_at, number`, ms(from), ms(to))
}

func (r *rows) FindPayments(s payment.PaymentSearch) ([]payment.Received, error) {
	var where sqldb.Where
	if s.Order != "" {
		where.And("order_id = ?", string(s.Order))
	}
	if s.Number != "" {
		where.And("number = ?", s.Number)
	}
	if s.Verdict != "" {
		where.And("verdict = ?", string(s.Verdict))
	}
	where.And("paid_at >= ?", ms(s.From))
	if !s.To.IsZero() {
		where.And("paid_at < ?", ms(s.To))
	}
	query := `WHERE ` + where.String() + ` ORDER BY paid_at DESC, number DESC LIMIT ` + where.Arg(s.Limit)
	return r.received(query, where.Args...)
}

func (r *rows) AddPayment(p payment.Received) (bool, error) {
	return r.swap(`INSERT INTO payments (`+paymentColumns+`) VALUES (`+places(9)+`) ON CONFLICT DO NOTHING`,
		p.Number, string(p.Order), p.Channel, int64(p.Amount), p.Currency, p.Merchant, string(p.Verdict), ms(p.PaidAt), ms(p.SeenAt))
}

func (r *rows) FirstPaid() (time.Time, error) {
	var first int64
	_, err := r.one(`SELECT paid_at FROM payments ORDER BY paid_at LIMIT 1`, nil, &first)
	return at(first), err
}

func (r *rows) RefundsSentBetween(from, to time.Time) ([]orders.Refund, error) {
	return r.refunds(`WHERE sent_at >= $1 AND sent_at < $2 ORDER BY sent_at, id`, ms(from), ms(to))
}

func (r *rows) Unsettled(since time.Time) ([]orders.Refund, error) {
	return r.refunds(`WHERE standing = 'failed' OR standing IN ('waiting', 'wanted', 'sent') AND made_at < $1 ORDER BY made_at, id`, ms(since))
}

// unheard are the orders that orders.Order.Unheard tells.
const unheard = `standing = 'closed' AND due > 0`

func (r *rows) FindOrders(s payment.OrderSearch) ([]orders.Order, error) {
	var where sqldb.Where
	where.And("id <> ''")
	if s.Order != "" {
		where.And("id = ?", string(s.Order))
	}
	if s.Serial != "" {
		where.And("id IN (SELECT order_id FROM order_lines WHERE serial = ?)", string(s.Serial))
	}
	if s.Key != "" {
		where.And("id IN (SELECT order_id FROM order_lines WHERE key_number = ?)", s.Key)
	}
	if s.Standing != "" {
		where.And("standing = ?", string(s.Standing))
	}
	if s.Refund != "" {
		where.And("id IN (SELECT order_id FROM refunds WHERE standing = ?)", string(s.Refund))
	}
	if s.Unheard {
		where.And(unheard)
	}
	if s.After != "" {
		where.And("id < ?", string(s.After))
	}
	query := `WHERE ` + where.String() + ` ORDER BY id DESC LIMIT ` + where.Arg(s.Limit)
	return r.orders(query, where.Args...)
}
