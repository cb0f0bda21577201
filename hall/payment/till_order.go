package payment

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/locale"
)

// workOrder does what is next for an order, unless another node does.
func (t *Till) workOrder(ctx context.Context, id certhall.OrderID) (took bool, err error) {
	var o orders.Order
	err = t.o.Store.Write(ctx, func(w Writer) error {
		took = false
		due, err := w.LockOrder(id)
		now := t.now()
		if err != nil || due == nil || due.Due.IsZero() || due.Due.After(now) {
			return err
		}
		o, took = *due, true
		if t.off() {
			return keep(w, o, now)
		}
		o.Due, o.Looks = now.Add(lease), o.Looks+1
		if o.Standing == orders.Unpaid && !now.Before(o.ExpiresAt) {
			o.Standing, o.Looks = orders.Closing, 1
		}
		return w.SaveOrder(o)
	})
	if err != nil || !took || t.off() {
		return took && err == nil, err
	}
	switch {
	case !o.Live():
		err = t.hear(ctx, o)
	case o.Standing == orders.Closing:
		err = t.close(ctx, o)
	case o.CodeURL == "":
		err = t.prepay(ctx, o)
	default:
		err = t.look(ctx, o)
	}
	return true, t.putOff(ctx, o, err)
}

// putOff sets when an order is looked at again after a call that brought no end:
// an order that moved meanwhile has its own time.
func (t *Till) putOff(ctx context.Context, claimed orders.Order, trouble error) error {
	if trouble != nil {
		t.o.Log.WarnContext(ctx, "a call about an order has to be made again", "order", claimed.ID, "standing", claimed.Standing, "looks", claimed.Looks, "error", certhall.CauseText(trouble))
	}
	return t.o.Store.Write(ctx, func(w Writer) error {
		o, err := w.LockOrder(claimed.ID)
		if err != nil || o == nil || !o.Live() || !o.Due.Equal(claimed.Due) {
			return err
		}
		o.Due = t.now().Add(orderLooks.after(o.Looks))
		if o.Standing == orders.Unpaid && o.Due.After(o.ExpiresAt) {
			o.Due = o.ExpiresAt
		}
		return w.SaveOrder(*o)
	})
}

// prepay asks for an order's QR code and stores it.
func (t *Till) prepay(ctx context.Context, o orders.Order) error {
	code, err := call(ctx, func(ctx context.Context) (string, error) {
		return t.o.Channel.Prepay(ctx, Prepay{Order: o.ID, About: about(o), Amount: o.Total, Expires: o.ExpiresAt})
	})
	switch {
	case errors.Is(err, ErrPaid):
		return t.look(ctx, o)
	case errors.Is(err, ErrClosed):
		return t.moveOrder(ctx, o.ID, end)
	case err != nil:
		return err
	}
	return t.moveOrder(ctx, o.ID, func(w Writer, is orders.Order) error {
		if is.Standing != orders.Unpaid || is.CodeURL != "" {
			return nil
		}
		is.CodeURL, is.Looks, is.Due = code, 0, t.now().Add(orderLooks.after(0))
		return w.SaveOrder(is)
	})
}

// look asks how an order stands at the channel.
func (t *Till) look(ctx context.Context, o orders.Order) error {
	p, err := call(ctx, func(ctx context.Context) (Payment, error) { return t.o.Channel.Query(ctx, o.ID) })
	switch {
	case err != nil:
		return err
	case p.paid():
		return t.take(ctx, p)
	case p.State == Shut:
		return t.moveOrder(ctx, o.ID, end)
	}
	return nil
}

// close ends an order at the channel, and then here.
func (t *Till) close(ctx context.Context, o orders.Order) error {
	_, err := call(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, t.o.Channel.Close(ctx, o.ID) })
	switch {
	case errors.Is(err, ErrPaid):
		return t.look(ctx, o)
	case err != nil:
		return err
	}
	return t.moveOrder(ctx, o.ID, end)
}

func end(w Writer, o orders.Order) error { return orders.End(w, o) }

// moveOrder changes an order that is still live.
func (t *Till) moveOrder(ctx context.Context, id certhall.OrderID, move func(Writer, orders.Order) error) error {
	return t.o.Store.Write(ctx, func(w Writer) error {
		o, err := w.LockOrder(id)
		if err != nil || o == nil || !o.Live() {
			return err
		}
		return move(w, *o)
	})
}

func (t *Till) order(ctx context.Context, id certhall.OrderID) (orders.Order, error) {
	var found orders.Order
	err := t.o.Store.Read(ctx, func(r Reader) error {
		o, err := r.Order(id)
		if err == nil && o == nil {
			err = orders.ErrOrderMissing
		}
		if err == nil {
			found = *o
		}
		return err
	})
	return found, err
}

// maxAbout is how many bytes a payer's app shows of what he pays for.
const maxAbout = 127

// about says what an order is for, as the payer reads it: the same at every call.
func about(o orders.Order) string {
	first := o.Lines[0]
	text := first.Names[locale.Chinese] + " " + locale.Text(locale.Chinese, "cli.value.service."+string(first.Service), nil)
	if len(o.Lines) > 1 {
		text = locale.Text(locale.Chinese, "payment.about.more", map[string]string{"first": text, "count": fmt.Sprint(len(o.Lines))})
	}
	for len(text) > maxAbout {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
