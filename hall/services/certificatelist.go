package services

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/catalog"
)

// CertificateLimit bounds a list of certificates.
const CertificateLimit = 5000

// Conditions of a certificate, as its holder needs to know them.
const (
	Valid       = "valid"
	Expiring    = "expiring" // may be renewed now
	Expired     = "expired"
	Suspended   = "suspended"
	Revoked     = "revoked"
	NotYetValid = "not-yet-valid"
)

// HeldCertificate is a lineage's current pair, or the last one that was, as
// its handler sees it (我的证书).
type HeldCertificate struct {
	Serial       certhall.Serial    `json:"serial" doc:"of the signing certificate"`
	EncSerial    certhall.Serial    `json:"enc_serial"`
	Subject      string             `json:"subject"`
	Organisation string             `json:"organisation"`
	Project      string             `json:"project" doc:"code; /api/hall has the names"`
	KeyNumber    string             `json:"key_number"`
	KeySerial    string             `json:"key_serial"`
	NotBefore    time.Time          `json:"not_before"`
	NotAfter     time.Time          `json:"not_after"`
	DaysLeft     int                `json:"days_left" doc:"calendar days in Beijing until the end; negative after it"`
	State        string             `json:"state" enum:"valid,expiring,expired,suspended,revoked,not-yet-valid"`
	Actions      []certhall.Service `json:"actions" doc:"services that are open now; the authority judges at opening"`
	WhyNot       *Problem           `json:"why_not,omitempty" doc:"why no service is open"`
	Case         *OpenCase          `json:"case,omitempty" doc:"the case that can be gone on with"`

	Entitlement certhall.EntitlementID `json:"entitlement,omitempty" doc:"bought for it and not used yet: there is nothing to pay"`
	Order       certhall.OrderID       `json:"order,omitempty" doc:"made by this person, with a line for it, and not paid yet"`
}

// OpenCase names a case that can be gone on with.
type OpenCase struct {
	Case    certhall.CaseID  `json:"case"`
	Service certhall.Service `json:"service"`
	Stage   int              `json:"stage" minimum:"1" maximum:"4"`
}

// CertificateList is one row for each lineage that a person handles.
type CertificateList struct {
	Certificates []HeldCertificate `json:"certificates"`
	More         bool              `json:"more" doc:"there are others beyond the limit"`
}

// Problems are those whose texts whoever shows the answer fills in.
func (l CertificateList) Problems() []*Problem {
	var all []*Problem
	for _, h := range l.Certificates {
		all = append(all, h.WhyNot)
	}
	return problems(all...)
}

// Certificates lists the certificates that the person handles, the soonest end
// first. What may be done with each is a hint, by the hall's own windows and
// what is on offer.
func (c *Counter) Certificates(ctx context.Context, who Caller) (CertificateList, error) {
	held, err := c.holdings(ctx, who.Person, nil)
	list := CertificateList{Certificates: make([]HeldCertificate, 0, len(held.pairs)), More: len(held.pairs) > CertificateLimit}
	for _, p := range held.pairs[:min(len(held.pairs), CertificateLimit)] {
		list.Certificates = append(list.Certificates, c.heldCertificate(held, p.PairInfo))
	}
	return list, err
}

// heldCertificate is a pair as its handler sees it.
func (c *Counter) heldCertificate(held holdings, p authority.PairInfo) HeldCertificate {
	now := c.now()
	right, unpaid := held.rights[p.Lineage], held.unpaid[p.Lineage]
	h := HeldCertificate{
		Serial: p.SignSerial, EncSerial: p.EncSerial, Subject: p.Subject, Organisation: p.Organisation, Project: p.Project,
		KeyNumber: p.KeyNumber, KeySerial: p.KeySerial, NotBefore: p.NotBefore, NotAfter: p.NotAfter,
		DaysLeft: certhall.DaysBetween(now, p.NotAfter), Actions: []certhall.Service{}, Case: held.cases[p.Lineage], Entitlement: right.ID,
	}
	if unpaid.Person == held.person {
		h.Order = unpaid.Order
	}
	found, err := offerIn(held.offered, p)
	policy := found.Offer.Policy
	if right.ID != "" { // what was bought outlasts it
		policy = catalog.Policy{}
	}
	state, open, refusal := c.condition(policy, p, now)
	if refusal == nil && held.offered.Version > 0 && right.ID == "" { // what was bought stays
		if err == nil {
			_, err = found.Product(open)
		}
		if err != nil {
			refusal = catalog.ErrNotOffered
		}
	}
	if h.State = state; refusal != nil {
		h.WhyNot = ProblemOf(refusal)
	} else {
		h.Actions = append(h.Actions, open)
	}
	return h
}

// condition tells a pair's state, and the service that is open to it or why
// none is: at the same moments as the authority's own judgement.
func (c *Counter) condition(policy catalog.Policy, p authority.PairInfo, now time.Time) (state string, open certhall.Service, refusal *certhall.Error) {
	renewable, lost := p.NotAfter.Add(-narrow(c.RenewBefore, policy.RenewBefore)), p.NotAfter.Add(narrow(c.RepairAfter, policy.RepairAfter))
	switch {
	case p.State == authority.Superseded:
		return Revoked, "", authority.ErrSuperseded
	case p.State != authority.Current:
		return Revoked, "", authority.ErrRevoked
	case p.Suspended:
		return Suspended, "", authority.ErrSuspended
	case now.After(lost):
		return Expired, "", authority.ErrTooLate.With("date", certhall.Date(lost))
	case now.After(p.NotAfter):
		return Expired, certhall.Repair, nil
	case now.Before(p.NotBefore):
		return NotYetValid, "", authority.ErrTooEarly.With("date", certhall.Date(renewable))
	case now.Before(renewable):
		return Valid, "", authority.ErrTooEarly.With("date", certhall.Date(renewable))
	}
	return Expiring, certhall.Renew, nil
}
