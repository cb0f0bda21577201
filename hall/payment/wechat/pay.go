package wechat

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/wechatpay-apiv3/wechatpay-go/services/payments"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/native"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

const (
	maxAbout  = 127 // bytes of a description
	maxReason = 80  // bytes of a refund's reason
	currency  = "CNY"
)

// Prepay implements payment.Channel: POST /v3/pay/transactions/native.
func (c *Channel) Prepay(ctx context.Context, p payment.Prepay) (string, error) {
	if p.Amount <= 0 {
		return "", payment.ErrRefused.With("reason", "PARAM_ERROR").Becausef("wechat: %s cannot be paid", p.Amount)
	}
	expires := p.Expires.In(certhall.Beijing)
	reply, _, err := c.orders.Prepay(ctx, native.PrepayRequest{
		Appid: &c.o.App, Mchid: &c.o.Merchant, Description: new(cut(p.About, maxAbout)), OutTradeNo: new(string(p.Order)),
		TimeExpire: &expires, NotifyUrl: &c.o.NotifyURL,
		Amount: &native.Amount{Total: new(int64(p.Amount)), Currency: new(currency)},
	})
	if err != nil {
		return "", meaning(err)
	}
	if value(reply.CodeUrl) == "" {
		return "", strange("prepay of %s answers no code", p.Order)
	}
	return *reply.CodeUrl, nil
}

// Query implements payment.Channel: GET …/out-trade-no/{order}.
func (c *Channel) Query(ctx context.Context, order certhall.OrderID) (payment.Payment, error) {
	reply, _, err := c.orders.QueryOrderByOutTradeNo(ctx, native.QueryOrderByOutTradeNoRequest{OutTradeNo: new(string(order)), Mchid: &c.o.Merchant})
	if err != nil {
		return payment.Payment{}, meaning(err)
	}
	p, err := c.payment(reply)
	if err == nil && p.Order != order {
		err = strange("asked for %s, told of %s", order, p.Order)
	}
	if err != nil {
		return payment.Payment{}, err
	}
	return p, nil
}

// Close implements payment.Channel: POST …/out-trade-no/{order}/close.
func (c *Channel) Close(ctx context.Context, order certhall.OrderID) error {
	_, err := c.orders.CloseOrder(ctx, native.CloseOrderRequest{OutTradeNo: new(string(order)), Mchid: &c.o.Merchant})
	if err == nil {
		return nil
	}
	if err = meaning(err); errors.Is(err, payment.ErrClosed) || errors.Is(err, payment.ErrUnknown) {
		return nil
	}
	return err
}

// states are WeChat Pay's words for how an order stands.
var states = map[string]payment.State{
	"NOTPAY": payment.Unpaid, "USERPAYING": payment.Unpaid, "ACCEPT": payment.Unpaid,
	"SUCCESS": payment.Paid, "REFUND": payment.Refunded,
	"CLOSED": payment.Shut, "REVOKED": payment.Shut, "PAYERROR": payment.Failed,
}

// payment reads a transaction, in an answer or a notice. One that is not ours or
// lacks what its state needs says nothing.
func (c *Channel) payment(t *payments.Transaction) (payment.Payment, error) {
	p := payment.Payment{
		Order: certhall.OrderID(value(t.OutTradeNo)), State: states[value(t.TradeState)],
		Transaction: value(t.TransactionId), Merchant: value(t.Mchid),
	}
	if t.Amount != nil {
		p.Amount, p.Currency = certhall.Money(value(t.Amount.Total)), value(t.Amount.Currency)
	}
	if p.Merchant != c.o.Merchant || value(t.Appid) != c.o.App {
		return p, strange("order %s is of merchant %q, app %q", p.Order, p.Merchant, value(t.Appid))
	}
	if p.State == "" {
		return p, strange("order %s is in state %q", p.Order, value(t.TradeState))
	}
	if p.State != payment.Paid && p.State != payment.Refunded {
		return p, nil
	}
	var err error
	if p.PaidAt, err = time.Parse(time.RFC3339, value(t.SuccessTime)); err != nil {
		return p, strange("order %s was paid at %q", p.Order, value(t.SuccessTime))
	}
	p.PaidAt = p.PaidAt.UTC()
	if p.Transaction == "" || p.Amount <= 0 || p.Currency == "" {
		return p, strange("order %s is paid without number, amount or currency", p.Order)
	}
	return p, nil
}

// value is what a pointer of the SDK leads to.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// cut shortens a text to so many bytes, between characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
