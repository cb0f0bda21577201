package services_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
)

// selling opens a shop: a year of renewal for 200.00, terms of 1, 2 and 5 years,
// of which 3 fit at the authority; within the window.
func (w *world) selling() (*shelf, *till) {
	w.Helper()
	s := w.offering(catalog.Policy{})
	for i := range s.Offers[0].Products {
		s.Offers[0].Products[i].Price, s.Offers[0].Products[i].Years = 20000, []int{1, 2, 5}
	}
	t := &till{w: w}
	w.Counter.Till = t
	w.clock.move(300 * day)
	return s, t
}

func wishFor(by signer, years int) services.Wish {
	return services.Wish{Serial: serialOf(by), Years: years}
}

func (w *world) place(who services.Caller, total certhall.Money, wishes ...services.Wish) services.OrderDetail {
	w.Helper()
	d, err := w.PlaceOrder(w.Context(), who, wishes, total)
	w.must(err)
	return d
}

// problemOf is the code at a cart's line; "" for none.
func problemOf(l services.CartLine) string {
	if l.Problem == nil {
		return ""
	}
	return l.Problem.Code
}

// TestCart: what lies there is priced as of now; what cannot be bought is marked
// and holds nothing else up.
func TestCart(t *testing.T) {
	w := newWorld(t)
	s, _ := w.selling()
	second, third := w.fake.grant("l2"), w.fake.grant("l3")
	stranger := w.fake.grant("l4")
	w.follow()
	me, colleague := w.handler(phone, "l1", "l2", "l3"), w.handler(otherPhone, "l3")
	ctx := t.Context()
	cart, err := w.PutInCart(ctx, me, []services.Wish{wishFor(w.old, 0), wishFor(second, 2), wishFor(third, 5)})
	w.must(err)
	if cart.Count != 2 || cart.Total != 60000 || len(cart.Lines) != 3 {
		t.Fatalf("%+v", cart)
	}
	for _, l := range cart.Lines {
		if want := map[certhall.Serial]string{serialOf(third): "years-unfit"}[l.Serial]; problemOf(l) != want || !slices.Equal(l.Choices, []int{1, 2}) || l.Service != certhall.Renew {
			t.Errorf("%s: %q, choices %v", l.Serial, problemOf(l), l.Choices)
		}
	}
	if _, err := w.PutInCart(ctx, me, []services.Wish{wishFor(second, 1), wishFor(stranger, 1)}); err == nil {
		t.Error("another person's certificate was put into the cart")
	} else {
		refused(t, err, authority.ErrUnknownCert)
	}
	if cart, _ = w.Cart(ctx, me); cart.Total != 60000 {
		t.Errorf("a refused change counted: %+v", cart)
	}
	cart, err = w.PutInCart(ctx, me, []services.Wish{wishFor(third, 1)})
	w.must(err)
	if cart.Count != 3 || cart.Total != 80000 {
		t.Errorf("years changed: %d for %s", cart.Count, cart.Total)
	}
	s.Offers[0].Products[0].Price = 30000
	if cart, _ = w.Cart(ctx, me); cart.Total != 120000 {
		t.Errorf("at the new price: %s", cart.Total)
	}
	order := w.place(colleague, 30000, wishFor(third, 1))
	if cart, _ = w.Cart(ctx, me); cart.Total != 90000 || problemOf(cart.Lines[2]) != "order-unpaid" && problemOf(cart.Lines[1]) != "order-unpaid" && problemOf(cart.Lines[0]) != "order-unpaid" {
		t.Errorf("in a colleague's unpaid order: %+v", cart)
	}
	for _, l := range cart.Lines {
		if l.Certificate.Order != "" {
			t.Error("a colleague's order is offered to be paid")
		}
	}
	w.paid(order.Order)
	w.clock.move(100 * day) // now they are expired
	cart, err = w.Cart(ctx, me)
	w.must(err)
	for _, l := range cart.Lines {
		if want := map[certhall.Serial]string{serialOf(third): "entitled-already"}[l.Serial]; problemOf(l) != want || l.Service != certhall.Repair {
			t.Errorf("%s of %s: %q", l.Service, l.Serial, problemOf(l))
		}
	}
	w.fake.refuse = authority.ErrTerm
	if cart, _ = w.Cart(ctx, me); cart.Count != 0 || cart.Total != 0 {
		t.Errorf("the authority refuses, and the cart sells %+v", cart)
	}
	w.fake.refuse = nil
	cart, err = w.TakeFromCart(ctx, me, []certhall.Serial{serialOf(w.old), serialOf(third), serialOf(stranger), "00"})
	w.must(err)
	if len(cart.Lines) != 1 || cart.Lines[0].Serial != serialOf(second) {
		t.Errorf("left: %+v", cart.Lines)
	}
	s.Offers = nil
	if cart, _ = w.Cart(ctx, me); problemOf(cart.Lines[0]) != "not-offered" || cart.Lines[0].Names == nil {
		t.Errorf("not on offer: %+v", cart.Lines[0])
	}
	if cart, _ := w.Cart(ctx, services.Caller{}); len(cart.Lines) != 0 {
		t.Errorf("nobody's cart: %+v", cart)
	}
}

