package ca

import (
	"bytes"
	"context"
	"net/url"
	"regexp"
	"sync"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Predecessor is the issuing CA of an earlier system, whose certificates the
// authority succeeds.
type Predecessor struct {
	Name        string // as in PairInfo.Issuer
	Certificate []byte // of the issuing CA, DER
	CRL, OCSP   string // addresses of its status; "" for none
	Evidence    []byte // proof.Signed of the last Takeover, by two officers, DER
	AddedAt     time.Time
	WithdrawnAt time.Time // zero while its certificates are succeeded

	Issuer *smx509.Certificate // set by the CA once the evidence is checked
}

// Elders tells what predecessors say of their certificates. Package
// authority/predecessors answers.
type Elders interface {
	// Standing answers nil for a certificate that its issuer, by a list or
	// answer that is still fresh, has not revoked: else ErrRevoked,
	// ErrSuspended, ErrUnknownCert or ErrPredecessorStale.
	Standing(ctx context.Context, p *Predecessor, c *smx509.Certificate) error
	// Known is Standing by what is at hand, however old; nothing at hand is nil.
	Known(ctx context.Context, p *Predecessor, c *smx509.Certificate) error
}

// KindImport is the evidence of pairs that were brought from a predecessor:
// its signature on the certificate.
const KindImport = "import"

// predecessorName is what a predecessor may be called: it stands beside the
// names of the authority's own CAs.
var (
	predecessorName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	ownName         = regexp.MustCompile(`^(issuing|root)(-|$)`)
)

// CheckTakeover says what is wrong with a takeover, before anybody signs it:
// ErrPredecessorName, ErrPredecessorAddress, ErrPredecessorCert.
func CheckTakeover(t proof.Takeover) error {
	switch {
	case !predecessorName.MatchString(t.Name) || ownName.MatchString(t.Name):
		return authority.ErrPredecessorName.With("name", t.Name)
	case !address(t.CRL) || !address(t.OCSP):
		return authority.ErrPredecessorAddress
	case t.Withdraw:
		return nil
	}
	if _, err := gm.ParseIssuer(t.Certificate); err != nil {
		return authority.ErrPredecessorCert.Because(err)
	}
	return nil
}

// TakeOver carries out a Takeover that two officers signed: the authority
// succeeds a predecessor's certificates from now on, its status is looked for
// elsewhere, or it is withdrawn. A name keeps its certificate for ever.
func (ca *CA) TakeOver(ctx context.Context, evidence proof.Signed) (Predecessor, error) {
	now := ca.now()
	t, err := proof.Decode[proof.Takeover](evidence.Message)
	if err != nil {
		return Predecessor{}, err
	}
	if t.Authority != ca.opt.ID || len(t.Nonce) != proof.NonceLength || t.Withdraw != (len(t.Certificate) == 0) {
		return Predecessor{}, authority.ErrEvidence.Becausef("fields do not fit")
	}
	if err := CheckTakeover(t); err != nil {
		return Predecessor{}, err
	}
	if !now.Before(t.Expiry) {
		return Predecessor{}, authority.ErrEvidenceExpired
	}
	if err := ca.signedByOfficers(ctx, evidence, now); err != nil {
		return Predecessor{}, err
	}
	var p Predecessor
	return p, ca.opt.Store.Write(ctx, func(w Writer) error {
		if fresh, err := w.UseNonce(t.Nonce, now); err != nil || !fresh {
			return orError(err, authority.ErrNonce)
		}
		known, err := w.Predecessor(t.Name)
		if err != nil {
			return err
		}
		kind := authority.PredecessorTaken
		p = Predecessor{Name: t.Name, Certificate: t.Certificate, CRL: t.CRL, OCSP: t.OCSP, Evidence: encodeSigned(evidence), AddedAt: now}
		switch {
		case known == nil && t.Withdraw:
			return authority.ErrPredecessorUnknown.With("predecessor", t.Name)
		case t.Withdraw:
			kind = authority.PredecessorWithdrawn
			p.Certificate, p.CRL, p.OCSP, p.AddedAt, p.WithdrawnAt = known.Certificate, known.CRL, known.OCSP, known.AddedAt, now
		case known != nil && !bytes.Equal(known.Certificate, t.Certificate):
			return authority.ErrPredecessorExists.With("predecessor", t.Name)
		}
		if err := w.SavePredecessor(p); err != nil {
			return err
		}
		return w.AddRecord(ca.record(kind, Record{}, struct {
			Name string `json:"name"`
			why
		}{t.Name, ca.by(evidence)}))
	})
}

func orError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// address tells whether a predecessor's status can be fetched there; "" is none.
func address(s string) bool {
	if s == "" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && len(s) <= 500
}

// elders keeps whose evidence was checked already.
type elders struct {
	mu      sync.Mutex
	checked map[string]*Predecessor // by name
}

// Predecessor gives a predecessor whose evidence holds: that a row says so does
// not make anybody one. ErrPredecessorUnknown, also once it is withdrawn.
func (ca *CA) Predecessor(ctx context.Context, name string) (*Predecessor, error) {
	var p *Predecessor
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		p, err = rd.Predecessor(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if p == nil || !p.WithdrawnAt.IsZero() {
		return nil, authority.ErrPredecessorUnknown.With("predecessor", name)
	}
	return ca.checked(ctx, p)
}

func (ca *CA) checked(ctx context.Context, p *Predecessor) (*Predecessor, error) {
	ca.elders.mu.Lock()
	known := ca.elders.checked[p.Name]
	ca.elders.mu.Unlock()
	if known != nil && bytes.Equal(known.Evidence, p.Evidence) && bytes.Equal(known.Certificate, p.Certificate) && known.CRL == p.CRL && known.OCSP == p.OCSP {
		return known, nil
	}
	signed, err := decodeSigned(p.Evidence)
	if err != nil {
		return nil, err
	}
	t, err := proof.Decode[proof.Takeover](signed.Message)
	if err != nil {
		return nil, err
	}
	if t.Authority != ca.opt.ID || t.Withdraw || t.Name != p.Name || !bytes.Equal(t.Certificate, p.Certificate) || t.CRL != p.CRL || t.OCSP != p.OCSP {
		return nil, authority.ErrEvidence.Becausef("predecessor %s is not what the officers signed", p.Name)
	}
	if err := ca.signedByOfficers(ctx, signed, time.Time{}); err != nil {
		return nil, err
	}
	if p.Issuer, err = gm.ParseIssuer(p.Certificate); err != nil {
		return nil, authority.ErrPredecessorCert.Because(err)
	}
	ca.elders.mu.Lock()
	defer ca.elders.mu.Unlock()
	if ca.elders.checked == nil {
		ca.elders.checked = map[string]*Predecessor{}
	}
	ca.elders.checked[p.Name] = p
	return p, nil
}

// accepted are the predecessors as agents are told of them. A row that is not
// what officers signed takes nobody else's name off the list.
func (ca *CA) accepted(ctx context.Context) (list []proof.Predecessor, err error) {
	var all []*Predecessor
	err = ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		all, err = rd.Predecessors()
		return err
	})
	for _, p := range all {
		if !p.WithdrawnAt.IsZero() {
			continue
		}
		p, err := ca.checked(ctx, p)
		if kind := certhall.AsError(err).Kind; err != nil && (kind == certhall.Denied || kind == certhall.Invalid) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, proof.Predecessor{Name: p.Name, Subject: p.Issuer.RawSubject, Key: p.Issuer.RawSubjectPublicKeyInfo})
	}
	return list, err
}

