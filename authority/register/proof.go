package register

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Proof is something stored that bears an entry out, checked anew.
type Proof struct {
	Kind   string            `json:"kind"` // of the message: ticket, old-key, decision, …; or certificate
	Role   string            `json:"role"` // who signed it: notary, issuer, old-key, new-key, reviewer
	By     string            `json:"by"`   // common name in his certificate
	Serial certhall.Serial   `json:"serial"`
	Says   map[string]string `json:"says,omitempty"` // what it is about, for people
	// Trouble is why it proves nothing: malformed, signature-wrong,
	// signer-unknown, other-content. "" if the signature verifies and it says
	// what it is stored for.
	// signer-erased: his certificate was erased on purpose, with its holder's
	// personal data; nothing speaks against the proof.
	Trouble string `json:"trouble,omitempty"`

	DER    []byte `json:"-"` // of the proof.Signed, or of the certificate
	Signer []byte `json:"-"` // certificate, DER
}

// What is wrong with a proof.
const (
	Malformed      = "malformed"
	SignatureWrong = "signature-wrong"
	SignerUnknown  = "signer-unknown"
	OtherContent   = "other-content"
	SignerErased   = "signer-erased"
)

// Roles of signers.
const (
	roleNotary   = "notary"
	roleIssuer   = "issuer"
	roleOldKey   = "old-key"
	roleNewKey   = "new-key"
	roleReviewer = proof.Reviewer
)

// signer is who must have signed something.
type signer struct {
	role        string
	certificate []byte
	erased      bool
}

// check verifies a stored message by its signer's certificate; fits tells
// whether it says what it is stored for.
func check[M proof.Message](der []byte, by signer, fits func(M) bool, says func(M) map[string]string) Proof {
	p := Proof{Kind: kind[M](), Role: by.role, DER: der, Signer: by.certificate}
	c, err := gm.ParseCertificate(by.certificate)
	if err != nil {
		p.Trouble = SignerUnknown
		if by.erased {
			p.Trouble = SignerErased
		}
		return p
	}
	p.By, p.Serial = c.Subject.CommonName, certhall.SerialOf(c.SerialNumber)
	s, err := proof.Decode[proof.Signed](der)
	if err != nil {
		p.Trouble = Malformed
		return p
	}
	m, err := proof.Decode[M](s.Message)
	if err != nil {
		p.Trouble = Malformed
		return p
	}
	if says != nil {
		p.Says = says(m)
	}
	if _, err := proof.VerifyKey[M](s, crypto.PublicKey(c.PublicKey)); err != nil {
		p.Trouble = SignatureWrong
	} else if !fits(m) {
		p.Trouble = OtherContent
	}
	return p
}

// kind is a message's name without frame: old-key of certhall/old-key/1.
func kind[M proof.Message]() string { return bare(proof.TagOf[M]()) }

func bare(tag string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(tag, "certhall/"), "/")
	return name
}

// ticket checks an attempt's ticket. Of several, the last is stored.
func (t *teller) ticket(a *ca.Attempt) Proof {
	return notarized(t, a.Ticket, func(m proof.Ticket) bool {
		return m.Authority == t.ID && m.Case == string(a.Case) && m.Attempt == a.Number && m.OldSerial == serialOf(t.old)
	}, func(m proof.Ticket) map[string]string {
		return map[string]string{"service": m.Service, "until": certhall.DateTime(m.Expiry)}
	})
}

// receipt checks the receipt of an acknowledged pair.
func (t *teller) receipt(p *ca.Pair) Proof {
	return notarized(t, p.Receipt, func(m proof.Receipt) bool {
		return m.Authority == t.ID && m.Case == string(p.Case) && m.Attempt == p.Attempt && m.NewSign == string(p.SignSerial) &&
			m.NewEnc == string(p.EncSerial) && m.OldSign == string(p.OldSerial) && bytes.Equal(m.KeyDigest, p.KeyDigest)
	}, func(m proof.Receipt) map[string]string {
		return map[string]string{"old": m.OldSign, "new": m.NewSign, "disposal": m.Disposal, "key": m.KeySerial}
	})
}

