package ca

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"errors"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Issue gives an attempt its pair, in three moves of which each can be the
// last before a crash: the intent is stored, the real key signs outside any
// transaction, the signatures are stored by compare-and-swap.
func (ca *CA) Issue(ctx context.Context, r authority.IssueRequest) (proof.Bundle, error) {
	if !validID(string(r.Case)) {
		return proof.Bundle{}, authority.ErrUnknownCase
	}
	req, err := parseRequest(r.Request)
	if err != nil {
		return proof.Bundle{}, err
	}
	var bundle proof.Bundle
	err = again(func() error {
		var at place
		var err error
		if at.Standing, at.escrowed, err = ca.opt.Store.Standing(ctx, r.Case, r.Attempt); err != nil {
			return err
		}
		stored, err := ca.answered(ctx, at.Pair, req)
		if err != nil || stored != nil {
			if stored != nil {
				bundle = *stored
			}
			return err
		}
		p, err := ca.intend(ctx, r, req, at)
		if err != nil {
			return ca.unlessAnswered(ctx, r, err)
		}
		done, err := ca.complete(ctx, p)
		if err != nil {
			return err
		}
		bundle, err = ca.bundle(done)
		return err
	})
	return bundle, err
}

// place is what stands at an attempt, and whether the escrow holds the old
// pair's encryption key.
type place struct {
	Standing
	escrowed bool
}

// answered gives the stored answer for the same attempt and the same key,
// before any other check ◆; nil if nothing is stored for the attempt.
func (ca *CA) answered(ctx context.Context, p *Pair, req request) (*proof.Bundle, error) {
	if p == nil {
		return nil, nil
	}
	var err error
	if p.State == authority.Void {
		return nil, authority.ErrAttemptVoid
	}
	if !bytes.Equal(p.KeyDigest, req.keyDigest) {
		return nil, authority.ErrOtherKey
	}
	if p.State == authority.Intended {
		if p, err = ca.complete(ctx, p); err != nil {
			return nil, err
		}
	}
	b, err := ca.bundle(p)
	return &b, err
}

// unlessAnswered is err, or errRaced where another call has meanwhile given
// the attempt its pair: then that is the answer, not what was refused here.
func (ca *CA) unlessAnswered(ctx context.Context, r authority.IssueRequest, err error) error {
	p, lost := ca.pairOfAttempt(ctx, r.Case, r.Attempt)
	if lost == nil && p != nil || errors.Is(err, ErrAttemptTaken) {
		return errRaced
	}
	return err
}

// pairOfAttempt finds the pair of a case and attempt from outside; nil if
// there is none.
func (ca *CA) pairOfAttempt(ctx context.Context, c certhall.CaseID, n int) (p *Pair, err error) {
	if !validID(string(c)) {
		return nil, nil
	}
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		p, err = rd.PairOfAttempt(c, n)
		return err
	})
	return p, err
}

// intend checks the evidence, makes everything but the signatures and stores it.
func (ca *CA) intend(ctx context.Context, r authority.IssueRequest, req request, at place) (*Pair, error) {
	k, err := ca.mayIssue(ctx)
	if err != nil {
		return nil, err
	}
	now := ca.now()
	g, err := ca.weigh(ctx, r, req, at, now)
	if err != nil {
		return nil, err
	}
	p := &g.pair
	p.ID = certhall.PairID(ca.newID())
	p.Case, p.Attempt, p.State = r.Case, r.Attempt, authority.Intended
	p.Entitlement, p.Subject = g.entitlement, commonName(p.SubjectDER)
	if g.old != nil {
		p.Subject = g.old.Subject // a predecessor may have written the name in another string type
	}
	p.Request, p.RequestDigest, p.KeyDigest = r.Request, req.digest, req.keyDigest
	p.Evidence, p.IntendedAt = encodeSigned(r.Evidence), now
	escrow, err := ca.make(k, p, g, req, now)
	if err != nil {
		return nil, err
	}
	intent := Intent{Pair: *p, NewLineage: g.old == nil, Escrow: escrow,
		Record: ca.pairRecord(authority.PairIntended, p, authority.Intended, why{})}
	err = ca.opt.Store.SaveIntent(ctx, intent, func(s Standing) error { return admit(s, g) })
	switch {
	case errors.Is(err, ErrLineageTaken):
		return nil, authority.ErrLineageBusy.Because(err)
	case errors.Is(err, ErrEntitlementTaken):
		return nil, authority.ErrEntitlementUsed.Because(err)
	}
	return p, err
}

