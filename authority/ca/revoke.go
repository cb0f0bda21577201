package ca

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// order is what checked evidence for revoking or resuming says.
type order struct {
	lineage certhall.LineageID
	by      certhall.PairID // the pair whose own key ordered it; "" by decision
	except  certhall.CaseID // the case whose decision ordered it: it goes on
	nonce   []byte          // spent by the order
	expiry  time.Time
	shown   [][]byte // digests of certificates that the decider was shown
	reason  int
	why     why
}

// Revoke ends a whole lineage in one transaction ◆: superseded pairs in grace
// too; intended and issued pairs become void; every case is closed but the one
// whose decision ordered it, which has no pair yet. It works while the
// authority is sealed. The same evidence again answers the same.
func (ca *CA) Revoke(ctx context.Context, evidence proof.Signed) error {
	o, err := ca.weighOrder(ctx, evidence, string(certhall.Revoke))
	if err != nil {
		return err
	}
	return again(func() error { return ca.revoke(ctx, o) })
}

// weighOrder checks evidence for revoking (a reviewer's decision, or the
// pair's own key) or resuming (a reviewer's decision).
func (ca *CA) weighOrder(ctx context.Context, s proof.Signed, service string) (order, error) {
	now := ca.now()
	var o order
	switch proof.Tag(s.Message) {
	case proof.TagOf[proof.Decision]():
		d, _, err := ca.verifyDecision(ctx, s, now)
		if err != nil {
			return o, err
		}
		if d.Authority != ca.opt.ID || d.Service != service || d.Verdict != proof.Approve {
			return o, authority.ErrEvidence.Becausef("not a decision to %s", service)
		}
		if !validID(d.Lineage) {
			return o, authority.ErrUnknownLineage
		}
		o = order{certhall.LineageID(d.Lineage), "", certhall.CaseID(d.Case), d.Nonce, d.Expiry, d.Documents, reasonOf(d), ca.by(s)}
	case proof.TagOf[proof.OldKey]():
		m, err := proof.Decode[proof.OldKey](s.Message)
		if err != nil {
			return o, err
		}
		p, err := ca.pairBySerial(ctx, certhall.Serial(m.OldSerial))
		if err != nil {
			return o, err
		}
		if _, err := verifyByPair[proof.OldKey](s, p); err != nil {
			return o, err
		}
		if m.Authority != ca.opt.ID || m.Service != service || service != string(certhall.Revoke) {
			return o, authority.ErrEvidence.Becausef("not a request to %s", service)
		}
		o = order{p.Lineage, p.ID, "", m.Nonce, m.Expiry, nil, reasonCessation, ca.by(s)}
	default:
		return o, authority.ErrEvidence.Becausef("tag %.40q", proof.Tag(s.Message))
	}
	if !now.Before(o.expiry) {
		return o, authority.ErrEvidenceExpired
	}
	if len(o.nonce) != proof.NonceLength {
		return o, authority.ErrNonce
	}
	return o, nil
}

// about tells whether the order means these pairs: what the decider was shown
// is this lineage's, whoever laid it before him.
func (o order) about(pairs []*Pair) error {
	if len(pairs) == 0 {
		return authority.ErrUnknownLineage
	}
	for _, digest := range o.shown {
		if !slices.ContainsFunc(pairs, func(p *Pair) bool { return p.SignCert != nil && bytes.Equal(digest, gm.SM3(p.SignCert)) }) {
			return authority.ErrEvidence.Becausef("the decision was made over a certificate of another lineage")
		}
	}
	return nil
}

// reasonOf maps a decision's reason to its code; words that are none of RFC
// 5280's stay in the evidence and count as unspecified: what is signed never
// waits for its spelling.
func reasonOf(d proof.Decision) int {
	code, _ := proof.ReasonCode(d.Reason)
	return code
}

// Reason codes of revocation (RFC 5280, 5.3.1) that are given without a decision.
const (
	reasonSuperseded = 4
	reasonCessation  = 5
	reasonWithdrawn  = 9 // privilegeWithdrawn, of staff
)

// pairBySerial finds an issued pair by its signing certificate's serial.
func (ca *CA) pairBySerial(ctx context.Context, serial certhall.Serial) (p *Pair, err error) {
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		p, err = findSerial(rd, serial)
		return err
	})
	if err == nil && (p == nil || p.SignCert == nil || p.SignSerial != serial) {
		return nil, authority.ErrUnknownCert
	}
	return p, err
}

func (ca *CA) revoke(ctx context.Context, o order) error {
	ids, err := ca.openCases(ctx, o.lineage)
	if err != nil {
		return err
	}
	now := ca.now()
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := w.LockCases(ids...); err != nil {
			return err
		}
		if err := w.LockLineages(o.lineage); err != nil {
			return err
		}
		cases, err := w.LineageCases(o.lineage)
		if err != nil {
			return err
		}
		pairs, err := w.LineagePairs(o.lineage)
		if err != nil {
			return err
		}
		if err := o.about(pairs); err != nil {
			return err
		}
		fresh, err := w.UseNonce(o.nonce, now)
		if err != nil {
			return err
		}
		if !fresh {
			return unlessDone(!slices.ContainsFunc(pairs, living))
		}
		if o.by != "" && !slices.ContainsFunc(pairs, func(p *Pair) bool { return p.ID == o.by && p.State == authority.Current }) {
			return authority.ErrNotCurrent
		}
		for _, c := range cases {
			if !slices.Contains(ids, c.ID) {
				return errRaced
			}
			if c.ID == o.except && !slices.ContainsFunc(pairs, func(p *Pair) bool { return p.Case == c.ID && living(p) }) {
				continue
			}
			if err := ca.shut(w, c, o.why); err != nil {
				return err
			}
		}
		return ca.revokePairs(w, pairs, o, now)
	})
}

