package agent

import (
	"context"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// What signing a decision is refused with, beside the key's errors.
var (
	// ErrUnexplained: the draft says or shows too little, or contradicts itself,
	// for its signer to know what he would bring about.
	ErrUnexplained = certhall.NewError("decision-unexplained", certhall.Denied)
	// ErrOtherAuthority: the draft is not of the authority that the signer's
	// certificate and the trusted root are of.
	ErrOtherAuthority = certhall.NewError("decision-other-authority", certhall.Denied)
)

// SignDecision signs what a Draft (DER) holds, a reviewer's Decision or
// UnlockDecision, or an officer's Enrolment or Takeover, after showing what it says and what will follow. Nothing
// else is signed here: proof.ErrMalformed.
func (a *Agent) SignDecision(ctx context.Context, keySerial string, draft []byte) (signed proof.Signed, err error) {
	d, err := proof.Decode[proof.Draft](draft)
	if err != nil {
		return signed, err
	}
	e, err := explain(d)
	if err != nil {
		return signed, err
	}
	err = a.with(ctx, keySerial, act{purpose: e.what}, func(key token.Key, env token.Env) error {
		all, err := token.Look(ctx, key)
		if err != nil {
			return err
		}
		h := staff(all)
		if h == nil {
			return token.ErrNoCertificate
		}
		if err := a.sameAuthority(d, e, h.Sign); err != nil {
			return err
		}
		facts := filled(append(e.facts, Fact{"signer", h.Sign.Subject.CommonName}))
		if err := a.agree(ctx, ConsentRequest{Key: key.Info(), What: e.what, Facts: facts}, token.ErrDeclined); err != nil {
			return err
		}
		if err := env.Unlock(ctx); err != nil {
			return err
		}
		signed, err = token.SignAs(ctx, h, e.message)
		return err
	})
	return signed, err
}

// sameAuthority holds the authority that a draft names against the trusted
// root: the signer's certificate chains to it, and so does the notary who says
// whose id it is. What officers sign comes before there is anything notarized.
func (a *Agent) sameAuthority(d proof.Draft, e explained, signer *smx509.Certificate) error {
	trust := a.trustIn(d.Authority)
	if trust == nil || e.authority != d.Authority {
		return ErrOtherAuthority.Becausef("a draft of %.40q for %.40q", d.Authority, e.authority)
	}
	root, err := trust.Root(signer, d.Chain)
	if err != nil {
		return ErrOtherAuthority.Because(err)
	}
	if d.Voucher.IsZero() && e.what != SignDecision && e.what != SignUnlock {
		return nil
	}
	id, vouched, err := voucher(trust, d.Voucher)
	if err != nil {
		return ErrOtherAuthority.Because(err)
	}
	if id != d.Authority || !vouched.Equal(root) {
		return ErrOtherAuthority.Becausef("the signer's root is %.40q's, the draft's authority is %.40q", id, d.Authority)
	}
	return nil
}

// voucher tells which authority's notary signed a ticket or a receipt, and
// under which root.
func voucher(t *token.Trust, s proof.Signed) (id string, root *smx509.Certificate, err error) {
	if proof.Tag(s.Message) == proof.TagOf[proof.Receipt]() {
		m, root, err := token.Notarized[proof.Receipt](t, s)
		return m.Authority, root, err
	}
	m, root, err := token.Notarized[proof.Ticket](t, s)
	return m.Authority, root, err
}

// staff picks the container that signs: staff have single certificates, so one
// without an encryption certificate comes first, and of several the newest.
func staff(all []*token.Holding) *token.Holding {
	var best *token.Holding
	for _, h := range all {
		if !h.Fits() {
			continue
		}
		single, bestSingle := h.Enc == nil, best != nil && best.Enc == nil
		if best == nil || single && !bestSingle ||
			single == bestSingle && h.Sign.NotBefore.After(best.Sign.NotBefore) {
			best = h
		}
	}
	return best
}
