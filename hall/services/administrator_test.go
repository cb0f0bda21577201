package services_test

import (
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

const (
	bossPhone = "13900000005"
	company   = "91310000MA1K35XE0X"
)

// administrator makes somebody who administers the organisation of a lineage.
func (w *world) administrator(l certhall.LineageID) services.Caller {
	w.Helper()
	boss := w.handler(bossPhone)
	w.must(w.store.Write(w.Context(), func(wr services.Writer) error { // a predecessor tells whose it is
		return wr.ProjectPair(authority.PairInfo{ID: "before", Lineage: l, State: authority.Revoked, Organisation: company, SignSerial: "0b"}, 1)
	}))
	w.must(w.store.Organisations().Write(w.Context(), func(wr organisations.Writer) error {
		row := organisations.Row{Organisation: company, Person: boss.Person, Role: accounts.Administrator, Source: accounts.ByOfficer}
		return wr.SetMember(row, w.clock.Now())
	}))
	return boss
}

// TestAnAdministratorCountsAsHandler of every certificate of his organisation:
// he sees it, opens cases and goes on with others', by his own phone.
func TestAnAdministratorCountsAsHandler(t *testing.T) {
	w := newWorld(t)
	w.handler(phone, "l1")
	theirs := w.atPhone() // a case that was opened with the key
	boss := w.administrator("l1")
	stranger := w.handler(otherPhone, "l2")
	if got := w.certificates(boss); len(got) != 1 || got[0].Serial != serialOf(w.old) || got[0].Case == nil {
		t.Errorf("certificates %+v", got)
	}
	if got := w.cases(boss); len(got) != 1 || got[0].Case != theirs.Case {
		t.Errorf("cases %+v", got)
	}
	if got := w.cases(stranger); len(got) != 0 {
		t.Errorf("cases %+v", got)
	}
	if _, err := w.Case(t.Context(), boss, theirs.Case); err != nil {
		t.Error(err)
	}
	id := w.openFor(boss)
	if k := w.stored(id); id != theirs.Case || k.Phone != bossPhone {
		t.Errorf("taken over for %s", k.Phone)
	}
	w.proved(boss, bossPhone)
	w.nextFor(boss, id, services.Input{Reply: proof.Encode(w.listing(w.old))})
	w.must(w.work())
	w.expect(w.nextFor(boss, id, services.Input{}), services.Open, services.StepPrepare, "prepare")
	if got := w.cases(boss); len(got) != 1 {
		t.Errorf("cases %+v", got)
	}
}

// TestTheRegisteredHandlerComesFirst: whoever opens with the key is asked for the
// phone of who is registered for the certificate; where nobody is, for the
// administrator's.
func TestTheRegisteredHandlerComesFirst(t *testing.T) {
	for _, c := range []struct {
		registered bool
		want       string
	}{{true, phone}, {false, bossPhone}} {
		w := newWorld(t)
		if c.registered {
			w.handler(phone, "l1")
		}
		w.administrator("l1")
		if k := w.stored(w.open(w.old).Case); k.Phone != c.want {
			t.Errorf("registered %v: asks for %q", c.registered, k.Phone)
		}
	}
}

// TestACaseFollowsANewPhone: what waits for a code to the old one waits for one
// to the new; what was proved stays.
func TestACaseFollowsANewPhone(t *testing.T) {
	w := newWorld(t)
	me := w.handler(phone, "l1")
	id := w.openFor(me)
	w.must(w.Rename(t.Context(), me.Person, phone, otherPhone))
	if k := w.stored(id); k.Phone != otherPhone {
		t.Errorf("waits for %s", k.Phone)
	}
	w.must(w.Rename(t.Context(), me.Person, phone, bossPhone)) // an old word
	if k := w.stored(id); k.Phone != otherPhone {
		t.Errorf("waits for %s", k.Phone)
	}
}
