package orders

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/certhall/certhall"
)

// State of an entitlement.
type State string

// An entitlement is open, with or without a case, until its pair is current
// (spent) or its money goes back (refunding, then refunded). One that cost
// nothing because there was no catalogue ends with its case (freed):
// made = open + refunding + spent + refunded + freed.
const (
	Open      State = "open"
	Refunding State = "refunding" // no case may take it; one that has it is being closed
	Spent     State = "spent"
	Refunded  State = "refunded"
	Freed     State = "freed"
)

// Entitlement is the right to one pair; opaque to the authority.
type Entitlement struct {
	ID      certhall.EntitlementID
	Lineage certhall.LineageID
	Order   certhall.OrderID  // "" where there was nothing to buy
	Years   int               // term of the pair; 0 is that of the old one
	Case    certhall.CaseID   // that has it, or spent it; "" for none
	Refund  certhall.RefundID // that gives its money back
	State   State
	MadeAt  time.Time
}

// ErrAtOdds says that an entitlement is gone or has ended another way: its row
// was tampered with. fsck tells which.
var ErrAtOdds = errors.New("orders: an entitlement is at odds with its case")

// MakeFree makes an entitlement without an order: where there is no catalogue,
// opening a case makes one.
func MakeFree(w Writer, c certhall.CaseID, l certhall.LineageID, now time.Time, random io.Reader) (certhall.EntitlementID, error) {
	id := certhall.EntitlementID(certhall.NewID(now, random))
	return id, w.AddEntitlement(Entitlement{ID: id, Lineage: l, Case: c, State: Open, MadeAt: now})
}

// Spend ends an entitlement: its pair is current. One whose refund was asked for
// is spent as well, as long as its money has not gone.
func Spend(w Writer, id certhall.EntitlementID, now time.Time) error {
	e, err := w.Entitlement(id)
	if err != nil {
		return err
	}
	from := Open
	if e != nil && e.State == Refunding {
		from = Refunding
	}
	if err := move(w, id, from, Spent, now); err != nil || from == Open {
		return err
	}
	return settleRefund(w, e.Refund, now)
}

// Free gives an entitlement back: the authority has closed its case for ever. A
// bought one waits for the next case, or for its money to go back.
func Free(w Writer, c certhall.CaseID, id certhall.EntitlementID, now time.Time) error {
	e, err := w.Entitlement(id)
	if err != nil {
		return err
	}
	if e == nil || e.Order == "" {
		return move(w, id, Open, Freed, now)
	}
	if _, err := w.AttachEntitlement(id, c, ""); err != nil || e.State != Refunding {
		return err // not attached to this case: given back before
	}
	return settleRefund(w, e.Refund, now)
}

// Reopen takes back that an entitlement was spent: the authority, restored from
// a backup, has lost the pair it was spent on.
func Reopen(w Writer, id certhall.EntitlementID) error {
	moved, err := w.MoveEntitlement(id, Spent, Open, time.Time{})
	if err == nil && !moved {
		err = fmt.Errorf("%w: %s was not spent", ErrAtOdds, id)
	}
	return err
}

// move ends an entitlement; the same end twice is no error, another end is.
func move(w Writer, id certhall.EntitlementID, from, to State, now time.Time) error {
	moved, err := w.MoveEntitlement(id, from, to, now)
	if err != nil || moved {
		return err
	}
	e, err := w.Entitlement(id)
	if err != nil {
		return err
	}
	if e == nil || e.State != to {
		return fmt.Errorf("%w: %s cannot become %s: %+v", ErrAtOdds, id, to, e)
	}
	return nil
}
