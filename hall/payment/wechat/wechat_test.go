package wechat

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	key    = sync.OnceValue(newKey) // ours, and WeChat Pay's as well
	other  = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// platform is a platform certificate over our key.
var platform = sync.OnceValue(func() *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(0x4142), NotAfter: time.Now().Add(time.Hour)},
		&x509.Certificate{}, &key().PublicKey, key())
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
})

const keyID = "PUB_KEY_ID_1"

func options() Options {
	return Options{
		Credentials: Credentials{Merchant: "1900000109", App: "wx1", Serial: "41", Key: key(), Secret: secret, PublicKeyID: keyID, PublicKey: &key().PublicKey},
		NotifyURL:   "https://hall.test/api/payment/notice", Clock: certhall.SystemClock{},
	}
}

func sign(h http.Header, body, serial string, by *rsa.PrivateKey, at time.Time) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signature, err := utils.SignSHA256WithRSA(stamp+"\nn\n"+body+"\n", by)
	if err != nil {
		panic(err)
	}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", "n")
	h.Set("Wechatpay-Serial", serial)
	h.Set("Wechatpay-Signature", signature)
}

// gateway answers every request alike.
func gateway(t *testing.T, status int, body string, change func(http.Header)) *Channel {
	t.Helper()
	return gatewayOf(t, func(w http.ResponseWriter, _ *http.Request) {
		sign(w.Header(), body, keyID, key(), time.Now())
		if change != nil {
			change(w.Header())
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func gatewayOf(t *testing.T, answer http.HandlerFunc) *Channel {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	o := options()
	o.Gateway = server.URL
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const paidAnswer = `{"appid":"wx1","mchid":"1900000109","out_trade_no":"order-1","trade_state":"SUCCESS","transaction_id":"4200",` +
	`"success_time":"2026-11-23T16:00:00+08:00","amount":{"total":20000,"currency":"CNY","payer_total":19000}}`

// TestQueryAnswers: an answer that is not verified, not about our order, or not
// whole says nothing.
func TestQueryAnswers(t *testing.T) {
	state := func(s string) string { return strings.Replace(paidAnswer, "SUCCESS", s, 1) }
	for _, c := range []struct {
		what   string
		status int
		body   string
		change func(http.Header)
		want   payment.State
		err    error
	}{
		{"paid", 200, paidAnswer, nil, payment.Paid, nil},
		{"refunded", 200, state("REFUND"), nil, payment.Refunded, nil},
		{"not paid", 200, `{"appid":"wx1","mchid":"1900000109","out_trade_no":"order-1","trade_state":"NOTPAY"}`, nil, payment.Unpaid, nil},
		{"paying", 200, state("USERPAYING"), nil, payment.Unpaid, nil},
		{"closed", 200, state("CLOSED"), nil, payment.Shut, nil},
		{"revoked", 200, state("REVOKED"), nil, payment.Shut, nil},
		{"failed", 200, state("PAYERROR"), nil, payment.Failed, nil},
		{"another state", 200, state("PERHAPS"), nil, "", payment.ErrChannel},
		{"another order", 200, strings.Replace(paidAnswer, "order-1", "order-2", 1), nil, "", payment.ErrChannel},
		{"another merchant", 200, strings.Replace(paidAnswer, "1900000109", "1900000110", 1), nil, "", payment.ErrChannel},
		{"another app", 200, strings.Replace(paidAnswer, "wx1", "wx2", 1), nil, "", payment.ErrChannel},
		{"no number", 200, strings.Replace(paidAnswer, `"4200"`, `""`, 1), nil, "", payment.ErrChannel},
		{"no time", 200, strings.Replace(paidAnswer, "2026-11-23T16", "today", 1), nil, "", payment.ErrChannel},
		{"no amount", 200, strings.Replace(paidAnswer, "20000", "0", 1), nil, "", payment.ErrChannel},
		{"no currency", 200, strings.Replace(paidAnswer, `"currency":"CNY",`, "", 1), nil, "", payment.ErrChannel},
		{"not JSON", 200, `<html>`, nil, "", payment.ErrChannel},
		{"empty", 200, ``, nil, "", payment.ErrChannel},
		{"too long", 200, strings.Repeat(" ", maxReply) + paidAnswer, nil, "", payment.ErrChannel},
		{"unsigned", 200, paidAnswer, func(h http.Header) { h.Del("Wechatpay-Signature") }, "", payment.ErrChannel},
		{"no time stamp", 200, paidAnswer, func(h http.Header) { h.Del("Wechatpay-Timestamp") }, "", payment.ErrChannel},
		{"unknown key", 200, paidAnswer, func(h http.Header) { h.Set("Wechatpay-Serial", "PUB_KEY_ID_2") }, "", payment.ErrChannel},
		{"another key", 200, paidAnswer, func(h http.Header) { sign(h, paidAnswer, keyID, other(), time.Now()) }, "", payment.ErrChannel},
		{"another body", 200, paidAnswer, func(h http.Header) { sign(h, paidAnswer+" ", keyID, key(), time.Now()) }, "", payment.ErrChannel},
		{"old", 200, paidAnswer, func(h http.Header) { sign(h, paidAnswer, keyID, key(), time.Now().Add(-6*time.Minute)) }, "", payment.ErrChannel},
		{"of the future", 200, paidAnswer, func(h http.Header) { sign(h, paidAnswer, keyID, key(), time.Now().Add(6*time.Minute)) }, "", payment.ErrChannel},
		{"a redirection", 302, ``, func(h http.Header) { h.Set("Location", "https://example.test/") }, "", payment.ErrChannel},
		{"not there", 404, `{"code":"ORDER_NOT_EXIST","message":"x"}`, nil, "", payment.ErrUnknown},
		{"not there, older word", 404, `{"code":"ORDERNOTEXIST"}`, nil, "", payment.ErrUnknown},
		{"not there, unsigned", 404, `{"code":"ORDER_NOT_EXIST"}`, func(h http.Header) { h.Del("Wechatpay-Signature") }, "", payment.ErrChannel},
		{"refused", 403, `{"code":"NO_AUTH"}`, nil, "", payment.ErrRefused},
		{"refused without a word", 403, `{}`, nil, "", payment.ErrChannel},
		{"a code that is not known", 500, `{"code":"SOMETHING"}`, nil, "", payment.ErrChannel},
		{"too often", 429, `{"code":"SOMETHING"}`, nil, "", payment.ErrChannel},
	} {
		t.Run(c.what, func(t *testing.T) {
			p, err := gateway(t, c.status, c.body, c.change).Query(t.Context(), "order-1")
			if !errors.Is(err, c.err) || c.err == nil && p.State != c.want || c.err != nil && p != (payment.Payment{}) {
				t.Fatalf("%+v %v", p, err)
			}
			if c.want == payment.Paid {
				want := payment.Payment{Order: "order-1", State: payment.Paid, Transaction: "4200", Amount: 20000, Currency: "CNY", Merchant: "1900000109",
					PaidAt: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
				if p != want {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

// TestRepliesAreBounded: a reply without end is not read to its end.
func TestRepliesAreBounded(t *testing.T) {
	_, err := gateway(t, 200, strings.Repeat(" ", maxReply+1), nil).Query(t.Context(), "order-1")
	if !errors.Is(err, payment.ErrChannel) || !strings.Contains(certhall.CauseText(err), "longer than") {
		t.Error(certhall.CauseText(err))
	}
}

// TestRedirections are not followed: WeChat Pay knows none.
func TestRedirections(t *testing.T) {
	asked := 0
	c := gatewayOf(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		sign(w.Header(), "", keyID, key(), time.Now())
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	if err := c.Close(t.Context(), "order-1"); !errors.Is(err, payment.ErrChannel) || asked != 1 {
		t.Error(err, asked)
	}
}

func TestCloseAnswers(t *testing.T) {
	for code, want := range map[string]error{
		"ORDER_CLOSED": nil, "ORDERCLOSED": nil, "ORDER_NOT_EXIST": nil, "ORDERPAID": payment.ErrPaid, "SYSTEM_ERROR": payment.ErrChannel, "USERPAYING": payment.ErrChannel,
		"PARAM_ERROR": payment.ErrRefused,
	} {
		if err := gateway(t, 400, `{"code":"`+code+`"}`, nil).Close(t.Context(), "order-1"); !errors.Is(err, want) {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// TestRefusalsSayNothingOfKeys: a refusal's reason is its code, no more.
func TestRefusalsSayNothingOfKeys(t *testing.T) {
	_, err := gateway(t, 400, `{"code":"PARAM_ERROR","message":"out_trade_no"}`, nil).Query(t.Context(), "order-1")
	if err.Error() != "payment-refused map[reason:PARAM_ERROR]" || !strings.HasSuffix(certhall.CauseText(err), "400 PARAM_ERROR: out_trade_no") {
		t.Errorf("%v: %s", err, certhall.CauseText(err))
	}
}

func TestRefundAnswers(t *testing.T) {
	const whole = `{"refund_id":"5030","out_refund_no":"refund-1","out_trade_no":"order-1","status":"SUCCESS","success_time":"2026-11-23T16:00:00+08:00","amount":{"refund":100,"total":200}}`
	for body, want := range map[string]payment.RefundState{
		whole: payment.RefundDone,
		strings.Replace(strings.Replace(whole, "SUCCESS", "PROCESSING", 1), "2026-11-23T16:00:00+08:00", "0001-01-01T00:00:00Z", 1): payment.RefundProcessing,
		strings.Replace(whole, "SUCCESS", "ABNORMAL", 1):                                  payment.RefundAbnormal,
		strings.Replace(whole, "SUCCESS", "CLOSED", 1):                                    payment.RefundClosed,
		strings.Replace(whole, "SUCCESS", "PERHAPS", 1):                                   "",
		strings.Replace(whole, "refund-1", "refund-2", 1):                                 "",
		strings.Replace(whole, `"5030"`, `""`, 1):                                         "",
		strings.Replace(whole, `100`, `0`, 1):                                             "",
		strings.Replace(whole, `"success_time":"2026-11-23T16:00:00+08:00",`, "", 1):      "",
		strings.Replace(whole, "2026-11-23T16:00:00+08:00", "0001-01-01T00:00:00Z", 1):    "",
		strings.Replace(whole, `"amount":{"refund":100,"total":200}`, `"amount":null`, 1): "",
		strings.Replace(whole, `"status":"SUCCESS"`, `"status":null`, 1):                  "",
		strings.Replace(whole, `"out_trade_no":"order-1"`, `"out_trade_no":null`, 1):      "",
	} {
		r, err := gateway(t, 200, body, nil).QueryRefund(t.Context(), "refund-1")
		if r.State != want && want != "" || errors.Is(err, payment.ErrChannel) != (want == "") {
			t.Errorf("%s: %+v %v", body, r, err)
		}
	}
}

// TestPlatformCertificate: replies may be signed by a platform certificate, alone or beside the public key.
func TestPlatformCertificate(t *testing.T) {
	for _, both := range []bool{false, true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			wanted := "4142"
			if both {
				wanted = keyID
			}
			if got := r.Header.Get("Wechatpay-Serial"); got != wanted {
				t.Errorf("asks for a signature by %q, want %q", got, wanted)
			}
			sign(w.Header(), paidAnswer, "4142", key(), time.Now())
			_, _ = io.WriteString(w, paidAnswer)
		}))
		defer server.Close()
		o := options()
		o.Gateway, o.Platform = server.URL, []*x509.Certificate{platform()}
		if !both {
			o.PublicKey, o.PublicKeyID = nil, ""
		}
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := c.Query(t.Context(), "order-1"); err != nil || p.State != payment.Paid {
			t.Error(p, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for what, change := range map[string]func(*Options){
		"merchant": func(o *Options) { o.Merchant = "" },
		"app":      func(o *Options) { o.App = "" },
		"serial":   func(o *Options) { o.Serial = "" },
		"key":      func(o *Options) { o.Key = nil },
		"secret":   func(o *Options) { o.Secret = o.Secret[1:] },
		"public":   func(o *Options) { o.PublicKey = nil },
		"id":       func(o *Options) { o.PublicKeyID = "" },
		"gateway":  func(o *Options) { o.Gateway = "nowhere" },
	} {
		o := options()
		change(&o)
		if c, err := New(o); err == nil {
			t.Errorf("%s: %+v", what, c)
		}
	}
}

// TestPrepayRequest: the description is cut at a character, times are Beijing's.
func TestPrepayRequest(t *testing.T) {
	var sent map[string]any
	c := gatewayOf(t, func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&sent)
		sign(w.Header(), `{"code_url":"weixin://x"}`, keyID, key(), time.Now())
		_, _ = io.WriteString(w, `{"code_url":"weixin://x"}`)
	})
	code, err := c.Prepay(t.Context(), payment.Prepay{Order: "order-1", About: strings.Repeat("证", 50), Amount: 1, Expires: time.Date(2026, 11, 23, 8, 0, 0, 5, time.UTC)})
	if err != nil || code != "weixin://x" {
		t.Fatal(code, err)
	}
	if sent["description"] != strings.Repeat("证", 42) || sent["time_expire"] != "2026-11-23T16:00:00+08:00" || sent["notify_url"] != "https://hall.test/api/payment/notice" {
		t.Errorf("%v", sent)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	keyFile := func(name string, k *rsa.PrivateKey) string {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return write(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	public, err := x509.MarshalPKIXPublicKey(&key().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	right := Files{
		Merchant: "1900000109", App: "wx1", PublicKeyID: keyID,
		Certificate: write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: platform().Raw})),
		Key:         keyFile("key.pem", key()), Secret: write("secret", append(bytes.Clone(secret), '\n')),
		PublicKey: write("pub.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}
	got, err := right.Read()
	if err != nil || got.Serial != "4142" || !got.Key.Equal(key()) || !bytes.Equal(got.Secret, secret) || !got.PublicKey.Equal(&key().PublicKey) {
		t.Fatalf("%v %s", err, got.Serial)
	}
	text := write("text", []byte("no key at all, and never shown"))
	for what, change := range map[string]func(*Files){
		"certificate": func(f *Files) { f.Certificate = text },
		"key":         func(f *Files) { f.Key = text },
		"other key":   func(f *Files) { f.Key = keyFile("other.pem", other()) },
		"secret":      func(f *Files) { f.Secret = text },
		"no secret":   func(f *Files) { f.Secret = filepath.Join(dir, "nothing") },
		"public":      func(f *Files) { f.PublicKey = text },
		"platform":    func(f *Files) { f.Platform = []string{text} },
	} {
		f := right
		change(&f)
		_, err := f.Read()
		if !errors.Is(err, ErrFile) || strings.Contains(certhall.CauseText(err), "never shown") {
			t.Errorf("%s: %s", what, certhall.CauseText(err))
		}
	}
}

// callback is a notice as WeChat Pay sends it.
func callback(event string, content []byte) *http.Request {
	return signedCallback(sealed(event, content))
}

func sealed(event string, content []byte) []byte {
	block, _ := aes.NewCipher(secret)
	aead, _ := cipher.NewGCM(block)
	nonce := "0123456789ab"
	body, _ := json.Marshal(map[string]any{"event_type": event, "resource": map[string]string{"algorithm": aeadName, "nonce": nonce, "associated_data": "a",
		"ciphertext": base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte(nonce), content, []byte("a")))}})
	return body
}

func signedCallback(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/payment/notice", bytes.NewReader(body))
	sign(r.Header, string(body), keyID, key(), time.Now())
	return r
}

const refundNoticed = `{"mchid":"1900000109","out_trade_no":"order-1","out_refund_no":"refund-1","refund_id":"5030","refund_status":"SUCCESS","success_time":"2026-11-23T16:00:00+08:00","amount":{"refund":100}}`

func TestNotices(t *testing.T) {
	c := gateway(t, 200, "", nil)
	for _, n := range []struct {
		event, content string
		fine           bool
	}{
		{paidEvent, paidAnswer, true},
		{"REFUND.SUCCESS", refundNoticed, true},
		{"REFUND.CLOSED", strings.Replace(refundNoticed, "SUCCESS", "CLOSED", 1), true},
		{"REFUND.ABNORMAL", strings.Replace(refundNoticed, "SUCCESS", "ABNORMAL", 1), true},
		{paidEvent, strings.Replace(paidAnswer, "SUCCESS", "NOTPAY", 1), false},
		{paidEvent, strings.Replace(paidAnswer, "SUCCESS", "REFUND", 1), false},
		{paidEvent, strings.Replace(paidAnswer, "order-1", "", 1), false},
		{paidEvent, refundNoticed, false},
		{paidEvent, `null`, false},
		{paidEvent, `[]`, false},
		{"REFUND.SUCCESS", paidAnswer, false},
		{"REFUND.CLOSED", refundNoticed, false}, // says SUCCESS within
		{"REFUND.ABNORMAL", strings.Replace(refundNoticed, "SUCCESS", "CLOSED", 1), false},
		{"REFUND.SUCCESS", strings.Replace(refundNoticed, "1900000109", "1900000110", 1), false},
		{"REFUND.SUCCESS", strings.Replace(refundNoticed, "refund-1", "", 1), false},
		{"REFUND.SUCCESS", strings.Replace(refundNoticed, "2026", "x", 1), false},
		{"REFUND.SUCCESS", strings.Replace(refundNoticed, "100", "-100", 1), false},
		{"COUPON.USE", paidAnswer, false},
		{"", paidAnswer, false},
	} {
		got, err := c.Notice(callback(n.event, []byte(n.content)))
		if (err == nil) != n.fine || err != nil && (!errors.Is(err, payment.ErrNotice) || got != (payment.Notice{})) || err == nil && (got.Payment == nil) == (got.Refund == nil) {
			t.Errorf("%s %s: %+v %v", n.event, n.content, got, err)
		}
	}
	long := callback(paidEvent, bytes.Repeat([]byte(" "), maxNotice))
	if _, err := c.Notice(long); !errors.Is(err, payment.ErrNotice) {
		t.Error("a long notice:", err)
	}
	for _, body := range []string{`{"event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"short","ciphertext":"AAAA"}}`,
		`{"event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_SM4","nonce":"0123456789ab","ciphertext":"AAAA"}}`,
		`{"event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"0123456789ab","ciphertext":"*"}}`, `{}`, ``} {
		if _, err := c.Notice(signedCallback([]byte(body))); !errors.Is(err, payment.ErrNotice) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// believing takes every message for signed.
type believing struct{}

func (believing) Verify(context.Context, string, string, string) error { return nil }

func (believing) GetSerial(context.Context) (string, error) { return keyID, nil }

// FuzzNotice: whatever a signed notice says, it is either whole or refused.
func FuzzNotice(f *testing.F) {
	c, err := New(options())
	if err != nil {
		f.Fatal(err)
	}
	c.witness.verifier = believing{} // signing would take all the time
	f.Add(paidEvent, []byte(paidAnswer), false)
	f.Add("REFUND.SUCCESS", []byte(refundNoticed), false)
	f.Add("", []byte(`{"event_type":"TRANSACTION.SUCCESS","resource":{"algorithm":"AEAD_AES_256_GCM","nonce":"x"}}`), true)
	f.Fuzz(func(t *testing.T, event string, content []byte, raw bool) {
		body := content
		if !raw {
			body = sealed(event, content)
		}
		r := httptest.NewRequest(http.MethodPost, "/api/payment/notice", bytes.NewReader(body))
		r.Header.Set("Wechatpay-Timestamp", strconv.FormatInt(time.Now().Unix(), 10))
		n, err := c.Notice(r)
		switch {
		case err != nil && !errors.Is(err, payment.ErrNotice):
			t.Fatal(err)
		case err == nil && n.Payment != nil:
			if p := n.Payment; p.Order == "" || p.Amount <= 0 || p.Transaction == "" || p.Merchant != "1900000109" {
				t.Fatalf("%+v", p)
			}
		case err == nil && n.Refund != nil:
			if r := n.Refund; r.Refund == "" || r.Amount <= 0 || r.Number == "" {
				t.Fatalf("%+v", r)
			}
		}
	})
}

const billText = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n" +
	"`2026-11-23 16:00:00,`wx1,`1900000109,`0,`,`4200,`order-1,`o,`NATIVE,`SUCCESS,`OTHERS,`CNY,`200.00,`0.00,`0,`0,`0.00,`0.00,`,`,`续费, 1 年,`,`1.20000,`0.60%,`200.00,`0.00,`\r\n" +
	"`2026-11-23 17:00:00,`wx1,`1900000109,`0,`,`4200,`order-1,`o,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`5030,`refund-1,`80.5,`0.00,`ORIGINAL,`PROCESSING,`续费,`,`0.00000,`0.60%,`0.00,`80.5,`\r\n" +
	"总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n" +
	"`2,`200.00,`80.50,`0.00,`1.20000,`200.00,`80.50\r\n"

func TestReadBill(t *testing.T) {
	rows, err := readBill([]byte("\ufeff"+billText), "1900000109")
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	want := []payment.BillRow{
		{At: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Order: "order-1", Transaction: "4200", Amount: 20000, State: "SUCCESS"},
		{At: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), Order: "order-1", Transaction: "4200", Refund: "refund-1", Amount: 8050, State: "PROCESSING"},
	}
	if rows[0] != want[0] || rows[1] != want[1] {
		t.Errorf("%+v", rows)
	}
	lines := strings.SplitAfter(billText, "\r\n")
	for what, text := range map[string]string{
		"nothing":          "",
		"half":             billText[:len(billText)/2],
		"a row is missing": strings.Replace(billText, lines[1], "", 1),
		"a row twice":      strings.Replace(billText, lines[1], lines[1]+lines[1], 1),
		"no sums":          strings.Join(lines[:3], ""),
		"another merchant": strings.Replace(billText, "1900000109", "1900000110", 1),
		"another currency": strings.Replace(billText, "CNY", "USD", 1),
		"another amount":   strings.Replace(billText, "0.60%,`200.00", "0.60%,`200.01", 1),
		"another refund":   strings.Replace(billText, "80.5,`\r\n", "80.4,`\r\n", 1),
		"parts of a fen":   strings.Replace(billText, "80.5,`\r\n", "80.505,`\r\n", 1),
		"negative":         strings.Replace(billText, "80.5,`\r\n", "-80.5,`\r\n", 1),
		"no time":          strings.Replace(billText, "2026-11-23 16", "today 16", 1),
		"no order":         strings.Replace(billText, "order-1", "", 1),
		"a cell more":      strings.Replace(billText, "`NATIVE", "`NATIVE,`x", 1),
		"other columns":    strings.Replace(billText, "申请退款金额", "退款", 1),
		"an error in JSON": `{"code":"SYSTEM_ERROR"}`,
	} {
		if rows, err := readBill([]byte(text), "1900000109"); err == nil {
			t.Errorf("%s: %+v", what, rows)
		}
	}
}

// FuzzReadBill: no file makes it fall over, and what it reads adds up.
func FuzzReadBill(f *testing.F) {
	f.Add([]byte(billText))
	f.Add([]byte("a,b\n`1,`2\na\n`1"))
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, err := readBill(file, "1900000109")
		for _, r := range rows {
			if err == nil && (r.Order == "" || r.Amount <= 0 || r.Transaction == "") {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func TestYuan(t *testing.T) {
	for text, want := range map[string]certhall.Money{"0": 0, "0.00": 0, "1": 100, "1.5": 150, "200.00": 20000, "0.01": 1, "10995116277.75": 1<<40 - 1} {
		if got, err := yuan(text); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"", ".", "x", "1.234", "-1", "+1", "1e3", "1,000", "10995116277.76", "1.-1", " 1"} {
		if got, err := yuan(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// TestGoneCaller: a caller that has left gets no answer to act upon.
func TestGoneCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gateway(t, 200, paidAnswer, nil).Query(ctx, "order-1"); !errors.Is(err, payment.ErrChannel) {
		t.Error(err)
	}
}