// admit judges an intent by what stands once its rows are locked.
func admit(s Standing, g grounds) error {
	if err := caseIsOpen(s.Case, s.Attempt); err != nil {
		return err
	}
	if s.Pair != nil {
		return ErrAttemptTaken
	}
	if g.old == nil {
		if s.Lived {
			return authority.ErrLineageBusy
		}
		return nil
	}
	if !bytes.Equal(s.Attempt.Nonce, g.nonce) {
		return authority.ErrNonce
	}
	if s.Old == nil {
		return authority.ErrNotCurrent
	}
	return inForce(s.Old)
}

// make fills in the serial and the to-be-signed certificate (linted as it is)
// and, where the profile has an encryption half, that half.
func (ca *CA) make(k *Keys, p *Pair, g grounds, req request, now time.Time) (escrow []byte, err error) {
	profile, ok := ca.opt.Profiles[p.Profile]
	if !ok || profile.Staff {
		return nil, authority.ErrProfile
	}
	if req.algorithm != profile.Algorithm {
		return nil, authority.ErrRequest.Becausef("a key of algorithm %v for the profile %s", req.algorithm, profile.Name)
	}
	p.Issuer = authority.IssuerFor(profile.Algorithm)
	issuer, err := k.issuer(p.Issuer)
	if err != nil {
		return nil, err
	}
	if p.TermYears < 1 || p.TermYears > profile.MaxYears {
		return nil, authority.ErrTerm
	}
	p.NotBefore, p.NotAfter = whole(now.Add(-ca.opt.Policy.Backdate)), ca.end(g.service, g.old, p.TermYears, now)
	if p.NotAfter.After(issuer.Certificate.NotAfter) {
		return nil, authority.ErrTerm
	}
	if p.SignSerial, err = certhall.NewSerial(ca.opt.Random); err != nil {
		return nil, err
	}
	sign := content{p.SignSerial, p.SubjectDER, p.IdentityDER, req.key, p.NotBefore, p.NotAfter, profile, profile.Sign}
	if p.SignTBS, err = ca.draft(issuer, sign); err != nil || profile.Single() {
		return nil, err
	}
	return ca.makeEncryption(issuer, p, sign)
}

// makeEncryption makes the encryption half: serial, key, to-be-signed
// certificate and the nonce that proves that the key can be used.
func (ca *CA) makeEncryption(by issuer, p *Pair, sign content) (escrow []byte, err error) {
	signing, ok := sign.Key.(*ecdsa.PublicKey)
	if !ok {
		return nil, authority.ErrProfile.Becausef("no encryption key can be delivered to a key of %s", sign.Profile.Algorithm)
	}
	// The serial exists before the key is asked for.
	if p.EncSerial, err = certhall.NewSerial(ca.opt.Random); err != nil {
		return nil, err
	}
	d, err := ca.opt.KMC.Make(signing)
	if err != nil {
		return nil, err
	}
	p.Envelope = d.Envelope
	enc := sign
	enc.Serial, enc.Key, enc.Half = p.EncSerial, d.PublicKey, sign.Profile.Enc
	if p.EncTBS, err = ca.draft(by, enc); err != nil {
		return nil, err
	}
	if p.Nonce, err = proof.NewNonce(ca.opt.Random); err != nil {
		return nil, err
	}
	p.SealedNonce, err = gm.Seal(ca.opt.Random, d.PublicKey, p.Nonce)
	return d.Escrow, err
}

// draft builds to-be-signed bytes and lints them.
func (ca *CA) draft(by issuer, c content) ([]byte, error) {
	tbs, err := ca.buildTBS(by, c)
	if err != nil {
		return nil, authority.ErrRequest.Because(err)
	}
	if err := ca.lint(tbs, by, c); err != nil {
		return nil, authority.ErrRequest.Because(err)
	}
	return tbs, nil
}

