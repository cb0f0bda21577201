package orders

import (
	"time"

	"github.com/certhall/certhall"
)

// Receipt (收据) of a paid order. Its number is the order's: one order, one receipt,
// which shows what went back since.
type Receipt struct {
	Number      certhall.OrderID `json:"number" doc:"of the receipt: the order's"`
	Seller      string           `json:"seller" doc:"name of the authority"`
	Lines       []LineView       `json:"lines"`
	Total       certhall.Money   `json:"total" doc:"paid, in fen"`
	Words       string           `json:"words" doc:"the total in Chinese characters (大写金额)"`
	Channel     string           `json:"channel" doc:"of payment"`
	Transaction string           `json:"transaction" doc:"the channel's number of the payment"`
	MadeAt      time.Time        `json:"made_at"`
	PaidAt      time.Time        `json:"paid_at"`
	Refunds     []Repaid         `json:"refunds"`
	Refunded    certhall.Money   `json:"refunded" doc:"in fen"`
	Kept        certhall.Money   `json:"kept" doc:"total without what was refunded, in fen"`
	KeptWords   string           `json:"kept_words"`
}

// Repaid is money that went back, as a receipt shows it.
type Repaid struct {
	Amount certhall.Money `json:"amount" doc:"in fen"`
	At     time.Time      `json:"at"`
	Number string         `json:"number" doc:"the channel's"`
}

// ErrNoReceipt says that nothing was paid.
var ErrNoReceipt = certhall.NewError("receipt-none", certhall.Conflict)

// ReceiptOf writes the receipt of an order with what became of it.
func ReceiptOf(o Order, made []Entitlement, refunds []Refund) (Receipt, error) {
	if o.Standing != Paid || o.Total == 0 {
		return Receipt{}, ErrNoReceipt
	}
	r := Receipt{
		Number: o.ID, Lines: o.View(made).Lines, Total: o.Total, Words: o.Total.Chinese(),
		Channel: o.Channel, Transaction: o.Transaction, MadeAt: o.MadeAt, PaidAt: o.PaidAt, Refunds: []Repaid{},
	}
	for _, f := range refunds {
		if f.GaveBack() {
			r.Refunds = append(r.Refunds, Repaid{f.Amount, f.EndedAt, f.Number})
		}
	}
	r.Refunded = GivenBack(refunds)
	r.Kept = r.Total - r.Refunded
	r.KeptWords = r.Kept.Chinese()
	return r, nil
}

// GaveBack tells whether money for what was bought has gone back by a refund; one
// of a payment that bought nothing is another matter.
func (f Refund) GaveBack() bool { return f.Standing == RefundDone && !f.Whole && f.Amount > 0 }

// GivenBack is what has gone back by refunds of an order.
func GivenBack(refunds []Refund) (sum certhall.Money) {
	for _, f := range refunds {
		if f.GaveBack() {
			sum += f.Amount
		}
	}
	return sum
}
