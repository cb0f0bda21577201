package services_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

const day = 24 * time.Hour

// shelf holds one catalogue.
type shelf struct{ catalog.Catalog }

func (s *shelf) Current(context.Context) (*catalog.Catalog, error) { return &s.Catalog, nil }

// offering gives the hall a catalogue that offers renewal and repair of the
// fake's certificates by a policy.
func (w *world) offering(p catalog.Policy) *shelf {
	s := &shelf{catalog.Catalog{
		Version:  1,
		Projects: []catalog.Project{{Code: "gov", Brand: "haitai"}},
		Brands:   []catalog.Brand{{Code: "haitai"}},
		Offers: []catalog.Offer{{Project: "gov", Brand: "haitai", Policy: p, Products: []catalog.Product{
			{Service: certhall.Renew, Years: []int{1}}, {Service: certhall.Repair, Years: []int{1}},
		}}},
	}}
	w.Counter.Catalog = s
	return s
}

// bought gives a lineage a right that was bought earlier.
func (w *world) bought(l certhall.LineageID) {
	w.Helper()
	w.must(w.store.Write(w.Context(), func(wr services.Writer) error {
		line := orders.Line{Lineage: l, Service: certhall.Renew, Years: 1, Project: "gov", Brand: "haitai"}
		_, err := orders.Place(wr, orders.Order{Catalog: 1, Lines: []orders.Line{line}}, 0, "", start, w.Random)
		return err
	}))
}

// TestPolicyNarrowsWindows: opening and lists answer alike, at the same
// moments; a wider policy than the authority's widens nothing.
func TestPolicyNarrowsWindows(t *testing.T) {
	ends := start.AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		policy  catalog.Policy
		service certhall.Service
		now     time.Time
		want    *certhall.Error
		date    string
	}{
		"before its window":     {catalog.Policy{RenewBefore: 30}, certhall.Renew, ends.Add(-30*day - time.Millisecond), authority.ErrTooEarly, "2027-10-23"},
		"when its window opens": {catalog.Policy{RenewBefore: 30}, certhall.Renew, ends.Add(-30 * day), nil, ""},
		"at the last moment":    {catalog.Policy{RepairAfter: 10}, certhall.Repair, ends.Add(10 * day), nil, ""},
		"after that":            {catalog.Policy{RepairAfter: 10}, certhall.Repair, ends.Add(10*day + time.Millisecond), authority.ErrTooLate, "2027-12-02"},
		"by no policy":          {catalog.Policy{}, certhall.Renew, ends.Add(-90 * day), nil, ""},
		"by a wide policy":      {catalog.Policy{RenewBefore: 300, RepairAfter: 900}, certhall.Repair, ends.Add(365 * day), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			me := w.handler(phone, "l1")
			w.offering(c.policy)
			w.clock.move(c.now.Sub(start))
			h := w.certificates(me)[0]
			_, err := w.Open(t.Context(), services.Caller{}, w.opening(w.old, func(o *proof.Opening) { o.Service = string(c.service) }))
			if c.want == nil {
				if err != nil || len(h.Actions) != 1 || h.Actions[0] != c.service {
					t.Errorf("opening: %v; list: %v, %+v", err, h.Actions, h.WhyNot)
				}
				return
			}
			refused(t, err, c.want)
			if got := certhall.AsError(err).Params["date"]; got != c.date {
				t.Errorf("the date is %s, want %s", got, c.date)
			}
			if h.WhyNot == nil || h.WhyNot.Code != c.want.Code || h.WhyNot.Params["date"] != c.date || len(h.Actions) != 0 {
				t.Errorf("list: %v, %+v", h.Actions, h.WhyNot)
			}
		})
	}
	w := newWorld(t)
	me := w.handler(phone, "l1")
	w.offering(catalog.Policy{RenewBefore: 300})
	w.clock.move(ends.Add(-91 * day).Sub(start))
	if h := w.certificates(me)[0]; len(h.Actions) != 0 {
		t.Error("a policy widened the window that lists show")
	}
	w.fake.refuse = authority.ErrTooEarly
	_, err := w.Open(t.Context(), services.Caller{}, w.opening(w.old))
	refused(t, err, authority.ErrTooEarly)
}

