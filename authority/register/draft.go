package register

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// What drafting is refused with.
var (
	ErrReason       = certhall.NewError("reason-unknown", certhall.Invalid) // reasons
	ErrNotSuspended = certhall.NewError("not-suspended", certhall.Conflict)
	ErrErased       = certhall.NewError("erased-already", certhall.Conflict)
	ErrNotStaff     = certhall.NewError("staff-unknown", certhall.NotFound)
)

// DraftRevocation drafts the decision that revokes the whole lineage of the
// pair with a serial, for a reason in the words of RFC 5280, 5.3.1.
func (r *Register) DraftRevocation(ctx context.Context, s certhall.Serial, reason string, life time.Duration) (proof.Draft, error) {
	if _, ok := proof.ReasonCode(reason); !ok {
		return proof.Draft{}, ErrReason.With("reasons", strings.Join(proof.RevocationReasons(), ", "))
	}
	return r.draftOver(ctx, s, string(certhall.Revoke), reason, life, func(p *ca.Pair) bool { return true }, authority.ErrRevoked)
}

// DraftResumption drafts the decision that lifts the suspension of the lineage
// of the pair with a serial, for a reason in the reviewer's own words.
func (r *Register) DraftResumption(ctx context.Context, s certhall.Serial, reason string, life time.Duration) (proof.Draft, error) {
	return r.draftOver(ctx, s, proof.ResumeService, reason, life, func(p *ca.Pair) bool { return p.Suspended }, ErrNotSuspended)
}

// draftOver drafts a decision over a lineage's living pairs; none is what is
// answered if none of them is concerned.
func (r *Register) draftOver(ctx context.Context, s certhall.Serial, service, reason string, life time.Duration, concerned func(*ca.Pair) bool, none error) (proof.Draft, error) {
	return r.draft(ctx, s, service, reason, life, func(m *proof.Decision, pairs []*ca.Pair) ([]*ca.Pair, error) {
		pairs = slices.DeleteFunc(pairs, func(p *ca.Pair) bool { return p.State == authority.Revoked || p.State == authority.Void })
		if !slices.ContainsFunc(pairs, concerned) {
			return nil, none
		}
		newest := pairs[len(pairs)-1] // what it says holds
		m.Subject, m.Profile = newest.SubjectDER, newest.Profile
		return pairs, nil
	})
}

// DraftErasure drafts the decision that the personal data of the lineage of the
// pair with a serial goes. It stays in the record for good: the holder's name is
// not in it.
func (r *Register) DraftErasure(ctx context.Context, s certhall.Serial, reason string, life time.Duration) (proof.Draft, error) {
	return r.draft(ctx, s, proof.EraseService, reason, life, func(_ *proof.Decision, pairs []*ca.Pair) ([]*ca.Pair, error) {
		if len(pairs) == 0 {
			return nil, ErrErased
		}
		return pairs, nil
	})
}

// draft drafts a decision over those of a lineage's pairs, oldest first, that
// have a certificate (not those never issued or erased already) and that choose
// takes; it may say more of them.
func (r *Register) draft(ctx context.Context, s certhall.Serial, service, reason string, life time.Duration, choose func(*proof.Decision, []*ca.Pair) ([]*ca.Pair, error)) (d proof.Draft, err error) {
	m := proof.Decision{
		Authority: r.ID, Service: service, Verdict: proof.Approve, Reason: reason,
		Expiry: r.now().Add(life).Truncate(time.Second),
	}
	if m.Nonce, err = proof.NewNonce(r.Random); err != nil {
		return d, err
	}
	err = r.Store.Look(ctx, func(rd Reader) error {
		p, err := find(rd, Serial(string(s)))
		if err != nil {
			return err
		}
		pairs, err := rd.LineagePairs(p.Lineage)
		if err != nil {
			return err
		}
		pairs, err = choose(&m, slices.DeleteFunc(pairs, func(p *ca.Pair) bool { return p.SignCert == nil }))
		if err != nil {
			return err
		}
		m.Documents, d.Documents = nil, nil
		for _, p := range pairs { // what the newest says holds
			m.Documents, d.Documents = append(m.Documents, gm.SM3(p.SignCert)), append(d.Documents, p.SignCert)
			m.Lineage, m.Organisation, m.Project, m.KeyNumber = string(p.Lineage), p.Organisation, p.Project, p.KeyNumber
		}
		return r.vouch(rd, &d)
	})
	if err != nil {
		return proof.Draft{}, err
	}
	d.Message = proof.Encode(m)
	return d, nil
}

// DraftEnrolment drafts the record by which two officers give a role to the key
// of a request (P10, DER).
func (r *Register) DraftEnrolment(ctx context.Context, role, name string, p10 []byte, life time.Duration) (proof.Draft, error) {
	_, digest, err := gm.ParseRequest(p10)
	if err != nil {
		return proof.Draft{}, authority.ErrRequest.Because(err)
	}
	return r.draftCeremony(ctx, proof.Enrolment{Authority: r.ID, Role: role, Name: name, RequestDigest: digest}, life)
}

// DraftRetirement drafts the record by which two officers take the role of the
// member of staff whose certificate has a serial.
func (r *Register) DraftRetirement(ctx context.Context, role string, s certhall.Serial, life time.Duration) (proof.Draft, error) {
	return r.draftCeremony(ctx, proof.Enrolment{Authority: r.ID, Role: role, Retire: string(Serial(string(s)))}, life)
}

func (r *Register) draftCeremony(ctx context.Context, m proof.Enrolment, life time.Duration) (d proof.Draft, err error) {
	m.Expiry = r.now().Add(life).Truncate(time.Second)
	if m.Nonce, err = proof.NewNonce(r.Random); err != nil {
		return d, err
	}
	err = r.Store.Look(ctx, func(rd Reader) error {
		if m.Retire != "" {
			member, err := rd.Staff(certhall.Serial(m.Retire))
			if err != nil {
				return err
			}
			if member == nil || member.Role != m.Role || member.State != ca.StaffActive {
				return ErrNotStaff.With("serial", m.Retire)
			}
			d.Documents = [][]byte{member.Certificate}
		}
		return r.vouch(rd, &d)
	})
	if err != nil {
		return proof.Draft{}, err
	}
	d.Message = proof.Encode(m)
	return d, nil
}

// DraftTakeover drafts the record by which two officers take a predecessor's
// issuing CA over, or withdraw it; authority, nonce and expiry are filled in.
func (r *Register) DraftTakeover(ctx context.Context, m proof.Takeover, life time.Duration) (d proof.Draft, err error) {
	m.Authority, m.Expiry = r.ID, r.now().Add(life).Truncate(time.Second)
	if m.Nonce, err = proof.NewNonce(r.Random); err != nil {
		return d, err
	}
	if err := r.Store.Look(ctx, func(rd Reader) error { return r.vouch(rd, &d) }); err != nil {
		return proof.Draft{}, err
	}
	d.Message = proof.Encode(m)
	return d, nil
}

// vouch adds what binds the authority's id to its root in the eyes of the
// signer's agent.
func (r *Register) vouch(rd Reader, d *proof.Draft) error {
	d.Authority, d.Chain = r.ID, r.Chains[authority.MainIssuer] // who issues to staff
	ticket, err := rd.LastTicket()
	if err != nil || ticket == nil {
		return err
	}
	d.Voucher, err = proof.Decode[proof.Signed](ticket)
	return err
}