// notarized checks what the notary signed: by a certificate that the root gave
// for that office.
func notarized[M proof.Message](t *teller, der []byte, fits func(M) bool, says func(M) map[string]string) Proof {
	by := signer{role: roleNotary}
	if s, err := proof.Decode[proof.Signed](der); err == nil && len(s.Signatures) == 1 {
		c, err := gm.ParseCertificate(s.Signatures[0].Certificate)
		if err == nil && t.Root != nil && c.CheckSignatureFrom(t.Root) == nil &&
			slices.ContainsFunc(c.UnknownExtKeyUsage, func(oid asn1.ObjectIdentifier) bool { return oid.Equal(proof.OIDNotary) }) {
			by.certificate = c.Raw
		}
	}
	return check(der, by, fits, says)
}

// grounds checks what a pair was issued on.
func (t *teller) grounds(p *ca.Pair) (Proof, error) {
	s, err := proof.Decode[proof.Signed](p.Evidence)
	if err != nil {
		return Proof{Kind: p.EvidenceKind, Trouble: Malformed, DER: p.Evidence}, nil
	}
	if proof.Tag(s.Message) == proof.TagOf[proof.Decision]() {
		by, err := t.reviewer(s)
		return check(p.Evidence, by, func(m proof.Decision) bool {
			return m.Authority == t.ID && m.Case == string(p.Case) && m.Attempt == p.Attempt && m.Lineage == string(p.Lineage) &&
				bytes.Equal(m.RequestDigest, p.RequestDigest) && bytes.Equal(m.Subject, p.SubjectDER) && m.Verdict == proof.Approve
		}, decided), err
	}
	return check(p.Evidence, byPair(roleOldKey, t.old), func(m proof.OldKey) bool {
		return m.Authority == t.ID && m.Case == string(p.Case) && m.Attempt == p.Attempt && m.OldSerial == string(p.OldSerial) &&
			bytes.Equal(m.RequestDigest, p.RequestDigest)
	}, asked), nil
}

// evidence checks what an entry of the record rests on, whatever it is.
func (t *teller) evidence(der []byte, p *ca.Pair, l certhall.LineageID) (Proof, error) {
	s, err := proof.Decode[proof.Signed](der)
	if err != nil {
		return Proof{Kind: "signed", Trouble: Malformed, DER: der}, nil
	}
	here := func(c string, attempt int) bool {
		return t.c != nil && c == string(t.c.ID) && (p == nil || attempt == p.Attempt)
	}
	switch proof.Tag(s.Message) {
	case proof.TagOf[proof.Decision]():
		by, err := t.reviewer(s)
		return check(der, by, func(m proof.Decision) bool {
			return m.Authority == t.ID && (m.Lineage == string(l) || m.Verdict == proof.VoidAttempt && here(m.Case, m.Attempt))
		}, decided), err
	case proof.TagOf[proof.OldKey]():
		m, err := proof.Decode[proof.OldKey](s.Message)
		if err != nil {
			return Proof{Kind: kind[proof.OldKey](), Trouble: Malformed, DER: der}, nil
		}
		signed := slices.IndexFunc(t.lineage, func(p *ca.Pair) bool { return string(p.SignSerial) == m.OldSerial })
		var by *ca.Pair
		if signed >= 0 {
			by = t.lineage[signed]
		}
		return check(der, byPair(roleOldKey, by), func(m proof.OldKey) bool { return m.Authority == t.ID }, asked), nil
	case proof.TagOf[proof.Claim]():
		return check(der, byPair(roleOldKey, t.old), func(m proof.Claim) bool { return m.Authority == t.ID && here(m.Case, m.Attempt) },
			func(m proof.Claim) map[string]string { return map[string]string{"claim": m.Reason} }), nil
	case proof.TagOf[proof.Acknowledgement]():
		return check(der, byPair(roleNewKey, p), func(m proof.Acknowledgement) bool {
			return m.Authority == t.ID && here(m.Case, m.Attempt) && p != nil && m.SignSerial == string(p.SignSerial) && bytes.Equal(m.KeyDigest, p.KeyDigest)
		}, func(m proof.Acknowledgement) map[string]string {
			if m.Untestable {
				return map[string]string{"test": "untestable"}
			}
			return map[string]string{"test": "passed"}
		}), nil
	case proof.TagOf[proof.Retired]():
		var next *ca.Pair
		if p != nil {
			next = t.successor(p)
		}
		return check(der, byPair(roleNewKey, next), func(m proof.Retired) bool {
			receipt, err := receiptMessage(next)
			return err == nil && m.Authority == t.ID && m.Case == string(next.Case) && bytes.Equal(m.ReceiptDigest, gm.SM3(receipt))
		}, nil), nil
	}
	return Proof{Kind: bare(proof.Tag(s.Message)), Trouble: Malformed, DER: der}, nil
}