// TestCartOutsideTheWindow asks the authority nothing.
func TestCartOutsideTheWindow(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	w.selling()
	w.clock.move(-200 * day)
	cart, err := w.PutInCart(t.Context(), me, []services.Wish{wishFor(w.old, 1)})
	w.must(err)
	if problemOf(cart.Lines[0]) != "too-early" || cart.Lines[0].Price != 20000 || w.fake.called("Eligible") != 0 {
		t.Errorf("%+v", cart.Lines[0])
	}
	_, err = w.PlaceOrder(t.Context(), me, []services.Wish{wishFor(w.old, 1)}, 20000)
	refused(t, err, authority.ErrTooEarly)
}

func TestFullCart(t *testing.T) {
	w := newWorld(t)
	w.selling()
	var lineages []certhall.LineageID
	var wishes []services.Wish
	w.must(w.store.Write(t.Context(), func(wr services.Writer) error {
		for i := range orders.CartLimit + 1 {
			p := *w.fake.bySerial(serialOf(w.old)).Pair
			p.ID, p.Lineage, p.SignSerial = certhall.PairID(fmt.Sprint("p", i)), certhall.LineageID(fmt.Sprint("many", i)), certhall.Serial(fmt.Sprintf("%06x", i))
			p.State = authority.Current
			lineages, wishes = append(lineages, p.Lineage), append(wishes, services.Wish{Serial: p.SignSerial})
			if err := wr.ProjectPair(p, int64(100+i)); err != nil {
				return err
			}
		}
		return nil
	}))
	me := w.handler(phone, lineages...)
	_, err := w.PutInCart(t.Context(), me, wishes)
	refused(t, err, orders.ErrCartFull)
	if cart, err := w.Cart(t.Context(), me); err != nil || len(cart.Lines) != 0 {
		t.Errorf("%d lines, %v", len(cart.Lines), err)
	}
}

