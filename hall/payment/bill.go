package payment

import (
	"context"
	"errors"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// When bills are looked at.
const (
	billHour   = 10                 // Beijing, on the next day: from then on the channel has made it
	billsBack  = 30                 // days: a hall that was away so long makes up for no more
	billLate   = 48 * time.Hour     // after the day's end: somebody should look why there is none
	settleTime = 3 * 24 * time.Hour // a refund that has not arrived by then is listed
	clockSkew  = 10 * time.Minute   // between the hall's clock and the channel's, at most
	dayForm    = "2006-01-02"       // a day of Beijing
)

// ErrBillLate says that the channel's bills have not been fetched for days.
var ErrBillLate = certhall.NewError("payment-bill-late", certhall.Unavailable)

// Bill is the channel's list of what moved on a day of Beijing.
type Bill struct {
	Day       string    // 2026-11-22
	FetchedAt time.Time // zero: not yet
	Entries   int
	Trouble   string    // code of what went wrong last
	Due       time.Time // when the till fetches it; zero: never
	Looks     int
}

// dayOf is the day of Beijing in which a moment lies.
func dayOf(at time.Time) string { return at.In(certhall.Beijing).Format(dayForm) }

// dayBounds are a day's beginning and end.
func dayBounds(day string) (from, to time.Time, err error) {
	from, err = time.ParseInLocation(dayForm, day, certhall.Beijing)
	return from, from.AddDate(0, 0, 1), err
}

// lastDay is the latest day whose bill the channel has made by now.
func lastDay(now time.Time) time.Time {
	local := now.In(certhall.Beijing)
	back := 1
	if local.Hour() < billHour {
		back = 2
	}
	return time.Date(local.Year(), local.Month(), local.Day()-back, 0, 0, 0, 0, certhall.Beijing)
}

// dueBills are the days whose bill is to be fetched now: those that were asked for,
// and every day that has passed since money first came.
func (t *Till) dueBills(r Reader, now time.Time) ([]string, error) {
	if t.off() {
		return nil, nil
	}
	due, err := r.DueBills(now, batch)
	if err != nil {
		return nil, err
	}
	last := lastDay(now)
	if known, err := r.Bill(dayOf(last)); err != nil || known != nil {
		return due, err
	}
	first, err := r.FirstPaid()
	if err != nil || first.IsZero() {
		return due, err
	}
	var missing []string
	for day := last; dayOf(day) >= dayOf(first) && len(missing) < billsBack; day = day.AddDate(0, 0, -1) {
		if known, err := r.Bill(dayOf(day)); err != nil || known != nil {
			return append(missing, due...), err
		}
		missing = append([]string{dayOf(day)}, missing...)
	}
	return append(missing, due...), nil
}

// workBill fetches a day's bill and compares it with the books, unless another
// node does.
func (t *Till) workBill(ctx context.Context, day string) (took bool, err error) {
	from, _, err := dayBounds(day)
	if err != nil {
		return false, err
	}
	var b Bill
	err = t.o.Store.Write(ctx, func(w Writer) error {
		took = false
		now := t.now()
		if err := w.AddBill(Bill{Day: day, Due: now}); err != nil {
			return err
		}
		due, err := w.LockBill(day)
		if err != nil || due == nil || due.Due.IsZero() || due.Due.After(now) {
			return err
		}
		b, took = *due, true
		b.Due, b.Looks = now.Add(lease), b.Looks+1
		return w.SaveBill(b)
	})
	if err != nil || !took {
		return false, err
	}
	rows, err := call(ctx, func(ctx context.Context) ([]BillRow, error) { return t.o.Channel.Bill(ctx, from) })
	if err == nil {
		err = t.makeUp(ctx, rows)
	}
	if err != nil {
		t.o.Log.WarnContext(ctx, "a bill could not be fetched", "day", day, "error", certhall.CauseText(err))
		b.Trouble, b.Due = certhall.AsError(err).Code, t.now().Add(billLooks.after(b.Looks))
		return true, t.o.Store.Write(ctx, func(w Writer) error { return w.SaveBill(b) })
	}
	return true, t.reconcile(ctx, b, rows)
}

// makeUp catches up with what the bill tells of and no notice did: the channel is
// asked how these orders and refunds stand. What it denies, or refuses to say,
// comparing finds as a difference.
func (t *Till) makeUp(ctx context.Context, rows []BillRow) error {
	var behind []BillRow
	err := t.o.Store.Read(ctx, func(r Reader) error {
		behind = nil
		for _, row := range rows {
			missed, err := missed(r, row)
			if err != nil {
				return err
			}
			if missed {
				behind = append(behind, row)
			}
		}
		return nil
	})
	for _, row := range behind {
		switch {
		case err != nil:
		case row.Refund == "":
			err = t.look(ctx, orders.Order{ID: row.Order})
		default:
			var told Refund
			if told, err = call(ctx, func(ctx context.Context) (Refund, error) { return t.o.Channel.QueryRefund(ctx, row.Refund) }); err == nil {
				err = t.heard(ctx, row.Refund, told, nil)
			}
		}
		if errors.Is(err, ErrUnknown) || errors.Is(err, ErrRefused) {
			err = nil
		}
	}
	return err
}

// missed tells whether the hall knows an order or refund, but has not heard what a
// row of the bill says of it.
func missed(r Reader, row BillRow) (bool, error) {
	if row.Refund != "" {
		f, err := r.Refund(refundOf(row.Refund))
		return f != nil && row.State == billDone && f.Standing != orders.RefundDone, err
	}
	p, err := r.Payment(row.Transaction)
	if err != nil || p != nil {
		return false, err
	}
	o, err := r.Order(row.Order)
	return o != nil, err
}

// Late says that no bill has come for days, though money moves.
func (t *Till) Late(ctx context.Context) error {
	if t.off() {
		return nil // there is nobody to ask for them
	}
	return t.o.Store.Read(ctx, func(r Reader) error {
		first, err := r.FirstPaid()
		if err != nil || first.IsZero() {
			return err
		}
		since := dayOf(first.AddDate(0, 0, -1))
		last, err := r.LastBill()
		if err != nil {
			return err
		}
		if last != nil {
			since = last.Day
		}
		_, end, err := dayBounds(since)
		if err == nil && t.now().After(end.AddDate(0, 0, 1).Add(billLate)) {
			err = ErrBillLate.With("day", since)
		}
		return err
	})
}
