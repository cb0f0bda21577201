package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// Forgery is a way in which a notice is not to be believed.
type Forgery string

// The forgeries. The first four fail WeChat Pay's own checks; the others are
// signed as they should be and tell of something else than the order.
const (
	ForgeSignature Forgery = "signature"
	ForgeKey       Forgery = "key"    // signed under the id of a key that nobody knows
	ForgeSecret    Forgery = "secret" // encrypted with another APIv3 key
	ForgeOld       Forgery = "old"    // six minutes old
	ForgeMerchant  Forgery = "merchant"
	ForgeApp       Forgery = "app"
	ForgeAmount    Forgery = "amount"
	ForgeCurrency  Forgery = "currency"
)

// Forgeries are all of them.
var Forgeries = []Forgery{ForgeSignature, ForgeKey, ForgeSecret, ForgeOld, ForgeMerchant, ForgeApp, ForgeAmount, ForgeCurrency}

// Step sends the notices that are due now; it answers how many tries were made.
func (s *Server) Step(ctx context.Context) int { return s.bank.Deliver(ctx, s.send) }

// Run sends notices as they fall due, until ctx ends.
func (s *Server) Run(ctx context.Context) {
	for ctx.Err() == nil {
		s.Step(ctx)
		var due <-chan time.Time
		if next, ok := s.bank.Next(); ok {
			due = time.After(next.Sub(s.bank.o.Clock.Now()))
		}
		select {
		case <-ctx.Done():
		case <-s.bank.due:
		case <-due:
		}
	}
}

func (s *Server) send(ctx context.Context, n Note) error {
	status, err := s.post(ctx, n, "")
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("sandbox: the merchant answers %d", status)
	}
	if err != nil && s.o.Log != nil {
		s.o.Log.Info("payment sandbox: the notice was not taken", "url", n.URL, "tries", n.Tries+1, "cause", err)
	}
	return err
}

// Forge sends a forged notice that an order was paid, whether or not it was, and
// answers the merchant's status.
func (s *Server) Forge(ctx context.Context, id certhall.OrderID, how Forgery) (status int, err error) {
	made, _ := do(s.bank, func(now time.Time) (*Note, *refusal) {
		o := s.bank.books.Orders[id]
		if o == nil {
			return nil, nil
		}
		p := o.payment()
		if p.State = payment.Paid; p.Transaction == "" {
			p.Transaction, p.PaidAt = s.bank.number("4200", now), now.Truncate(time.Second)
		}
		switch how {
		case ForgeMerchant:
			p.Merchant = "1900000002"
		case ForgeAmount:
			p.Amount++
		case ForgeCurrency:
			p.Currency = "USD"
		}
		return &Note{ID: s.bank.number("EV-", now), URL: o.Notify, Made: now, Notice: payment.Notice{Payment: &p}}, nil
	})
	if made == nil {
		return 0, payment.ErrUnknown
	}
	return s.post(ctx, *made, how)
}

// post sends a notice and answers the merchant's status.
func (s *Server) post(ctx context.Context, n Note, how Forgery) (int, error) {
	event, kind, content := "TRANSACTION.SUCCESS", "transaction", map[string]any(nil)
	if n.Payment != nil {
		content = transaction(*n.Payment)
		if how == ForgeApp {
			content["appid"] = "wx0000000000000002"
		}
	} else {
		event, kind, content = "REFUND."+refundWords[n.Refund.State], "refund", s.refundNotice(*n.Refund)
	}
	plain, err := json.Marshal(content)
	if err != nil {
		return 0, err
	}
	secret, nonce := bytes.Clone(s.keys.merchant.Secret), drawn(12)
	if how == ForgeSecret {
		secret[0] ^= 1
	}
	body, err := json.Marshal(map[string]any{
		"id": n.ID, "create_time": at(n.Made), "event_type": event, "resource_type": "encrypt-resource", "summary": "通知",
		"resource": map[string]string{
			"original_type": kind, "algorithm": "AEAD_AES_256_GCM", "associated_data": kind, "nonce": nonce, "ciphertext": seal(secret, nonce, kind, plain),
		},
	})
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	now := s.bank.o.Clock.Now()
	if how == ForgeOld {
		now = now.Add(-signatureAge - time.Minute)
	}
	s.sign(r.Header, body, now, how == ForgeSignature)
	if how == ForgeKey {
		r.Header.Set("Wechatpay-Serial", PublicKeyID[:len(PublicKeyID)-1]+"2")
	}
	reply, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(reply.Body, maxRequest))
	return reply.StatusCode, reply.Body.Close()
}

func (s *Server) refundNotice(r payment.Refund) map[string]any {
	transaction, total, _ := s.bank.origin(r)
	t := map[string]any{
		"mchid": Merchant, "out_trade_no": r.Order, "transaction_id": transaction, "out_refund_no": r.Refund, "refund_id": r.Number,
		"refund_status": refundWords[r.State], "user_received_account": "支付用户零钱",
		"amount": map[string]any{"total": total, "refund": r.Amount, "payer_total": total, "payer_refund": r.Amount},
	}
	if r.State == payment.RefundDone {
		t["success_time"] = at(r.At)
	}
	return t
}