// TestCheckout: at the total that was read, all or nothing; what is ordered leaves
// the cart.
func TestCheckout(t *testing.T) {
	w := newWorld(t)
	s, till := w.selling()
	second := w.fake.grant("l2")
	w.follow()
	me := w.handler(phone, "l1", "l2")
	ctx := t.Context()
	both := []services.Wish{wishFor(w.old, 1), wishFor(second, 2)}
	_, err := w.PutInCart(ctx, me, both)
	w.must(err)
	_, err = w.PlaceOrder(ctx, me, both, 59999)
	refused(t, err, orders.ErrPriceChanged)
	if got := certhall.AsError(err).Params["total"]; got != "600.00" {
		t.Errorf("the new total is %q", got)
	}
	_, err = w.PlaceOrder(ctx, me, []services.Wish{both[0], wishFor(second, 5)}, 60000)
	refused(t, err, orders.ErrUnfit)
	_, err = w.PlaceOrder(ctx, me, []services.Wish{wishFor(second, 5)}, 100000)
	refused(t, err, orders.ErrYears)
	_, err = w.PlaceOrder(ctx, w.handler(otherPhone), both, 60000)
	refused(t, err, authority.ErrUnknownCert)
	_, err = w.PlaceOrder(ctx, me, []services.Wish{both[0], both[0]}, 40000)
	refused(t, err, authority.ErrUnknownCert)
	if cart, _ := w.Cart(ctx, me); cart.Count != 2 {
		t.Errorf("refusals emptied the cart: %+v", cart)
	}
	d := w.place(me, 20000, both[0])
	if d.Standing != orders.Unpaid || d.CodeURL == "" || !d.Whole || d.Total != 20000 || !slices.Equal(d.Actions, []string{services.ActPay, services.ActCancel}) {
		t.Errorf("placed: %+v", d)
	}
	if cart, _ := w.Cart(ctx, me); len(cart.Lines) != 1 || cart.Count != 1 {
		t.Errorf("left in the cart: %+v", cart)
	}
	if c := w.certificates(me); c[0].Order != d.Order && c[1].Order != d.Order {
		t.Error("the list does not tell of the unpaid order")
	}
	_, err = w.PlaceOrder(ctx, me, both, 60000)
	refused(t, err, orders.ErrUnfit)
	till.fail = certhall.NewError("payment-unavailable", certhall.Unavailable)
	third := w.place(me, 40000, both[1])
	if third.CodeURL != "" || third.Problem == nil || third.Problem.Code != orders.ErrNotPayable.Code {
		t.Errorf("without the channel: %+v", third)
	}
	till.fail = nil
	if third, _ = w.Order(ctx, me, third.Order); third.CodeURL == "" || third.Problem != nil {
		t.Errorf("the channel is back: %+v", third)
	}
	asked := till.asked
	if _, err := w.Order(ctx, me, third.Order); err != nil || till.asked != asked {
		t.Error("asked for a code that is there")
	}
	cancelled, err := w.CancelOrder(ctx, me, third.Order)
	w.must(err)
	if cancelled.Standing != orders.Closing || cancelled.CodeURL != "" || len(cancelled.Actions) != 0 {
		t.Errorf("cancelled: %+v", cancelled)
	}
	w.paid(d.Order)
	_, err = w.CancelOrder(ctx, me, d.Order)
	refused(t, err, orders.ErrOrderOver)
	s.Offers[0].Products[0].Price = 0
	w.Counter.Till = nil
	w.fake.grant("l3")
	w.follow()
	_ = w.handler(phone, "l3")
	for _, h := range w.certificates(me) {
		if h.Entitlement == "" && h.Order == "" && h.Case == nil {
			if free := w.place(me, 0, services.Wish{Serial: h.Serial}); free.Standing != orders.Paid || free.Open != 1 || !slices.Equal(free.Actions, []string{services.ActUse}) {
				t.Errorf("free: %+v", free)
			}
		}
	}
}

// TestWhoSeesAnOrder: who made it, all; handlers and bearers, their lines.
func TestWhoSeesAnOrder(t *testing.T) {
	w := newWorld(t)
	w.selling()
	second := w.fake.grant("l2")
	w.follow()
	me, colleague, other := w.handler(phone, "l1", "l2"), w.handler(otherPhone, "l2"), w.handler("13700000003")
	ctx := t.Context()
	visitor := w.open(w.old)
	d := w.place(me, 40000, wishFor(w.old, 1), wishFor(second, 1))
	for name, who := range map[string]services.Caller{"nobody": {}, "another person": other, "a token of a case that does not use it": {Token: visitor.Token}, "no token": {Token: "x"}} {
		if _, err := w.Order(ctx, who, d.Order); err == nil {
			t.Errorf("%s sees the order", name)
		} else {
			refused(t, err, orders.ErrOrderMissing)
		}
		if _, err := w.CancelOrder(ctx, who, d.Order); err == nil {
			t.Errorf("%s cancels the order", name)
		}
	}
	_, err := w.Order(ctx, me, "none")
	refused(t, err, orders.ErrOrderMissing)
	part, err := w.Order(ctx, colleague, d.Order)
	w.must(err)
	if part.Whole || len(part.Lines) != 1 || part.Lines[0].Serial != serialOf(second) || part.Total != 20000 || part.CodeURL+part.Transaction+part.Channel != "" || len(part.Actions) != 0 {
		t.Errorf("a colleague sees %+v", part)
	}
	_, err = w.CancelOrder(ctx, colleague, d.Order)
	refused(t, err, orders.ErrOrderMissing)
	w.paid(d.Order)
	if part, _ = w.Order(ctx, colleague, d.Order); len(part.Lines) != 1 || part.Open != 1 || !slices.Equal(part.Actions, []string{services.ActUse}) || part.Transaction != "" {
		t.Errorf("paid, a colleague sees %+v", part)
	}
	w.reply(visitor, w.listing(w.old))
	w.must(w.work())
	w.prove(visitor)
	part, err = w.Order(ctx, services.Caller{Token: visitor.Token}, d.Order)
	w.must(err)
	if part.Whole || len(part.Lines) != 1 || part.Lines[0].Case != visitor.Case || part.Lines[0].Certificate != nil {
		t.Errorf("the bearer of the case's token sees %+v", part)
	}
}

