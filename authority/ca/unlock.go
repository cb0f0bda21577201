package ca

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// maxChallenge bounds a key's question and its maker's answer, in bytes.
const maxChallenge = 1024

// Unlockable tells whether a USB key's administrator's PIN is escrowed.
func (ca *CA) Unlockable(ctx context.Context, keySerial string) error {
	return ca.opt.Store.Read(ctx, func(rd Reader) error {
		_, err := escrowed(rd, keySerial)
		return err
	})
}

func escrowed(rd Reader, keySerial string) (*AdminPIN, error) {
	if !named(keySerial) {
		return nil, ErrKeySerial
	}
	p, err := rd.AdminPIN(keySerial)
	if err == nil && (p == nil || p.State != AdminPINKnown) {
		err = authority.ErrAdminPINUnknown.With("key", keySerial)
	}
	return p, err
}

// unlocking is a request that is well-formed, with what it is decided on.
type unlocking struct {
	asked    proof.UnlockRequest
	digest   []byte
	key      *ecdsa.PublicKey
	response []byte
	decision proof.Signed
	nonce    []byte // of the decision
}

// Unlock gives the agent that made a request what unlocks its key, once a
// reviewer decided so. The PIN that is to lie on the key is durable before the
// answer leaves. The same request gets the same answer for ever, also while the
// authority is sealed.
func (ca *CA) Unlock(ctx context.Context, r authority.UnlockRequest) (answer proof.Signed, err error) {
	u, err := ca.unlocking(r)
	if err != nil {
		return answer, err
	}
	return answer, again(func() error {
		answer, err = ca.unlock(ctx, u)
		return err
	})
}

// CheckUnlock says what Unlock would refuse, as far as that can be told without
// the authority's keys: for whoever hands a decision in.
func (ca *CA) CheckUnlock(ctx context.Context, r authority.UnlockRequest) error {
	u, err := ca.unlocking(r)
	if err != nil {
		return err
	}
	known, pin, pairs, err := ca.lookUnlocking(ctx, u)
	if err != nil || known != nil {
		return err
	}
	if pin == nil && len(u.response) == 0 {
		return authority.ErrUnlockResponse
	}
	_, err = ca.weighUnlocking(ctx, u, pairs, ca.now())
	return err
}

func (ca *CA) unlocking(r authority.UnlockRequest) (u unlocking, err error) {
	u = unlocking{decision: r.Decision, response: r.Response}
	if u.asked, err = proof.Decode[proof.UnlockRequest](r.Request); err != nil {
		return u, err
	}
	u.digest = u.asked.Digest()
	if u.key, err = gm.ParsePublicKey(u.asked.Key); err != nil {
		return u, authority.ErrRequest.Because(err)
	}
	if u.asked.Authority != ca.opt.ID || !named(u.asked.KeySerial) || len(u.asked.Nonce) != proof.NonceLength ||
		len(u.asked.Challenge) > maxChallenge || len(r.Response) > maxChallenge {
		return u, authority.ErrRequest.Becausef("fields do not fit")
	}
	return u, nil
}

// lookUnlocking reads what an unlocking rests on: the answer that was given
// already, else the escrowed PIN (nil where the maker answers) and what lies on
// the key.
func (ca *CA) lookUnlocking(ctx context.Context, u unlocking) (known *Unlocking, pin *AdminPIN, pairs []*Pair, err error) {
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		if known, err = rd.Unlocking(u.digest); err != nil || known != nil {
			return err
		}
		if len(u.asked.Challenge) == 0 {
			if pin, err = escrowed(rd, u.asked.KeySerial); err != nil {
				return err
			}
		}
		pairs, err = rd.PairsOnKey(u.asked.KeySerial)
		return err
	})
	return known, pin, pairs, err
}

func (ca *CA) unlock(ctx context.Context, u unlocking) (answer proof.Signed, err error) {
	known, pin, pairs, err := ca.lookUnlocking(ctx, u)
	if err != nil {
		return answer, err
	}
	if known != nil {
		return decodeSigned(known.Answer)
	}
	now := ca.now()
	if u.nonce, err = ca.weighUnlocking(ctx, u, pairs, now); err != nil {
		return answer, err
	}
	k, err := ca.mayIssue(ctx) // no more than a certificate: after a restoration a retired reviewer may count again
	if err != nil {
		return answer, err
	}
	pins, drawn, err := ca.keysTo(k, u, pin)
	if err != nil {
		return answer, err
	}
	envelope, err := gm.Seal(ca.opt.Random, u.key, proof.Encode(pins))
	if err != nil {
		return answer, err
	}
	answer, err = ca.notarize(k, proof.UnlockAnswer{
		Authority: ca.opt.ID, RequestDigest: u.digest, KeySerial: u.asked.KeySerial, Envelope: envelope,
	})
	if err != nil {
		return answer, err
	}
	return answer, ca.opt.Store.Write(ctx, func(w Writer) error { return ca.saveUnlocking(w, u, pin, drawn, answer, now) })
}

