package wechat

import (
	"context"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// Refund implements payment.Channel: POST /v3/refund/domestic/refunds.
func (c *Channel) Refund(ctx context.Context, r payment.RefundOrder) (payment.Refund, error) {
	request := refunddomestic.CreateRequest{
		OutTradeNo: new(string(r.Order)), OutRefundNo: new(string(r.Refund)), Reason: new(cut(r.Reason, maxReason)), NotifyUrl: &c.o.NotifyURL,
		Amount: &refunddomestic.AmountReq{Refund: new(int64(r.Amount)), Total: new(int64(r.Total)), Currency: new(currency)},
	}
	if r.Transaction != "" { // either of the two
		request.OutTradeNo, request.TransactionId = nil, &r.Transaction
	}
	reply, _, err := c.refunds.Create(ctx, request)
	return readRefund(reply, err, r.Refund)
}

// QueryRefund implements payment.Channel: GET …/refunds/{refund}.
func (c *Channel) QueryRefund(ctx context.Context, refund certhall.RefundID) (payment.Refund, error) {
	reply, _, err := c.refunds.QueryByOutRefundNo(ctx, refunddomestic.QueryByOutRefundNoRequest{OutRefundNo: new(string(refund))})
	return readRefund(reply, err, refund)
}

// refundStates are WeChat Pay's words for how a refund stands.
var refundStates = map[string]payment.RefundState{
	"PROCESSING": payment.RefundProcessing, "SUCCESS": payment.RefundDone,
	"CLOSED": payment.RefundClosed, "ABNORMAL": payment.RefundAbnormal,
}

// readRefund reads the answer to either call. It names no merchant: the refund's
// number, asked for under our signature, is what it answers to.
func readRefund(reply *refunddomestic.Refund, err error, asked certhall.RefundID) (payment.Refund, error) {
	if err != nil {
		return payment.Refund{}, meaning(err)
	}
	r := payment.Refund{
		Refund: certhall.RefundID(value(reply.OutRefundNo)), Order: certhall.OrderID(value(reply.OutTradeNo)), Number: value(reply.RefundId),
		State: refundStates[string(value(reply.Status))],
	}
	if reply.Amount != nil {
		r.Amount = certhall.Money(value(reply.Amount.Refund))
	}
	if r.Refund != asked {
		return payment.Refund{}, strange("asked for refund %s, told of %s", asked, r.Refund)
	}
	if r.State == payment.RefundDone {
		r.At = value(reply.SuccessTime).UTC()
	}
	return r, checkRefund(r, string(value(reply.Status)))
}

// checkRefund refuses refunds that lack what their state needs.
func checkRefund(r payment.Refund, word string) error {
	switch {
	case r.State == "":
		return strange("refund %s is in state %q", r.Refund, word)
	case r.Order == "" || r.Number == "" || r.Amount <= 0:
		return strange("refund %s lacks order, number or amount", r.Refund)
	case r.State == payment.RefundDone && r.At.Before(time.Unix(1, 0)):
		return strange("refund %s was done at no time", r.Refund)
	}
	return nil
}
