package ca

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// Close ends a case for ever, even one never heard of, unless it is
// acknowledged; needs no evidence, because closing only ever takes away what
// nobody holds yet ◆. The hall frees nothing before it has this signed answer.
func (ca *CA) Close(ctx context.Context, id certhall.CaseID) (proof.Signed, error) {
	if !validID(string(id)) {
		return proof.Signed{}, authority.ErrUnknownCase
	}
	k, err := ca.unsealed()
	if err != nil {
		return proof.Signed{}, err
	}
	outcome := ""
	err = again(func() (err error) {
		outcome, err = ca.closeCase(ctx, id, time.Time{})
		return err
	})
	if err != nil {
		return proof.Signed{}, err
	}
	return ca.notarize(k, proof.Closing{Authority: ca.opt.ID, Case: string(id), Outcome: outcome})
}

// closeCase closes a case; with a time, only if nothing has moved in it since.
func (ca *CA) closeCase(ctx context.Context, id certhall.CaseID, idle time.Time) (outcome string, err error) {
	var seen *Case
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		seen, err = rd.Case(id)
		return err
	})
	if err != nil {
		return "", err
	}
	err = ca.opt.Store.Write(ctx, func(w Writer) error {
		lineage := certhall.LineageID("")
		if seen != nil {
			lineage = seen.Lineage
		}
		if err := ca.lock(w, id, lineage); err != nil {
			return err
		}
		c, err := w.Case(id)
		if err != nil {
			return err
		}
		switch {
		case c == nil:
			c = &Case{ID: id, State: CaseClosed, OpenedAt: ca.now(), EndedAt: ca.now()}
			if err := w.AddCase(*c); err != nil {
				return err
			}
			outcome = proof.Closed
			return w.AddRecord(ca.record(authority.CaseClosed, Record{Case: id}, ca.because("")))
		case c.Lineage != lineage:
			return errRaced
		case c.State == CaseClosed:
			outcome = proof.Closed
			return nil
		case c.State == CaseAcknowledged:
			outcome = proof.Acknowledged
			return nil
		}
		if !idle.IsZero() {
			if moved, err := movedSince(w, c, idle); err != nil || moved {
				return err
			}
		}
		outcome = proof.Closed
		return ca.shut(w, c, ca.because(""))
	})
	return outcome, err
}

// shut closes an open, locked case: its open attempt and its pair become void.
func (ca *CA) shut(w Writer, c *Case, y why) error {
	now := ca.now()
	a, err := w.OpenAttempt(c.ID)
	if err != nil {
		return err
	}
	if a != nil {
		p, err := w.PairOfAttempt(c.ID, a.Number)
		if err != nil {
			return err
		}
		if err := ca.voidAttempt(w, c, a.Number, p, reasonCessation, y, now); err != nil {
			return err
		}
	}
	if ended, err := w.EndCase(c.ID, CaseClosed, now); err != nil || !ended {
		return raced(err)
	}
	return w.AddRecord(ca.record(authority.CaseClosed, Record{Case: c.ID, Lineage: c.Lineage}, y))
}

// movedSince tells whether the case's last attempt was opened, or its pair
// issued, at or after t.
func movedSince(r Reader, c *Case, t time.Time) (bool, error) {
	a, err := r.LastAttempt(c.ID)
	if err != nil || a == nil {
		return false, err
	}
	p, err := r.PairOfAttempt(c.ID, a.Number)
	if err != nil {
		return false, err
	}
	return !a.OpenedAt.Before(t) || p != nil && !p.IssuedAt.Before(t), nil
}

// Lapse closes cases in which nothing has moved for the policy's time.
func (ca *CA) Lapse(ctx context.Context) (int, error) {
	var due []certhall.CaseID
	idle := ca.now().Add(-ca.opt.Policy.Lapse)
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		due, err = rd.LapsedCases(idle, 256)
		return err
	})
	for n, id := range due {
		err := again(func() error { _, err := ca.closeCase(ctx, id, idle); return err })
		if err != nil {
			return n, err
		}
	}
	return len(due), err
}
