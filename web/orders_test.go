package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/web"
)

// shop answers what the test says, and notes who asked for what.
type shop struct {
	web.Shop
	calls  int
	who    services.Caller
	id     certhall.OrderID
	wishes []services.Wish
	total  certhall.Money
	kind   string
	before string
	refund string
	err    error
}

func (s *shop) note(who services.Caller) error {
	s.calls++
	s.who = who
	return s.err
}

var early = &services.Problem{Code: "too-early", Params: map[string]string{"date": "2027-06-01"}}

func (s *shop) Cart(_ context.Context, who services.Caller) (services.Cart, error) {
	p := *early
	return services.Cart{Lines: []services.CartLine{{Problem: &p}}}, s.note(who)
}

func (s *shop) PutInCart(_ context.Context, who services.Caller, wishes []services.Wish) (services.Cart, error) {
	s.wishes = wishes
	return services.Cart{}, s.note(who)
}

func (s *shop) TakeFromCart(_ context.Context, who services.Caller, _ []certhall.Serial) (services.Cart, error) {
	return services.Cart{}, s.note(who)
}

func (s *shop) PlaceOrder(_ context.Context, who services.Caller, wishes []services.Wish, total certhall.Money) (services.OrderDetail, error) {
	s.wishes, s.total = wishes, total
	return services.OrderDetail{OrderHead: orders.OrderHead{Order: "o1"}}, s.note(who)
}

func (s *shop) Order(_ context.Context, who services.Caller, id certhall.OrderID) (services.OrderDetail, error) {
	s.id = id
	return services.OrderDetail{}, s.note(who)
}

func (s *shop) RefundOrder(_ context.Context, who services.Caller, id certhall.OrderID, which []certhall.EntitlementID, reason string) (services.OrderDetail, error) {
	s.refund = fmt.Sprintf("%s %s %s", id, which, reason)
	return services.OrderDetail{}, s.note(who)
}

func (s *shop) CancelOrder(_ context.Context, who services.Caller, id certhall.OrderID) (services.OrderDetail, error) {
	s.id = id
	return services.OrderDetail{}, s.note(who)
}

func (s *shop) Entitlements(_ context.Context, who services.Caller) (services.RightList, error) {
	return services.RightList{}, s.note(who)
}

func (s *shop) Updates(_ context.Context, who services.Caller, kind, before string) (services.Updates, error) {
	s.kind, s.before = kind, before
	return services.Updates{}, s.note(who)
}

func (s *shop) Receipt(_ context.Context, who services.Caller, id certhall.OrderID) (orders.Receipt, error) {
	return orders.Receipt{Number: id, Words: "壹佰元整"}, s.note(who)
}

func (s *shop) AskInvoice(_ context.Context, who services.Caller, id certhall.OrderID, ask orders.InvoiceRequest) (services.InvoiceView, error) {
	s.id = id
	return services.InvoiceView{InvoiceRequest: ask}, s.note(who)
}

func (s *shop) WithdrawInvoice(_ context.Context, who services.Caller, id certhall.OrderID) (services.InvoiceView, error) {
	s.id = id
	return services.InvoiceView{}, s.note(who)
}

func selling(t *testing.T) (site, *shop) {
	s := new(shop)
	return newSite(t, func(o *web.Options) { o.Shop, o.Hall.Name = s, "某省数字证书认证中心" }), s
}

// TestBuyingWantsALogIn; an order answers the bearer of a case's token too.
func TestBuyingWantsALogIn(t *testing.T) {
	at, s := selling(t)
	b := at.browser()
	routes := []struct{ method, path, body string }{
		{"GET", "/api/cart", ""}, {"POST", "/api/cart", `{"lines":[{"serial":"0a","years":2}]}`}, {"POST", "/api/cart/remove", `{"serials":["0a"]}`},
		{"POST", "/api/orders", `{"lines":[{"serial":"0a"}],"total":20000}`}, {"GET", "/api/orders", ""}, {"GET", "/api/entitlements", ""}, {"GET", "/api/history", ""},
	}
	for _, r := range routes {
		b.refused(401, "login-needed", r.method, r.path, r.body, "Authorization", "Bearer token-of-a-case")
	}
	if s.calls > 0 {
		t.Errorf("asked %d times", s.calls)
	}
	b.must(200, "GET", "/api/orders/o1", "", "Authorization", "Bearer t1")
	if s.who != (services.Caller{Token: "t1"}) || s.id != "o1" {
		t.Errorf("asked as %+v for %s", s.who, s.id)
	}
	b.logIn(li)
	for _, r := range routes {
		s.who = services.Caller{}
		if w := b.do(r.method, r.path, r.body); w.Code >= 300 || s.who.Person == "" || s.who.Token != "" {
			t.Errorf("%s %s: %d, asked as %+v", r.method, r.path, w.Code, s.who)
		}
	}
	b.must(200, "POST", "/api/orders/o2/cancel", "{}")
	if s.who.Person == "" || s.id != "o2" {
		t.Errorf("asked as %+v for %s", s.who, s.id)
	}
	b.must(200, "POST", "/api/orders/o2/refund", `{"entitlements":["e1"],"reason":"不再需要"}`, "Authorization", "Bearer t1")
	if s.refund != "o2 [e1] 不再需要" {
		t.Errorf("refund of %s", s.refund)
	}
	b.refused(422, "input-malformed", "POST", "/api/orders/o2/refund", `{"entitlements":["e1"]}`)
	s.err = orders.ErrOrderMissing
	b.refused(404, "order-missing", "GET", "/api/orders/o1", "")
	b.refused(404, "order-missing", "POST", "/api/orders/o1/cancel", "")
}

