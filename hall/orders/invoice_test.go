package orders_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/orders"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

func done(amount certhall.Money) orders.Refund {
	return orders.Refund{Standing: orders.RefundDone, Amount: amount, Number: "r", EndedAt: noon}
}

func paidOrder() orders.Order {
	line := orders.Line{Entitlement: "e1", Years: 2, Price: 20000}
	return orders.Order{ID: "o1", Standing: orders.Paid, Total: 40000, Channel: "wechat", Transaction: "t1", PaidAt: noon, Lines: []orders.Line{line}}
}

func TestWhoMayBeInvoiced(t *testing.T) {
	company := func(change func(*orders.InvoiceRequest)) orders.InvoiceRequest {
		r := orders.InvoiceRequest{Holder: orders.ForOrganisation, Title: " 某某有限公司 ", TaxNumber: "9135 0100m000100y43", Mail: "cw@Example.com"}
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		change func(*orders.InvoiceRequest)
		want   error
	}{
		"a company":                        {func(*orders.InvoiceRequest) {}, nil},
		"a wrong check character":          {func(r *orders.InvoiceRequest) { r.TaxNumber = "91350100M000100Y44" }, orders.ErrTaxNumber},
		"an older number":                  {func(r *orders.InvoiceRequest) { r.TaxNumber = "350100123456789" }, nil},
		"an identity card's":               {func(r *orders.InvoiceRequest) { r.TaxNumber = "11010519491231002x" }, nil},
		"a wrong identity card's":          {func(r *orders.InvoiceRequest) { r.TaxNumber = "110105194912310021" }, orders.ErrTaxNumber},
		"20 characters":                    {func(r *orders.InvoiceRequest) { r.TaxNumber = "11010519491231002X01" }, nil},
		"too short":                        {func(r *orders.InvoiceRequest) { r.TaxNumber = "35010012345678" }, orders.ErrTaxNumber},
		"too long":                         {func(r *orders.InvoiceRequest) { r.TaxNumber = strings.Repeat("1", 21) }, orders.ErrTaxNumber},
		"other characters":                 {func(r *orders.InvoiceRequest) { r.TaxNumber = "35010012345678-" }, orders.ErrTaxNumber},
		"a company without a number":       {func(r *orders.InvoiceRequest) { r.TaxNumber = " " }, orders.ErrTaxMissing},
		"a person":                         {func(r *orders.InvoiceRequest) { r.Holder, r.TaxNumber = orders.ForPerson, "" }, nil},
		"a person with a number":           {func(r *orders.InvoiceRequest) { r.Holder = orders.ForPerson }, orders.ErrTaxPerson},
		"no title":                         {func(r *orders.InvoiceRequest) { r.Title = "  " }, orders.ErrInvoiceTitle},
		"a title that is too long":         {func(r *orders.InvoiceRequest) { r.Title = strings.Repeat("长", 101) }, orders.ErrInvoiceTitle},
		"a title with a control character": {func(r *orders.InvoiceRequest) { r.Title = "某\x00公司" }, orders.ErrInvoiceTitle},
		"no mail":                          {func(r *orders.InvoiceRequest) { r.Mail = "" }, accounts.ErrMail},
	} {
		i, err := orders.Billed{Order: paidOrder()}.Ask(company(c.change), "p", noon)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil && (i.Standing != orders.InvoiceRequested || i.Version != 1 || i.Title != "某某有限公司" || i.Mail != "cw@example.com" || i.TaxNumber != strings.ToUpper(i.TaxNumber)) {
			t.Errorf("%s: %+v", name, i)
		}
	}
}

