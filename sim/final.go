package sim

import (
	"errors"
	"fmt"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/fsck"
)

// final checks every invariant once the run has ended.
func (w *World) final() error {
	pairs := w.pairs()
	for _, check := range []func([]*ca.Pair) error{
		w.endedWell, w.oneOfEach, w.statesOnlyGrow, w.currentOnKey, w.nothingLeftOpen, w.papersAgree, w.entitlementsAgree, w.projectionAgrees,
	} {
		if err := check(pairs); err != nil {
			return err
		}
	}
	for _, check := range []func() error{w.foreignUntouched, w.historyGone} {
		if err := check(); err != nil {
			return err
		}
	}
	if err := w.moneyAgrees(); err != nil {
		return err
	}
	if _, _, err := audit.Verify(background, w.data.authority); err != nil {
		return err
	}
	findings, err := fsck.Check(background, w.data.authorityDB, w.data.hallDB)
	if err == nil && len(findings) > 0 {
		err = fmt.Errorf("fsck: %s", findings[0].Rule)
	}
	return err
}

// endedWell is invariant 5: done or closed; refused where it was revoked or
// the time ran out; needs reissue where other software took the new container.
func (w *World) endedWell([]*ca.Pair) error {
	switch w.end {
	case "done":
		return nil
	case "refused":
		if w.revoked {
			return nil
		}
	case "needs-reissue":
		if len(w.tampered) > 0 {
			return nil
		}
	}
	if w.end == "" {
		return errors.New("invariant 5: the run never ends")
	}
	return fmt.Errorf("invariant 5: the run ends as %q", w.end)
}

// currentOnKey is invariants 1 and 3: the pair that the authority calls
// current is the one complete on the key.
func (w *World) currentOnKey(pairs []*ca.Pair) error {
	if w.revoked {
		return heldAsAWhole(pairs, true)
	}
	for _, p := range pairs {
		if p.State != authority.Current {
			continue
		}
		if w.end == "needs-reissue" || w.tampered[containerOf(authorityID, p)] > 0 {
			return nil
		}
		if err := w.trouble(containerOf(authorityID, p), p); err != nil {
			return fmt.Errorf("invariant 3: the current pair does not work on the key: %w", err)
		}
		if w.end == "done" && p.ID == w.t.old.ID {
			return fmt.Errorf("invariant 5: done, and the old pair is current")
		}
		return nil
	}
	return fmt.Errorf("invariant 2: the lineage has no current pair")
}

// nothingLeftOpen: no intent, issued pair or open case outlives the run.
func (w *World) nothingLeftOpen(pairs []*ca.Pair) error {
	for _, p := range pairs {
		if p.State == authority.Intended || p.State == authority.Issued {
			return fmt.Errorf("invariant 5: a pair is still %s", p.State)
		}
	}
	return nil
}

// papersAgree: what the notary signed agrees with what the database says.
func (w *World) papersAgree(pairs []*ca.Pair) error {
	for id, outcome := range w.book.closings {
		var c *ca.Case
		w.read(func(r ca.Reader) (err error) {
			c, err = r.Case(certhall.CaseID(id))
			return err
		})
		if want := map[string]string{proof.Closed: ca.CaseClosed, proof.Acknowledged: ca.CaseAcknowledged}[outcome]; c == nil || c.State != want {
			return fmt.Errorf("the notary signed that a case is %s, and it is not", outcome)
		}
	}
	for _, p := range pairs {
		a := attempt{string(p.Case), p.Attempt}
		_, void := w.book.voids[a]
		_, receipt := w.book.receipts[a]
		if void && p.State != authority.Void && !p.GivenUp {
			return fmt.Errorf("a pair with a void notice is %s", p.State)
		}
		if receipt && (p.State == authority.Void || p.State == authority.Issued || p.State == authority.Intended) {
			return fmt.Errorf("a pair with a receipt is %s", p.State)
		}
		if w.book.closings[string(p.Case)] == proof.Closed && p.State != authority.Void {
			return fmt.Errorf("a pair of a closed case is %s", p.State)
		}
	}
	return nil
}
