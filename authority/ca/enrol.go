package ca

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/asn1"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Enrol gives or takes a role on the word of two officers (evidence of the
// kind ceremony). Enrolling answers the certificate; retiring answers nil.
func (ca *CA) Enrol(ctx context.Context, p10 []byte, evidence proof.Signed) ([]byte, error) {
	e, err := ca.weighEnrolment(ctx, evidence)
	if err != nil {
		return nil, err
	}
	if e.Retire != "" {
		return nil, ca.retireStaff(ctx, e, evidence)
	}
	req, err := parseRequest(p10)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(req.digest, e.RequestDigest) {
		return nil, authority.ErrEvidence.Becausef("another request")
	}
	signed := encodeSigned(evidence)
	before, err := ca.enrolled(ctx, signed)
	if err != nil || before != nil {
		return before, err
	}
	return ca.enrol(ctx, e.Role, e.Name, req, e.Nonce, signed)
}

// enrolled answers the certificate that the same evidence gave before, so that
// a lost answer can be had again; nil if it gave none. An enrolment that broke
// off before it was signed is signed now, from the stored bytes.
func (ca *CA) enrolled(ctx context.Context, evidence []byte) ([]byte, error) {
	var m *Staff
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		m, err = rd.StaffByEvidence(evidence)
		return err
	})
	switch {
	case err != nil || m == nil:
		return nil, err
	case m.State == StaffIntended:
		issuer, err := ca.mayIssueBy(ctx, authority.MainIssuer)
		if err != nil {
			return nil, err
		}
		return ca.activate(ctx, issuer, *m)
	case m.State == StaffRetired:
		return nil, authority.ErrNonce
	}
	return m.Certificate, nil
}

// activate signs the stored bytes of a member of staff; if another was faster,
// what that one stored is the answer.
func (ca *CA) activate(ctx context.Context, by issuer, m Staff) (certificate []byte, err error) {
	signed, err := sealTBS(by, m.TBS)
	if err != nil {
		return nil, err
	}
	err = ca.opt.Store.Write(ctx, func(w Writer) error {
		if _, err := w.ActivateStaff(m.Serial, signed); err != nil {
			return err
		}
		stored, err := w.Staff(m.Serial)
		if err == nil {
			certificate = stored.Certificate
		}
		return err
	})
	return certificate, err
}

// weighEnrolment wants an enrolment signed by two officers.
func (ca *CA) weighEnrolment(ctx context.Context, s proof.Signed) (proof.Enrolment, error) {
	e, err := proof.Decode[proof.Enrolment](s.Message)
	if err != nil {
		return e, err
	}
	now := ca.now()
	if e.Authority != ca.opt.ID || (e.Role != proof.Officer && e.Role != proof.Reviewer) ||
		(e.Retire == "" && !named(e.Name)) || (e.Retire != "" && !validID(e.Retire)) || len(e.Nonce) != proof.NonceLength {
		return e, authority.ErrEvidence.Becausef("fields do not fit")
	}
	if !now.Before(e.Expiry) {
		return e, authority.ErrEvidenceExpired
	}
	return e, ca.signedByOfficers(ctx, s, now)
}

// signedByOfficers wants exactly two signatures, by different active officers.
// At the zero time it takes those of former officers too.
func (ca *CA) signedByOfficers(ctx context.Context, s proof.Signed, now time.Time) error {
	if len(s.Signatures) != 2 || bytes.Equal(s.Signatures[0].Certificate, s.Signatures[1].Certificate) {
		return authority.ErrEvidence.Becausef("not two officers")
	}
	var first *ecdsa.PublicKey
	for _, sig := range s.Signatures {
		key, err := ca.activeStaff(ctx, sig.Certificate, proof.Officer, now)
		if err != nil {
			return err
		}
		if first != nil && gm.SameKey(first, key) {
			return authority.ErrEvidence.Becausef("one key for two officers")
		}
		if err := gm.Verify(key, s.Message, sig.Value); err != nil {
			return authority.ErrEvidence.Because(err)
		}
		first = key
	}
	return nil
}

// EnrolFounder enrols an officer at the ceremony itself, before there is
// anybody who could sign: allowed only while there are fewer than two.
func (ca *CA) EnrolFounder(ctx context.Context, name string, p10 []byte) ([]byte, error) {
	req, err := parseRequest(p10)
	if err != nil {
		return nil, err
	}
	var officers []*Staff
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		officers, err = rd.StaffByRole(proof.Officer)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(officers) >= 2 || !named(name) {
		return nil, authority.ErrEvidence.Becausef("founders are two")
	}
	if slices.ContainsFunc(officers, func(m *Staff) bool { return bytes.Equal(m.KeyDigest, req.keyDigest) }) {
		return nil, authority.ErrEvidence.Becausef("one key for two officers")
	}
	nonce, err := proof.NewNonce(ca.opt.Random)
	if err != nil {
		return nil, err
	}
	return ca.enrol(ctx, proof.Officer, name, req, nonce, nil)
}

