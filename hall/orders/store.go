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
	// Orders are those with these numbers, in no order.
	Orders(...certhall.OrderID) ([]Order, error)
	// UnpaidOf are the live orders' lines of the lineages that a person handles.
	UnpaidOf(person string) ([]UnpaidLine, error)
	// RightsOf are the open entitlements that were bought for the lineages that a
	// person handles, the oldest first.
	RightsOf(person string) ([]Right, error)
	// UnpaidBy counts the orders of a person that cost something and were not paid:
	// those that may still be paid, and those made after a time.
	UnpaidBy(person string, after time.Time) (UnpaidCount, error)
	// CartOf is what a person has put into his cart, the oldest first.
	CartOf(person string) ([]Wanted, error)
	Entitlement(certhall.EntitlementID) (*Entitlement, error)
	// OpenEntitlement is a bought entitlement of the lineage that is open: one
	// without a case before others, the oldest first.
	OpenEntitlement(certhall.LineageID) (*Entitlement, error)
	// EntitlementsOf are those that the lines of orders became.
	EntitlementsOf(...certhall.OrderID) ([]Entitlement, error)
	RefundReader
	InvoiceReader
}

// Writer is the part of the hall's transaction that orders need.
type Writer interface {
	Reader
	RefundWriter
	InvoiceWriter
	// LockOrder reads an order and holds it until the transaction ends.
	LockOrder(certhall.OrderID) (*Order, error)
	// LockBuyer lets a person make no other order until the transaction ends.
	LockBuyer(person string) error
	// LockLineages lets nobody else order for them until the transaction ends.
	LockLineages([]certhall.LineageID) error
	// AddOrder stores a new one; false if a live order has a line for one of its
	// lineages: then the transaction must not be committed.
	AddOrder(Order) (bool, error)
	// SaveOrder stores what moved of a locked order; its lines stay as they are.
	SaveOrder(Order) error
	// PutInCart puts a lineage into a person's cart, or changes its years.
	PutInCart(person string, wanted Wanted) error
	TakeFromCart(person string, all []certhall.LineageID) error
	AddEntitlement(Entitlement) error
	// MoveEntitlement is a compare-and-swap on the state.
	MoveEntitlement(id certhall.EntitlementID, from, to State, at time.Time) (bool, error)
	// AttachEntitlement is a compare-and-swap on the case of an open one; one whose
	// money goes back can only leave its case.
	AttachEntitlement(id certhall.EntitlementID, from, to certhall.CaseID) (bool, error)
}