// living tells whether a pair is neither revoked nor void.
func living(p *Pair) bool { return p.State != authority.Revoked && p.State != authority.Void }

// unlessDone answers an order whose nonce is spent: nothing is wrong if what
// it asks for stands.
func unlessDone(done bool) error {
	if done {
		return nil
	}
	return authority.ErrNonce
}

func (ca *CA) openCases(ctx context.Context, l certhall.LineageID) ([]certhall.CaseID, error) {
	var ids []certhall.CaseID
	err := ca.opt.Store.Read(ctx, func(rd Reader) error {
		cases, err := rd.LineageCases(l)
		for _, c := range cases {
			ids = append(ids, c.ID)
		}
		return err
	})
	return ids, err
}

func (ca *CA) revokePairs(w Writer, pairs []*Pair, o order, now time.Time) error {
	for _, p := range pairs {
		if p.State != authority.Current && p.State != authority.Superseded {
			continue // void by its case's closing, or final already
		}
		moved, err := w.MovePair(p.ID, p.State, authority.Revoked, Change{RevokedAt: now, Reason: o.reason})
		if err != nil || !moved {
			return raced(err)
		}
		if err := w.AddRecord(ca.pairRecord(authority.PairRevoked, p, authority.Revoked, o.why)); err != nil {
			return err
		}
	}
	return nil
}

// maxReason is the longest reason that is recorded, in bytes: of a suspension,
// or of a PIN that is forgotten.
const maxReason = 1000

// Suspend holds a whole lineage (certificateHold) on the hall's word: the only
// act without evidence, therefore limited a day and audited.
func (ca *CA) Suspend(ctx context.Context, lineage certhall.LineageID, reason string) error {
	if !validID(string(lineage)) {
		return authority.ErrUnknownLineage
	}
	if len(reason) > maxReason {
		return proof.ErrMalformed.Becausef("a reason of %d bytes", len(reason))
	}
	now := ca.now()
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := w.LockLineages(lineage); err != nil {
			return err
		}
		pairs, err := w.LineagePairs(lineage)
		if err != nil {
			return err
		}
		switch {
		case len(pairs) == 0:
			return authority.ErrUnknownLineage
		case !slices.ContainsFunc(pairs, living):
			return authority.ErrRevoked
		case !slices.ContainsFunc(pairs, func(p *Pair) bool { return holdable(p) && !p.Suspended }):
			return nil // the answer was lost: it stands
		}
		if err := w.LockSuspensions(); err != nil {
			return err
		}
		used, err := w.SuspensionsSince(now.Add(-24 * time.Hour))
		if err != nil {
			return err
		}
		if used >= ca.opt.Policy.SuspendPerDay {
			return authority.ErrLimited
		}
		return ca.setSuspended(w, pairs, now, authority.PairSuspended, ca.because(reason))
	})
}

// Resume lifts a suspension on a reviewer's decision.
func (ca *CA) Resume(ctx context.Context, evidence proof.Signed) error {
	o, err := ca.weighOrder(ctx, evidence, proof.ResumeService)
	if err != nil {
		return err
	}
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := w.LockLineages(o.lineage); err != nil {
			return err
		}
		fresh, err := w.UseNonce(o.nonce, ca.now())
		if err != nil {
			return err
		}
		pairs, err := w.LineagePairs(o.lineage)
		if err != nil {
			return err
		}
		if err := o.about(pairs); err != nil {
			return err
		}
		if !fresh {
			return unlessDone(!slices.ContainsFunc(pairs, func(p *Pair) bool { return living(p) && p.Suspended }))
		}
		return ca.setSuspended(w, pairs, time.Time{}, authority.PairResumed, o.why)
	})
}

// holdable tells whether a suspension reaches a pair: no intended one that
// rests on a decision, which nothing ever blocks.
func holdable(p *Pair) bool {
	return living(p) && (p.State != authority.Intended || p.EvidenceKind == KindOldKey)
}

// setSuspended sets the flag on a lineage's living pairs since a time, or lifts
// it with the zero time. A record is kept for every pair, so that the hall's
// projection follows.
func (ca *CA) setSuspended(w Writer, pairs []*Pair, since time.Time, kind authority.EventKind, y why) error {
	on := !since.IsZero()
	if _, err := w.SetSuspended(pairs[0].Lineage, since); err != nil {
		return err
	}
	for _, p := range pairs {
		if !living(p) || p.State == authority.Intended || p.Suspended == on {
			continue // of an intended pair the hall has not heard
		}
		p.Suspended = on
		if err := w.AddRecord(ca.pairRecord(kind, p, p.State, y)); err != nil {
			return err
		}
	}
	return nil
}
