package agent

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// What a ConsentRequest of SignDecision is about.
const (
	SignDecision   = "sign-decision"
	SignUnlock     = "sign-unlock"
	SignEnrolment  = "sign-enrolment"
	SignTakeover   = "sign-takeover"
	SignWithdrawal = "sign-withdrawal"
)

// What follows from a decision, as the fact "follows" says it.
const (
	followsRevoke  = "revoke"
	followsResume  = "resume"
	followsApply   = "apply"
	followsVoid    = "void-attempt"
	followsRefuse  = "refuse"
	followsEnrol   = "enrol"
	followsRetired = "retire"
	followsErase   = "erase"
	followsUnlock  = "unlock"
)

// digestLength is that of SM3 and of SHA-256, in bytes.
const digestLength = 32

// explained is a message with what its signer is shown of it.
type explained struct {
	message   proof.Message
	authority string
	what      string
	facts     []Fact
}

// explain puts a draft's message into facts: ErrUnexplained if the signer could
// not tell from them what he would bring about.
func explain(d proof.Draft) (explained, error) {
	if proof.Tag(d.Message) == proof.TagOf[proof.Enrolment]() {
		m, err := proof.Decode[proof.Enrolment](d.Message)
		if err != nil {
			return explained{}, err
		}
		facts, err := explainEnrolment(m, d.Documents)
		return explained{m, m.Authority, SignEnrolment, facts}, err
	}
	if proof.Tag(d.Message) == proof.TagOf[proof.Takeover]() {
		m, err := proof.Decode[proof.Takeover](d.Message)
		what, facts := explainTakeover(m)
		return explained{m, m.Authority, what, facts}, err
	}
	if proof.Tag(d.Message) == proof.TagOf[proof.UnlockDecision]() {
		m, err := proof.Decode[proof.UnlockDecision](d.Message)
		if err != nil {
			return explained{}, err
		}
		facts, err := explainUnlock(m, d.Documents)
		return explained{m, m.Authority, SignUnlock, facts}, err
	}
	m, err := proof.Decode[proof.Decision](d.Message)
	if err != nil {
		return explained{}, err
	}
	facts, err := explainDecision(m, d.Documents)
	return explained{m, m.Authority, SignDecision, facts}, err
}

func explainEnrolment(m proof.Enrolment, documents [][]byte) ([]Fact, error) {
	facts := []Fact{{"authority", m.Authority}, {"role", m.Role}}
	switch {
	case m.Role != proof.Officer && m.Role != proof.Reviewer:
		return nil, ErrUnexplained.Becausef("role %.40q", m.Role)
	case m.Retire == "" && m.Name != "" && len(m.RequestDigest) == digestLength:
		facts = append(facts, Fact{"name", m.Name}, Fact{"fingerprint", fingerprint(m.RequestDigest)}, Fact{"follows", followsEnrol})
	case m.Retire != "" && len(m.RequestDigest) == 0:
		if len(documents) != 1 {
			return nil, ErrUnexplained.Becausef("%d certificates of who is to lose the role", len(documents))
		}
		c, err := gm.ParseCertificate(documents[0])
		if err != nil || string(certhall.SerialOf(c.SerialNumber)) != m.Retire {
			return nil, ErrUnexplained.Becausef("the certificate shown is not %.40q", m.Retire)
		}
		facts = append(facts, Fact{"retires", line(c)}, Fact{"follows", followsRetired})
	default:
		return nil, ErrUnexplained.Becausef("neither a role given nor one taken")
	}
	return filled(append(facts, Fact{"expires", certhall.Date(m.Expiry)})), nil
}

func explainTakeover(m proof.Takeover) (what string, facts []Fact) {
	what, facts = SignTakeover, []Fact{{"authority", m.Authority}, {"predecessor", m.Name}}
	if m.Withdraw {
		what = SignWithdrawal
	} else {
		facts = append(facts, Fact{"fingerprint", fingerprint(gm.SM3(m.Certificate))}, Fact{"crl", m.CRL}, Fact{"ocsp", m.OCSP})
		if c, err := gm.ParseCertificate(m.Certificate); err == nil {
			facts = append(facts, Fact{"subject", subject(c.RawSubject)}) // one that cannot be read is told by its fingerprint
		}
	}
	return what, filled(append(facts, Fact{"expires", certhall.Date(m.Expiry)}))
}

