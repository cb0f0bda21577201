package services_test

import (
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/services"
)

// certificates lists what a person handles.
func (w *world) certificates(who services.Caller) []services.HeldCertificate {
	w.Helper()
	list, err := w.Certificates(w.Context(), who)
	w.must(err)
	return list.Certificates
}

func (w *world) cases(who services.Caller) []services.CaseLine {
	w.Helper()
	list, err := w.Cases(w.Context(), who)
	w.must(err)
	return list.Cases
}

// TestConditionOfACertificate at the boundaries of its windows, by the clock
// and the calendar in Beijing. The pair ends on 2027-11-22 at noon there.
func TestConditionOfACertificate(t *testing.T) {
	const day = 24 * time.Hour
	ends := start.AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		now    time.Time
		state  string
		days   int
		action certhall.Service
		why    string
	}{
		"before it begins":            {start.Add(-time.Second), services.NotYetValid, 365, "", "too-early"},
		"when it begins":              {start, services.Valid, 365, "", "too-early"},
		"before the window":           {ends.Add(-90*day - time.Millisecond), services.Valid, 90, "", "too-early"},
		"when the window opens":       {ends.Add(-90 * day), services.Expiring, 90, certhall.Renew, ""},
		"two midnights before":        {time.Date(2027, 11, 20, 23, 59, 59, 0, certhall.Beijing), services.Expiring, 2, certhall.Renew, ""},
		"a second later, a day less":  {time.Date(2027, 11, 21, 0, 0, 0, 0, certhall.Beijing), services.Expiring, 1, certhall.Renew, ""},
		"the last midnight":           {time.Date(2027, 11, 22, 0, 0, 0, 0, certhall.Beijing), services.Expiring, 0, certhall.Renew, ""},
		"at its end":                  {ends, services.Expiring, 0, certhall.Renew, ""},
		"after its end, the same day": {ends.Add(time.Millisecond), services.Expired, 0, certhall.Repair, ""},
		"the next midnight":           {time.Date(2027, 11, 23, 0, 0, 0, 0, certhall.Beijing), services.Expired, -1, certhall.Repair, ""},
		"when repair ends":            {ends.Add(365 * day), services.Expired, -365, certhall.Repair, ""},
		"after that":                  {ends.Add(365*day + time.Millisecond), services.Expired, -365, "", "too-late"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			me := w.handler(phone, "l1")
			w.clock.move(c.now.Sub(start))
			h := w.certificates(me)[0]
			var actions []certhall.Service
			if c.action != "" {
				actions = append(actions, c.action)
			}
			why := ""
			if h.WhyNot != nil {
				why = h.WhyNot.Code
			}
			if h.State != c.state || h.DaysLeft != c.days || !slices.Equal(h.Actions, actions) || h.Actions == nil || why != c.why {
				t.Errorf("%s, %d days, %v, %q; want %+v", h.State, h.DaysLeft, h.Actions, why, c)
			}
		})
	}
}

// TestConditionByStanding: what the authority says of the pair comes first.
func TestConditionByStanding(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*authority.PairInfo)
		kind   authority.EventKind
		state  string
		why    string
	}{
		"suspended": {func(p *authority.PairInfo) { p.Suspended = true }, authority.PairSuspended, services.Suspended, "suspended"},
		"revoked":   {func(p *authority.PairInfo) { p.State = authority.Revoked }, authority.PairRevoked, services.Revoked, "revoked"},
		"superseded by what is not here yet": {func(p *authority.PairInfo) { p.State = authority.Superseded }, authority.PairResumed,
			services.Revoked, "superseded"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			me := w.handler(phone, "l1")
			v := w.fake.bySerial(serialOf(w.old))
			c.change(v.Pair)
			w.fake.emit(c.kind, v)
			w.follow()
			w.clock.move(300 * 24 * time.Hour) // within the window
			h := w.certificates(me)[0]
			if h.State != c.state || h.WhyNot == nil || h.WhyNot.Code != c.why || len(h.Actions) != 0 {
				t.Errorf("%+v, %+v", h, h.WhyNot)
			}
		})
	}
}

// TestNarrowerWindows: the hall's lists may offer less than the authority allows.
func TestNarrowerWindows(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	w.Counter.RenewBefore, w.Counter.RepairAfter = 30*24*time.Hour, time.Hour
	w.clock.move((365 - 60) * 24 * time.Hour)
	if h := w.certificates(me)[0]; h.State != services.Valid {
		t.Errorf("60 days before: %s", h.State)
	}
	w.clock.move(61 * 24 * time.Hour)
	if h := w.certificates(me)[0]; h.State != services.Expired || len(h.Actions) != 0 {
		t.Errorf("a day after: %s %v", h.State, h.Actions)
	}
}