// TestKeyAfterKey: what is open over all orders, with the case or how one is opened.
func TestKeyAfterKey(t *testing.T) {
	w := newWorld(t)
	s, _ := w.selling()
	second := w.fake.grant("l2")
	w.follow()
	me, colleague := w.handler(phone, "l1", "l2"), w.handler(otherPhone, "l2")
	ctx := t.Context()
	rights := func(who services.Caller) []services.RightView {
		list, err := w.Entitlements(ctx, who)
		w.must(err)
		return list.Entitlements
	}
	d := w.place(me, 60000, wishFor(w.old, 1), wishFor(second, 2))
	if got := rights(me); len(got) != 0 {
		t.Errorf("unpaid: %+v", got)
	}
	w.paid(d.Order)
	s.Offers = nil // what was bought stays
	if got := rights(me); len(got) != 2 || got[0].Order != d.Order || got[0].Serial != serialOf(w.old) || got[0].State != orders.Open || got[0].Certificate.Entitlement != got[0].Entitlement ||
		!slices.Equal(got[0].Certificate.Actions, []certhall.Service{certhall.Renew}) || got[1].Years != 2 {
		t.Errorf("paid: %+v", got)
	}
	if got := rights(colleague); len(got) != 1 || got[0].Serial != serialOf(second) {
		t.Errorf("a colleague may use %+v", got)
	}
	o := w.done()
	if got := rights(me); len(got) != 1 || got[0].Serial != serialOf(second) {
		t.Errorf("one is used: %+v", got)
	}
	d, err := w.Order(ctx, me, d.Order)
	w.must(err)
	first := d.Lines[0]
	if d.Open != 1 || first.State != orders.Spent || first.Case != o.Case || first.Certificate == nil || first.Certificate.Serial != w.stored(o.Case).NewSerial {
		t.Errorf("the order: %+v", d)
	}
	if next := d.Lines[1]; next.State != orders.Open || next.Certificate == nil || next.Certificate.Serial != serialOf(second) || next.KeyNumber != "N1" {
		t.Errorf("the next line: %+v", next)
	}
}

// TestUpdates: cases and orders together, the latest first, page by page.
func TestUpdates(t *testing.T) {
	w := newWorld(t)
	w.selling()
	me, other := w.handler(phone, "l1"), w.handler(otherPhone, "l9")
	ctx := t.Context()
	d := w.place(me, 20000, wishFor(w.old, 1))
	w.clock.move(day)
	o := w.open(w.old)
	h, err := w.Updates(ctx, me, "", "")
	w.must(err)
	if len(h.Entries) != 2 || h.Entries[0].Case == nil || h.Entries[0].Case.Case != o.Case || h.Entries[1].Order == nil || h.Entries[1].Order.Order != d.Order || h.Before != "" {
		t.Fatalf("%+v", h)
	}
	if a, b := h.Entries[0].Actions, h.Entries[1].Actions; !slices.Equal(a, []string{services.ActContinue}) || !slices.Equal(b, []string{services.ActPay, services.ActCancel}) {
		t.Errorf("can be done: %v, %v", a, b)
	}
	w.paid(d.Order)
	h, _ = w.Updates(ctx, me, services.OrderKind, "")
	if len(h.Entries) != 1 || h.Entries[0].Order.Open != 1 || h.Entries[0].Order.Count != 1 || h.Entries[0].Order.First.Serial != serialOf(w.old) ||
		!slices.Equal(h.Entries[0].Actions, []string{services.ActUse, services.ActRefund, services.ActReceipt, services.ActInvoice}) {
		t.Errorf("paid: %+v", h.Entries)
	}
	if h, _ = w.Updates(ctx, me, services.CaseKind, ""); len(h.Entries) != 1 || h.Entries[0].Kind != services.CaseKind {
		t.Errorf("cases alone: %+v", h)
	}
	for _, who := range []services.Caller{other, {}} {
		if h, err := w.Updates(ctx, who, "", ""); err != nil || len(h.Entries) != 0 || h.Entries == nil {
			t.Errorf("others see %+v, %v", h, err)
		}
	}
	w.must(w.store.Write(ctx, func(wr services.Writer) error { // many at one moment: none is left out
		for i := range 2 * services.UpdatesPage {
			line := orders.Line{Entitlement: certhall.EntitlementID(fmt.Sprint("e", i)), Lineage: certhall.LineageID(fmt.Sprint("x", i))}
			o := orders.Order{ID: certhall.OrderID(fmt.Sprintf("o%03d", i)), Person: me.Person, Standing: orders.Closed, MadeAt: w.clock.Now(), Lines: []orders.Line{line}}
			if _, err := wr.AddOrder(o); err != nil {
				return err
			}
		}
		return nil
	}))
	seen, before := map[string]bool{}, ""
	for page := range 3 {
		h, err := w.Updates(ctx, me, "", before)
		w.must(err)
		for _, e := range h.Entries {
			id := ""
			if e.Order != nil {
				id = string(e.Order.Order)
			} else {
				id = string(e.Case.Case)
			}
			if seen[id] {
				t.Fatalf("page %d, behind the mark %q, begins before it: %s was shown already", page+1, before, id)
			}
			seen[id] = true
		}
		before = h.Before
	}
	if len(seen) != 2*services.UpdatesPage+2 || before != "" {
		t.Errorf("%d seen, then %q", len(seen), before)
	}
	if h, err := w.Updates(ctx, me, "", "nonsense"); err != nil || len(h.Entries) != services.UpdatesPage {
		t.Errorf("a mark that is none: %d, %v", len(h.Entries), err)
	}
}