// vouched says why a pair of a predecessor's is no ground for a new one: its
// certificate must verify under the predecessor that officers took over, and
// not be revoked there, by a list or answer that is still fresh. Pairs of the
// authority's own need nobody's word.
func (ca *CA) vouched(ctx context.Context, old *Pair) error {
	if old == nil || old.EvidenceKind != KindImport {
		return nil
	}
	p, err := ca.Predecessor(ctx, old.Issuer)
	if err != nil {
		return err
	}
	c, err := signedByPredecessor(old.SignCert, p)
	if err != nil {
		return authority.ErrEvidence.Because(err)
	}
	if ca.opt.Elders == nil {
		return authority.ErrPredecessorStale.With("predecessor", p.Name)
	}
	return ca.opt.Elders.Standing(ctx, p, c)
}

// signedByPredecessor parses a certificate that must be by this predecessor.
func signedByPredecessor(der []byte, p *Predecessor) (*smx509.Certificate, error) {
	c, err := gm.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(c.RawIssuer, p.Issuer.RawSubject) {
		return nil, authority.ErrPredecessorOther
	}
	return c, gm.SignedBy(c, p.Issuer.PublicKey)
}

// notYet tells whether a refusal only means that the predecessor's status has
// to be waited for.
func notYet(err error) bool {
	return certhall.AsError(err).Is(authority.ErrPredecessorStale)
}
