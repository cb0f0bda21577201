package sim

import (
	"fmt"
	"time"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/sqldb"
)

// entitlementsAgree is invariant 6: what was made is spent where a pair
// became current, freed where the authority closed the case, else still open.
func (w *World) entitlementsAgree(pairs []*ca.Pair) error {
	spent := map[string]bool{}
	for _, p := range pairs {
		if p.AcknowledgedAt.After(w.t.old.AcknowledgedAt) {
			spent[string(p.Entitlement)] = true
		}
	}
	type row struct{ id, c, state string }
	var rows []row
	err := w.data.hallDB.Read(background, func(tx *sqldb.Tx) error {
		found, err := tx.Query(`SELECT id, case_id, state FROM entitlements`)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var r row
			if err := found.Scan(&r.id, &r.c, &r.state); err != nil {
				return err
			}
			rows = append(rows, r)
		}
		return found.Err()
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		if spent[r.id] != (r.state == string(orders.Spent)) {
			return fmt.Errorf("invariant 6: an entitlement is %s, its pair acknowledged: %v", r.state, spent[r.id])
		}
		delete(spent, r.id)
	}
	if len(spent) > 0 {
		return fmt.Errorf("invariant 6: a pair became current on an entitlement that was never made")
	}
	return nil
}

// projectionAgrees: after the last event the hall's list of certificates says
// what the authority says.
func (w *World) projectionAgrees(pairs []*ca.Pair) error {
	var wrong error
	err := w.data.hall.Read(background, func(r services.Reader) error {
		for _, p := range pairs {
			if p.State == authority.Intended || p.GivenUp || p.SignCert == nil {
				continue
			}
			shown, err := r.Certificate(p.SignSerial)
			if err != nil {
				return err
			}
			if shown == nil || shown.State != p.State || shown.Suspended != p.Suspended {
				wrong = fmt.Errorf("the hall shows %+v of a pair that is %s (suspended: %v)", shown, p.State, p.Suspended)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return wrong
}

// foreignUntouched: the other program's container lies where it lay.
func (w *World) foreignUntouched() error {
	if w.t.room >= roomForForeign && w.signingKey(foreign) == nil {
		return fmt.Errorf("another program's container is gone")
	}
	return nil
}

// settle ends the faults and drives the run to its end: suspensions lifted,
// the authority unsealed, another PC, a person who tries again.
func (w *World) settle() {
	w.calm = true
	w.journey = w.n
	w.spawn("end", func(a *actor) {
		w.quietly(func() {
			if w.sealed {
				w.setSealed(false)
			}
			w.resume()
			for _, shut := range w.rivals {
				shut()
			}
		})
		w.pc = w.newPC()
		w.rest()
		w.outcome()
		if w.end != string(services.Done) && w.end != string(services.NeedsReissue) {
			w.tab(a)
			if w.outcome(); w.end == "" || w.end == string(services.Refused) { // another day: limits on codes have passed
				w.clock.advance(25 * time.Hour)
				w.rest()
				w.tab(a)
			}
		}
		w.retired(a)
		w.rest()
		w.outcome()
	})
	w.play()
}

// outcome is how the run ended: by its cases where one is done, else as the
// last tab was told.
func (w *World) outcome() {
	w.note(w.data.hall.Read(background, func(r services.Reader) error {
		for _, id := range w.cases {
			k, err := r.Case(id)
			if err != nil {
				return err
			}
			if k != nil && (k.State == services.Done || k.State == services.NeedsReissue) {
				w.end = string(k.State)
			}
		}
		return nil
	}))
}

// rest lets the workers run until there is nothing left for them to do.
func (w *World) rest() {
	for busy := true; busy; {
		w.clock.advance(31 * time.Second)
		n := w.worked
		w.pump()
		busy = w.worked != n
	}
}

// retired: errands that were left undone are done at a later opening on the key.
func (w *World) retired(a *actor) {
	for _, p := range w.pairs() {
		if p.State == authority.Superseded {
			w.onPC(a, func() { _ = w.sitting(w.sched.Service) })
		}
	}
}
