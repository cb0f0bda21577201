package ca

import (
	"bytes"
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// claimed is what a checked claim, or a reviewer's decision to void, says.
type claimed struct {
	c         certhall.CaseID
	attempt   int
	keyDigest []byte // in the authority's record of the attempt, or empty
	byKey     bool   // by the old key: a suspension blocks it
	evidence  why
}

// Claim voids an attempt whose container is unusable and opens the next: one
// compare-and-swap, void first and alone ◆. Whether the claim is true does not
// matter for safety.
func (ca *CA) Claim(ctx context.Context, claim proof.Signed) (proof.Signed, error) {
	k, err := ca.unsealed()
	if err != nil {
		return proof.Signed{}, err
	}
	m, err := ca.weighClaim(ctx, claim)
	if err != nil {
		return proof.Signed{}, err
	}
	if err := again(func() error { return ca.voidAndReopen(ctx, k, m) }); err != nil {
		return proof.Signed{}, err
	}
	return ca.notarize(k, proof.VoidNotice{Authority: ca.opt.ID, Case: string(m.c), Attempt: m.attempt})
}

func (ca *CA) weighClaim(ctx context.Context, s proof.Signed) (claimed, error) {
	if proof.Tag(s.Message) == proof.TagOf[proof.Decision]() {
		now := ca.now()
		d, _, err := ca.verifyDecision(ctx, s, now)
		if err != nil {
			return claimed{}, err
		}
		if d.Authority != ca.opt.ID || d.Verdict != proof.VoidAttempt {
			return claimed{}, authority.ErrEvidence.Becausef("verdict %q", d.Verdict)
		}
		if !validID(d.Case) {
			return claimed{}, authority.ErrUnknownCase
		}
		if !now.Before(d.Expiry) {
			return claimed{}, authority.ErrEvidenceExpired
		}
		return claimed{certhall.CaseID(d.Case), d.Attempt, d.RequestDigest, false, ca.by(s)}, nil
	}
	m, err := proof.Decode[proof.Claim](s.Message)
	if err != nil {
		return claimed{}, err
	}
	if !validID(m.Case) {
		return claimed{}, authority.ErrUnknownCase
	}
	var old *Pair
	err = ca.opt.Store.Read(ctx, func(rd Reader) error {
		c, err := rd.Case(certhall.CaseID(m.Case))
		if err != nil || c == nil || c.OldPair == "" {
			return err
		}
		old, err = rd.Pair(c.OldPair)
		return err
	})
	if err != nil {
		return claimed{}, err
	}
	if old == nil || m.Authority != ca.opt.ID || m.OldSerial != string(old.SignSerial) {
		return claimed{}, authority.ErrUnknownCase
	}
	if _, err := verifyByPair[proof.Claim](s, old); err != nil {
		return claimed{}, err
	}
	return claimed{certhall.CaseID(m.Case), m.Attempt, m.KeyDigest, true, ca.by(s)}, nil
}

func (ca *CA) voidAndReopen(ctx context.Context, k *Keys, m claimed) error {
	var c *Case
	var a *Attempt
	var old *Pair
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		if c, err = rd.Case(m.c); err != nil || c == nil {
			return err
		}
		if a, err = rd.Attempt(m.c, m.attempt); err != nil || c.OldPair == "" {
			return err
		}
		old, err = rd.Pair(c.OldPair)
		return err
	})
	if err != nil {
		return err
	}
	if c == nil || a == nil {
		return authority.ErrUnknownCase
	}
	if a.Standing == authority.AttemptVoid {
		return nil // said before: the same notice
	}
	if a.Standing == authority.AttemptAcknowledged {
		return authority.ErrAttemptNotOpen
	}
	now := ca.now()
	next, _, err := ca.newAttempt(k, c, m.attempt+1, serialOf(old), now)
	if err != nil {
		return err
	}
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := ca.lock(w, c.ID, c.Lineage); err != nil {
			return err
		}
		if held, err := w.Case(c.ID); err != nil || held.Lineage != c.Lineage {
			return raced(err) // its first intent came meanwhile, with the lineage
		}
		if old != nil && m.byKey {
			standing, err := w.Pair(old.ID)
			if err != nil {
				return err
			}
			if err := inForce(standing); err != nil {
				return err
			}
		}
		p, err := w.PairOfAttempt(m.c, m.attempt)
		if err != nil {
			return err
		}
		if known := keyDigestOf(p); len(m.keyDigest) != 0 && !bytes.Equal(known, m.keyDigest) || len(m.keyDigest) == 0 && known != nil {
			return authority.ErrOtherKey.Becausef("the claim names another key than the record")
		}
		if err := ca.voidAttempt(w, c, m.attempt, p, reasonSuperseded, m.evidence, now); err != nil {
			return err
		}
		return ca.addAttempt(w, c, next)
	})
}

// voidAttempt ends an open attempt for ever, with its intended or issued pair.
func (ca *CA) voidAttempt(w Writer, c *Case, n int, p *Pair, reason int, y why, now time.Time) error {
	if ended, err := w.EndAttempt(c.ID, n, authority.AttemptVoid); err != nil || !ended {
		return raced(err)
	}
	r := ca.record(authority.AttemptVoided, Record{Case: c.ID, Attempt: n, Lineage: c.Lineage}, y)
	if p != nil && (p.State == authority.Intended || p.State == authority.Issued) {
		if moved, err := w.MovePair(p.ID, p.State, authority.Void, Change{RevokedAt: now, Reason: reason}); err != nil || !moved {
			return raced(err)
		}
		r = ca.pairRecord(authority.AttemptVoided, p, authority.Void, y)
	}
	return w.AddRecord(r)
}

func serialOf(p *Pair) certhall.Serial {
	if p == nil {
		return ""
	}
	return p.SignSerial
}

func keyDigestOf(p *Pair) []byte {
	if p == nil {
		return nil
	}
	return p.KeyDigest
}
