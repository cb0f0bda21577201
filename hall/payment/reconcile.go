package payment

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
)

// DifferenceKind says what the books of hall and channel do not agree on.
type DifferenceKind string

// The kinds of difference.
const (
	UnknownHere    DifferenceKind = "unknown-here"  // the bill lists what the hall has not
	UnknownThere   DifferenceKind = "unknown-there" // the hall has what no bill lists
	OtherAmount    DifferenceKind = "amount"
	OtherState     DifferenceKind = "state"
	UnsettledMoney DifferenceKind = "unsettled" // a refund that failed, or has not arrived for days
	StrayPayment   DifferenceKind = "stray"     // a payment of which nobody knows what it was for
)

// Difference is a place where the books of hall and channel do not agree. It is
// open until an officer explains it.
type Difference struct {
	ID          string
	Day         string // of Beijing
	Kind        DifferenceKind
	Number      string            // of the payment
	Refund      certhall.RefundID // as the channel knows it; "" where it is about the payment itself
	Order       certhall.OrderID
	Here, There string // amount and state, as each side has it; "" where it has nothing
	FoundAt     time.Time
	ExplainedAt time.Time // zero: open
	Operator    string
	Note        string
}

// key tells differences apart.
func (d Difference) key() Difference {
	return Difference{Day: d.Day, Kind: d.Kind, Number: d.Number, Refund: d.Refund}
}

// reconcile compares a day's bill with the books and stores every difference. Run
// again, it takes back what has been put right; what an officer has explained
// stays as it is.
func (t *Till) reconcile(ctx context.Context, b Bill, rows []BillRow) error {
	open := 0
	err := t.o.Store.Write(ctx, func(w Writer) error {
		if err := w.SaveBillRows(b.Day, rows); err != nil {
			return err
		}
		now := t.now()
		found, err := compare(w, b.Day, rows, now)
		if err != nil {
			return err
		}
		open = len(found)
		if err := replace(w, b.Day, found); err != nil {
			return err
		}
		for _, d := range found {
			d.ID, d.FoundAt = certhall.NewID(now, t.o.Random), now
			if err := w.AddDifference(d); err != nil {
				return err
			}
		}
		b.FetchedAt, b.Entries, b.Trouble, b.Due, b.Looks = now, len(rows), "", time.Time{}, 0
		return w.SaveBill(b)
	})
	if err == nil {
		t.o.Log.InfoContext(ctx, "the channel's bill has been compared", "day", b.Day, "rows", len(rows), "differences", open)
	}
	return err
}

// replace takes back the open differences that were not found again: those of the
// day, and unsettled refunds of any.
func replace(w Writer, day string, found []Difference) error {
	again := map[Difference]bool{}
	for _, d := range found {
		again[d.key()] = true
	}
	open, err := w.Differences("", true, 0)
	if err != nil {
		return err
	}
	for _, d := range open {
		if (d.Day == day || d.Kind == UnsettledMoney) && !again[d.key()] {
			if err := w.DropDifference(d.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare finds what differs: each row of the bill against the books, then the
// books of that day against all bills.
func compare(r Reader, day string, rows []BillRow, now time.Time) (found []Difference, err error) {
	for _, row := range rows {
		d, err := compareRow(r, row)
		if err != nil {
			return nil, err
		}
		if d.Kind != "" {
			d.Day, d.Number, d.Refund, d.Order, d.There = day, row.Transaction, row.Refund, row.Order, row.Amount.String()+" "+row.State
			found = append(found, d)
		}
	}
	from, to, err := dayBounds(day)
	if err != nil {
		return nil, err
	}
	received, err := r.PaymentsBetween(from, to)
	if err != nil {
		return nil, err
	}
	for _, p := range received {
		d := Difference{Day: day, Number: p.Number, Order: p.Order, Here: p.Amount.String() + " " + string(p.Verdict)}
		if listed, err := r.Billed(p.Number, ""); err != nil {
			return nil, err
		} else if !listed {
			d.Kind = UnknownThere
			found = append(found, d)
		}
		if p.Verdict == Stray {
			d.Kind = StrayPayment
			found = append(found, d)
		}
	}
	sent, err := r.RefundsSentBetween(from.Add(-clockSkew), to.Add(-clockSkew)) // they carry the hall's own time
	if err != nil {
		return nil, err
	}
	for _, f := range sent {
		if listed, err := r.Billed(f.Transaction, numberOf(f)); err != nil {
			return nil, err
		} else if !listed {
			found = append(found, refundDifference(f, UnknownThere, day))
		}
	}
	waiting, err := r.Unsettled(now.Add(-settleTime))
	for _, f := range waiting {
		found = append(found, refundDifference(f, UnsettledMoney, dayOf(f.MadeAt)))
	}
	return found, err
}

func refundDifference(f orders.Refund, kind DifferenceKind, day string) Difference {
	return Difference{Day: day, Kind: kind, Number: f.Transaction, Refund: numberOf(f), Order: f.Order, Here: f.Amount.String() + " " + string(f.Standing)}
}

// Words of bills, as WeChat Pay has them.
const (
	billDone       = "SUCCESS"
	billRefunded   = "REFUND" // a payment of which something went back since
	billProcessing = "PROCESSING"
)

// compareRow finds what a row of the bill says otherwise than the books.
func compareRow(r Reader, row BillRow) (d Difference, err error) {
	if row.Refund == "" {
		p, err := r.Payment(row.Transaction)
		switch {
		case err != nil:
		case p == nil:
			d.Kind = UnknownHere
		case p.Amount != row.Amount || p.Order != row.Order:
			d.Kind, d.Here = OtherAmount, p.Amount.String()+" "+string(p.Order)
		case row.State != billDone && row.State != billRefunded:
			d.Kind, d.Here = OtherState, p.Amount.String()+" "+string(p.Verdict)
		}
		return d, err
	}
	f, err := r.Refund(refundOf(row.Refund))
	if err != nil || f == nil {
		d.Kind = UnknownHere
		return d, err
	}
	d.Here = f.Amount.String() + " " + string(f.Standing)
	done := f.Standing == orders.RefundDone && numberOf(*f) == row.Refund // an earlier round brought nothing
	switch {
	case f.Amount != row.Amount || f.Order != row.Order:
		d.Kind = OtherAmount
	case done && row.State != billDone && row.State != billProcessing, !done && row.State == billDone:
		d.Kind = OtherState
	}
	return d, nil
}