// TestReceiptAndInvoice are for who made the order alone.
func TestReceiptAndInvoice(t *testing.T) {
	w := newWorld(t)
	w.selling()
	me, colleague := w.handler(phone, "l1"), w.handler(otherPhone, "l1")
	ctx := t.Context()
	d := w.place(me, 20000, wishFor(w.old, 1))
	_, err := w.Receipt(ctx, me, d.Order)
	refused(t, err, orders.ErrNoReceipt)
	ask := orders.InvoiceRequest{Holder: orders.ForPerson, Title: "张三", Mail: "z@example.com"}
	_, err = w.AskInvoice(ctx, me, d.Order, ask)
	refused(t, err, orders.ErrInvoiceNothing)
	w.paid(d.Order)
	receipt, err := w.Receipt(ctx, me, d.Order)
	w.must(err)
	if receipt.Number != d.Order || receipt.Words != "贰佰元整" || receipt.Transaction == "" {
		t.Errorf("%+v", receipt)
	}
	_, err = w.Receipt(ctx, colleague, d.Order)
	refused(t, err, orders.ErrOrderMissing)
	_, err = w.AskInvoice(ctx, colleague, d.Order, ask)
	refused(t, err, orders.ErrOrderMissing)
	_, err = w.WithdrawInvoice(ctx, me, d.Order)
	refused(t, err, orders.ErrInvoiceMissing)
	if v, err := w.AskInvoice(ctx, me, d.Order, ask); err != nil || v.Standing != orders.InvoiceRequested || v.Amount != 20000 {
		t.Errorf("%+v, %v", v, err)
	}
	ask.Title = "李四"
	if v, err := w.AskInvoice(ctx, me, d.Order, ask); err != nil || v.Title != "李四" {
		t.Errorf("%+v, %v", v, err)
	}
	found, err := w.Invoices(ctx, orders.InvoiceRequested, start, 10)
	w.must(err)
	if len(found) != 1 || found[0].Invoice.Version != 2 || found[0].Kept() != 20000 {
		t.Fatalf("officers see %+v", found)
	}
	b, err := w.OfficeInvoice(ctx, d.Order, "wang", func(b orders.Billed, now time.Time) (orders.Invoice, error) { return b.Issue("n1", now, now) })
	w.must(err)
	if b.Invoice.Standing != orders.InvoiceIssued || b.Invoice.Amount != 20000 {
		t.Errorf("issued: %+v", b.Invoice)
	}
	_, err = w.AskInvoice(ctx, me, d.Order, ask)
	refused(t, err, orders.ErrInvoiceStands)
	if shown, _ := w.Order(ctx, me, d.Order); shown.Invoice == nil || shown.Invoice.Number != "n1" || !slices.Contains(shown.Actions, services.ActInvoice) {
		t.Errorf("the order: %+v", shown.Invoice)
	}
	if shown, _ := w.Order(ctx, colleague, d.Order); shown.Invoice != nil {
		t.Errorf("a colleague sees %+v", shown.Invoice)
	}
	if h, _ := w.Updates(ctx, me, services.OrderKind, ""); h.Entries[0].Order.Invoice == nil {
		t.Error("the list has no invoice")
	}
}
