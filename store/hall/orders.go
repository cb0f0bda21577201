package hall

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

const orderColumns = `id, person, case_id, standing, total, catalog, channel, code_url, payment_number, made_at, expires_at, paid_at, due, looks`

// orders reads whole orders, with their lines.
func (r *rows) orders(where string, args ...any) ([]orders.Order, error) {
	var all []orders.Order
	err := r.each(func(scan func(...any) error) error {
		var o orders.Order
		var made, expires, paid, due int64
		err := scan(&o.ID, &o.Person, &o.Case, &o.Standing, &o.Total, &o.Catalog, &o.Channel, &o.CodeURL, &o.Transaction, &made, &expires, &paid, &due, &o.Looks)
		o.MadeAt, o.ExpiresAt, o.PaidAt, o.Due = at(made), at(expires), at(paid), at(due)
		all = append(all, o)
		return err
	}, `SELECT `+orderColumns+` FROM orders `+where, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	ids := make([]certhall.OrderID, len(all))
	for i, o := range all {
		ids[i] = o.ID
	}
	lines, err := r.linesOf(ids)
	for i, o := range all {
		all[i].Lines = lines[o.ID]
	}
	return all, err
}

func (r *rows) order(where string, args ...any) (*orders.Order, error) {
	found, err := r.orders(where, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

const lineColumns = `entitlement, lineage, serial, service, years, price, project, brand, type, names, picture, subject, organisation, key_number`

// scanLine reads lineColumns.
func scanLine(scan func(...any) error) (l orders.Line, err error) {
	var names string
	if err := scan(&l.Entitlement, &l.Lineage, &l.Serial, &l.Service, &l.Years, &l.Price, &l.Project, &l.Brand, &l.Type, &names, &l.Picture,
		&l.Subject, &l.Organisation, &l.KeyNumber); err != nil {
		return l, err
	}
	return l, json.Unmarshal([]byte(names), &l.Names)
}

func (r *rows) linesOf(ids []certhall.OrderID) (map[certhall.OrderID][]orders.Line, error) {
	lines := map[certhall.OrderID][]orders.Line{}
	err := r.each(func(scan func(...any) error) error {
		var of certhall.OrderID
		l, err := scanLine(func(into ...any) error { return scan(append([]any{&of}, into...)...) })
		lines[of] = append(lines[of], l)
		return err
	}, `SELECT order_id, `+lineColumns+` FROM order_lines WHERE order_id IN (`+places(len(ids))+`) ORDER BY order_id, place`, values(ids)...)
	return lines, err
}

// values are ids as a statement takes them.
func values[T ~string](ids []T) []any {
	all := make([]any, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return all
}

func (r *rows) Order(id certhall.OrderID) (*orders.Order, error) {
	return r.order(`WHERE id = $1`, string(id))
}

func (r *rows) LockOrder(id certhall.OrderID) (*orders.Order, error) {
	return r.order(`WHERE id = $1`+r.tx.ForUpdate(), string(id))
}

func (r *rows) LiveOrderOf(l certhall.LineageID) (*orders.Order, error) {
	return r.order(`WHERE id = (SELECT order_id FROM order_lines WHERE lineage = $1 AND live)`, string(l))
}

func (r *rows) Orders(ids ...certhall.OrderID) ([]orders.Order, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return r.orders(`WHERE id IN (`+places(len(ids))+`)`, values(ids)...)
}

func (r *rows) UnpaidOf(person string) ([]orders.UnpaidLine, error) {
	var all []orders.UnpaidLine
	err := r.each(func(scan func(...any) error) error {
		var u orders.UnpaidLine
		err := scan(&u.Lineage, &u.Order, &u.Person)
		all = append(all, u)
		return err
	}, `SELECT order_lines.lineage, orders.id, orders.person FROM order_lines JOIN orders ON orders.id = order_lines.order_id
		WHERE order_lines.live AND order_lines.lineage IN (SELECT lineage FROM `+held+` WHERE person = $1)`, person)
	return all, err
}

func (r *rows) LockBuyer(person string) error { return r.tx.Lock("order by " + person) }

func (r *rows) UnpaidBy(person string, after time.Time) (n orders.UnpaidCount, err error) {
	if _, err = r.one(`SELECT COUNT(*) FROM orders WHERE person = $1 AND standing IN ('unpaid', 'closing')`, []any{person}, &n.Live); err != nil {
		return n, err
	}
	var first int64
	_, err = r.one(`SELECT COUNT(*), COALESCE(MIN(made_at), 0) FROM orders WHERE person = $1 AND made_at > $2 AND standing <> 'paid'`,
		[]any{person, ms(after)}, &n.Made, &first)
	n.First = at(first)
	return n, err
}

func (r *rows) LockLineages(all []certhall.LineageID) error {
	for _, l := range slices.Sorted(slices.Values(all)) {
		if err := r.tx.Lock("order for lineage " + string(l)); err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) AddOrder(o orders.Order) (bool, error) {
	err := r.run(`INSERT INTO orders (`+orderColumns+`) VALUES (`+places(14)+`)`,
		string(o.ID), o.Person, string(o.Case), string(o.Standing), int64(o.Total), o.Catalog, o.Channel, o.CodeURL, o.Transaction,
		ms(o.MadeAt), ms(o.ExpiresAt), ms(o.PaidAt), ms(o.Due), o.Looks)
	if err != nil {
		return false, err
	}
	for i, l := range o.Lines {
		names, err := json.Marshal(l.Names)
		if err != nil {
			return false, err
		}
		added, err := r.swap(`INSERT INTO order_lines (order_id, place, live, `+lineColumns+`) VALUES (`+places(17)+`) ON CONFLICT DO NOTHING`,
			string(o.ID), i+1, o.Live(), string(l.Entitlement), string(l.Lineage), string(l.Serial), string(l.Service), l.Years, int64(l.Price),
			l.Project, l.Brand, l.Type, string(names), l.Picture, l.Subject, l.Organisation, l.KeyNumber)
		if err != nil || !added {
			return false, err
		}
	}
	return true, nil
}

func (r *rows) SaveOrder(o orders.Order) error {
	err := r.run(`UPDATE orders SET standing = $1, channel = $2, code_url = $3, payment_number = $4, expires_at = $5, paid_at = $6, due = $7, looks = $8 WHERE id = $9`,
		string(o.Standing), o.Channel, o.CodeURL, o.Transaction, ms(o.ExpiresAt), ms(o.PaidAt), ms(o.Due), o.Looks, string(o.ID))
	if err != nil || o.Live() {
		return err
	}
	return r.run(`UPDATE order_lines SET live = $1 WHERE order_id = $2 AND live`, false, string(o.ID))
}

const entitlementColumns = `id, lineage, order_id, years, case_id, refund_id, state, made_at`

func (r *rows) entitlements(where string, args ...any) (all []orders.Entitlement, err error) {
	err = r.each(func(scan func(...any) error) error {
		var e orders.Entitlement
		var made int64
		err := scan(&e.ID, &e.Lineage, &e.Order, &e.Years, &e.Case, &e.Refund, &e.State, &made)
		e.MadeAt = at(made)
		all = append(all, e)
		return err
	}, `SELECT `+entitlementColumns+` FROM entitlements `+where, args...)
	return all, err
}

func (r *rows) entitlement(where string, args ...any) (*orders.Entitlement, error) {
	found, err := r.entitlements(where, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *rows) Entitlement(id certhall.EntitlementID) (*orders.Entitlement, error) {
	return r.entitlement(`WHERE id = $1`, string(id))
}

func (r *rows) OpenEntitlement(l certhall.LineageID) (*orders.Entitlement, error) {
	return r.entitlement(`WHERE lineage = $1 AND state = 'open' AND order_id <> '' ORDER BY CASE WHEN case_id = '' THEN 0 ELSE 1 END, made_at, id LIMIT 1`, string(l))
}

func (r *rows) EntitlementsOf(all ...certhall.OrderID) ([]orders.Entitlement, error) {
	if len(all) == 0 {
		return nil, nil
	}
	return r.entitlements(`WHERE order_id IN (`+places(len(all))+`) AND order_id <> '' ORDER BY id`, values(all)...)
}

func (r *rows) RightsOf(person string) ([]orders.Right, error) {
	var all []orders.Right
	err := r.each(func(scan func(...any) error) error {
		var e orders.Entitlement
		var made int64
		l, err := scanLine(func(into ...any) error {
			return scan(append([]any{&e.ID, &e.Lineage, &e.Order, &e.Years, &e.Case, &e.State, &made}, into...)...)
		})
		e.MadeAt = at(made)
		all = append(all, orders.Right{Entitlement: e, Line: l})
		return err
	}, `SELECT e.id, e.lineage, e.order_id, e.years, e.case_id, e.state, e.made_at, line.`+strings.ReplaceAll(lineColumns, ", ", ", line.")+`
		FROM entitlements AS e JOIN order_lines AS line ON line.entitlement = e.id
		WHERE e.state = 'open' AND e.lineage IN (SELECT lineage FROM `+held+` WHERE person = $1)
		ORDER BY e.made_at, line.order_id, line.place`, person)
	return all, err
}

func (r *rows) AddEntitlement(e orders.Entitlement) error {
	return r.run(`INSERT INTO entitlements (`+entitlementColumns+`) VALUES (`+places(8)+`)`,
		string(e.ID), string(e.Lineage), string(e.Order), e.Years, string(e.Case), string(e.Refund), string(e.State), ms(e.MadeAt))
}

func (r *rows) AttachEntitlement(id certhall.EntitlementID, from, to certhall.CaseID) (bool, error) {
	return r.swap(`UPDATE entitlements SET case_id = $1 WHERE id = $2 AND case_id = $3 AND (state = 'open' OR state = 'refunding' AND $1 = '')`, string(to), string(id), string(from))
}

func (r *rows) MoveEntitlement(id certhall.EntitlementID, from, to orders.State, now time.Time) (bool, error) {
	var ended any // NULL while it has not ended
	if !now.IsZero() {
		ended = ms(now)
	}
	return r.swap(`UPDATE entitlements SET state = $1, ended_at = $2 WHERE id = $3 AND state = $4`,
		string(to), ended, string(id), string(from))
}

const refundColumns = `id, order_id, payment_number, whole, amount, total, reason, asked_by, standing, number, trouble, made_at, ended_at, due, looks, round, sent_at`

func (r *rows) refunds(where string, args ...any) (all []orders.Refund, err error) {
	err = r.each(func(scan func(...any) error) error {
		var f orders.Refund
		var made, ended, due, sent int64
		err := scan(&f.ID, &f.Order, &f.Transaction, &f.Whole, &f.Amount, &f.Total, &f.Reason, &f.By, &f.Standing, &f.Number, &f.Trouble, &made, &ended, &due, &f.Looks, &f.Round, &sent)
		f.MadeAt, f.EndedAt, f.Due, f.SentAt = at(made), at(ended), at(due), at(sent)
		all = append(all, f)
		return err
	}, `SELECT `+refundColumns+` FROM refunds `+where, args...)
	return all, err
}

func (r *rows) refund(where string, args ...any) (*orders.Refund, error) {
	found, err := r.refunds(where, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *rows) Refund(id certhall.RefundID) (*orders.Refund, error) {
	return r.refund(`WHERE id = $1`, string(id))
}

func (r *rows) LockRefund(id certhall.RefundID) (*orders.Refund, error) {
	return r.refund(`WHERE id = $1`+r.tx.ForUpdate(), string(id))
}

func (r *rows) RefundsOf(all ...certhall.OrderID) ([]orders.Refund, error) {
	if len(all) == 0 {
		return nil, nil
	}
	return r.refunds(`WHERE order_id IN (`+places(len(all))+`) ORDER BY made_at, id`, values(all)...)
}

func (r *rows) Refunding(id certhall.RefundID) ([]orders.Entitlement, error) {
	return r.entitlements(`WHERE refund_id = $1 AND state = 'refunding' ORDER BY id`, string(id))
}

func (r *rows) AddRefund(f orders.Refund) error {
	return r.run(`INSERT INTO refunds (`+refundColumns+`) VALUES (`+places(17)+`)`,
		string(f.ID), string(f.Order), f.Transaction, f.Whole, int64(f.Amount), int64(f.Total), f.Reason, f.By, string(f.Standing), f.Number, f.Trouble,
		ms(f.MadeAt), ms(f.EndedAt), ms(f.Due), f.Looks, f.Round, ms(f.SentAt))
}

func (r *rows) SaveRefund(f orders.Refund) error {
	return r.run(`UPDATE refunds SET amount = $1, standing = $2, number = $3, trouble = $4, ended_at = $5, due = $6, looks = $7, round = $8, sent_at = $9 WHERE id = $10`,
		int64(f.Amount), string(f.Standing), f.Number, f.Trouble, ms(f.EndedAt), ms(f.Due), f.Looks, f.Round, ms(f.SentAt), string(f.ID))
}

func (r *rows) MarkRefunding(id certhall.EntitlementID, refund certhall.RefundID) (bool, error) {
	return r.swap(`UPDATE entitlements SET state = 'refunding', refund_id = $1 WHERE id = $2 AND state = 'open'`, string(refund), string(id))
}
