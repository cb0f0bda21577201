package ca

import (
	"bytes"
	"context"
	"crypto"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Unlocked takes what an agent reports of an unlocking: the PIN that lies on
// the key now becomes the current one. The first report counts; another one
// like it changes nothing.
func (ca *CA) Unlocked(ctx context.Context, report proof.Signed) error {
	m, err := proof.Decode[proof.UnlockReport](report.Message)
	if err != nil {
		return err
	}
	var u *Unlocking
	var pairs []*Pair
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		if u, err = rd.Unlocking(m.RequestDigest); err != nil || u == nil {
			return orError(err, authority.ErrUnlockMissing)
		}
		pairs, err = rd.PairsOnKey(u.KeySerial)
		return err
	})
	if err != nil {
		return err
	}
	signer, err := weighReport(report, u, pairs)
	if err != nil {
		return err
	}
	if m.Authority != ca.opt.ID || m.KeySerial != u.KeySerial {
		return authority.ErrEvidence.Becausef("a report of another unlocking")
	}
	now := ca.now()
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := w.LockUnlocking(); err != nil {
			return err
		}
		stands, err := w.Unlocking(u.Digest)
		if err != nil {
			return err
		}
		if stands.Outcome == m.Outcome {
			return nil // the answer was lost
		}
		if stands.Outcome != "" {
			return authority.ErrEvidence.Becausef("reported as %s before", stands.Outcome)
		}
		if err := ca.settle(w, u, m, now); err != nil {
			return err
		}
		if _, err := w.ReportUnlocking(u.Digest, m.Outcome, encodeSigned(report), now); err != nil {
			return err
		}
		return w.AddRecord(ca.record(authority.UnlockReported, Record{}, unlockRecord{Key: u.KeySerial, Request: u.Digest, Outcome: m.Outcome, Signer: signer, why: ca.by(report)}))
	})
}

// weighReport checks who signed a report: a pair of this authority on that USB
// key, whose serial it answers, or the agent's key that the request named.
func weighReport(report proof.Signed, u *Unlocking, pairs []*Pair) (certhall.Serial, error) {
	if len(report.Signatures) != 1 {
		return "", authority.ErrEvidence.Becausef("%d signatures", len(report.Signatures))
	}
	var signer certhall.Serial
	var key crypto.PublicKey
	if shown := report.Signatures[0].Certificate; len(shown) > 0 {
		i := slices.IndexFunc(pairs, func(p *Pair) bool { return bytes.Equal(p.SignCert, shown) })
		if i < 0 {
			return "", authority.ErrEvidence.Becausef("the signer is no pair on the key")
		}
		signer = pairs[i].SignSerial
		c, err := gm.ParseCertificate(shown)
		if err != nil {
			return "", authority.ErrEvidence.Because(err)
		}
		key = c.PublicKey
	} else {
		asked, err := proof.Decode[proof.UnlockRequest](u.Request)
		if err != nil {
			return "", err
		}
		if key, err = gm.ParsePublicKey(asked.Key); err != nil {
			return "", authority.ErrRequest.Because(err)
		}
	}
	_, err := verifyBy[proof.UnlockReport](report, key)
	return signer, err
}

// settle makes what lies on the key the current PIN. Only the last unlocking of
// a key can tell: what an older one reports late has been overtaken.
func (ca *CA) settle(w Writer, u *Unlocking, m proof.UnlockReport, now time.Time) error {
	p, err := w.AdminPIN(u.KeySerial)
	if err != nil {
		return err
	}
	last := p != nil && p.State != AdminPINForgotten && bytes.Equal(p.Last, u.Digest)
	switch {
	case m.Outcome == proof.UnlockAnswered:
		return nil
	case m.Outcome == proof.UnlockChanged, m.Outcome == proof.UnlockKept && m.Tried == 1:
		if !last || p.Pending == nil {
			return nil
		}
		p.Sealed, p.Pending = p.Pending, nil
	case m.Outcome == proof.UnlockKept && m.Tried == 0:
		if !last {
			return nil
		}
		p.Pending = nil
	case m.Outcome == proof.UnlockFailed:
		if !last {
			return nil
		}
		p.State = AdminPINLost
	default:
		return authority.ErrEvidence.Becausef("outcome %.40q, %d", m.Outcome, m.Tried)
	}
	p.ChangedAt = now
	return w.SaveAdminPIN(*p)
}
