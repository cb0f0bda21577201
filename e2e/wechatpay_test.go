package e2e

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// What the trial's merchant is called at WeChat Pay.
const (
	wechatMerchant = "1900000001"
	wechatApp      = "wx0000000000000001"
	wechatKeyID    = "PUB_KEY_ID_0000000000000000000000000001"
)

// wechatPay speaks as WeChat Pay to the callback address, by nothing but its
// documentation: neither the SDK nor the sandbox's code is used. The sandbox
// keeps the money.
type wechatPay struct {
	t      *testing.T
	hall   string // the callback address
	bank   string // the sandbox's
	key    *rsa.PrivateKey
	secret []byte
}

// wechatPay takes WeChat Pay's part at a house.
func (h *house) wechatPay() *wechatPay {
	h.t.Helper()
	file := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(h.dir, ".demo/payment", name))
		if err != nil {
			h.t.Fatal(err)
		}
		return data
	}
	block, _ := pem.Decode(file("platform_key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	p := &wechatPay{t: h.t, hall: "http://" + h.listen + "/api/payment/notice", key: key.(*rsa.PrivateKey), secret: file("apiv3_key.txt")}
	p.find(h)
	return p
}

// find looks up where the sandbox listens: at another port after every start.
func (p *wechatPay) find(h *house) {
	p.t.Helper()
	m := regexp.MustCompile(`Trial payment .*: (http://\S+)/pay`).FindStringSubmatch(h.screen.String())
	if m == nil {
		p.t.Fatalf("the server names no page to pay at:\n%s", h.screen)
	}
	p.bank = m[1]
}

// message is a notice before it is sent, with all that may be wrong about it.
type message struct {
	event, kind string
	content     map[string]any
	amount      map[string]any // of the content
	secret      []byte
	sealedWith  string // associated data of the encryption
	told        string // associated data that the envelope tells
	key         *rsa.PrivateKey
	serial      string
	at          time.Time
	spoil       func(body []byte) []byte // after it was signed
	header      http.Header              // set last
	method      string
}

func (p *wechatPay) message(event, kind string, content, amount map[string]any) *message {
	content["amount"] = amount
	return &message{event: event, kind: kind, content: content, amount: amount, secret: p.secret, sealedWith: kind, told: kind, key: p.key,
		serial: wechatKeyID, at: time.Now(), method: http.MethodPost, header: http.Header{"Content-Type": {"application/json"}}}
}

// paid is the notice that an order was paid.
func (p *wechatPay) paid(order, transaction string, total int64, at time.Time) *message {
	return p.message("TRANSACTION.SUCCESS", "transaction", map[string]any{
		"mchid": wechatMerchant, "appid": wechatApp, "out_trade_no": order, "transaction_id": transaction, "trade_type": "NATIVE", "trade_state": "SUCCESS",
		"trade_state_desc": "支付成功", "bank_type": "OTHERS", "attach": "", "success_time": beijing(at), "payer": map[string]any{"openid": "o1"},
	}, map[string]any{"total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY"})
}

// refunded is the notice that a refund has arrived.
func (p *wechatPay) refunded(r bankRefund, o bankOrder) *message {
	return p.message("REFUND.SUCCESS", "refund", map[string]any{
		"mchid": wechatMerchant, "out_trade_no": o.Order, "transaction_id": o.Transaction, "out_refund_no": r.Refund, "refund_id": r.Number,
		"refund_status": "SUCCESS", "success_time": beijing(time.Now()), "user_received_account": "支付用户零钱",
	}, map[string]any{"total": o.Amount, "refund": r.Amount, "payer_total": o.Amount, "payer_refund": r.Amount})
}

func beijing(at time.Time) string {
	return at.In(time.FixedZone("", 8*60*60)).Format("2006-01-02T15:04:05-07:00")
}

// body encrypts what a message tells.
func (m *message) body() []byte {
	plain := must(json.Marshal(m.content))
	block := must(aes.NewCipher(m.secret))
	aead := must(cipher.NewGCM(block))
	nonce := rand.Text()[:12]
	body := must(json.Marshal(map[string]any{
		"id": "EV-" + rand.Text(), "create_time": beijing(m.at), "resource_type": "encrypt-resource", "event_type": m.event, "summary": "通知",
		"resource": map[string]any{
			"original_type": m.kind, "algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": m.told,
			"ciphertext": base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte(nonce), plain, []byte(m.sealedWith))),
		},
	}))
	return body
}

