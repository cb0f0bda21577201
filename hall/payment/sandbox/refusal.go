package sandbox

import (
	"net/http"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// refusal is an error as WeChat Pay words it, with what it means to a Channel.
type refusal struct {
	Status  int            `json:"-"`
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Detail  map[string]any `json:"detail,omitempty"`
	means   *certhall.Error
}

func (r *refusal) error() error {
	if r.means == payment.ErrRefused {
		return r.means.With("reason", r.Code)
	}
	return r.means
}

// about names the field that is wrong.
func (r refusal) about(field string) *refusal {
	r.Detail = map[string]any{"field": field, "issue": r.Message}
	return &r
}

// The refusals, with the statuses and words of the real gateway.
var (
	orderPaid      = refusal{Status: http.StatusBadRequest, Code: "ORDERPAID", Message: "该订单已支付", means: payment.ErrPaid}
	orderClosed    = refusal{Status: http.StatusBadRequest, Code: "ORDER_CLOSED", Message: "该订单已关闭", means: payment.ErrClosed}
	noOrder        = refusal{Status: http.StatusNotFound, Code: "ORDER_NOT_EXIST", Message: "订单不存在", means: payment.ErrUnknown}
	noResource     = refusal{Status: http.StatusNotFound, Code: "RESOURCE_NOT_EXISTS", Message: "查询的资源不存在", means: payment.ErrUnknown}
	numberUsed     = refusal{Status: http.StatusForbidden, Code: "OUT_TRADE_NO_USED", Message: "商户订单号重复", means: payment.ErrRefused}
	paramError     = refusal{Status: http.StatusBadRequest, Code: "PARAM_ERROR", Message: "参数错误", means: payment.ErrRefused}
	invalidRequest = refusal{Status: http.StatusBadRequest, Code: "INVALID_REQUEST", Message: "请求不符合业务规则", means: payment.ErrRefused}
	appMismatch    = refusal{Status: http.StatusBadRequest, Code: "APPID_MCHID_NOT_MATCH", Message: "appid和mchid不匹配", means: payment.ErrRefused}
	signError      = refusal{Status: http.StatusUnauthorized, Code: "SIGN_ERROR", Message: "错误的签名，验签失败", means: payment.ErrChannel}
	notEnough      = refusal{Status: http.StatusForbidden, Code: "NOT_ENOUGH", Message: "基本账户余额不足，请充值后重新发起", means: payment.ErrFunds}
	noStatement    = refusal{Status: http.StatusBadRequest, Code: "NO_STATEMENT_EXIST", Message: "账单文件不存在", means: payment.ErrBill}
	notYet         = refusal{Status: http.StatusBadRequest, Code: "STATEMENT_CREATING", Message: "账单生成中", means: payment.ErrBill}
	systemError    = refusal{Status: http.StatusInternalServerError, Code: "SYSTEM_ERROR", Message: "系统繁忙，请稍后重试", means: payment.ErrChannel}
	tooOften       = refusal{Status: http.StatusTooManyRequests, Code: "FREQUENCY_LIMITED", Message: "频率限制", means: payment.ErrChannel}
	noAuth         = refusal{Status: http.StatusForbidden, Code: "NO_AUTH", Message: "商户无权限", means: payment.ErrRefused}
)

// refusals by code, for the faults that ask for one.
var refusals = func() map[string]*refusal {
	all := map[string]*refusal{}
	for _, r := range []refusal{orderPaid, orderClosed, noOrder, noResource, numberUsed, paramError, invalidRequest,
		appMismatch, signError, notEnough, noStatement, notYet, systemError, tooOften, noAuth} {
		all[r.Code] = &r
	}
	return all
}()
