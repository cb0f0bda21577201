package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Kinds of evidence that a pair rests on.
const (
	KindOldKey   = "old-key"
	KindDecision = "decision"
)

// grounds are what checked evidence gives: everything the pair is made of but
// the key and what the issuer adds.
type grounds struct {
	service     certhall.Service
	entitlement certhall.EntitlementID
	old         *Pair  // nil by decision for apply
	nonce       []byte // the ticket's, in old-key evidence
	pair        Pair   // lineage, project, organisation, key number, profile, term, subject, identity, disposal
}

// request is a P10 whose key and signature have been checked.
type request struct {
	key       crypto.PublicKey
	algorithm gm.Algorithm
	keyDigest []byte
	digest    []byte
}

// parseRequest reads and checks a P10.
func parseRequest(p10 []byte) (r request, err error) {
	if r.key, r.digest, err = gm.ParseRequest(p10); err == nil {
		r.algorithm, err = gm.AlgorithmOf(r.key)
	}
	if err == nil {
		r.keyDigest, err = gm.KeyDigest(r.key)
	}
	if weak := (gm.WeakKey{}); errors.As(err, &weak) {
		return r, authority.ErrWeakKey.Because(err)
	}
	if err != nil {
		return r, authority.ErrRequest.Because(err)
	}
	return r, nil
}

// weigh checks the evidence for issuing a pair to this request: the heart of
// "a broken-into portal cannot obtain a certificate".
func (ca *CA) weigh(ctx context.Context, r authority.IssueRequest, req request, at place, now time.Time) (grounds, error) {
	switch proof.Tag(r.Evidence.Message) {
	case proof.TagOf[proof.OldKey]():
		g, err := ca.weighOldKey(r, req, at, now)
		if err == nil {
			err = ca.vouched(ctx, g.old)
		}
		return g, err
	case proof.TagOf[proof.Decision]():
		return ca.weighDecision(ctx, r, req, at, now)
	}
	return grounds{}, authority.ErrEvidence.Becausef("tag %.40q", proof.Tag(r.Evidence.Message))
}

func (ca *CA) weighOldKey(r authority.IssueRequest, req request, at place, now time.Time) (grounds, error) {
	c, a, old := at.Case, at.Attempt, at.Old
	if err := caseIsOpen(c, a); err != nil {
		return grounds{}, err
	}
	if old == nil {
		return grounds{}, authority.ErrEvidence.Becausef("the case has no old pair")
	}
	key, err := pairKey(old)
	if err != nil {
		return grounds{}, err
	}
	e, err := verifyBy[proof.OldKey](r.Evidence, key)
	if err != nil {
		return grounds{}, err
	}
	if !algorithmIs(key, req.algorithm) {
		return grounds{}, authority.ErrRequest.Becausef("the algorithm is not the old key's")
	}
	disposal := certhall.Disposal(e.Disposal)
	fits := e.Authority == ca.opt.ID && e.Case == string(r.Case) && e.Attempt == r.Attempt &&
		e.Service == string(c.Service) && e.OldSerial == string(old.SignSerial) &&
		e.Project == old.Project && e.Profile == old.Profile && bytes.Equal(e.RequestDigest, req.digest) &&
		(disposal == certhall.Keep || disposal == certhall.Delete) && validID(e.Entitlement) &&
		named(e.KeySerial)
	if !fits {
		return grounds{}, authority.ErrEvidence.Becausef("fields do not fit the case")
	}
	if bytes.Equal(req.keyDigest, old.KeyDigest) {
		return grounds{}, authority.ErrRequest.Becausef("the key is the old one")
	}
	if !bytes.Equal(e.Nonce, a.Nonce) {
		return grounds{}, authority.ErrNonce
	}
	if !now.Before(e.Expiry) || !now.Before(a.Expiry) {
		return grounds{}, authority.ErrEvidenceExpired
	}
	if err := inForce(old); err != nil {
		return grounds{}, err
	}
	if disposal == certhall.Delete && !at.escrowed {
		disposal = certhall.Keep // only the escrow could give the old encryption key back
	}
	p := Pair{
		OldPair: old.ID, OldSerial: old.SignSerial, SubjectDER: old.SubjectDER, IdentityDER: old.IdentityDER,
		Disposal: disposal, EvidenceKind: KindOldKey,
	}
	p.Lineage, p.Project, p.Organisation = old.Lineage, old.Project, old.Organisation
	p.KeyNumber, p.KeySerial, p.Profile, p.TermYears = old.KeyNumber, e.KeySerial, old.Profile, e.TermYears
	return grounds{c.Service, certhall.EntitlementID(e.Entitlement), old, e.Nonce, p}, nil
}

