// Package orders holds what people buy and have a right to: orders with their
// lines, entitlements, refunds and receipts. An entitlement (资格) is the right to
// one new pair of certificates for a named one, whatever fails on the way: it is
// used up when its pair is current, comes back when its case is closed by the
// authority's word, and is void once its money goes back. How money moves is the
// business of payment; here is what it was for.
package orders

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
)

// PayWithin is how long an order waits for its payment.
const PayWithin = 30 * time.Minute

// Standing of an order.
type Standing string

// The standings: unpaid → paid, or unpaid → closing → closed. A payment that the
// channel took before it closed the order still makes it paid.
const (
	Unpaid  Standing = "unpaid"
	Closing Standing = "closing" // the channel is asked to close it
	Paid    Standing = "paid"
	Closed  Standing = "closed"
)

// Standings are all of them.
var Standings = []Standing{Unpaid, Closing, Paid, Closed}

// Order is what somebody agreed to pay at one time.
type Order struct {
	ID          certhall.OrderID
	Person      string          // who made it; "" where a visitor with the key did
	Case        certhall.CaseID // at whose counter it was made; "" from the cart
	Standing    Standing
	Total       certhall.Money
	Catalog     int64  // version that the prices are of
	Channel     string // of payment; "" where nothing is to be paid
	CodeURL     string // what its QR code shows; "" until the channel has said it
	Transaction string // the channel's number of the payment; "" until it is paid
	MadeAt      time.Time
	ExpiresAt   time.Time // nobody can pay after that
	PaidAt      time.Time
	Due         time.Time // when the till looks at it next; zero: never
	Looks       int       // how often it has looked
	Lines       []Line
}

// Live tells whether the order may still be paid.
func (o Order) Live() bool { return o.Standing == Unpaid || o.Standing == Closing }

// Unheard tells whether it was closed without its channel's word: somebody may
// have paid it, until the channel, or an officer, has said how it stands there.
func (o Order) Unheard() bool { return o.Standing == Closed && !o.Due.IsZero() }

// Part is the order as it looks to who may see some of its lines: how it is paid
// is none of his business.
func (o Order) Part(visible func(Line) bool) Order {
	part := Order{ID: o.ID, Standing: o.Standing, Catalog: o.Catalog, MadeAt: o.MadeAt, ExpiresAt: o.ExpiresAt, PaidAt: o.PaidAt}
	for _, l := range o.Lines {
		if visible(l) {
			part.Lines = append(part.Lines, l)
		}
	}
	part.Total = total(part.Lines)
	return part
}

// Line is a right that an order buys, for one certificate. What it is called and
// costs stays as it was when the order was made.
type Line struct {
	Entitlement  certhall.EntitlementID // which it becomes once it is paid
	Lineage      certhall.LineageID
	Serial       certhall.Serial // of the certificate's signing certificate
	Service      certhall.Service
	Years        int
	Price        certhall.Money // for a year
	Project      string
	Brand        string
	Type         string
	Names        catalog.Names // of project and brand, as pages show them: 政府采购项目-海泰KEY
	Picture      string        // address of the brand's
	Subject      string
	Organisation string
	KeyNumber    string
}

// Subtotal is what the line costs.
func (l Line) Subtotal() certhall.Money { return l.Price * certhall.Money(l.Years) }

// total of all lines.
func total(lines []Line) (sum certhall.Money) {
	for _, l := range lines {
		sum += l.Subtotal()
	}
	return sum
}

// What the room answers beside success.
var (
	ErrOrderMissing  = certhall.NewError("order-missing", certhall.NotFound) // not there, or not for this caller
	ErrOrdered       = certhall.NewError("order-unpaid", certhall.Conflict)  // a certificate stands in an order that is not paid yet
	ErrEntitled      = certhall.NewError("entitled-already", certhall.Conflict)
	ErrPriceChanged  = certhall.NewError("price-changed", certhall.Conflict)
	ErrYears         = certhall.NewError("years-unfit", certhall.Invalid)
	ErrNotPayable    = certhall.NewError("order-not-payable", certhall.Unavailable) // the channel has not yet said how to pay it
	ErrNoChannel     = certhall.NewError("payment-none", certhall.Unavailable)      // the hall has no channel of payment
	ErrStopped       = certhall.NewError("payment-stopped", certhall.Unavailable)   // it has none any more, and the order is not paid yet
	ErrRefundStopped = certhall.NewError("refund-stopped", certhall.Unavailable)    // nor can it refund
	ErrOrderOver     = certhall.NewError("order-over", certhall.Conflict)           // paid or closed meanwhile
	ErrUnfit         = certhall.NewError("order-unfit", certhall.Conflict)          // some of several certificates cannot be bought for
	ErrCartFull      = certhall.NewError("cart-full", certhall.Conflict)
	ErrUsed          = certhall.NewError("entitlement-spent", certhall.Conflict)
	ErrNotFailed     = certhall.NewError("refund-not-failed", certhall.Conflict)
)
