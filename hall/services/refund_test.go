package services_test

import (
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

// paidCase is a case that is paid for and asks for its key.
func paidCase(t *testing.T) (*world, services.Opened, certhall.OrderID) {
	t.Helper()
	w, _ := priced(t, 200_00)
	o, _ := w.atPay()
	order := w.answer(o, agree(1, 200_00)).Ask.Pay.Order.Order
	w.paid(order)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "prepare")
	return w, o, order
}

func (w *world) refunds(id certhall.OrderID) (all []orders.Refund) {
	w.Helper()
	w.must(w.store.Read(w.Context(), func(r services.Reader) (err error) {
		all, err = r.RefundsOf(id)
		return err
	}))
	return all
}

// settled expects one refund as it stands, and its only right.
func (w *world) settled(order certhall.OrderID, standing orders.RefundStanding, state orders.State) {
	w.Helper()
	var made []orders.Entitlement
	w.must(w.store.Read(w.Context(), func(r services.Reader) (err error) {
		made, err = r.EntitlementsOf(order)
		return err
	}))
	all := w.refunds(order)
	if len(all) != 1 || all[0].Standing != standing || len(made) != 1 || made[0].State != state {
		w.Fatalf("refunds %+v, rights %+v; want %s, %s", all, made, standing, state)
	}
	if want := map[orders.RefundStanding]certhall.Money{orders.RefundWanted: 200_00}[standing]; all[0].Amount != want || (standing == orders.RefundWanted) == all[0].Due.IsZero() {
		w.Fatalf("refund %+v", all[0])
	}
}

// TestRefundClosesTheCase: whatever state it is in, the money waits for the signed
// closing, and goes then.
func TestRefundClosesTheCase(t *testing.T) {
	for name, bring := range map[string]func(w *world, o services.Opened){
		"at the key": func(*world, services.Opened) {},
		"asked for":  func(w *world, o services.Opened) { w.reply(o, w.prepared(o, 1)) },
		"issued": func(w *world, o services.Opened) {
			w.reply(o, w.prepared(o, 1))
			w.must(w.work())
		},
		"installed": func(w *world, o services.Opened) {
			w.reply(o, w.prepared(o, 1))
			w.must(w.work())
			w.reply(o, proof.Installed{Authority: authorityID, Case: string(o.Case), Attempt: 1})
		},
		"being closed": func(w *world, o services.Opened) {
			if _, err := w.Close(w.Context(), services.Caller{Token: o.Token}, o.Case); err != nil {
				w.Fatal(err)
			}
		},
		"refused": func(w *world, o services.Opened) {
			w.reply(o, w.prepared(o, 1))
			w.fake.fail["Issue"] = authority.ErrRequest
			w.fake.fail["Close"] = certhall.ErrInternal
			_ = w.work()
			if k := w.stored(o.Case); k.State != services.Refused {
				w.Fatal(k.State)
			}
			delete(w.fake.fail, "Close")
		},
		"lapsed": func(w *world, o services.Opened) {
			w.fake.fail["Close"] = certhall.ErrInternal
			w.fake.shut(o.Case)
			_ = w.work()
			if k := w.stored(o.Case); k.State != services.Closed || len(k.Closing) > 0 {
				w.Fatal(k.State)
			}
			delete(w.fake.fail, "Close")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, o, order := paidCase(t)
			bring(w, o)
			if _, err := w.RefundOrderBy(t.Context(), order, nil, "张三", "用户不用了"); err != nil {
				t.Fatal(err)
			}
			w.settled(order, orders.RefundWaiting, orders.Refunding)
			if k := w.stored(o.Case); k.State == services.Open {
				t.Error("the case goes on")
			}
			if _, err := w.RefundOrderBy(t.Context(), order, nil, "张三", "again"); err == nil {
				t.Error("asked for twice")
			}
			w.must(w.work())
			w.settled(order, orders.RefundWanted, orders.Refunding)
			if got := w.stored(o.Case); len(got.Closing) == 0 {
				t.Error("the money goes without a signed closing")
			}
		})
	}
}

// TestRefundAfterClosing: the case gave its right back before.
func TestRefundAfterClosing(t *testing.T) {
	w, o, order := paidCase(t)
	if _, err := w.Close(t.Context(), services.Caller{Token: o.Token}, o.Case); err != nil {
		t.Fatal(err)
	}
	w.must(w.work())
	if _, err := w.RefundOrderBy(t.Context(), order, nil, "张三", "x"); err != nil {
		t.Fatal(err)
	}
	w.settled(order, orders.RefundWanted, orders.Refunding)
}