func TestWhatIsAskedOfTheShop(t *testing.T) {
	at, s := selling(t)
	b := at.browser()
	b.logIn(li)
	b.must(200, "GET", "/api/history?kind=case&before=x-1", "")
	if s.kind != services.CaseKind || s.before != "x-1" {
		t.Errorf("history of %q before %q", s.kind, s.before)
	}
	b.must(200, "GET", "/api/orders?before=x-2", "")
	if s.kind != services.OrderKind || s.before != "x-2" {
		t.Errorf("history of %q before %q", s.kind, s.before)
	}
	for _, c := range []struct{ path, body string }{
		{"/api/cart", `{}`}, {"/api/cart", `{"lines":[]}`}, {"/api/cart", `{"lines":[{"serial":"0a","years":-1}]}`}, {"/api/cart", `{"lines":[{"serial":"0a","price":1}]}`},
		{"/api/orders", `{"lines":[{"serial":"0a"}]}`}, {"/api/orders", `{"lines":[{"serial":"0a"}],"total":-1}`}, {"/api/orders", `{"lines":[{"serial":"0a","service":"apply"}],"total":1}`},
		{"/api/cart", `{"lines":[` + strings.Repeat(`{"serial":"0a"},`, orders.CartLimit) + `{"serial":"0b"}]}`},
	} {
		b.refused(422, "input-malformed", "POST", c.path, c.body)
	}
	for i, lang := range []string{"zh-CN", "en"} {
		if body := b.must(200, "GET", "/api/cart", "", "Accept-Language", lang).Body.String(); !strings.Contains(body, []string{"2027-06-01 起可以办理", "opens on 2027-06-01"}[i]) {
			t.Errorf("in %s: %s", lang, body)
		}
	}
}

// TestOrderingTwiceIsOnce under the same key; another order under it is refused.
func TestOrderingTwiceIsOnce(t *testing.T) {
	at, s := selling(t)
	b := at.browser()
	b.logIn(li)
	const body = `{"lines":[{"serial":"0a","service":"renew","years":2}],"total":40000}`
	first := b.must(http.StatusCreated, "POST", "/api/orders", body, "Idempotency-Key", "k1").Body.String()
	again := b.must(http.StatusCreated, "POST", "/api/orders", body, "Idempotency-Key", "k1").Body.String()
	if s.calls != 1 || first != again || s.total != 40000 || s.wishes[0] != (services.Wish{Serial: "0a", Service: certhall.Renew, Years: 2}) {
		t.Errorf("%d calls: %s, then %s", s.calls, first, again)
	}
	b.refused(409, "idempotency-conflict", "POST", "/api/orders", strings.Replace(body, "40000", "20000", 1), "Idempotency-Key", "k1")
	s.err = orders.ErrPriceChanged.With("total", "600.00")
	if w := b.do("POST", "/api/orders", body, "Idempotency-Key", "k2"); w.Code != 409 || !strings.Contains(w.Body.String(), `"total":"600.00"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestReceiptAndInvoice(t *testing.T) {
	at, s := selling(t)
	b := at.browser()
	b.logIn(li)
	if body := b.must(200, "GET", "/api/orders/o1/receipt", "").Body.String(); !strings.Contains(body, "某省数字证书认证中心") || !strings.Contains(body, "壹佰元整") {
		t.Errorf("receipt %s", body)
	}
	w := b.do("GET", "/api/orders/o1/receipt.pdf", "")
	if ok := w.Code == 200 && w.Header().Get("Content-Type") == "application/pdf" && strings.HasPrefix(w.Body.String(), "%PDF-"); !ok && !strings.Contains(w.Body.String(), `"code":"receipt-font"`) {
		t.Errorf("PDF: %d %s", w.Code, w.Header())
	}
	const ask = `{"holder":"organisation","title":"某公司","tax_number":"91350100M000100Y43","mail":"a@example.com"}`
	if body := b.must(200, "POST", "/api/orders/o1/invoice", ask).Body.String(); !strings.Contains(body, `"title":"某公司"`) || s.id != "o1" {
		t.Errorf("invoice %s", body)
	}
	b.must(200, "POST", "/api/orders/o2/invoice/withdraw", "{}")
	for _, body := range []string{`{}`, `{"holder":"nobody","title":"x","mail":"a@example.com"}`, strings.Replace(ask, "某公司", strings.Repeat("长", 101), 1)} {
		b.refused(422, "input-malformed", "POST", "/api/orders/o1/invoice", body)
	}
	s.err = orders.ErrTaxNumber
	b.refused(422, "invoice-tax-number", "POST", "/api/orders/o1/invoice", ask)
	s.err = orders.ErrOrderMissing
	for _, r := range []struct{ method, path, body string }{
		{"GET", "/api/orders/o1/receipt", ""}, {"GET", "/api/orders/o1/receipt.pdf", ""}, {"POST", "/api/orders/o1/invoice", ask}, {"POST", "/api/orders/o1/invoice/withdraw", "{}"},
	} {
		b.refused(404, "order-missing", r.method, r.path, r.body)
	}
}