// TestInvoiceStandings: every act from every standing.
func TestInvoiceStandings(t *testing.T) {
	asked := orders.InvoiceRequest{Holder: orders.ForPerson, Title: "张三", Mail: "z@example.com"}
	acts := map[string]func(orders.Billed) (orders.Invoice, error){
		"ask":      func(b orders.Billed) (orders.Invoice, error) { return b.Ask(asked, "p", noon) },
		"withdraw": func(b orders.Billed) (orders.Invoice, error) { return b.Withdraw(noon) },
		"issue":    func(b orders.Billed) (orders.Invoice, error) { return b.Issue("n1", noon, noon) },
		"refuse":   func(b orders.Billed) (orders.Invoice, error) { return b.Refuse("why", noon) },
		"reverse":  func(b orders.Billed) (orders.Invoice, error) { return b.Reverse("n2", noon) },
	}
	becomes := map[orders.InvoiceStanding]map[string]orders.InvoiceStanding{
		"":                      {"ask": orders.InvoiceRequested},
		orders.InvoiceRequested: {"ask": orders.InvoiceRequested, "withdraw": orders.InvoiceWithdrawn, "issue": orders.InvoiceIssued, "refuse": orders.InvoiceRefused},
		orders.InvoiceIssued:    {"reverse": orders.InvoiceIssued},
		orders.InvoiceRefused:   {"ask": orders.InvoiceRequested},
		orders.InvoiceWithdrawn: {"ask": orders.InvoiceRequested},
	}
	for standing, allowed := range becomes {
		for act, do := range acts {
			b := orders.Billed{Order: paidOrder()}
			if standing != "" {
				b.Invoice = &orders.Invoice{InvoiceRequest: asked, Order: "o1", Version: 3, Standing: standing, Amount: 50000}
			}
			i, err := do(b)
			want, ok := allowed[act]
			if ok != (err == nil) || ok && (i.Standing != want || b.Invoice != nil && i.Version != 4 || !i.ChangedAt.Equal(noon)) {
				t.Errorf("%s, %s: %+v, %v", standing, act, i, err)
			}
		}
	}
}

// TestInvoiceOverWhatWasKept: refunds before it lower it, refunds after it want a
// red one.
func TestInvoiceOverWhatWasKept(t *testing.T) {
	requested := &orders.Invoice{Order: "o1", Version: 1, Standing: orders.InvoiceRequested}
	b := orders.Billed{Order: paidOrder(), Refunds: []orders.Refund{done(15000), {Standing: orders.RefundDone, Whole: true, Amount: 40000}}, Invoice: requested}
	issued, err := b.Issue("n1", noon, noon)
	if err != nil || issued.Amount != 25000 || issued.Number != "n1" {
		t.Fatalf("%+v, %v", issued, err)
	}
	for _, standing := range []orders.RefundStanding{orders.RefundWaiting, orders.RefundWanted, orders.RefundSent, orders.RefundFailed} {
		under := orders.Billed{Order: paidOrder(), Refunds: []orders.Refund{{Standing: standing}}, Invoice: requested}
		if _, err := under.Issue("n1", noon, noon); !errors.Is(err, orders.ErrInvoiceRefund) {
			t.Errorf("a refund is %s: %v", standing, err)
		}
	}
	b.Invoice = &issued
	if b.RedDue() != 0 {
		t.Errorf("nothing went back since, but %s is due", b.RedDue())
	}
	b.Refunds = append(b.Refunds, done(5000))
	red, err := b.Reverse("n2", noon)
	if b.RedDue() != 5000 || err != nil || red.Reversed != 5000 || red.RedNumber != "n2" {
		t.Errorf("%s due: %+v, %v", b.RedDue(), red, err)
	}
	b.Invoice = &red
	if _, err := b.Reverse("n3", noon); !errors.Is(err, orders.ErrInvoiceNothing) || b.RedDue() != 0 {
		t.Errorf("twice: %v", err)
	}
	all := orders.Billed{Order: paidOrder(), Refunds: []orders.Refund{done(40000)}, Invoice: requested}
	if _, err := all.Issue("n1", noon, noon); !errors.Is(err, orders.ErrInvoiceNothing) {
		t.Errorf("all went back: %v", err)
	}
	unpaid := orders.Billed{Order: orders.Order{Standing: orders.Unpaid, Total: 100}}
	if _, err := unpaid.Ask(orders.InvoiceRequest{Holder: orders.ForPerson, Title: "张三", Mail: "z@example.com"}, "p", noon); !errors.Is(err, orders.ErrInvoiceNothing) {
		t.Errorf("unpaid: %v", err)
	}
}

func TestReceipt(t *testing.T) {
	r, err := orders.ReceiptOf(paidOrder(), []orders.Entitlement{{ID: "e1", State: orders.Open}}, []orders.Refund{done(15000), {Standing: orders.RefundSent, Amount: 1}})
	if err != nil || r.Words != "肆佰元整" || r.Refunded != 15000 || r.Kept != 25000 || r.KeptWords != "贰佰伍拾元整" || len(r.Refunds) != 1 || r.Lines[0].State != orders.Open || r.Lines[0].Subtotal != 40000 {
		t.Errorf("%+v, %v", r, err)
	}
	for name, o := range map[string]orders.Order{"unpaid": {Standing: orders.Unpaid, Total: 1}, "free": {Standing: orders.Paid}, "closed": {Standing: orders.Closed, Total: 1}} {
		if _, err := orders.ReceiptOf(o, nil, nil); !errors.Is(err, orders.ErrNoReceipt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
