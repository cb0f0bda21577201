// Package payment is where money comes in and goes back: the Channel that moves
// it, and the till that sees to it that every payment ends as a right or as a
// refund. wechat speaks WeChat Pay (API v3); sandbox is a server that speaks the
// same protocol, for trials and tests. What was bought is the business of orders.
package payment

import (
	"context"
	"net/http"
	"time"

	"github.com/certhall/certhall"
)

// NoticePath is where, at the portal's address, channels send their notices to.
const NoticePath = "/api/payment/notice"

// Channel moves money. Each call may be refused, be lost, be done with its
// answer lost, or hang until ctx ends: whoever calls has stored before what he
// wants, and asks again. Every call is idempotent by the order's or refund's
// number.
type Channel interface {
	// Name of the channel as bills and records call it: "wechat".
	Name() string
	// Prepay makes the order payable and answers what its QR code shows. The same
	// again answers a code again. ErrPaid: it is paid already; ErrClosed: closed.
	Prepay(ctx context.Context, p Prepay) (codeURL string, err error)
	// Query tells how an order stands. ErrUnknown: the channel never heard of it.
	Query(ctx context.Context, order certhall.OrderID) (Payment, error)
	// Close ends an order that is not paid: after it nobody can pay it. ErrPaid:
	// too late. Closed already, or never heard of: no error.
	Close(ctx context.Context, order certhall.OrderID) error
	// Refund gives money back; the same again answers how that refund stands.
	// ErrUnknown: there is no such payment. ErrFunds: later, with the same number.
	Refund(ctx context.Context, r RefundOrder) (Refund, error)
	// QueryRefund tells how a refund stands. ErrUnknown: never heard of.
	QueryRefund(ctx context.Context, refund certhall.RefundID) (Refund, error)
	// Notice reads what the channel sent to the callback address: a payment or a
	// refund, signature, merchant and age checked. ErrNotice: it is not to be
	// believed.
	Notice(r *http.Request) (Notice, error)
	// Answer tells the channel what became of a notice. After nil it is settled;
	// after any error the channel sends it again.
	Answer(w http.ResponseWriter, err error)
	// Bill lists all that moved on a day (Beijing); nothing moved: no rows.
	// ErrBill: there is none yet; it is made on the next day.
	Bill(ctx context.Context, day time.Time) ([]BillRow, error)
}

// Prepay says what is to be paid.
type Prepay struct {
	Order   certhall.OrderID
	About   string // what for, as the payer reads it; at most 127 bytes
	Amount  certhall.Money
	Expires time.Time // nobody can pay after that
}

// State of a payment at the channel.
type State string

// The states of a payment.
const (
	Unpaid   State = "unpaid"
	Paid     State = "paid"
	Refunded State = "refunded" // paid, and then refunded in part or in whole
	Shut     State = "closed"
	Failed   State = "failed" // the payer's bank refused; he may try again
)

// Payment is how an order stands at the channel.
type Payment struct {
	Order       certhall.OrderID
	State       State
	Transaction string // the channel's number; "" while unpaid
	Amount      certhall.Money
	Currency    string // "CNY"
	Merchant    string // whose account it came to; the channel has checked that it is ours
	PaidAt      time.Time
}

// RefundOrder says what is to be given back.
type RefundOrder struct {
	Refund      certhall.RefundID
	Order       certhall.OrderID
	Transaction string // the channel's number of the payment: an order may have been paid twice
	Amount      certhall.Money
	Total       certhall.Money // of the payment
	Reason      string         // as the payer reads it; at most 80 bytes
}

// RefundState is how a refund stands at the channel.
type RefundState string

// The states of a refund. An abnormal one reached no account: an officer gives
// the money back another way, or tries again.
const (
	RefundProcessing RefundState = "processing"
	RefundDone       RefundState = "done"
	RefundClosed     RefundState = "closed" // refused for good: nothing was given back
	RefundAbnormal   RefundState = "abnormal"
)

// Refund is how a refund stands at the channel.
type Refund struct {
	Refund certhall.RefundID
	Order  certhall.OrderID
	Number string // the channel's
	State  RefundState
	Amount certhall.Money
	At     time.Time // when it was done
}

// Notice is what a callback says: one of the two.
type Notice struct {
	Payment *Payment
	Refund  *Refund
}

// BillRow is a line of the channel's bill of a day: a payment (Refund "") or a refund.
type BillRow struct {
	At          time.Time
	Order       certhall.OrderID
	Transaction string
	Refund      certhall.RefundID
	Amount      certhall.Money
	State       string // as the bill words it
}

// What a Channel answers beside success. Trouble on the way is Unavailable.
var (
	ErrChannel = certhall.NewError("payment-unavailable", certhall.Unavailable) // no answer, or none to be believed: ask again
	ErrRefused = certhall.NewError("payment-refused", certhall.Internal)        // reason: the channel refuses the request as such
	ErrPaid    = certhall.NewError("payment-paid", certhall.Conflict)
	ErrClosed  = certhall.NewError("payment-closed", certhall.Conflict)
	ErrUnknown = certhall.NewError("payment-unknown", certhall.NotFound)
	ErrNotice  = certhall.NewError("payment-notice-wrong", certhall.Denied)
	ErrFunds   = certhall.NewError("payment-funds", certhall.Unavailable) // a refund: the merchant's account holds too little
	ErrBill    = certhall.NewError("payment-bill-missing", certhall.NotFound)
)
