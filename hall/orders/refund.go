package orders

import (
	"io"
	"time"

	"github.com/certhall/certhall"
)

// RefundStanding of a refund.
type RefundStanding string

// The standings: waiting → wanted → sent → done; or dropped where everything that
// was to be refunded has been used first; or failed, for an officer to see to.
const (
	RefundWaiting RefundStanding = "waiting" // for the authority's signed closing of cases
	RefundWanted  RefundStanding = "wanted"  // the channel is to be asked
	RefundSent    RefundStanding = "sent"    // the channel works on it
	RefundDone    RefundStanding = "done"
	RefundDropped RefundStanding = "dropped"
	RefundFailed  RefundStanding = "failed"
)

// RefundStandings are all of them.
var RefundStandings = []RefundStanding{RefundWaiting, RefundWanted, RefundSent, RefundDone, RefundDropped, RefundFailed}

// Refund is money that goes back: for entitlements of an order that were not
// used, or for a payment that bought nothing.
type Refund struct {
	ID          certhall.RefundID
	Order       certhall.OrderID
	Transaction string         // that is refunded
	Whole       bool           // a payment that bought nothing, not entitlements
	Amount      certhall.Money // final once it is wanted
	Total       certhall.Money // of the payment
	Reason      string
	By          string // person or operator who asked; "" for the till itself
	Standing    RefundStanding
	Number      string    // the channel's
	Round       int       // how often it was asked for anew, under another number
	SentAt      time.Time // when the channel took it
	Trouble     string    // code of what went wrong last
	MadeAt      time.Time
	EndedAt     time.Time
	Due         time.Time // when the till looks at it next; zero: never
	Looks       int
}

// UnderWay tells whether its money is still to go back.
func (r Refund) UnderWay() bool {
	return r.Standing == RefundWaiting || r.Standing == RefundWanted || r.Standing == RefundSent
}

// RefundReader reads refunds. A row that is not there is nil.
type RefundReader interface {
	Refund(certhall.RefundID) (*Refund, error)
	RefundsOf(...certhall.OrderID) ([]Refund, error)
	// Refunding are the entitlements that wait for a refund.
	Refunding(certhall.RefundID) ([]Entitlement, error)
}

// RefundWriter writes refunds.
type RefundWriter interface {
	LockRefund(certhall.RefundID) (*Refund, error)
	AddRefund(Refund) error
	SaveRefund(Refund) error
	// MarkRefunding gives an open entitlement to a refund; false if it is not open.
	MarkRefunding(certhall.EntitlementID, certhall.RefundID) (bool, error)
}

// AskRefund asks for the money of a paid order's entitlements: all of them must be
// open. Those that a case has wait for the authority's signed closing of it: who
// calls closes these cases in the same transaction; they are answered beside the
// refund's number.
func AskRefund(w Writer, o Order, which []certhall.EntitlementID, reason, by string, now time.Time, random io.Reader) (refund certhall.RefundID, cases []certhall.CaseID, err error) {
	if o.Standing != Paid {
		return "", nil, ErrOrderOver
	}
	r := Refund{
		ID: certhall.RefundID(certhall.NewID(now, random)), Order: o.ID, Transaction: o.Transaction, Total: o.Total,
		Reason: reason, By: by, Standing: RefundWaiting, MadeAt: now,
	}
	if err := w.AddRefund(r); err != nil {
		return "", nil, err
	}
	for _, id := range which {
		if marked, err := w.MarkRefunding(id, r.ID); err != nil || !marked {
			if err == nil {
				err = ErrUsed
			}
			return "", nil, err
		}
		e, err := w.Entitlement(id) // after it is marked no case can take it any more
		if err != nil {
			return "", nil, err
		}
		if e == nil || e.Order != o.ID {
			return "", nil, ErrOrderMissing
		}
		if e.Case != "" {
			cases = append(cases, e.Case)
		}
	}
	if len(cases) > 0 {
		return r.ID, cases, nil
	}
	return r.ID, nil, settleRefund(w, r.ID, now)
}

// RefundWhole asks for the money of a payment that bought nothing.
func RefundWhole(w Writer, order certhall.OrderID, transaction string, amount certhall.Money, reason string, now time.Time, random io.Reader) error {
	return w.AddRefund(Refund{
		ID: certhall.RefundID(certhall.NewID(now, random)), Order: order, Transaction: transaction, Whole: true, Amount: amount, Total: amount,
		Reason: reason, Standing: RefundWanted, MadeAt: now, Due: now,
	})
}

// AskAgain has a failed refund asked for again; anew, under another number, where
// the channel has ended the earlier one without giving anything back.
func AskAgain(w Writer, id certhall.RefundID, anew bool, now time.Time) error {
	r, err := w.LockRefund(id)
	switch {
	case err != nil:
		return err
	case r == nil:
		return ErrOrderMissing
	case r.Standing != RefundFailed:
		return ErrNotFailed.With("refund", string(id))
	}
	if anew {
		r.Round, r.Number, r.SentAt = r.Round+1, "", time.Time{}
	}
	r.Standing, r.Due, r.Looks = RefundWanted, now, 0
	return w.SaveRefund(*r)
}

// settleRefund moves a waiting refund on once no case has any of its entitlements:
// then its amount is known. What costs nothing is done at once.
func settleRefund(w Writer, id certhall.RefundID, now time.Time) error {
	r, err := w.LockRefund(id)
	if err != nil || r == nil || r.Standing != RefundWaiting {
		return err
	}
	o, err := w.Order(r.Order)
	if err != nil {
		return err
	}
	waiting, err := w.Refunding(id)
	if err != nil {
		return err
	}
	r.Amount = 0
	for _, e := range waiting {
		if e.Case != "" {
			return nil
		}
		for _, l := range o.Lines {
			if l.Entitlement == e.ID {
				r.Amount += l.Subtotal()
			}
		}
	}
	switch {
	case len(waiting) == 0:
		r.Standing, r.EndedAt = RefundDropped, now
	case r.Amount == 0:
		return EndRefund(w, *r, now)
	default:
		r.Standing, r.Due = RefundWanted, now
	}
	return w.SaveRefund(*r)
}

// EndRefund ends a refund whose money has gone back: its entitlements are void.
func EndRefund(w Writer, r Refund, now time.Time) error {
	waiting, err := w.Refunding(r.ID)
	if err != nil {
		return err
	}
	for _, e := range waiting {
		if err := move(w, e.ID, Refunding, Refunded, now); err != nil {
			return err
		}
	}
	r.Standing, r.EndedAt, r.Due, r.Trouble = RefundDone, now, time.Time{}, ""
	return w.SaveRefund(r)
}
