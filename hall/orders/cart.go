package orders

import (
	"time"

	"github.com/certhall/certhall"
)

// CartLimit is how many certificates a cart, and an order, may have.
const CartLimit = 500

// Wanted is a certificate in somebody's cart (购物车).
type Wanted struct {
	Lineage certhall.LineageID
	Years   int // 0: the first that is offered
	AddedAt time.Time
}

// UnpaidLine tells which order that may still be paid has a line for a lineage.
type UnpaidLine struct {
	Lineage certhall.LineageID
	Order   certhall.OrderID
	Person  string // who made the order
}

// Right is an entitlement with the line that bought it.
type Right struct {
	Entitlement
	Line Line
}