// TestAcknowledgedWhileRefunding: the pair is current first: the right is spent,
// and nothing goes back.
func TestAcknowledgedWhileRefunding(t *testing.T) {
	w, o, order := paidCase(t)
	w.reply(o, w.prepared(o, 1))
	w.must(w.work())
	w.reply(o, proof.Installed{Authority: authorityID, Case: string(o.Case), Attempt: 1})
	signed := w.acknowledgement(o, 1)
	if _, err := w.RefundOrderBy(t.Context(), order, nil, "张三", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.fake.Acknowledge(t.Context(), signed); err != nil {
		t.Fatal(err)
	}
	w.must(w.work())
	w.settled(order, orders.RefundDropped, orders.Spent)
	if k := w.stored(o.Case); k.State != services.Done {
		t.Error(k.State)
	}
}

// TestRefundOfWhatWasUsed: done, or its container lost, the right is spent.
func TestRefundOfWhatWasUsed(t *testing.T) {
	for _, lost := range []bool{false, true} {
		w, o, order := paidCase(t)
		w.reply(o, w.prepared(o, 1))
		w.must(w.work())
		w.reply(o, proof.Installed{Authority: authorityID, Case: string(o.Case), Attempt: 1})
		w.reply(o, w.acknowledgement(o, 1))
		w.must(w.work())
		if lost {
			w.reply(o, w.trouble(o, 1, proof.Absent))
		}
		if k := w.stored(o.Case); (k.State == services.NeedsReissue) != lost {
			t.Fatal(k.State)
		}
		which := []certhall.EntitlementID{w.stored(o.Case).Entitlement}
		for _, named := range [][]certhall.EntitlementID{nil, which} {
			_, err := w.RefundOrderBy(t.Context(), order, named, "张三", "x")
			refused(t, err, orders.ErrUsed)
		}
		if all := w.refunds(order); len(all) != 0 {
			t.Errorf("%+v", all)
		}
	}
}

// TestWhoMayRefund: who made the order, or handles the certificate; nobody else
// learns that there is one.
func TestWhoMayRefund(t *testing.T) {
	for name, c := range map[string]struct {
		who func(w *world, o services.Opened) services.Caller
		may bool
	}{
		"who made it":                     {func(w *world, _ services.Opened) services.Caller { return services.Caller{Person: w.account(phone)} }, true},
		"by its case":                     {func(_ *world, o services.Opened) services.Caller { return services.Caller{Token: o.Token} }, true},
		"by its case, with the key alone": {func(w *world, _ services.Opened) services.Caller { return services.Caller{Token: w.open(w.old).Token} }, false},
		"a handler":                       {func(w *world, _ services.Opened) services.Caller { return w.handler("13900000009", "l1") }, true},
		"somebody":                        {func(w *world, _ services.Opened) services.Caller { return w.handler("13900000009", "other") }, false},
		"nobody":                          {func(*world, services.Opened) services.Caller { return services.Caller{} }, false},
		"a false token":                   {func(*world, services.Opened) services.Caller { return services.Caller{Token: "x"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, o, order := paidCase(t)
			which := []certhall.EntitlementID{w.stored(o.Case).Entitlement}
			d, err := w.RefundOrder(t.Context(), c.who(w, o), order, which, "不用了")
			if !c.may {
				refused(t, err, orders.ErrOrderMissing)
				return
			}
			w.must(err)
			if d.Open != 0 || d.Whole && (len(d.Refunds) != 1 || d.Refunds[0].Standing != orders.RefundWaiting) {
				t.Errorf("%+v", d)
			}
		})
	}
	w, _, order := paidCase(t)
	_, err := w.RefundOrder(t.Context(), services.Caller{Person: w.account(phone)}, order, []certhall.EntitlementID{"elsewhere"}, "x")
	refused(t, err, orders.ErrOrderMissing)
	_, err = w.RefundOrderBy(t.Context(), "none", nil, "张三", "x")
	refused(t, err, orders.ErrOrderMissing)
}

// TestTokenIsNoPurse: whoever uses with the key alone what somebody else bought
// cannot have it paid back.
func TestTokenIsNoPurse(t *testing.T) {
	w, _ := priced(t, 200_00)
	var order orders.Order
	w.must(w.store.Write(t.Context(), func(wr services.Writer) (err error) {
		line := orders.Line{Lineage: "l1", Service: certhall.Renew, Years: 1, Price: 200_00}
		order, err = orders.Place(wr, orders.Order{Person: "buyer", Lines: []orders.Line{line}}, 200_00, "wechat", start, w.Random)
		return err
	}))
	w.paid(order.ID)
	o := w.atPhone()
	w.expect(w.prove(o), services.Open, services.StepPrepare, "prepare")
	_, err := w.RefundOrder(t.Context(), services.Caller{Token: o.Token}, order.ID, nil, "x")
	refused(t, err, orders.ErrOrderMissing)
	if _, err = w.RefundOrder(t.Context(), services.Caller{Person: "buyer"}, order.ID, nil, "x"); err != nil {
		t.Error(err)
	}
}