// TestListsAreOnesOwn: one row a lineage, the current pair or the last one,
// with the case that can be gone on with; nothing of others.
func TestListsAreOnesOwn(t *testing.T) {
	w := newWorld(t)
	w.fake.grant("l2")
	third := w.fake.grant("l3")
	w.follow()
	me, other := w.handler(phone, "l1", "l3"), w.handler(otherPhone, "l2")
	if got := w.certificates(services.Caller{}); len(got) != 0 {
		t.Errorf("nobody sees %+v", got)
	}
	if got := w.certificates(other); len(got) != 1 || got[0].Serial == serialOf(w.old) {
		t.Errorf("another person sees %+v", got)
	}
	mine := w.certificates(me)
	if len(mine) != 2 || mine[0].Case != nil || mine[0].KeyNumber != "N1" || mine[0].Project != "gov" || mine[0].EncSerial == "" {
		t.Fatalf("mine: %+v", mine)
	}
	o := w.done()
	renewed := w.stored(o.Case).NewSerial
	second := w.open(third)
	row := map[certhall.Serial]services.HeldCertificate{}
	for _, h := range w.certificates(me) {
		row[h.Serial] = h
	}
	if _, stays := row[serialOf(w.old)]; stays || len(row) != 2 || row[renewed].Case != nil {
		t.Errorf("after the renewal: %+v", row)
	}
	if c := row[serialOf(third)].Case; c == nil || c.Case != second.Case || c.Service != certhall.Renew || c.Stage != 1 {
		t.Errorf("the open case: %+v", c)
	}
	if got := w.cases(other); len(got) != 0 {
		t.Errorf("another person's cases: %+v", got)
	}
	if got := w.cases(services.Caller{}); len(got) != 0 {
		t.Errorf("nobody's cases: %+v", got)
	}
	cases := w.cases(me)
	if len(cases) != 2 || cases[0].Case != second.Case || cases[1].Case != o.Case {
		t.Fatalf("cases %+v", cases)
	}
	if open := cases[0]; open.State != services.Open || open.Stage != 1 || open.Subject != "某公司" || open.KeyNumber != "N1" || open.Project != "gov" ||
		!open.NotAfterOld.Equal(start.AddDate(1, 0, 0)) || !open.NotAfterNew.IsZero() || !open.AcknowledgedAt.IsZero() || open.Serial != serialOf(third) {
		t.Errorf("open: %+v", open)
	}
	if done := cases[1]; done.State != services.Done || done.Stage != 4 || done.NewSerial != renewed || done.NotAfterNew.IsZero() || !done.AcknowledgedAt.Equal(start) {
		t.Errorf("done: %+v", done)
	}
}

// TestStages are the four steps that people see; from the third on whose phone
// was proved is told.
func TestStages(t *testing.T) {
	for want, at := range map[int]func(*world) services.Opened{
		1: func(w *world) services.Opened { return w.open(w.old) },
		2: (*world).atPhone, 3: (*world).atPrepare, 4: (*world).atInstall,
	} {
		w := newWorld(t)
		n := w.next(at(w), services.Input{})
		if n.Stage != want {
			t.Errorf("%s is stage %d, want %d", n.Step, n.Stage, want)
		}
		if proved := n.Phone == "138****0001"; proved != (want > 2) {
			t.Errorf("stage %d tells the phone %q", want, n.Phone)
		}
	}
}

// TestSeeingMovesNothing, not even where asking what next would.
func TestSeeingMovesNothing(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	o := w.atPhone()
	w.proved(me, phone)
	was := w.stored(o.Case)
	for range 2 {
		if view, err := w.Case(t.Context(), me, o.Case); err != nil || view.Step != services.StepPhone || view.Result != nil {
			t.Errorf("%+v, %v", view, err)
		}
	}
	if is := w.stored(o.Case); is.Version != was.Version {
		t.Errorf("version %d became %d", was.Version, is.Version)
	}
	w.expect(w.nextFor(me, o.Case, services.Input{}), services.Open, services.StepPrepare, "prepare")
}

// TestRefusedCaseTellsWhy in the list too.
func TestRefusedCaseTellsWhy(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	o := w.open(w.old)
	w.fake.refuse = authority.ErrTooLate.With("date", "2027-11-22")
	w.reply(o, w.listing(w.old))
	if got := w.cases(me); len(got) != 1 || got[0].State != services.Refused || got[0].Problem == nil || got[0].Problem.Code != "too-late" {
		t.Errorf("%+v", got)
	}
	if h := w.certificates(me)[0]; h.Case != nil {
		t.Errorf("offered to be gone on with: %+v", h.Case)
	}
	list, err := w.Cases(t.Context(), me)
	w.must(err)
	if p := list.Problems(); len(p) != 1 || p[0] != list.Cases[0].Problem {
		t.Errorf("problems to be told: %+v", p)
	}
}

func TestOriginListIsTheAuthoritys(t *testing.T) {
	w := newWorld(t)
	if list, err := w.OriginList(t.Context()); err != nil || len(list.List) == 0 {
		t.Errorf("%+v, %v", list, err)
	}
	w.fake.sealed = true
	_, err := w.OriginList(t.Context())
	refused(t, err, authority.ErrSealed)
}
