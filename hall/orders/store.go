package orders

import (
	"time"

	"github.com/certhall/certhall"
)

// Reader reads one consistent state. A row that is not there is nil.
type Reader interface {
	Order(certhall.OrderID) (*Order, error)
	// LiveOrderOf is the order with a line for the lineage that may still be paid.
	LiveOrderOf(certhall.LineageID) (*Order, error)
	// OrdersOf are the orders that a person made, the latest first; at most limit.
	OrdersOf(person string, limit int) ([]Order, error)
	Entitlement(certhall.EntitlementID) (*Entitlement, error)
	// OpenEntitlement is a bought entitlement of the lineage that is open: one
	// without a case before others, the oldest first.
	OpenEntitlement(certhall.LineageID) (*Entitlement, error)
	// EntitlementsOf are those that an order's lines became.
	EntitlementsOf(certhall.OrderID) ([]Entitlement, error)
	RefundReader
}

// Writer is the part of the hall's transaction that orders need.
type Writer interface {
	Reader
	RefundWriter
	// LockOrder reads an order and holds it until the transaction ends.
	LockOrder(certhall.OrderID) (*Order, error)
	// LockLineages lets nobody else order for them until the transaction ends.
	LockLineages([]certhall.LineageID) error
	// AddOrder stores a new one; false if a live order has a line for one of its
	// lineages: then the transaction must not be committed.
	AddOrder(Order) (bool, error)
	// SaveOrder stores what moved of a locked order; its lines stay as they are.
	SaveOrder(Order) error
	AddEntitlement(Entitlement) error
	// MoveEntitlement is a compare-and-swap on the state.
	MoveEntitlement(id certhall.EntitlementID, from, to State, at time.Time) (bool, error)
	// AttachEntitlement is a compare-and-swap on the case of an open or refunding one.
	AttachEntitlement(id certhall.EntitlementID, from, to certhall.CaseID) (bool, error)
}