// explainUnlock explains a decision that a key may be unlocked: whose it is, by
// the certificates on it, and the number that the person before it has named.
func explainUnlock(m proof.UnlockDecision, documents [][]byte) ([]Fact, error) {
	if m.KeySerial == "" || m.Reason == "" || len(m.RequestDigest) != digestLength || len(m.KeyDigest) != digestLength || len(documents) != len(m.Documents) {
		return nil, ErrUnexplained.Becausef("key, request or reason are missing, or %d certificates are shown, %d named", len(documents), len(m.Documents))
	}
	facts := []Fact{{"authority", m.Authority}, {"key", m.KeySerial}, {"unlock-code", proof.UnlockCode(m.RequestDigest)}}
	for i, der := range documents {
		c, err := gm.ParseCertificate(der)
		if err != nil || !bytes.Equal(gm.SM3(der), m.Documents[i]) {
			return nil, ErrUnexplained.Becausef("certificate %d is not the one that is named", i+1)
		}
		facts = append(facts, Fact{"subject", subject(c.RawSubject)}, Fact{"certificate", line(c)})
	}
	return filled(append(facts, Fact{"reason", m.Reason}, Fact{"follows", followsUnlock}, Fact{"expires", certhall.Date(m.Expiry)})), nil
}

func explainDecision(m proof.Decision, documents [][]byte) (facts []Fact, err error) {
	facts = []Fact{{"authority", m.Authority}, {"verdict", m.Verdict}, {"service", m.Service}, {"case", m.Case}}
	var more []Fact
	switch {
	case m.Verdict == proof.Approve && (m.Service == string(certhall.Revoke) || m.Service == proof.ResumeService):
		more, err = explainLineage(m, documents)
	case m.Verdict == proof.Approve && m.Service == proof.EraseService:
		more, err = explainErasure(m, documents)
	case m.Verdict == proof.Approve && m.Service == string(certhall.Apply):
		more, err = explainApplication(m)
	case m.Verdict == proof.VoidAttempt && m.Case != "" && m.Attempt > 0:
		more = []Fact{{"attempt", strconv.Itoa(m.Attempt)}, {"fingerprint", fingerprint(m.RequestDigest)}, {"follows", followsVoid}}
	case m.Verdict == proof.RefuseIt && m.Case != "":
		more = []Fact{{"subject", subject(m.Subject)}, {"organisation", m.Organisation}, {"follows", followsRefuse}}
	default:
		err = ErrUnexplained.Becausef("verdict %.40q on service %.40q", m.Verdict, m.Service)
	}
	return filled(append(append(facts, more...), Fact{"reason", m.Reason}, Fact{"expires", certhall.Date(m.Expiry)})), err
}

// explainLineage explains a decision over what a lineage has: its certificates
// are shown by number, and are the ones that the decision names.
func explainLineage(m proof.Decision, documents [][]byte) ([]Fact, error) {
	follows := followsResume
	if m.Service == string(certhall.Revoke) {
		follows = followsRevoke
		if _, ok := proof.ReasonCode(m.Reason); !ok {
			return nil, ErrUnexplained.Becausef("reason %.40q", m.Reason)
		}
	}
	if m.Lineage == "" || len(documents) == 0 || len(documents) != len(m.Documents) {
		return nil, ErrUnexplained.Becausef("%d certificates are shown, %d named", len(documents), len(m.Documents))
	}
	var facts []Fact
	var holder *smx509.Certificate
	for i, der := range documents {
		c, err := gm.ParseCertificate(der)
		if err != nil || !bytes.Equal(gm.SM3(der), m.Documents[i]) {
			return nil, ErrUnexplained.Becausef("certificate %d is not the one that is named", i+1)
		}
		if holder == nil && bytes.Equal(c.RawSubject, m.Subject) {
			holder = c
		}
		facts = append(facts, Fact{"certificate", line(c)})
	}
	if holder == nil {
		return nil, ErrUnexplained.Becausef("no certificate has the decision's subject")
	}
	return append([]Fact{
		{"subject", subject(m.Subject)}, {"organisation", m.Organisation}, {"project", m.Project}, {"key-number", m.KeyNumber},
		{"fingerprint", fingerprint(keyDigest(holder))},
	}, append(facts, Fact{"follows", follows})...), nil
}

