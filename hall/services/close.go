package services

import (
	"context"
	"encoding/asn1"
	"errors"
	"slices"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Close asks for the end of a case. It has ended once the authority has said
// so under signature: until then the answer is closing.
func (c *Counter) Close(ctx context.Context, who Caller, id certhall.CaseID) (Next, error) {
	_, session, err := c.admit(ctx, who, id)
	if err != nil {
		return Next{}, err
	}
	k, err := c.change(ctx, id, Event{Kind: EvCloseAsked})
	if err != nil {
		return Next{}, err
	}
	return c.answer(ctx, k, session, nil)
}

// closeFirst ends a case that stands in the way of another service, before
// that one is opened.
func (c *Counter) closeFirst(ctx context.Context, k Case) error {
	if _, err := c.change(ctx, k.ID, Event{Kind: EvCloseAsked}); err != nil {
		return err
	}
	if err := c.Work(ctx, Effect{Kind: EffectClose, Case: k.ID}); err != nil {
		return ErrCaseClosing.Because(err)
	}
	return nil
}

// payClose asks the authority to close the case and checks its signed answer.
func (c *Counter) payClose(ctx context.Context, k Case) error {
	signed, err := c.Authority.Close(ctx, k.ID)
	if err != nil {
		return err
	}
	closing, err := c.checkClosing(signed, k.ID)
	if err != nil {
		return certhall.ErrInternal.Because(err)
	}
	if closing.Outcome == proof.Acknowledged {
		return nil // the authority's event ends the case
	}
	_, err = c.change(ctx, k.ID, Event{Kind: EvFreed, Message: proof.Encode(signed)})
	return err
}

var errClosing = errors.New("services: not a closing of this case by the authority's notary")

// checkClosing verifies that a closing was signed by a certificate under the
// authority's root that may sign it.
func (c *Counter) checkClosing(s proof.Signed, id certhall.CaseID) (proof.Closing, error) {
	if len(s.Signatures) != 1 {
		return proof.Closing{}, errClosing
	}
	notary, err := gm.ParseCertificate(s.Signatures[0].Certificate)
	if err != nil {
		return proof.Closing{}, err
	}
	if !c.isNotary(notary) {
		return proof.Closing{}, errClosing
	}
	key, err := gm.CertificateKey(notary)
	if err != nil {
		return proof.Closing{}, err
	}
	closing, err := proof.VerifyKey[proof.Closing](s, key)
	if err != nil {
		return proof.Closing{}, err
	}
	known := closing.Outcome == proof.Closed || closing.Outcome == proof.Acknowledged
	if closing.Authority != c.AuthorityID || closing.Case != string(id) || !known {
		return proof.Closing{}, errClosing
	}
	return closing, nil
}

func (c *Counter) isNotary(cert *smx509.Certificate) bool {
	now := c.Clock.Now()
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) ||
		!slices.ContainsFunc(cert.UnknownExtKeyUsage, func(oid asn1.ObjectIdentifier) bool { return oid.Equal(proof.OIDNotary) }) {
		return false
	}
	return slices.ContainsFunc(c.Roots, func(root *smx509.Certificate) bool { return cert.CheckSignatureFrom(root) == nil })
}
