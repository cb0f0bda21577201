package sandbox

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// payer is who pays, as the merchant's app knows him.
const payer = "oSANDBOX000000000000000000001"

// stateWords are what the protocol calls states; stateTexts, what it says of them.
var (
	stateWords  = map[payment.State]string{payment.Unpaid: notPaid, payment.Paid: paid, payment.Refunded: refunded, payment.Shut: closed}
	stateTexts  = map[payment.State]string{payment.Unpaid: "订单未支付", payment.Paid: "支付成功", payment.Refunded: "转入退款", payment.Shut: "订单已关闭"}
	refundWords = map[payment.RefundState]string{
		payment.RefundProcessing: "PROCESSING", payment.RefundDone: "SUCCESS", payment.RefundClosed: "CLOSED", payment.RefundAbnormal: "ABNORMAL",
	}
)

func at(t time.Time) string { return t.In(certhall.Beijing).Format(time.RFC3339) }

func (s *Server) prepay(_ *http.Request, body []byte, _ Fault) (any, *refusal) {
	var q struct {
		App     string           `json:"appid"`
		Mchid   string           `json:"mchid"`
		About   string           `json:"description"`
		Order   certhall.OrderID `json:"out_trade_no"`
		Expires time.Time        `json:"time_expire"`
		Notify  string           `json:"notify_url"`
		Amount  struct {
			Total    certhall.Money `json:"total"`
			Currency string         `json:"currency"`
		} `json:"amount"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, paramError.about("body")
	}
	switch {
	case q.Mchid != Merchant:
		return nil, paramError.about("mchid")
	case q.App != App:
		return nil, &appMismatch
	case q.Notify == "" || len(q.Notify) > 255:
		return nil, paramError.about("notify_url")
	case q.Amount.Currency != "" && q.Amount.Currency != currency:
		return nil, paramError.about("amount.currency")
	}
	if q.Expires.IsZero() {
		q.Expires = s.bank.o.Clock.Now().AddDate(0, 0, 7)
	}
	code, no := s.bank.prepay(payment.Prepay{Order: q.Order, About: q.About, Amount: q.Amount.Total, Expires: q.Expires}, q.Notify)
	return map[string]string{"code_url": code}, no
}

func (s *Server) query(r *http.Request, _ []byte, _ Fault) (any, *refusal) {
	if r.URL.Query().Get("mchid") != Merchant {
		return nil, paramError.about("mchid")
	}
	p, no := s.bank.query(certhall.OrderID(r.PathValue("order")))
	return transaction(p), no
}

// transaction is a payment as answers and notices tell it.
func transaction(p payment.Payment) map[string]any {
	t := map[string]any{
		"appid": App, "mchid": p.Merchant, "out_trade_no": p.Order, "trade_state": stateWords[p.State], "trade_state_desc": stateTexts[p.State], "attach": "",
		"amount": map[string]any{"total": p.Amount, "currency": p.Currency, "payer_total": p.Amount, "payer_currency": p.Currency},
	}
	if p.Transaction != "" {
		t["transaction_id"], t["trade_type"], t["bank_type"] = p.Transaction, "NATIVE", "OTHERS"
		t["success_time"], t["payer"] = at(p.PaidAt), map[string]string{"openid": payer}
	}
	return t
}

func (s *Server) close(r *http.Request, body []byte, _ Fault) (any, *refusal) {
	var q struct {
		Mchid string `json:"mchid"`
	}
	if err := json.Unmarshal(body, &q); err != nil || q.Mchid != Merchant {
		return nil, paramError.about("mchid")
	}
	_, no := s.bank.close(certhall.OrderID(r.PathValue("order")))
	return nil, no
}

func (s *Server) refund(_ *http.Request, body []byte, f Fault) (any, *refusal) {
	var q struct {
		Order       certhall.OrderID  `json:"out_trade_no"`
		Transaction string            `json:"transaction_id"`
		Refund      certhall.RefundID `json:"out_refund_no"`
		Reason      string            `json:"reason"`
		Notify      string            `json:"notify_url"`
		Amount      struct {
			Refund   certhall.Money `json:"refund"`
			Total    certhall.Money `json:"total"`
			Currency string         `json:"currency"`
		} `json:"amount"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, paramError.about("body")
	}
	switch {
	case q.Amount.Currency != currency:
		return nil, paramError.about("amount.currency")
	case len(q.Reason) > 80:
		return nil, paramError.about("reason")
	}
	done, no := s.bank.refund(payment.RefundOrder{Refund: q.Refund, Order: q.Order, Transaction: q.Transaction, Amount: q.Amount.Refund, Total: q.Amount.Total, Reason: q.Reason}, q.Notify, f.ends())
	return s.refundAnswer(done), no
}

func (s *Server) queryRefund(r *http.Request, _ []byte, _ Fault) (any, *refusal) {
	done, no := s.bank.queryRefund(certhall.RefundID(r.PathValue("refund")))
	return s.refundAnswer(done), no
}

func (s *Server) refundAnswer(r payment.Refund) map[string]any {
	transaction, total, made := s.bank.origin(r)
	t := map[string]any{
		"refund_id": r.Number, "out_refund_no": r.Refund, "transaction_id": transaction, "out_trade_no": r.Order, "channel": "ORIGINAL",
		"user_received_account": "支付用户零钱", "create_time": at(made), "status": refundWords[r.State], "funds_account": "AVAILABLE",
		"amount": map[string]any{
			"total": total, "refund": r.Amount, "payer_total": total, "payer_refund": r.Amount,
			"settlement_total": total, "settlement_refund": r.Amount, "discount_refund": 0, "currency": currency,
		},
	}
	if r.State == payment.RefundDone {
		t["success_time"] = at(r.At)
	}
	return t
}

func (s *Server) bill(r *http.Request, _ []byte, _ Fault) (any, *refusal) {
	q := r.URL.Query()
	day, err := time.ParseInLocation(time.DateOnly, q.Get("bill_date"), certhall.Beijing)
	if err != nil || q.Get("bill_type") != "ALL" && q.Get("bill_type") != "" {
		return nil, paramError.about("bill_date")
	}
	rows, no := s.bank.bill(day)
	if no != nil {
		return nil, no
	}
	return s.billFile(r, rows), nil
}

func (s *Server) download(r *http.Request, _ []byte, _ Fault) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if file := s.files[r.URL.Query().Get("token")]; file != nil {
		return file, nil
	}
	return nil, &noAuth
}