// explainErasure explains a decision that a lineage's personal data goes. The
// decision stays in the record for good, so the name is not in it, but only in
// the certificates that are shown.
func explainErasure(m proof.Decision, documents [][]byte) ([]Fact, error) {
	if m.Lineage == "" || m.Reason == "" || len(m.Subject) > 0 || len(documents) == 0 || len(documents) != len(m.Documents) {
		return nil, ErrUnexplained.Becausef("%d certificates are shown, %d named", len(documents), len(m.Documents))
	}
	facts := []Fact{{"organisation", m.Organisation}, {"project", m.Project}, {"key-number", m.KeyNumber}}
	for i, der := range documents {
		c, err := gm.ParseCertificate(der)
		if err != nil || !bytes.Equal(gm.SM3(der), m.Documents[i]) {
			return nil, ErrUnexplained.Becausef("certificate %d is not the one that is named", i+1)
		}
		facts = append(facts, Fact{"certificate", line(c)})
	}
	return append(facts, Fact{"follows", followsErase}), nil
}

// explainApplication explains a decision over a request: what it certifies is
// in the decision itself.
func explainApplication(m proof.Decision) ([]Fact, error) {
	identity, err := identities(m.Identity)
	name := subject(m.Subject)
	if err != nil || name == "" || m.Organisation == "" || len(m.RequestDigest) != digestLength || m.TermYears < 1 || m.Case == "" {
		return nil, ErrUnexplained.Becausef("subject, organisation, term or request are missing (%v)", err)
	}
	return append(identity, []Fact{
		{"subject", name}, {"organisation", m.Organisation}, {"project", m.Project}, {"key-number", m.KeyNumber},
		{"key", m.KeySerial}, {"profile", m.Profile}, {"years", strconv.Itoa(m.TermYears)}, {"fingerprint", fingerprint(m.RequestDigest)}, {"follows", followsApply},
	}...), nil
}

// identities are the identity extensions that a decision brings.
func identities(der []byte) ([]Fact, error) {
	if len(der) == 0 {
		return nil, nil
	}
	var extensions []pkix.Extension
	if rest, err := asn1.Unmarshal(der, &extensions); err != nil || len(rest) != 0 {
		return nil, ErrUnexplained.Becausef("identity: %v", err)
	}
	var facts []Fact
	for _, e := range extensions {
		var value asn1.RawValue
		text := hex.EncodeToString(e.Value)
		if rest, err := asn1.Unmarshal(e.Value, &value); err == nil && len(rest) == 0 && !value.IsCompound && utf8.Valid(value.Bytes) {
			text = string(value.Bytes)
		}
		facts = append(facts, Fact{"identity", e.Id.String() + " = " + text})
	}
	return facts, nil
}

// keyDigest is what people compare a certificate's key by.
func keyDigest(c *smx509.Certificate) []byte {
	algorithm, err := gm.AlgorithmOf(c.PublicKey)
	if err != nil {
		return nil
	}
	return algorithm.Digest(c.RawSubjectPublicKeyInfo)
}

// line is a certificate in one line: number, subject, end.
func line(c *smx509.Certificate) string {
	return strings.Join([]string{string(certhall.SerialOf(c.SerialNumber)), c.Subject.CommonName, certhall.Date(c.NotAfter)}, " · ")
}

// subject writes a DER Name for people, in the order it stands there.
func subject(der []byte) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) != 0 {
		return ""
	}
	return rdns.String()
}

// fingerprint writes a digest in groups that two people can compare.
func fingerprint(digest []byte) string {
	var groups []string
	for chunk := range slices.Chunk([]byte(hex.EncodeToString(digest)), 8) {
		groups = append(groups, string(chunk))
	}
	return strings.Join(groups, " ")
}
