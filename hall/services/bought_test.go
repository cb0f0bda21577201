package services_test

import (
	"testing"

	"github.com/certhall/certhall/hall/catalog"
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
