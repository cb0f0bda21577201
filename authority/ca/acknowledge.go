package ca

import (
	"bytes"
	"context"
	"crypto/subtle"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Acknowledge makes the new pair current and the old one superseded, and
// answers the receipt: the same for ever.
func (ca *CA) Acknowledge(ctx context.Context, ack proof.Signed) (proof.Signed, error) {
	m, err := proof.Decode[proof.Acknowledgement](ack.Message)
	if err != nil {
		return proof.Signed{}, err
	}
	if m.Authority != ca.opt.ID {
		return proof.Signed{}, authority.ErrEvidence.Becausef("another authority's")
	}
	var receipt proof.Signed
	err = again(func() error {
		p, err := ca.pairOfAttempt(ctx, certhall.CaseID(m.Case), m.Attempt)
		if err != nil {
			return err
		}
		if err := checkAcknowledgement(ack, m, p); err != nil {
			return err
		}
		if p.Receipt != nil {
			receipt, err = decodeSigned(p.Receipt)
			return err
		}
		receipt, err = ca.makeCurrent(ctx, p, ack)
		return err
	})
	return receipt, err
}

func checkAcknowledgement(ack proof.Signed, m proof.Acknowledgement, p *Pair) error {
	if p == nil {
		return authority.ErrNotIssued
	}
	if p.State == authority.Void {
		return authority.ErrAttemptVoid
	}
	if _, err := verifyByPair[proof.Acknowledgement](ack, p); err != nil {
		return err
	}
	if p.EvidenceKind == KindImport {
		return authority.ErrAttemptNotOpen // it was current from the first
	}
	fits := m.SignSerial == string(p.SignSerial) && m.EncSerial == string(p.EncSerial) &&
		bytes.Equal(m.KeyDigest, p.KeyDigest)
	proved := m.Untestable && len(m.Nonce) == 0 || !m.Untestable && subtle.ConstantTimeCompare(m.Nonce, p.Nonce) == 1
	if p.Single() { // there is no encryption key to prove
		proved = !m.Untestable && len(m.Nonce) == 0
	}
	if !fits || !proved {
		return authority.ErrEvidence.Becausef("acknowledgement does not fit the pair")
	}
	return nil
}

// makeCurrent is the one moment at which the old pair hands over to the new:
// a compare-and-swap from issued, of the open attempt ◆.
func (ca *CA) makeCurrent(ctx context.Context, p *Pair, ack proof.Signed) (proof.Signed, error) {
	k, err := ca.unsealed()
	if err != nil {
		return proof.Signed{}, err
	}
	var old *Pair
	var c *Case
	escrowed := false
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		if p.OldPair == "" {
			return nil
		}
		if c, err = rd.Case(p.Case); err != nil {
			return err
		}
		if c == nil {
			return authority.ErrUnknownCase
		}
		if old, err = rd.Pair(p.OldPair); err != nil {
			return err
		}
		escrowed, err = rd.Escrowed(p.OldPair)
		return err
	})
	if err != nil {
		return proof.Signed{}, err
	}
	receipt, err := ca.notarize(k, ca.receiptOf(p, old, escrowed))
	if err != nil {
		return proof.Signed{}, err
	}
	now := ca.now()
	return receipt, ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := ca.lock(w, p.Case, p.Lineage); err != nil {
			return err
		}
		a, err := w.Attempt(p.Case, p.Attempt)
		if err != nil {
			return err
		}
		if a == nil || a.Standing != authority.AttemptOpen {
			return errRaced // void, or acknowledged by another call
		}
		if old != nil {
			standing, err := w.Pair(old.ID)
			if err != nil {
				return err
			}
			if err := inForce(standing); err != nil {
				return err
			}
			if moved, err := w.MovePair(old.ID, authority.Current, authority.Superseded,
				Change{SupersededAt: now, GraceEnds: now.Add(ca.grace(c.Grace))}); err != nil || !moved {
				return raced(err)
			}
		}
		if moved, err := w.MovePair(p.ID, authority.Issued, authority.Current,
			Change{AcknowledgedAt: now, Receipt: encodeSigned(receipt)}); err != nil || !moved {
			return raced(err)
		}
		if ended, err := w.EndAttempt(p.Case, p.Attempt, authority.AttemptAcknowledged); err != nil || !ended {
			return raced(err)
		}
		if ended, err := w.EndCase(p.Case, CaseAcknowledged, now); err != nil || !ended {
			return raced(err)
		}
		p, err := w.Pair(p.ID) // as it is now: its suspension may have been lifted since
		if err != nil {
			return err
		}
		return w.AddRecord(ca.pairRecord(authority.PairAcknowledged, p, authority.Current, ca.by(ack)))
	})
}