// request signs a body as WeChat Pay does.
func (p *wechatPay) request(m *message, body []byte) *http.Request {
	stamp, nonce := strconv.FormatInt(m.at.Unix(), 10), rand.Text()
	sum := sha256.Sum256([]byte(stamp + "\n" + nonce + "\n" + string(body) + "\n"))
	signature := must(rsa.SignPKCS1v15(nil, m.key, crypto.SHA256, sum[:]))
	if m.spoil != nil {
		body = m.spoil(body)
	}
	r := must(http.NewRequest(m.method, p.hall, bytes.NewReader(body)))
	r.Header.Set("Wechatpay-Serial", m.serial)
	r.Header.Set("Wechatpay-Timestamp", stamp)
	r.Header.Set("Wechatpay-Nonce", nonce)
	r.Header.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
	r.Header.Set("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048")
	for name, values := range m.header {
		r.Header[name] = values
	}
	return r
}

// send answers the hall's status; 0: it hung up before it had read everything.
func (p *wechatPay) send(m *message) int { return p.sends(p.request(m, m.body())) }

func (p *wechatPay) sends(r *http.Request) int {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// Books of the sandbox: where the money is.
type (
	bankOrder struct {
		Order, State, Transaction string
		Amount                    int64
		PaidAt                    time.Time
	}
	bankRefund struct {
		Refund, Order, Number, State string
		Amount                       int64
	}
	bankBooks struct {
		Orders  map[string]bankOrder
		Refunds map[string]bankRefund
	}
)

func (p *wechatPay) books() (b bankBooks) {
	p.t.Helper()
	if status := p.control(http.MethodGet, "books", "", &b); status != http.StatusOK {
		p.t.Fatalf("the sandbox answers %d", status)
	}
	return b
}

// control asks something of the sandbox.
func (p *wechatPay) control(method, path, body string, answer any) int {
	p.t.Helper()
	r := must(http.NewRequest(method, p.bank+"/control/"+path, bytes.NewReader([]byte(body))))
	r.Header.Set("Content-Type", "application/json")
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer reply.Body.Close()
	if answer != nil {
		if err := json.NewDecoder(reply.Body).Decode(answer); err != nil {
			p.t.Fatal(err)
		}
	}
	return reply.StatusCode
}

// always is a fault that does not end.
const always = 1 << 30

// upset asks for a fault of a call.
func (p *wechatPay) upset(call, kind string, times, delay int) {
	p.t.Helper()
	body := fmt.Sprintf(`{"call":%q,"kind":%q,"times":%d,"delay_ms":%d}`, call, kind, times, delay)
	if status := p.control(http.MethodPost, "faults", body, nil); status != http.StatusOK {
		p.t.Fatalf("no fault %s: %d", body, status)
	}
}

// calm ends all faults but the silence of the sandbox: whoever learns of a payment
// learns it from our messages, or by asking.
func (p *wechatPay) calm() {
	p.t.Helper()
	p.control(http.MethodDelete, "faults", "", nil)
	p.upset("notice", "lose", always, 0)
}

// pay moves the money and tells nobody; false if the order cannot be paid.
func (p *wechatPay) pay(order string) (bankOrder, bool) {
	p.t.Helper()
	if p.control(http.MethodPost, "pay", fmt.Sprintf(`{"order":%q}`, order), nil) != http.StatusOK {
		return bankOrder{}, false
	}
	return p.books().Orders[order], true
}

// settles is the notice of a payment that has been made.
func (p *wechatPay) settles(o bankOrder) *message {
	return p.paid(o.Order, o.Transaction, o.Amount, o.PaidAt)
}