// TestNotOffered: what the catalogue does not hold is refused at opening and in
// lists; a case that is open goes on.
func TestNotOffered(t *testing.T) {
	for name, change := range map[string]func(*catalog.Catalog){
		"no project": func(c *catalog.Catalog) { c.Projects[0].Code = "med" },
		"no brand":   func(c *catalog.Catalog) { c.Brands = nil },
		"no offer":   func(c *catalog.Catalog) { c.Offers = nil },
		"no product": func(c *catalog.Catalog) { c.Offers[0].Products = c.Offers[0].Products[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			me := w.handler(phone, "l1")
			s := w.offering(catalog.Policy{})
			w.clock.move(300 * day)
			if h := w.certificates(me)[0]; len(h.Actions) != 1 || h.WhyNot != nil {
				t.Fatalf("offered, but %+v", h.WhyNot)
			}
			change(&s.Catalog)
			if h := w.certificates(me)[0]; len(h.Actions) != 0 || h.State != services.Expiring || h.WhyNot == nil || h.WhyNot.Code != catalog.ErrNotOffered.Code {
				t.Errorf("list: %s %v, %+v", h.State, h.Actions, h.WhyNot)
			}
			_, err := w.Open(t.Context(), services.Caller{}, w.opening(w.old))
			refused(t, err, catalog.ErrNotOffered)
			if w.fake.called("Ticket") > 0 {
				t.Error("the authority was asked for a ticket")
			}
		})
	}
	w := newWorld(t)
	s := w.offering(catalog.Policy{RenewBefore: 366})
	w.open(w.old)
	s.Offers[0].Policy.RenewBefore = 1
	w.open(w.old) // from another PC
	s.Offers = nil
	o := w.open(w.old)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepIdentify, "identify")
	w.expect(w.reply(o, w.listing(w.old)), services.Open, services.StepIdentify, "wait:ticket")
}

// TestPolicyAsksForItsGrace: with the first ticket and every later one, as the
// policy of the project and brand says.
func TestPolicyAsksForItsGrace(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, s *shelf)
		want   time.Duration
	}{
		"by the policy":           {func(*world, *shelf) {}, 7 * day},
		"projection made anew":    {func(w *world, _ *shelf) { w.must(w.store.Write(w.Context(), services.Writer.ForgetCertificates)) }, 7 * day},
		"left to the authority":   {func(_ *world, s *shelf) { s.Offers[0].Policy.Grace = 0 }, 0},
		"not on offer any more":   {func(_ *world, s *shelf) { s.Offers = nil }, 0},
		"no catalogue whatsoever": {func(_ *world, s *shelf) { s.Catalog = catalog.Catalog{} }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.offering(catalog.Policy{Grace: 7})
			w.bought("l1")
			o := w.open(w.old)
			w.reply(o, w.listing(w.old))
			c.change(w, s)
			w.must(w.work())
			w.clock.move(2 * time.Hour) // the ticket expired
			w.expect(w.prove(o), services.Open, services.StepPrepare, "prepare")
			if len(w.fake.graces) != 2 || w.fake.graces[0] != c.want || w.fake.graces[1] != c.want {
				t.Errorf("asked for %v", w.fake.graces)
			}
		})
	}
}

// TestDisposalByPolicy: the policy's word comes before the hall's own, and the
// escrow's before both; whoever goes on is told before the key signs.
func TestDisposalByPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		policy, own, want certhall.Disposal
		bare              bool
	}{
		"left to the hall":  {"", certhall.Delete, certhall.Delete, false},
		"delete":            {certhall.Delete, certhall.Keep, certhall.Delete, false},
		"keep":              {certhall.Keep, certhall.Delete, certhall.Keep, false},
		"not in the escrow": {certhall.Delete, certhall.Delete, certhall.Keep, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Counter.Disposal, w.fake.bare = c.own, c.bare
			w.offering(catalog.Policy{Disposal: c.policy})
			o := w.atPhone()
			if n := w.next(o, services.Input{}); n.Disposal != c.want {
				t.Errorf("told before: %s", n.Disposal)
			}
			w.prove(o)
			n := w.answer(o, services.Answer{Pay: &services.Agree{Years: 1}})
			if order := decode[proof.Prepare](w, n); order.Disposal != string(c.want) {
				t.Errorf("ordered: %s", order.Disposal)
			}
		})
	}
}