// weighUnlocking checks the reviewer's decision, and that he was shown whose
// key it is: all current certificates on it, and none of another key. It answers
// the decision's nonce.
func (ca *CA) weighUnlocking(ctx context.Context, u unlocking, pairs []*Pair, now time.Time) ([]byte, error) {
	if len(u.decision.Signatures) != 1 {
		return nil, authority.ErrEvidence.Becausef("%d signatures", len(u.decision.Signatures))
	}
	reviewer, err := ca.activeStaff(ctx, u.decision.Signatures[0].Certificate, proof.Reviewer, now)
	if err != nil {
		return nil, err
	}
	d, err := verifyBy[proof.UnlockDecision](u.decision, reviewer)
	if err != nil {
		return nil, err
	}
	if d.Authority != ca.opt.ID || !bytes.Equal(d.RequestDigest, u.digest) || d.KeySerial != u.asked.KeySerial || !bytes.Equal(d.KeyDigest, gm.SM3(u.asked.Key)) {
		return nil, authority.ErrEvidence.Becausef("a decision over another request")
	}
	if !now.Before(d.Expiry) {
		return nil, authority.ErrEvidenceExpired
	}
	if len(d.Nonce) != proof.NonceLength {
		return nil, authority.ErrNonce
	}
	shown := func(p *Pair) bool {
		return slices.ContainsFunc(d.Documents, func(digest []byte) bool { return bytes.Equal(digest, gm.SM3(p.SignCert)) })
	}
	found := 0
	for _, p := range pairs {
		if p.SignCert == nil {
			continue // erased
		}
		if shown(p) {
			found++
		} else if p.State == authority.Current {
			return nil, authority.ErrEvidence.Becausef("certificate %s on the key was not shown to the reviewer", p.SignSerial)
		}
	}
	if found != len(d.Documents) {
		return nil, authority.ErrEvidence.Becausef("the decision was made over a certificate of another key")
	}
	return d.Nonce, nil
}

// keysTo is what the envelope holds, and the next PIN sealed if it was drawn now.
func (ca *CA) keysTo(k *Keys, u unlocking, pin *AdminPIN) (pins proof.AdminPINs, drawn []byte, err error) {
	pins = proof.AdminPINs{Authority: ca.opt.ID, RequestDigest: u.digest}
	if pin == nil {
		if len(u.response) == 0 {
			return pins, nil, authority.ErrUnlockResponse
		}
		pins.Response = u.response
		return pins, nil, nil
	}
	if k.Unlock == nil {
		return pins, nil, authority.ErrUnlockKey
	}
	o, err := ca.open(k, pin)
	pins.Try, pins.Next = o.try, o.next
	return pins, o.drawn, err
}

func (ca *CA) saveUnlocking(w Writer, u unlocking, pin *AdminPIN, drawn []byte, answer proof.Signed, now time.Time) error {
	if err := w.LockUnlocking(); err != nil {
		return err
	}
	if known, err := w.Unlocking(u.digest); err != nil || known != nil {
		return raced(err)
	}
	if pin != nil {
		stands, err := escrowed(w, pin.KeySerial)
		if err != nil {
			return err
		}
		if !bytes.Equal(stands.Sealed, pin.Sealed) || !bytes.Equal(stands.Pending, pin.Pending) {
			return errRaced
		}
		if drawn != nil {
			stands.Pending = drawn
		}
		stands.Last = u.digest
		if err := w.SaveAdminPIN(*stands); err != nil {
			return err
		}
	}
	// The reviewer may have been retired since his decision was weighed.
	if _, err := activeIn(w, u.decision.Signatures[0].Certificate, proof.Reviewer, now); err != nil {
		return err
	}
	if err := ca.mayUnlock(w, u.asked.KeySerial, now); err != nil {
		return err
	}
	if fresh, err := w.UseNonce(u.nonce, now); err != nil || !fresh {
		return orError(err, authority.ErrNonce)
	}
	err := w.AddUnlocking(Unlocking{
		Digest: u.digest, KeySerial: u.asked.KeySerial, Request: proof.Encode(u.asked),
		Decision: encodeSigned(u.decision), Answer: encodeSigned(answer), AnsweredAt: now,
	})
	if err != nil {
		return err
	}
	return w.AddRecord(ca.record(authority.KeyUnlocked, Record{}, unlockRecord{Key: u.asked.KeySerial, Request: u.digest, why: ca.by(u.decision)}))
}

// unlockRecord is what the record says of an unlocking and of its report.
type unlockRecord struct {
	Key     string          `json:"key"`
	Request []byte          `json:"request"` // digest
	Outcome string          `json:"outcome,omitempty"`
	Signer  certhall.Serial `json:"signer,omitempty"` // of the report: a pair's signing certificate; "": the agent's own key
	why
}

// mayUnlock judges the limits of a day.
func (ca *CA) mayUnlock(rd Reader, keySerial string, now time.Time) error {
	since := now.Add(-24 * time.Hour)
	for _, of := range []struct {
		key  string
		most int
	}{{keySerial, ca.opt.Policy.UnlocksPerKey}, {"", ca.opt.Policy.UnlocksPerDay}} {
		if n, err := rd.UnlockingsSince(of.key, since); err != nil || n >= of.most {
			return orError(err, authority.ErrUnlockLimited)
		}
	}
	return nil
}
