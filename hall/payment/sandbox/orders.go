package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"regexp"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// What WeChat Pay calls the states of an order.
const (
	notPaid  = "NOTPAY"
	paid     = "SUCCESS"
	refunded = "REFUND"
	closed   = "CLOSED"
)

const currency = "CNY"

// order as the bank knows it.
type order struct {
	payment.Prepay
	Notify      string // where notices of it go
	Code        string // what the QR code says after pr=
	State       string
	Transaction string
	PaidAt      time.Time
}

func (o *order) payment() payment.Payment {
	p := payment.Payment{Order: o.Order, Transaction: o.Transaction, Amount: o.Amount, Currency: currency, Merchant: Merchant, PaidAt: o.PaidAt}
	p.State = map[string]payment.State{notPaid: payment.Unpaid, paid: payment.Paid, refunded: payment.Refunded, closed: payment.Shut}[o.State]
	return p
}

// codeBefore is what a QR code says before the order's own code.
const codeBefore = "weixin://wxpay/bizpayurl?pr="

var tradeNumber = regexp.MustCompile(`^[0-9A-Za-z_\-|*]{6,32}$`)

func (b *Bank) prepay(p payment.Prepay, notify string) (string, *refusal) {
	return do(b, func(now time.Time) (string, *refusal) {
		p.Expires = p.Expires.UTC().Truncate(time.Second)
		switch {
		case !tradeNumber.MatchString(string(p.Order)):
			return "", paramError.about("out_trade_no")
		case p.About == "" || len(p.About) > 127:
			return "", paramError.about("description")
		case p.Amount <= 0:
			return "", paramError.about("amount.total")
		}
		o := b.books.Orders[p.Order]
		if o == nil {
			if !p.Expires.After(now) {
				return "", paramError.about("time_expire")
			}
			o = &order{Prepay: p, Notify: notify, Code: b.code(), State: notPaid}
			b.books.Orders[p.Order] = o
			return codeBefore + o.Code, nil
		}
		switch o.State {
		case closed:
			return "", &orderClosed
		case paid, refunded:
			return "", &orderPaid
		}
		if o.About != p.About || o.Amount != p.Amount || !o.Expires.Equal(p.Expires) || o.Notify != notify {
			return "", &numberUsed
		}
		return codeBefore + o.Code, nil
	})
}

// code draws what a QR code leads to.
func (b *Bank) code() string {
	random := b.o.Random
	if random == nil {
		random = rand.Reader
	}
	draw := make([]byte, 6)
	if _, err := io.ReadFull(random, draw); err != nil {
		panic("sandbox: " + err.Error())
	}
	return hex.EncodeToString(draw)
}

func (b *Bank) query(id certhall.OrderID) (payment.Payment, *refusal) {
	return do(b, func(time.Time) (payment.Payment, *refusal) {
		o := b.books.Orders[id]
		if o == nil {
			return payment.Payment{}, &noOrder
		}
		return o.payment(), nil
	})
}

func (b *Bank) close(id certhall.OrderID) (struct{}, *refusal) {
	return do(b, func(time.Time) (none struct{}, no *refusal) {
		o := b.books.Orders[id]
		switch {
		case o == nil:
			return none, &noOrder
		case o.State == paid || o.State == refunded:
			return none, &orderPaid
		}
		o.State = closed
		return none, nil
	})
}

// Pay is a person's act: the order is paid in full, and a notice of it is due.
// It answers payment.ErrPaid, ErrClosed or ErrUnknown where nobody can pay.
func (b *Bank) Pay(id certhall.OrderID) error {
	b.arrive()
	_, no := do(b, func(now time.Time) (none struct{}, no *refusal) {
		o := b.books.Orders[id]
		switch {
		case o == nil:
			return none, &noOrder
		case o.State == closed:
			return none, &orderClosed
		case o.State != notPaid:
			return none, &orderPaid
		}
		o.State, o.PaidAt, o.Transaction = paid, now.Truncate(time.Second), b.number("4200", now)
		if b.books.Balance != nil {
			*b.books.Balance += o.Amount
		}
		p := o.payment()
		b.notify(o.Notify, payment.Notice{Payment: &p}, now)
		return none, nil
	})
	if no != nil {
		return no.error()
	}
	return nil
}

// byCode finds the order that a QR code leads to.
func (b *Bank) byCode(code string) (order, bool) {
	found, _ := do(b, func(time.Time) (found *order, _ *refusal) {
		for _, o := range b.books.Orders {
			if o.Code == code && code != "" {
				return new(*o), nil
			}
		}
		return nil, nil
	})
	if found == nil {
		return order{}, false
	}
	return *found, true
}
