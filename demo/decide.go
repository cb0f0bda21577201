package demo

import (
	"cmp"
	"context"
	"encoding/asn1"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

const decisionLife = time.Hour

// Applicant is whom the first pair of a lineage is for.
type Applicant struct {
	Name         string // of the organisation; the common name
	Organisation string // 统一社会信用代码
	Lineage      certhall.LineageID
	Project      string
	KeyNumber    string // 证书卡号
	TermYears    int
	Profile      string // of authority/ca's; "": a pair of an organisation's, with SM2
}

func (p Applicant) profile() string { return cmp.Or(p.Profile, "organisation") }

// subject is C, O and CN.
func (p Applicant) subject() ([]byte, error) {
	return ca.MarshalName(
		ca.Attribute{ID: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "CN"},
		ca.Attribute{ID: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: p.Name},
		ca.Attribute{ID: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: p.Name},
	)
}

// identity is the unified social credit code as identity extension
// (GM/T 0015-2023), a PrintableString.
func (p Applicant) identity() ([]byte, error) {
	code, err := asn1.MarshalWithParams(p.Organisation, "printable")
	if err != nil {
		return nil, err
	}
	type extension struct {
		ID    asn1.ObjectIdentifier
		Value []byte
	}
	return asn1.Marshal([]extension{{asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 4}, code}})
}

// Decide lets the reviewer approve an application over the exact request:
// evidence of the kind decision.
func (a *Authority) Decide(ctx context.Context, p Applicant, ticket proof.Ticket, keySerial string, request []byte) (proof.Signed, error) {
	subject, err := p.subject()
	if err != nil {
		return proof.Signed{}, err
	}
	identity, err := p.identity()
	if err != nil {
		return proof.Signed{}, err
	}
	_, digest, err := gm.ParseRequest(request)
	if err != nil {
		return proof.Signed{}, err
	}
	view, err := a.CA.Pair(ctx, authority.PairQuery{Case: certhall.CaseID(ticket.Case)})
	if err != nil {
		return proof.Signed{}, err
	}
	return a.Reviewer.Sign(ctx, proof.Draft{Authority: a.ID, Chain: a.Founded.Chain(), Voucher: view.Ticket, Message: proof.Encode(proof.Decision{
		Authority: a.ID, Service: string(certhall.Apply), Case: ticket.Case, Attempt: ticket.Attempt,
		Entitlement: certhall.NewID(a.Clock.Now(), a.Random),
		Subject:     subject, Identity: identity, Lineage: string(p.Lineage), Organisation: p.Organisation,
		Project: p.Project, KeyNumber: p.KeyNumber, KeySerial: keySerial, Profile: p.profile(), TermYears: p.TermYears,
		RequestDigest: digest, Verdict: proof.Approve, Reason: "演示", Nonce: ticket.Nonce,
		Expiry: expiry(a.Clock.Now(), decisionLife),
	})})
}