// TestBoughtOutlastsThePolicy: a right is used after the policy's window, as long
// as the authority's is open.
func TestBoughtOutlastsThePolicy(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	w.offering(catalog.Policy{RepairAfter: 10})
	w.clock.move(start.AddDate(1, 0, 0).Add(20 * day).Sub(start))
	if h := w.certificates(me)[0]; h.WhyNot == nil || h.WhyNot.Code != authority.ErrTooLate.Code {
		t.Fatalf("nothing is bought: %+v", h)
	}
	w.bought("l1")
	if h := w.certificates(me)[0]; h.WhyNot != nil || len(h.Actions) != 1 || h.Actions[0] != certhall.Repair {
		t.Errorf("list: %v, %+v", h.Actions, h.WhyNot)
	}
	repair := func(o *proof.Opening) { o.Service = string(certhall.Repair) }
	w.fake.refuse = authority.ErrTooLate
	_, err := w.Open(t.Context(), services.Caller{}, w.opening(w.old, repair))
	refused(t, err, authority.ErrTooLate)
	w.fake.refuse = nil
	w.open(w.old, repair)
}

// TestKinds: whoever has the key hears what each certificate is for, and of
// what is unknown nothing.
func TestKinds(t *testing.T) {
	w := newWorld(t)
	serial := w.certificates(w.handler(phone, "l1"))[0].Serial
	for _, want := range []services.Kind{{Serial: serial, Project: "gov"}, {Serial: serial, Project: "gov", Brand: "haitai"}} {
		list, err := w.Kinds(w.Context(), []certhall.Serial{"0bad", serial})
		w.must(err)
		if len(list.Kinds) != 1 || list.Kinds[0] != want {
			t.Errorf("%+v, want %+v", list.Kinds, want)
		}
		w.offering(catalog.Policy{})
	}
	many := make([]certhall.Serial, services.KindLimit+1)
	for i := range many {
		many[i] = serial
	}
	list, err := w.Kinds(w.Context(), many)
	w.must(err)
	if len(list.Kinds) != services.KindLimit {
		t.Errorf("%d kinds", len(list.Kinds))
	}
}

// TestKindsThatAreOver: whoever names a superseded pair beside its successor
// hears that it is over, before he signs anything; of the one alone he hears no
// more than the status services say, which call it good.
func TestKindsThatAreOver(t *testing.T) {
	w := newWorld(t)
	w.clock.move(time.Hour)
	w.done()
	w.follow()
	old, next := serialOf(w.old), w.fake.pairs[len(w.fake.pairs)-1].Pair.SignSerial
	over := func(serials ...certhall.Serial) string {
		list, err := w.Kinds(w.Context(), serials)
		w.must(err)
		var said []string
		for _, k := range list.Kinds {
			said = append(said, string(k.Over))
		}
		return strings.Join(said, " ")
	}
	if got := over(next, old); got != " superseded" {
		t.Errorf("both: %q", got)
	}
	if got := over(old); got != "" {
		t.Errorf("the old one alone: %q", got)
	}
	v := w.fake.bySerial(old)
	v.Pair.State = authority.Revoked
	w.fake.emit(authority.PairRevoked, v)
	w.follow()
	if got := over(old); got != "revoked" {
		t.Errorf("after its grace: %q", got)
	}
	if got := over(next, old); got != " superseded" {
		t.Errorf("both, after its grace: %q", got)
	}
}

// TestKindsBesideVoid: a pair that was revoked is told as revoked also beside a
// later one that became void before it was in use: that replaced nothing.
func TestKindsBesideVoid(t *testing.T) {
	w := newWorld(t)
	w.clock.move(time.Hour)
	o := w.atInstall()
	void := w.fake.pairs[len(w.fake.pairs)-1].Pair.SignSerial
	_, err := w.Close(w.Context(), services.Caller{Token: o.Token}, o.Case)
	w.must(err)
	w.must(w.work())
	old := w.fake.bySerial(serialOf(w.old))
	old.Pair.State = authority.Revoked
	w.fake.emit(authority.PairRevoked, old)
	w.follow()
	list, err := w.Kinds(w.Context(), []certhall.Serial{old.Pair.SignSerial, void})
	w.must(err)
	for _, k := range list.Kinds {
		if k.Over != authority.Revoked {
			t.Errorf("%s: %q", k.Serial, k.Over)
		}
	}
}