func receiptMessage(p *ca.Pair) ([]byte, error) {
	if p == nil {
		return nil, authority.ErrUnknownCert
	}
	s, err := proof.Decode[proof.Signed](p.Receipt)
	return s.Message, err
}

func decided(m proof.Decision) map[string]string {
	return map[string]string{"service": m.Service, "verdict": m.Verdict, "reason": m.Reason, "organisation": m.Organisation}
}

func asked(m proof.OldKey) map[string]string {
	return map[string]string{"service": m.Service, "old": m.OldSerial, "disposal": m.Disposal, "key": m.KeySerial}
}

func byPair(role string, p *ca.Pair) signer {
	if p == nil {
		return signer{role: role}
	}
	return signer{role, p.SignCert, !p.ErasedAt.IsZero()}
}

// reviewer is who signed a decision, as the authority enrolled him; he may
// have retired since.
func (t *teller) reviewer(s proof.Signed) (signer, error) {
	by := signer{role: roleReviewer}
	if len(s.Signatures) != 1 {
		return by, nil
	}
	shown, err := gm.ParseCertificate(s.Signatures[0].Certificate)
	if err != nil {
		return by, nil // nobody that is known
	}
	m, err := t.rd.Staff(certhall.SerialOf(shown.SerialNumber))
	if err == nil && m != nil && m.Role == proof.Reviewer {
		by.certificate = m.Certificate
	}
	return by, err
}

// certificates checks that the issuing CA signed both certificates of a pair,
// and that they are the ones its row names.
func (t *teller) certificates(p *ca.Pair) []Proof {
	var proofs []Proof
	for _, half := range []struct {
		usage  string
		der    []byte
		serial certhall.Serial
	}{{"sign", p.SignCert, p.SignSerial}, {"enc", p.EncCert, p.EncSerial}} {
		if len(half.der) == 0 { // a single certificate
			continue
		}
		one := Proof{Kind: "certificate", Role: roleIssuer, DER: half.der, Says: map[string]string{"usage": half.usage, "number": string(half.serial)}}
		c, err := gm.ParseCertificate(half.der)
		issuer := t.issuer(p.Issuer)
		switch {
		case issuer == nil:
			one.Trouble = SignerUnknown
		case err != nil:
			one.Trouble = Malformed
		case c.CheckSignatureFrom(issuer) != nil:
			one.Trouble = SignatureWrong
		case certhall.SerialOf(c.SerialNumber) != half.serial:
			one.Trouble = OtherContent
		}
		if issuer != nil {
			one.By, one.Serial, one.Signer = issuer.Subject.CommonName, certhall.SerialOf(issuer.SerialNumber), issuer.Raw
		}
		proofs = append(proofs, one)
	}
	return proofs
}

// issuer is an issuing CA by its name; nil for a predecessor's.
func (t *teller) issuer(name string) *smx509.Certificate {
	if name == "" {
		name = authority.MainIssuer
	}
	chain := t.Chains[name]
	if len(chain) == 0 {
		return nil
	}
	c, err := gm.ParseCertificate(chain[0])
	if err != nil {
		return nil
	}
	return c
}

func serialOf(p *ca.Pair) string {
	if p == nil {
		return ""
	}
	return string(p.SignSerial)
}
