package sandbox

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/wechat"
)

type roundTrip func()

func (f roundTrip) RoundTrip(*http.Request) (*http.Response, error) {
	f()
	return &http.Response{StatusCode: 204, Header: http.Header{}, Body: http.NoBody}, nil
}

// TestRequestsAreChecked: who does not sign as the merchant is refused.
func TestRequestsAreChecked(t *testing.T) {
	w := newWorld(t)
	gateway := httptest.NewServer(w.server)
	defer gateway.Close()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	w.must(err)
	for what, change := range map[string]func(*wechat.Options){
		"key":      func(o *wechat.Options) { o.Key = stranger },
		"merchant": func(o *wechat.Options) { o.Merchant = "1900000002" },
		"serial":   func(o *wechat.Options) { o.Serial = "41" },
		"body": func(o *wechat.Options) {
			o.Transport = onTheWay(func(r *http.Request) {
				r.Body = io.NopCloser(strings.NewReader(`{"mchid":"1900000001"}`))
				r.ContentLength = 22
			})
		},
		"path": func(o *wechat.Options) {
			o.Transport = onTheWay(func(r *http.Request) { r.URL.Path = strings.ReplaceAll(r.URL.Path, "order-1", "order-2") })
		},
		"unsigned": func(o *wechat.Options) {
			o.Transport = onTheWay(func(r *http.Request) { r.Header.Del("Authorization") })
		},
	} {
		o := wechat.Options{Credentials: keys.Credentials(), NotifyURL: "http://127.0.0.1/", Gateway: gateway.URL, Clock: w.clock}
		change(&o)
		err := w.open(o).Close(t.Context(), "order-1")
		w.wants(err, payment.ErrChannel)
		if err == nil || !strings.Contains(certhall.CauseText(err), "SIGN_ERROR") {
			t.Errorf("%s: %s", what, certhall.CauseText(err))
		}
	}
	// The clock of the server stands where requests look old.
	late := NewServer(ServerOptions{Bank: w.bank, Keys: keys, Stamps: &clock{now: time.Now().Add(6 * time.Minute)}})
	other := httptest.NewServer(late)
	defer other.Close()
	err = w.open(wechat.Options{Credentials: keys.Credentials(), Gateway: other.URL, Clock: w.clock}).Close(t.Context(), "order-1")
	if err == nil || !strings.Contains(certhall.CauseText(err), "SIGN_ERROR") {
		t.Errorf("an old request: %s", certhall.CauseText(err))
	}
	w.must(w.open(wechat.Options{Credentials: keys.Credentials(), Gateway: gateway.URL, Clock: w.clock}).Close(t.Context(), "order-1"))
}

// onTheWay changes requests after they were signed.
type onTheWay func(*http.Request)

func (f onTheWay) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return http.DefaultTransport.RoundTrip(r)
}

func TestPayPage(t *testing.T) {
	w := newWorld(t)
	code := w.prepaid("order-1")
	ask := func(method, lang string, form url.Values, header ...string) *httptest.ResponseRecorder {
		target, body := "/pay?"+form.Encode(), io.Reader(http.NoBody)
		if method == http.MethodPost {
			target, body = "/pay", strings.NewReader(form.Encode())
		}
		r := httptest.NewRequest(method, target, body)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept-Language", lang)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		rec := httptest.NewRecorder()
		w.server.ServeHTTP(rec, r)
		return rec
	}
	has := func(r *httptest.ResponseRecorder, status int, words ...string) {
		t.Helper()
		for _, word := range words {
			if r.Code != status || !strings.Contains(r.Body.String(), word) {
				t.Fatalf("%d, %q is missing in %s", r.Code, word, r.Body)
			}
		}
	}
	here := url.Values{"code_url": {code}}
	has(ask("GET", "zh-CN", here), 200, "试用支付 · 不收真钱", "示范电子认证", "¥200.00", "政府采购项目 单位证书 续费 1 年", ">不付<")
	has(ask("GET", "en", here), 200, "Trial payment · no real money", "Do not pay")
	has(ask("GET", "zh-CN", url.Values{"code_url": {"weixin://wxpay/bizpayurl?pr=nothing"}}), 404, "没有找到这笔订单")
	has(ask("GET", "zh-CN", url.Values{}), 404, "没有找到这笔订单")
	has(ask("POST", "zh-CN", url.Values{"code_url": {code}, "act": {"leave"}}), 200, "没有付款")
	w.stands("order-1", payment.Unpaid)
	if r := ask("POST", "zh-CN", url.Values{"code_url": {code}, "act": {"pay"}}, "Sec-Fetch-Site", "cross-site"); r.Code != 403 {
		t.Error("another site's page can pay:", r.Code)
	}
	w.stands("order-1", payment.Unpaid)
	for range 2 {
		has(ask("POST", "zh-CN", url.Values{"code_url": {code}, "act": {"pay"}}), 200, "已支付")
	}
	w.stands("order-1", payment.Paid)
}

func TestControl(t *testing.T) {
	w := newWorld(t)
	gateway := httptest.NewServer(w.server)
	defer gateway.Close()
	ask := func(method, path, body string, change ...func(*http.Request)) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, gateway.URL+path, bytes.NewBufferString(body))
		w.must(err)
		r.Header.Set("Content-Type", "application/json")
		for _, f := range change {
			f(r)
		}
		reply, err := http.DefaultClient.Do(r)
		w.must(err)
		defer reply.Body.Close()
		var answer map[string]any
		_ = json.NewDecoder(reply.Body).Decode(&answer)
		return reply.StatusCode, answer
	}
	if status, _ := ask("POST", "/control/faults", `{"call":"query","kind":"refuse","code":"SYSTEM_ERROR","times":2}`); status != 200 {
		t.Fatal(status)
	}
	for range 2 {
		_, err := w.channel.Query(t.Context(), "order-1")
		w.wants(err, payment.ErrChannel)
	}
	_, err := w.channel.Query(t.Context(), "order-1")
	w.wants(err, payment.ErrUnknown)
	for _, wrong := range []string{``, `{"call":"query","kind":"abnormal"}`, `{"call":"notice","kind":"hang"}`, `{"call":"x","kind":"lose"}`, `{"call":"query","kind":"refuse","code":"x"}`} {
		if status, _ := ask("POST", "/control/faults", wrong); status != 422 {
			t.Errorf("%s: %d", wrong, status)
		}
	}
	w.prepaid("order-1")
	if status, answer := ask("POST", "/control/forge", `{"order":"order-1","how":"signature"}`); status != 200 || answer["status"] != 403.0 {
		t.Error(status, answer)
	}
	if status, _ := ask("POST", "/control/pay", `{"order":"order-1"}`); status != 200 {
		t.Error(status)
	}
	if _, answer := ask("POST", "/control/deliver", ``); answer["tries"] != 1.0 || len(w.heard) != 1 {
		t.Error(answer, w.heard)
	}
	if status, answer := ask("GET", "/control/books", ""); status != 200 || answer["orders"] == nil {
		t.Error(status, answer)
	}
	for what, change := range map[string]func(*http.Request){
		"another name": func(r *http.Request) { r.Host = "evil.test:80" },
		"a form":       func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
	} {
		if status, _ := ask("POST", "/control/release", "", change); status != 403 {
			t.Errorf("%s: %d", what, status)
		}
	}
	r := httptest.NewRequest("POST", "http://127.0.0.1:1/control/release", nil) // from 192.0.2.1
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	if w.server.ServeHTTP(rec, r); rec.Code != 403 {
		t.Error("from another machine:", rec.Code)
	}
}
