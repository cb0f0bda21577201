package ca

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// Unlocked takes what an agent reports of an unlocking: the PIN that lies on
// the key now becomes the current one. The first report counts; another one
// like it changes nothing.
func (ca *CA) Unlocked(ctx context.Context, report proof.Signed) error {
	claimed, err := proof.Decode[proof.UnlockReport](report.Message)
	if err != nil {
		return err
	}
	var u *Unlocking
	var pairs []*Pair
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		if u, err = rd.Unlocking(claimed.RequestDigest); err != nil || u == nil {
			return orError(err, authority.ErrUnlockMissing)
		}
		pairs, err = rd.PairsOnKey(u.KeySerial)
		return err
	})
	if err != nil {
		return err
	}
	m, signer, err := weighReport(report, u, pairs)
	if err != nil {
		return err
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

// weighReport checks that the agent which had the answer made the report, and
// answers the pair of this authority on that USB key which signed it too: "" if
// none did, or one that no longer counts.
func weighReport(report proof.Signed, u *Unlocking, pairs []*Pair) (m proof.UnlockReport, signer certhall.Serial, err error) {
	asked, err := proof.Decode[proof.UnlockRequest](u.Request)
	if err != nil {
		return m, "", err
	}
	if m, err = proof.CheckUnlockReport(report, asked); err != nil {
		return m, "", authority.ErrEvidence.Because(err)
	}
	if len(report.Signatures) == 1 {
		return m, "", nil
	}
	i := slices.IndexFunc(pairs, func(p *Pair) bool { return bytes.Equal(p.SignCert, report.Signatures[1].Certificate) })
	if i < 0 {
		return m, "", nil
	}
	_, err = verifyByPair[proof.UnlockReport](proof.Signed{Message: report.Message, Signatures: report.Signatures[1:]}, pairs[i])
	return m, pairs[i].SignSerial, err
}

// settle makes what lies on the key the current PIN. Only the last unlocking of
// a key can tell: what an older one reports late has been overtaken. Where its
// maker answered, there is no PIN to tell of.
func (ca *CA) settle(w Writer, u *Unlocking, m proof.UnlockReport, now time.Time) error {
	p, err := w.AdminPIN(u.KeySerial)
	if err != nil || p == nil || p.State == AdminPINForgotten || !bytes.Equal(p.Last, u.Digest) {
		return err
	}
	switch {
	case m.Outcome == proof.UnlockFailed:
		p.State = AdminPINLost
	case m.Outcome == proof.UnlockKept && m.Tried == 0:
		p.Pending = nil
	case p.Pending != nil && (m.Outcome == proof.UnlockChanged || m.Outcome == proof.UnlockKept):
		p.Sealed, p.Pending = p.Pending, nil
	default:
		return nil
	}
	p.ChangedAt = now
	return w.SaveAdminPIN(*p)
}
