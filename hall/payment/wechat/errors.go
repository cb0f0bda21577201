package wechat

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/wechatpay-apiv3/wechatpay-go/core"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// meanings are the codes that mean the same in every call. A code that is not
// here is a refusal; older and newer spellings are both in use.
var meanings = map[string]*certhall.Error{
	"ORDERPAID":           payment.ErrPaid,
	"ORDER_PAID":          payment.ErrPaid,
	"ORDER_CLOSED":        payment.ErrClosed,
	"ORDERCLOSED":         payment.ErrClosed,
	"ORDER_NOT_EXIST":     payment.ErrUnknown,
	"ORDERNOTEXIST":       payment.ErrUnknown,
	"RESOURCE_NOT_EXISTS": payment.ErrUnknown,
	"REFUND_NOT_EXISTS":   payment.ErrUnknown,
	"NOT_ENOUGH":          payment.ErrFunds,
	"STATEMENT_CREATING":  payment.ErrBill,

	// Not now: the same request again.
	"SYSTEM_ERROR":        payment.ErrChannel,
	"BANK_ERROR":          payment.ErrChannel,
	"USERPAYING":          payment.ErrChannel,
	"FREQUENCY_LIMITED":   payment.ErrChannel,
	"FREQUENCY_LIMIT":     payment.ErrChannel,
	"RATELIMIT_EXCEEDED":  payment.ErrChannel,
	"RATELIMIT_EXCEED":    payment.ErrChannel,
	"RULE_LIMIT":          payment.ErrChannel,
	"RULELIMIT":           payment.ErrChannel,
	"BIZERR_NEED_RETRY":   payment.ErrChannel,
	"SERVICE_UNAVAILABLE": payment.ErrChannel,

	// Our keys or our clock are wrong: it says nothing about the order.
	"SIGN_ERROR": payment.ErrChannel,
}

// meaning puts what a call failed with in the Channel's words. Only refusals
// that were verified arrive here as an APIError.
func meaning(err error) error {
	var refusal *core.APIError
	if !errors.As(err, &refusal) {
		return payment.ErrChannel.Because(err)
	}
	cause := fmt.Errorf("wechat: %d %s: %s", refusal.StatusCode, refusal.Code, refusal.Message)
	if e, ok := meanings[refusal.Code]; ok {
		return e.Because(cause)
	}
	if refusal.Code == "" || refusal.StatusCode >= http.StatusInternalServerError || refusal.StatusCode == http.StatusTooManyRequests {
		return payment.ErrChannel.Because(cause)
	}
	return payment.ErrRefused.With("reason", refusal.Code).Because(cause)
}

// strange is a verified answer that makes no sense: nothing may follow from it.
func strange(format string, args ...any) error {
	return payment.ErrChannel.Becausef("wechat: "+format, args...)
}