// raced is err, or errRaced where a compare-and-swap found another state.
func raced(err error) error {
	if err == nil {
		return errRaced
	}
	return err
}

func (ca *CA) receiptOf(p, old *Pair, escrowed bool) proof.Receipt {
	r := proof.Receipt{
		Authority: ca.opt.ID, Case: string(p.Case), Attempt: p.Attempt,
		NewSign: string(p.SignSerial), NewEnc: string(p.EncSerial),
		KeyDigest: p.KeyDigest, KeySerial: p.KeySerial, Disposal: string(certhall.Keep),
	}
	if old != nil {
		r.OldSign, r.OldEnc, r.Escrowed = string(old.SignSerial), string(old.EncSerial), escrowed
		if escrowed {
			r.Disposal = string(p.Disposal)
		}
	}
	return r
}

// Retired takes the report that the receipt's disposal was obeyed: the old
// pair's grace ends.
func (ca *CA) Retired(ctx context.Context, retired proof.Signed) error {
	m, err := proof.Decode[proof.Retired](retired.Message)
	if err != nil {
		return err
	}
	p, err := ca.pairOfAttempt(ctx, certhall.CaseID(m.Case), m.Attempt)
	if err != nil {
		return err
	}
	if p == nil || p.Receipt == nil || m.Authority != ca.opt.ID {
		return authority.ErrUnknownCase
	}
	if _, err := verifyByPair[proof.Retired](retired, p); err != nil {
		return err
	}
	receipt, err := decodeSigned(p.Receipt)
	if err != nil {
		return err
	}
	if !bytes.Equal(m.ReceiptDigest, gm.SM3(receipt.Message)) {
		return authority.ErrEvidence.Becausef("another receipt")
	}
	if p.OldPair == "" {
		return nil
	}
	return ca.endGrace(ctx, p.OldPair, authority.PairRetired, ca.by(retired))
}

// grace is what a case asked for, within the policy; the policy's where it
// asked for none.
func (ca *CA) grace(asked time.Duration) time.Duration {
	if asked == 0 {
		return ca.opt.Policy.Grace
	}
	return min(asked, ca.opt.Policy.Grace)
}

// EndGrace revokes superseded pairs that nobody reported retired in time.
func (ca *CA) EndGrace(ctx context.Context) (int, error) {
	var due []*Pair
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		due, err = rd.GraceEnded(ca.now(), 256)
		return err
	})
	for n, p := range due {
		if err := ca.endGrace(ctx, p.ID, authority.PairRevoked, ca.because("the grace ended")); err != nil {
			return n, err
		}
	}
	return len(due), err
}

// endGrace revokes a superseded pair (reason superseded); done already is fine.
func (ca *CA) endGrace(ctx context.Context, id certhall.PairID, kind authority.EventKind, y why) error {
	now := ca.now()
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		p, err := w.Pair(id)
		if err != nil {
			return err
		}
		if err := ca.lock(w, p.Case, p.Lineage); err != nil {
			return err
		}
		if p, err = w.Pair(id); err != nil {
			return err
		}
		ch := Change{RevokedAt: now, Reason: reasonSuperseded}
		if kind == authority.PairRetired {
			ch.RetiredAt = now
		}
		moved, err := w.MovePair(id, authority.Superseded, authority.Revoked, ch)
		if err != nil || !moved {
			return err
		}
		return w.AddRecord(ca.pairRecord(kind, p, authority.Revoked, y))
	})
}