// enrol stores the intent, signs outside the transaction, and activates.
func (ca *CA) enrol(ctx context.Context, role, name string, req request, nonce, evidence []byte) ([]byte, error) {
	issuer, err := ca.mayIssueBy(ctx, authority.MainIssuer)
	if err != nil {
		return nil, err
	}
	now := ca.now()
	m := Staff{Role: role, Name: name, Evidence: evidence, State: StaffIntended, At: now}
	if m.Serial, err = certhall.NewSerial(ca.opt.Random); err != nil {
		return nil, err
	}
	m.KeyDigest = req.keyDigest
	profile := ca.opt.Profiles[StaffProfile]
	if req.algorithm != profile.Algorithm {
		return nil, authority.ErrRequest.Becausef("a key of algorithm %v for staff", req.algorithm)
	}
	end := whole(certhall.AddYears(now, profile.MaxYears))
	if end.After(issuer.Certificate.NotAfter) {
		end = issuer.Certificate.NotAfter
	}
	subject, err := staffName(role, name)
	if err != nil {
		return nil, err
	}
	m.TBS, err = ca.draft(issuer, content{m.Serial, subject, nil, req.key, whole(now.Add(-ca.opt.Policy.Backdate)), end, profile, profile.Sign})
	if err != nil {
		return nil, err
	}
	grounds := why{Evidence: evidence, Operator: ca.opt.OrderedBy}
	if evidence == nil {
		grounds.Reason = "founder: named at the ceremony"
	}
	err = ca.opt.Store.Write(ctx, func(w Writer) error {
		if fresh, err := w.UseNonce(nonce, now); err != nil {
			return err
		} else if !fresh {
			return authority.ErrNonce
		}
		if err := w.AddStaff(m); err != nil {
			return err
		}
		return w.AddRecord(ca.record(authority.StaffEnrolled, Record{}, struct {
			Serial string `json:"serial"`
			Role   string `json:"role"`
			Name   string `json:"name"`
			why
		}{string(m.Serial), role, name, grounds}))
	})
	if err != nil {
		return nil, err
	}
	return ca.activate(ctx, issuer, m)
}

func (ca *CA) retireStaff(ctx context.Context, e proof.Enrolment, evidence proof.Signed) error {
	now := ca.now()
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		if fresh, err := w.UseNonce(e.Nonce, now); err != nil {
			return err
		} else if !fresh {
			return authority.ErrNonce
		}
		if err := w.LockStaff(); err != nil {
			return err
		}
		officers, err := w.StaffByRole(proof.Officer)
		if err != nil {
			return err
		}
		officers = slices.DeleteFunc(officers, func(m *Staff) bool { return m.Serial == certhall.Serial(e.Retire) || !inOffice(m, now) })
		m, err := w.Staff(certhall.Serial(e.Retire))
		if err != nil {
			return err
		}
		if m == nil || m.Role != e.Role {
			return authority.ErrUnknownCert
		}
		if m.Role == proof.Officer && len(officers) < 2 {
			return authority.ErrEvidence.Becausef("two officers must remain")
		}
		if retired, err := w.RetireStaff(m.Serial, now, reasonWithdrawn); err != nil || !retired {
			return err
		}
		return w.AddRecord(ca.record(authority.StaffRetired, Record{}, struct {
			Serial string `json:"serial"`
			why
		}{e.Retire, ca.by(evidence)}))
	})
}

// inOffice tells whether a member of staff's certificate is within its time.
func inOffice(m *Staff, now time.Time) bool {
	c, err := gm.ParseCertificate(m.Certificate)
	return err == nil && !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// staffName is the subject of an officer's or reviewer's certificate.
func staffName(role, name string) ([]byte, error) {
	unit := map[string]string{proof.Officer: "安全管理员", proof.Reviewer: "审核员"}[role]
	return MarshalName(Attribute{oidUnitName, unit}, Attribute{oidCommonName, name})
}

// Attribute is one attribute of a Name.
type Attribute struct {
	ID    asn1.ObjectIdentifier
	Value string
}

// MarshalName writes a Name with one attribute an RDN: C as PrintableString,
// the rest as UTF8String (GB/T 20518).
func MarshalName(attributes ...Attribute) ([]byte, error) {
	type value struct {
		ID    asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	var rdns []asn1.RawValue
	for _, a := range attributes {
		tag := asn1.TagUTF8String
		if a.ID.Equal(oidCountryName) {
			tag = asn1.TagPrintableString
		}
		der, err := asn1.MarshalWithParams([]value{{a.ID, asn1.RawValue{Tag: tag, Bytes: []byte(a.Value)}}}, "set")
		if err != nil {
			return nil, err
		}
		rdns = append(rdns, asn1.RawValue{FullBytes: der})
	}
	return asn1.Marshal(rdns)
}
