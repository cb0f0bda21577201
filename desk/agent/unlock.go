package agent

import (
	"bytes"
	"context"
	"errors"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// ToUnlock is the purpose that the windows of Unlock show.
const ToUnlock = "unlock"

// Unlocked is what came of an unlocking, for the authority.
type Unlocked struct {
	Report  proof.Signed // UnlockReport
	Outcome string       // of the report
}

// Unlock takes an authority's answer (a signed UnlockAnswer) to a request that
// waits for it, asks for a new PIN, opens the envelope, and unlocks the key. The
// same answer can be given again until there is a report, and after: then it is
// the same report. ErrUnlockUnknown, token.ErrUntrusted.
func (a *Agent) Unlock(ctx context.Context, keySerial string, signed proof.Signed) (u Unlocked, err error) {
	claimed, err := proof.Decode[proof.UnlockAnswer](signed.Message)
	if err != nil {
		return u, err
	}
	if err := a.mayActFor(claimed.Authority); err != nil {
		return u, err
	}
	answer, root, err := token.Notarized[proof.UnlockAnswer](a.trustIn(claimed.Authority), signed)
	if err != nil {
		return u, err
	}
	at := act{authority: answer.Authority, purpose: ToUnlock, begins: true}
	err = a.with(ctx, keySerial, at, func(key token.Key, _ token.Env) (err error) {
		w, err := a.waiting(answer.Authority, keySerial)
		if err != nil {
			return err
		}
		request, err := proof.Decode[proof.UnlockRequest](w.Request)
		if err != nil || !bytes.Equal(request.Digest(), answer.RequestDigest) { // which names the key, too
			return ErrUnlockUnknown.Because(err)
		}
		if w.Report == nil {
			defer func() { err = errors.Join(err, key.Logout(ctx)) }()
			if err := a.carryOut(ctx, key, w, answer, root); err != nil {
				return err
			}
		}
		u.Outcome = w.Outcome
		u.Report, err = proof.Decode[proof.Signed](w.Report)
		return err
	})
	return u, err
}

// carryOut asks for the new PIN before anything is done at the key, and leaves
// outcome and report in w.
func (a *Agent) carryOut(ctx context.Context, key token.Key, w *waiting, answer proof.UnlockAnswer, root *smx509.Certificate) error {
	own, err := w.own()
	if err != nil {
		return err
	}
	o := &opening{a: a, key: key, w: w}
	if w.Outcome == "" {
		if o.pins, err = openPINs(own, answer); err != nil {
			return err
		}
		if err := o.choose(ctx, ""); err != nil {
			return err
		}
		if w.Outcome, w.Tried, err = o.open(ctx); err != nil {
			return err
		}
		if err := w.save(); err != nil {
			return err
		}
	}
	report := proof.UnlockReport{Authority: answer.Authority, RequestDigest: answer.RequestDigest, KeySerial: answer.KeySerial, Outcome: w.Outcome, Tried: w.Tried}
	signed, err := proof.Sign(report, nil, func(message []byte) ([]byte, error) { return gm.Sign(a.random, own, message) })
	if err != nil {
		return err
	}
	if by, err := a.signReport(ctx, o, report, root); err == nil { // else the first signature is enough
		signed.Signatures = append(signed.Signatures, by.Signatures...)
	}
	w.Report, w.Key = proof.Encode(signed), nil
	return w.save()
}

// openPINs opens an answer's envelope.
func openPINs(own *sm2.PrivateKey, answer proof.UnlockAnswer) (pins proof.AdminPINs, err error) {
	plain, err := gm.Open(own, answer.Envelope)
	if err != nil {
		return pins, ErrUnlockUnknown.Because(err)
	}
	pins, err = proof.Decode[proof.AdminPINs](plain)
	if err != nil || pins.Authority != answer.Authority || !bytes.Equal(pins.RequestDigest, answer.RequestDigest) {
		return pins, ErrUnlockUnknown.Because(err)
	}
	return pins, nil
}

// errNoSigner: no pair of the authority on the key can sign the report.
var errNoSigner = errors.New("agent: no pair signs the report")

// signReport signs with the authority's newest pair on the key that was
// unlocked just now.
func (a *Agent) signReport(ctx context.Context, o *opening, report proof.UnlockReport, root *smx509.Certificate) (proof.Signed, error) {
	if o.pin == "" || report.Outcome == proof.UnlockFailed || report.Outcome == proof.UnlockUnanswered {
		return proof.Signed{}, errNoSigner
	}
	if err := o.key.Login(ctx, o.pin); err != nil {
		return proof.Signed{}, err
	}
	all, err := token.Look(ctx, o.key)
	if err != nil {
		return proof.Signed{}, err
	}
	var best *token.Holding
	for _, h := range all {
		if !h.Fits() || !a.madeBy(report.Authority, root, h) {
			continue
		}
		if best == nil || h.Sign.NotBefore.After(best.Sign.NotBefore) {
			best = h
		}
	}
	if best == nil {
		return proof.Signed{}, errNoSigner
	}
	return token.SignAs(ctx, best, report)
}

// madeBy tells whether a container is of an authority: by its name, or by its
// certificate as far as the issuing CA is known here.
func (a *Agent) madeBy(authority string, root *smx509.Certificate, h *token.Holding) bool {
	if id, _, _, ok := certhall.ParseContainerName(h.Name()); ok {
		return id == authority
	}
	r, err := a.trustIn(authority).Root(h.Sign, nil)
	return err == nil && r.Equal(root)
}
