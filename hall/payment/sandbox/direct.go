package sandbox

import (
	"context"
	"net/http"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// Channel is the bank without a wire: the same books and faults, nothing signed.
// Nothing waits: a call that hangs is answered at once as one that was given up.
// Notices do not come by HTTP: Bank.Deliver hands them on.
func (b *Bank) Channel() payment.Channel { return direct{b} }

type direct struct{ bank *Bank }

// notifyDirect is where notices of orders go that were made without a wire.
const notifyDirect = "direct:"

var errFault = payment.ErrChannel.Becausef("sandbox: a fault that was asked for")

// call makes a call under the fault that waits for it.
func call[T any](ctx context.Context, b *Bank, c Call, act func(Fault) (T, *refusal)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, payment.ErrChannel.Because(err)
	}
	b.arrive()
	f := b.fault(c)
	switch f.Kind {
	case Late:
		b.hold(f, func() { _, _ = act(f) })
		return none, errFault
	case Refuse:
		return none, f.refusal().error()
	case Lose, Hang:
		return none, errFault
	}
	done, no := act(f)
	switch {
	case f.Kind == LoseReply || f.Kind == Forge:
		return none, errFault
	case no != nil:
		return none, no.error()
	}
	return done, nil
}

// Name implements payment.Channel.
func (d direct) Name() string { return "wechat" }

// Prepay implements payment.Channel.
func (d direct) Prepay(ctx context.Context, p payment.Prepay) (string, error) {
	return call(ctx, d.bank, CallPrepay, func(Fault) (string, *refusal) { return d.bank.prepay(p, notifyDirect) })
}

// Query implements payment.Channel.
func (d direct) Query(ctx context.Context, order certhall.OrderID) (payment.Payment, error) {
	return call(ctx, d.bank, CallQuery, func(Fault) (payment.Payment, *refusal) { return d.bank.query(order) })
}

// Close implements payment.Channel.
func (d direct) Close(ctx context.Context, order certhall.OrderID) error {
	_, err := call(ctx, d.bank, CallClose, func(Fault) (struct{}, *refusal) {
		none, no := d.bank.close(order)
		if no != nil && no.means == payment.ErrUnknown {
			no = nil
		}
		return none, no
	})
	return err
}

// Refund implements payment.Channel.
func (d direct) Refund(ctx context.Context, r payment.RefundOrder) (payment.Refund, error) {
	return call(ctx, d.bank, CallRefund, func(f Fault) (payment.Refund, *refusal) { return d.bank.refund(r, notifyDirect, f.ends()) })
}

// QueryRefund implements payment.Channel.
func (d direct) QueryRefund(ctx context.Context, refund certhall.RefundID) (payment.Refund, error) {
	return call(ctx, d.bank, CallQueryRefund, func(Fault) (payment.Refund, *refusal) { return d.bank.queryRefund(refund) })
}

// Notice implements payment.Channel: nothing comes by HTTP.
func (d direct) Notice(*http.Request) (payment.Notice, error) {
	return payment.Notice{}, payment.ErrNotice
}

// Answer implements payment.Channel.
func (d direct) Answer(w http.ResponseWriter, err error) {
	if err != nil {
		w.WriteHeader(certhall.AsError(err).Kind.Status())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Bill implements payment.Channel.
func (d direct) Bill(ctx context.Context, day time.Time) ([]payment.BillRow, error) {
	return call(ctx, d.bank, CallBill, func(Fault) ([]payment.BillRow, *refusal) {
		rows, no := d.bank.bill(day)
		if no != nil && no.Code == noStatement.Code {
			no = nil
		}
		return rows, no
	})
}
