// Package orders holds what people have a right to: entitlements now; carts,
// orders, refunds and receipts come with payment. An entitlement is the right
// to one pair of certificates, whatever fails on the way.
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

// An entitlement is open until its pair is current (spent) or its case is
// closed by the authority's word (freed): made = open + spent + freed.
const (
	Open  State = "open"
	Spent State = "spent"
	Freed State = "freed"
)

// Entitlement is the right to one pair; opaque to the authority.
type Entitlement struct {
	ID     certhall.EntitlementID
	Case   certhall.CaseID
	State  State
	MadeAt time.Time
}

// ErrAtOdds says that an entitlement is gone or has ended another way: its row
// was tampered with. fsck tells which.
var ErrAtOdds = errors.New("orders: an entitlement is at odds with its case")

// Writer is the part of the hall's transaction that entitlements need.
type Writer interface {
	AddEntitlement(Entitlement) error
	// MoveEntitlement is a compare-and-swap on the state.
	MoveEntitlement(id certhall.EntitlementID, from, to State, at time.Time) (bool, error)
	Entitlement(id certhall.EntitlementID) (*Entitlement, error)
}

// MakeFree makes an entitlement without payment. Until there are prices,
// opening a case makes one.
func MakeFree(w Writer, c certhall.CaseID, now time.Time, random io.Reader) (certhall.EntitlementID, error) {
	id := certhall.EntitlementID(certhall.NewID(now, random))
	return id, w.AddEntitlement(Entitlement{ID: id, Case: c, State: Open, MadeAt: now})
}

// Spend ends an entitlement: its pair is current.
func Spend(w Writer, id certhall.EntitlementID, now time.Time) error { return move(w, id, Spent, now) }

// Free gives an entitlement back: the authority has closed its case for ever.
func Free(w Writer, id certhall.EntitlementID, now time.Time) error { return move(w, id, Freed, now) }

// Reopen takes back that an entitlement was spent: the authority, restored from
// a backup, has lost the pair it was spent on.
func Reopen(w Writer, id certhall.EntitlementID) error {
	moved, err := w.MoveEntitlement(id, Spent, Open, time.Time{})
	if err == nil && !moved {
		err = fmt.Errorf("%w: %s was not spent", ErrAtOdds, id)
	}
	return err
}

// move ends an open entitlement; the same end twice is no error, the other end is.
func move(w Writer, id certhall.EntitlementID, to State, now time.Time) error {
	moved, err := w.MoveEntitlement(id, Open, to, now)
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
