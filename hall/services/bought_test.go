package services_test

import (
	"testing"
	"time"

	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
)

// TestBoughtIsTold: whoever has proved the phone reads with what the case's
// right was bought, in the loop and at the case's own address; nobody else does.
func TestBoughtIsTold(t *testing.T) {
	w := newWorld(t)
	s := w.offering(catalog.Policy{})
	s.Offers[0].Products[0].Price, s.Offers[0].Products[0].Years = 0, []int{2, 1}
	o := w.atPhone()
	if n := w.prove(o); n.Bought != nil {
		t.Fatalf("told before it was bought: %+v", n.Bought)
	}
	n := w.answer(o, services.Answer{Pay: &services.Agree{Years: 1}})
	if n.Bought == nil || n.Bought.Order == "" || n.Bought.Years != 1 || n.Bought.Paid != 0 || !n.Bought.PaidAt.Equal(start) {
		t.Fatalf("told: %+v", n.Bought)
	}
	view := func(o services.Opened) services.CaseView {
		v, err := w.Case(t.Context(), services.Caller{Token: o.Token}, o.Case)
		w.must(err)
		return v
	}
	if v := view(o); v.Bought == nil || *v.Bought != *n.Bought {
		t.Errorf("at its address: %+v", v.Bought)
	}
	again := w.open(w.old) // by whoever has the key, and no proof yet
	if n, v := w.next(again, services.Input{}), view(again); n.Bought != nil || v.Bought != nil {
		t.Errorf("told without proof: %+v, %+v", n.Bought, v.Bought)
	}

	free := newWorld(t) // no catalogue
	if n := free.prove(free.atPhone()); n.Bought != nil {
		t.Errorf("nothing was to be bought, but told: %+v", n.Bought)
	}
}

// TestBoughtTermNoLongerFits: a right to more years than fit by now is not used
// and not lost; its money goes back.
func TestBoughtTermNoLongerFits(t *testing.T) {
	w, _ := priced(t, 200_00)
	o, _ := w.atPay()
	order := w.answer(o, agree(3, 600_00)).Ask.Pay.Order.Order
	w.paid(order)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepPrepare, "prepare")
	_, err := w.Close(t.Context(), services.Caller{Token: o.Token}, o.Case)
	w.must(err)
	w.must(w.work())

	w.fake.years = 2
	again := w.atPhone()
	w.clock.move(2 * time.Minute)
	n := w.prove(again)
	if n.Problem == nil || n.Problem.Code != "years-bought-unfit" || n.Operation != "" {
		t.Fatalf("the next case: %+v", n)
	}
	if e := w.right(o.Case); e.State != orders.Open || e.Case != "" {
		t.Errorf("the right: %+v", e)
	}
	_, err = w.RefundOrderBy(t.Context(), order, nil, "op", "a shorter term")
	w.must(err)
	if all := w.refunds(order); len(all) != 1 || all[0].Amount != 600_00 || all[0].Standing != orders.RefundWanted {
		t.Errorf("the refunds: %+v", all)
	}
}
