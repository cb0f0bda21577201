package sandbox

import (
	"cmp"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// refund as the bank knows it.
type refund struct {
	payment.RefundOrder
	Number  string
	Notify  string
	State   payment.RefundState
	Ends    payment.RefundState // how it will end
	Made    time.Time
	Due     time.Time
	Done    time.Time
	Ordered int64 // in which order they came
}

func (r *refund) refund() payment.Refund {
	return payment.Refund{Refund: r.Refund, Order: r.Order, Number: r.Number, State: r.State, Amount: r.Amount, At: r.Done}
}

func (b *Bank) refund(r payment.RefundOrder, notify string, ends payment.RefundState) (payment.Refund, *refusal) {
	return do(b, func(now time.Time) (payment.Refund, *refusal) {
		if old := b.books.Refunds[r.Refund]; old != nil {
			if old.Order != b.orderOf(r) || old.Amount != r.Amount || old.Total != r.Total {
				return payment.Refund{}, invalidRequest.about("out_refund_no")
			}
			return old.refund(), nil
		}
		r.Order = b.orderOf(r)
		o := b.books.Orders[r.Order]
		switch {
		case !tradeNumber.MatchString(string(r.Refund)):
			return payment.Refund{}, paramError.about("out_refund_no")
		case r.Amount <= 0:
			return payment.Refund{}, paramError.about("amount.refund")
		case o == nil || o.State != paid && o.State != refunded:
			return payment.Refund{}, &noResource
		case r.Total != o.Amount || b.given(r.Order)+r.Amount > o.Amount:
			return payment.Refund{}, invalidRequest.about("amount")
		case b.books.Balance != nil && *b.books.Balance < r.Amount:
			return payment.Refund{}, &notEnough
		}
		if b.books.Balance != nil {
			*b.books.Balance -= r.Amount
		}
		made := &refund{RefundOrder: r, Number: b.number("5030", now), Notify: notify, State: payment.RefundProcessing,
			Ends: cmp.Or(ends, payment.RefundDone), Made: now.Truncate(time.Second), Due: now.Add(b.o.RefundTime), Ordered: b.books.Numbers}
		b.books.Refunds[r.Refund], o.State = made, refunded
		b.wake()
		return made.refund(), nil
	})
}

// orderOf is the order that a refund is of: by its own number, or the payment's.
func (b *Bank) orderOf(r payment.RefundOrder) certhall.OrderID {
	if r.Transaction == "" {
		return r.Order
	}
	for id, o := range b.books.Orders {
		if o.Transaction == r.Transaction {
			return id
		}
	}
	return ""
}

// given is what went back of an order, or is on its way.
func (b *Bank) given(id certhall.OrderID) (sum certhall.Money) {
	for _, r := range b.books.Refunds {
		if r.Order == id && r.State != payment.RefundClosed {
			sum += r.Amount
		}
	}
	return sum
}

func (b *Bank) queryRefund(id certhall.RefundID) (payment.Refund, *refusal) {
	return do(b, func(time.Time) (payment.Refund, *refusal) {
		if r := b.books.Refunds[id]; r != nil {
			return r.refund(), nil
		}
		return payment.Refund{}, &noResource
	})
}

// origin tells of a refund what its payer and the bank know beside it.
func (b *Bank) origin(r payment.Refund) (transaction string, total certhall.Money, made time.Time) {
	_, _ = do(b, func(time.Time) (none struct{}, no *refusal) {
		if kept := b.books.Refunds[r.Refund]; kept != nil {
			transaction, total, made = b.books.Orders[kept.Order].Transaction, kept.Total, kept.Made
		}
		return none, nil
	})
	return transaction, total, made
}

// processing are the refunds on their way, as they came.
func (b *Bank) processing() []*refund {
	var found []*refund
	for _, r := range b.books.Refunds {
		if r.State == payment.RefundProcessing {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(x, y *refund) int { return cmp.Compare(x.Ordered, y.Ordered) })
	return found
}

// settle ends a refund and makes the notice of it.
func (b *Bank) settle(r *refund) {
	r.State, r.Done = r.Ends, r.Due.Truncate(time.Second)
	if r.State == payment.RefundClosed {
		if b.books.Balance != nil {
			*b.books.Balance += r.Amount
		}
		if o := b.books.Orders[r.Order]; b.given(r.Order) == 0 {
			o.State = paid
		}
	}
	told := r.refund()
	b.notify(r.Notify, payment.Notice{Refund: &told}, r.Due)
}