func (ca *CA) weighDecision(ctx context.Context, r authority.IssueRequest, req request, at place, now time.Time) (grounds, error) {
	c, a := at.Case, at.Attempt
	d, reviewer, err := ca.verifyDecision(ctx, r.Evidence, now)
	if err != nil {
		return grounds{}, err
	}
	if err := caseIsOpen(c, a); err != nil {
		return grounds{}, err
	}
	fits := d.Authority == ca.opt.ID && d.Case == string(r.Case) && d.Attempt == r.Attempt &&
		d.Service == string(c.Service) && c.Service == certhall.Apply && d.Verdict == proof.Approve &&
		bytes.Equal(d.RequestDigest, req.digest) && validID(d.Lineage) && validID(d.Entitlement) &&
		named(d.Organisation) && named(d.Project) && named(d.KeySerial) && (d.KeyNumber == "" || named(d.KeyNumber))
	if !fits {
		return grounds{}, authority.ErrEvidence.Becausef("fields do not fit the case")
	}
	if !now.Before(d.Expiry) {
		return grounds{}, authority.ErrEvidenceExpired
	}
	if gm.SameKey(reviewer, req.key) {
		return grounds{}, authority.ErrEvidence.Becausef("a reviewer decided about his own key")
	}
	if err := lintName(d.Subject); err != nil {
		return grounds{}, authority.ErrEvidence.Because(err)
	}
	p := Pair{SubjectDER: d.Subject, IdentityDER: d.Identity, Disposal: certhall.Keep, EvidenceKind: KindDecision}
	p.Lineage, p.Project, p.Organisation = certhall.LineageID(d.Lineage), d.Project, d.Organisation
	p.KeyNumber, p.KeySerial, p.Profile, p.TermYears = d.KeyNumber, d.KeySerial, d.Profile, d.TermYears
	return grounds{c.Service, certhall.EntitlementID(d.Entitlement), nil, nil, p}, nil
}

// named tells whether a name from outside can be kept and shown: not empty, at
// most 64 bytes, nothing that is not text.
func named(s string) bool { return len(s) > 0 && len(s) <= 64 && isText(s) }

// isText tells whether s is UTF-8 without control characters and without marks
// that reorder what stands beside them on a screen.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	})
}

// caseIsOpen says why nothing can be issued in an attempt.
func caseIsOpen(c *Case, a *Attempt) error {
	switch {
	case c == nil || (a == nil && c.State == CaseOpen):
		return authority.ErrUnknownCase
	case c.State == CaseClosed:
		return authority.ErrCaseClosed
	case a == nil || a.Standing == authority.AttemptVoid:
		return authority.ErrAttemptVoid
	case a.Standing != authority.AttemptOpen:
		return authority.ErrAttemptNotOpen
	}
	return nil
}

// verifyByPair decodes a message that must carry one signature by a pair's
// signing key, as the store knows it: certificates in the message count nothing.
func verifyByPair[M proof.Message](s proof.Signed, p *Pair) (M, error) {
	var none M
	pub, err := pairKey(p)
	if err != nil {
		return none, err
	}
	return verifyBy[M](s, pub)
}

// verifyBy decodes a message that must carry one signature, by the given key.
func verifyBy[M proof.Message](s proof.Signed, pub crypto.PublicKey) (M, error) {
	var none M
	m, err := proof.VerifyKey[M](s, pub)
	if err != nil {
		return none, authority.ErrEvidence.Because(err)
	}
	return m, nil
}

// pairKey is the signing key of an issued pair.
func pairKey(p *Pair) (crypto.PublicKey, error) {
	c, err := gm.ParseCertificate(p.SignCert)
	if err != nil {
		return nil, authority.ErrNotIssued.Because(err)
	}
	return c.PublicKey, nil
}

// verifyDecision decodes a decision of an active reviewer's, and answers the
// reviewer's key beside it.
func (ca *CA) verifyDecision(ctx context.Context, s proof.Signed, now time.Time) (proof.Decision, *ecdsa.PublicKey, error) {
	if len(s.Signatures) != 1 {
		return proof.Decision{}, nil, authority.ErrEvidence.Becausef("%d signatures", len(s.Signatures))
	}
	reviewer, err := ca.activeStaff(ctx, s.Signatures[0].Certificate, proof.Reviewer, now)
	if err != nil {
		return proof.Decision{}, nil, err
	}
	d, err := proof.VerifyKey[proof.Decision](s, reviewer)
	if err != nil {
		return proof.Decision{}, nil, authority.ErrEvidence.Because(err)
	}
	return d, reviewer, nil
}

// activeStaff is the key of the active officer or reviewer whose certificate,
// as the store has it, is the one shown; at the zero time, of a former one too.
func (ca *CA) activeStaff(ctx context.Context, der []byte, role string, now time.Time) (key *ecdsa.PublicKey, err error) {
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		key, err = activeIn(rd, der, role, now)
		return err
	})
	return key, err
}

// activeIn is activeStaff in one state of the store.
func activeIn(rd Reader, der []byte, role string, now time.Time) (*ecdsa.PublicKey, error) {
	shown, err := gm.ParseCertificate(der)
	if err != nil {
		return nil, authority.ErrEvidence.Because(err)
	}
	m, err := rd.Staff(certhall.SerialOf(shown.SerialNumber))
	if err != nil {
		return nil, err
	}
	if m == nil || m.Role != role || !bytes.Equal(m.Certificate, der) || !now.IsZero() && (m.State != StaffActive || !inOffice(m, now)) {
		return nil, authority.ErrEvidence.Becausef("signer is not an active %s", role)
	}
	return gm.SM2Key(shown.PublicKey)
}