// complete signs an intent's stored bytes and stores the signatures. Whoever
// loses the swap drops its signatures and takes what is stored ◆.
func (ca *CA) complete(ctx context.Context, p *Pair) (*Pair, error) {
	issuer, err := ca.mayIssueBy(ctx, p.Issuer)
	if err != nil {
		return nil, err
	}
	if !fitsIssuer(issuer, p) {
		return nil, ca.giveUp(ctx, p)
	}
	if p.Suspended {
		return nil, authority.ErrSuspended
	}
	s := Signatures{ID: p.ID, At: ca.now(), Record: ca.pairRecord(authority.PairIssued, p, authority.Issued, why{})}
	if s.SignCert, err = sealTBS(issuer, p.SignTBS); err != nil {
		return nil, err
	}
	if !p.Single() {
		if s.EncCert, err = sealTBS(issuer, p.EncTBS); err != nil {
			return nil, err
		}
	}
	won, err := ca.opt.Store.SaveIssued(ctx, s)
	if err != nil {
		return nil, err
	}
	if won {
		done := *p
		done.State, done.SignCert, done.EncCert, done.IssuedAt = authority.Issued, s.SignCert, s.EncCert, s.At
		return &done, nil
	}
	var stored *Pair
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		stored, err = rd.Pair(p.ID)
		return err
	})
	if err == nil && stored.GivenUp {
		return nil, errRaced
	}
	if err == nil && stored.State == authority.Void {
		return nil, authority.ErrAttemptVoid
	}
	if err == nil && stored.State == authority.Intended {
		return nil, authority.ErrSuspended // signed once that is lifted
	}
	return stored, err
}

func sealTBS(by issuer, tbs []byte) ([]byte, error) {
	signature, err := by.Sign(tbs)
	if err != nil {
		return nil, err
	}
	return assemble(by, tbs, signature)
}

// fitsIssuer tells whether an intent's bytes name the issuer that would sign
// them now: after a change of the issuing key they would not verify. Nor may it
// outlive the issuer.
func fitsIssuer(by issuer, p *Pair) bool {
	for _, tbs := range [][]byte{p.SignTBS, p.EncTBS} {
		if len(tbs) > 0 && !(bytes.Contains(tbs, by.Certificate.RawSubject) && bytes.Contains(tbs, by.Certificate.SubjectKeyId)) {
			return false
		}
	}
	return !p.NotAfter.After(by.Certificate.NotAfter)
}

// giveUp ends an intent that cannot be completed: its serials are revoked, the
// attempt and its key stay, and the next Issue makes a new intent.
func (ca *CA) giveUp(ctx context.Context, p *Pair) error {
	err := ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := ca.lock(w, p.Case, p.Lineage); err != nil {
			return err
		}
		moved, err := w.MovePair(p.ID, authority.Intended, authority.Void,
			Change{GivenUp: true, RevokedAt: ca.now(), Reason: reasonCessation})
		if err != nil || !moved {
			return err
		}
		return w.AddRecord(ca.pairRecord(authority.PairRevoked, p, authority.Void, ca.because("the intent could not be completed")))
	})
	if err != nil {
		return err
	}
	return errRaced
}

// CompleteIntents signs what a crash left intended, from the stored bytes ◆.
// It answers how many intents it brought to an end; one that fails (its issuing
// CA's key is away) keeps no other waiting.
func (ca *CA) CompleteIntents(ctx context.Context) (int, error) {
	var open []*Pair
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		open, err = rd.OpenIntents(256)
		return err
	})
	if err != nil || len(open) == 0 {
		return 0, err
	}
	if _, err := ca.mayIssue(ctx); err != nil {
		return 0, err // it would hold for all of them
	}
	done := 0
	var failed error
	for _, p := range open {
		_, err := ca.complete(ctx, p)
		switch {
		case err == nil, errors.Is(err, errRaced), errors.Is(err, authority.ErrAttemptVoid), errors.Is(err, authority.ErrSuspended):
			done++
		case ctx.Err() != nil:
			return done, err
		default:
			failed = errors.Join(failed, err)
		}
	}
	return done, failed
}

// bundle is the answer for an issued pair, made of stored parts only.
func (ca *CA) bundle(p *Pair) (proof.Bundle, error) {
	if p.SignCert == nil {
		return proof.Bundle{}, authority.ErrNotIssued
	}
	return proof.Bundle{
		Authority: ca.opt.ID, Case: string(p.Case), Attempt: p.Attempt, OldSerial: string(p.OldSerial),
		Subject: p.SubjectDER, Sign: p.SignCert, Enc: p.EncCert, Chain: ca.opt.Chains[p.Issuer],
		Envelope: p.Envelope, SealedNonce: p.SealedNonce,
	}, nil
}
