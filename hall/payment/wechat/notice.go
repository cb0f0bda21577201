package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/services/payments"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

const (
	secretBytes = 32
	maxNotice   = 64 << 10
	aeadName    = "AEAD_AES_256_GCM"
	paidEvent   = "TRANSACTION.SUCCESS"
)

// refundEvents are the events of a refund, with the state that each tells of.
var refundEvents = map[string]payment.RefundState{
	"REFUND.SUCCESS": payment.RefundDone, "REFUND.ABNORMAL": payment.RefundAbnormal, "REFUND.CLOSED": payment.RefundClosed,
}

// envelope is the body of a notice; what happened is encrypted within.
type envelope struct {
	Event    string `json:"event_type"`
	Resource struct {
		Algorithm  string `json:"algorithm"`
		Ciphertext string `json:"ciphertext"`
		Nonce      string `json:"nonce"`
		Associated string `json:"associated_data"`
	} `json:"resource"`
}

// Notice implements payment.Channel.
func (c *Channel) Notice(r *http.Request) (payment.Notice, error) {
	n, err := c.notice(r)
	if err != nil {
		return payment.Notice{}, payment.ErrNotice.Because(err)
	}
	return n, nil
}

func (c *Channel) notice(r *http.Request) (n payment.Notice, err error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxNotice+1))
	if err != nil {
		return n, err
	}
	if len(body) > maxNotice {
		return n, fmt.Errorf("wechat: the notice is longer than %d bytes", maxNotice)
	}
	if err := c.witness.check(r.Context(), r.Header, body); err != nil {
		return n, err
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return n, err
	}
	content, err := e.open(c.o.Secret)
	if err != nil {
		return n, err
	}
	if e.Event == paidEvent {
		return c.paidNotice(content)
	}
	state, ok := refundEvents[e.Event]
	if !ok {
		return n, fmt.Errorf("wechat: a notice of %q", e.Event)
	}
	return c.refundNotice(content, state)
}

// open decrypts what happened. The SDK would panic at a nonce of another length.
func (e envelope) open(secret []byte) ([]byte, error) {
	if e.Resource.Algorithm != aeadName {
		return nil, fmt.Errorf("wechat: the notice is encrypted by %q", e.Resource.Algorithm)
	}
	sealed, err := base64.StdEncoding.DecodeString(e.Resource.Ciphertext)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if len(e.Resource.Nonce) != aead.NonceSize() {
		return nil, fmt.Errorf("wechat: the notice's nonce has %d bytes", len(e.Resource.Nonce))
	}
	return aead.Open(nil, []byte(e.Resource.Nonce), sealed, []byte(e.Resource.Associated))
}

func (c *Channel) paidNotice(content []byte) (payment.Notice, error) {
	var t payments.Transaction
	if err := json.Unmarshal(content, &t); err != nil {
		return payment.Notice{}, err
	}
	p, err := c.payment(&t)
	if err != nil {
		return payment.Notice{}, err
	}
	if p.State != payment.Paid || p.Order == "" {
		return payment.Notice{}, fmt.Errorf("wechat: a notice that order %q is %q", p.Order, p.State)
	}
	return payment.Notice{Payment: &p}, nil
}

func (c *Channel) refundNotice(content []byte, state payment.RefundState) (payment.Notice, error) {
	var t struct {
		Merchant string            `json:"mchid"`
		Order    certhall.OrderID  `json:"out_trade_no"`
		Refund   certhall.RefundID `json:"out_refund_no"`
		Number   string            `json:"refund_id"`
		Status   string            `json:"refund_status"`
		Done     string            `json:"success_time"`
		Amount   struct {
			Refund certhall.Money `json:"refund"`
		} `json:"amount"`
	}
	if err := json.Unmarshal(content, &t); err != nil {
		return payment.Notice{}, err
	}
	if t.Merchant != c.o.Merchant {
		return payment.Notice{}, fmt.Errorf("wechat: the notice is for merchant %q", t.Merchant)
	}
	r := payment.Refund{Refund: t.Refund, Order: t.Order, Number: t.Number, State: refundStates[t.Status], Amount: t.Amount.Refund}
	if r.State != state || r.Refund == "" {
		return payment.Notice{}, fmt.Errorf("wechat: a notice that refund %q is %q", t.Refund, t.Status)
	}
	if state == payment.RefundDone {
		at, err := time.Parse(time.RFC3339, t.Done)
		if err != nil {
			return payment.Notice{}, err
		}
		r.At = at.UTC()
	}
	if err := checkRefund(r, t.Status); err != nil {
		return payment.Notice{}, err
	}
	return payment.Notice{Refund: &r}, nil
}

// Answer implements payment.Channel: 204 settles a notice, all else has it sent
// again, 15 times within a day.
func (c *Channel) Answer(w http.ResponseWriter, err error) {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	e := certhall.AsError(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Kind.Status())
	_ = json.NewEncoder(w).Encode(map[string]string{"code": "FAIL", "message": e.Code})
}
