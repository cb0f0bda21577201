package payment

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/locale"
)

// Why a refund has failed, beside what the channel itself answers.
var (
	ErrRefundClosed   = certhall.NewError("refund-closed", certhall.Conflict)   // the channel gave nothing back
	ErrRefundAbnormal = certhall.NewError("refund-abnormal", certhall.Conflict) // it reached no account
	ErrRefundAmount   = certhall.NewError("refund-amount", certhall.Internal)   // the channel tells of another amount or order
)

// numberOf is what the channel knows a refund by: its id, and from the second
// round on a dash and the round.
func numberOf(r orders.Refund) certhall.RefundID {
	if r.Round == 0 {
		return r.ID
	}
	return r.ID + certhall.RefundID("-"+strconv.Itoa(r.Round+1))
}

// refundOf is the refund that the channel knows by a number.
func refundOf(number certhall.RefundID) certhall.RefundID {
	id, _, _ := strings.Cut(string(number), "-")
	return certhall.RefundID(id)
}

// workRefund does what is next for a refund, unless another node does.
func (t *Till) workRefund(ctx context.Context, id certhall.RefundID) (took bool, err error) {
	var f orders.Refund
	err = t.o.Store.Write(ctx, func(w Writer) error {
		took = false
		due, err := w.LockRefund(id)
		now := t.now()
		if err != nil || due == nil || due.Due.IsZero() || due.Due.After(now) {
			return err
		}
		f, took = *due, true
		if t.off() {
			f.Trouble, f.Due = ErrOff.Code, now.Add(offPause)
			return w.SaveRefund(f)
		}
		f.Due, f.Looks = now.Add(lease), f.Looks+1
		if f.Trouble == ErrOff.Code { // asked from now on: no officer gives it as well
			f.Trouble = ""
		}
		return w.SaveRefund(f)
	})
	if err != nil || !took || t.off() {
		return took && err == nil, err
	}
	told, err := call(ctx, func(ctx context.Context) (Refund, error) {
		if f.Standing == orders.RefundSent {
			return t.o.Channel.QueryRefund(ctx, numberOf(f))
		}
		return t.o.Channel.Refund(ctx, refundOrder(f))
	})
	return true, t.heard(ctx, numberOf(f), told, err)
}

func refundOrder(f orders.Refund) RefundOrder {
	return RefundOrder{Refund: numberOf(f), Order: f.Order, Transaction: f.Transaction, Amount: f.Amount, Total: f.Total, Reason: reason(f)}
}

// reason is what the payer reads: what people write to each other stays in the hall.
func reason(f orders.Refund) string {
	why := "order"
	if f.Whole {
		why = f.Reason
	}
	return locale.Text(locale.Chinese, "payment.refund-reason."+why, nil)
}

// toldRefund takes a refund that a notice tells of.
func (t *Till) toldRefund(ctx context.Context, told Refund) error {
	return t.heard(ctx, told.Refund, told, nil)
}

// heard stores what the channel says of a refund, or that it says nothing yet.
func (t *Till) heard(ctx context.Context, number certhall.RefundID, told Refund, failure error) error {
	var known bool
	var after orders.Refund
	err := t.o.Store.Write(ctx, func(w Writer) error {
		f, err := w.LockRefund(refundOf(number))
		if err != nil {
			return err
		}
		known = f != nil && numberOf(*f) == number
		if !known || f.Standing != orders.RefundWanted && f.Standing != orders.RefundSent && f.Standing != orders.RefundFailed {
			return nil // of another hall, of an earlier round, or ended
		}
		now := t.now()
		if failure != nil {
			t.failed(f, failure, now)
		} else if told.Number != "" && f.SentAt.IsZero() {
			f.Number, f.SentAt = told.Number, now
		}
		after = *f
		switch {
		case failure != nil:
		case told.Amount != f.Amount, told.Order != f.Order:
			stop(f, ErrRefundAmount)
		case told.State == RefundDone:
			after.Standing = orders.RefundDone
			return orders.EndRefund(w, *f, now)
		case told.State == RefundClosed:
			stop(f, ErrRefundClosed)
		case told.State == RefundAbnormal:
			stop(f, ErrRefundAbnormal)
		case f.Standing == orders.RefundFailed: // still on its way there: nothing new
		default:
			f.Standing, f.Trouble, f.Due = orders.RefundSent, "", now.Add(refundLooks.after(f.Looks))
		}
		after = *f
		return w.SaveRefund(*f)
	})
	switch {
	case err != nil:
	case !known:
		t.o.Log.WarnContext(ctx, "the channel tells of a refund that the hall does not know", "refund", number, "order", told.Order)
	case after.Trouble != "" && after.Standing != orders.RefundDone:
		t.o.Log.WarnContext(ctx, "a refund has not been made", "refund", after.ID, "order", after.Order, "standing", after.Standing, "trouble", after.Trouble,
			"error", certhall.CauseText(failure))
	}
	return err
}

// failed stores why a call about a refund brought nothing: what the channel
// refuses as such an officer sees to, all else is tried again.
func (t *Till) failed(f *orders.Refund, failure error, now time.Time) {
	lost := errors.Is(failure, ErrUnknown) && f.Standing == orders.RefundSent
	switch {
	case f.Standing == orders.RefundFailed:
	case !lost && (errors.Is(failure, ErrUnknown) || errors.Is(failure, ErrRefused)):
		stop(f, certhall.AsError(failure))
	default:
		if lost { // it was never taken: ask anew
			f.Standing = orders.RefundWanted
		}
		f.Trouble, f.Due = certhall.AsError(failure).Code, now.Add(refundLooks.after(f.Looks))
	}
}

// stop leaves a refund to an officer.
func stop(f *orders.Refund, why *certhall.Error) {
	f.Standing, f.Trouble, f.Due = orders.RefundFailed, why.Code, time.Time{}
}
