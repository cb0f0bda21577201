package proof

import (
	"time"

	"github.com/certhall/certhall"
)

// Opening opens a case with the key: signed by the pair's signing key (the new
// one once acknowledged), checked by the hall against the authority's Pair.
type Opening struct {
	Authority string `asn1:"utf8"`
	Service   string `asn1:"utf8"`
	Serial    string `asn1:"utf8"` // of the signing certificate
	Origin    string `asn1:"utf8"` // of the hall, e.g. https://hall.example
	Nonce     []byte // of the hall: five minutes, once
}

// Login signs a person in at a hall or a relying system by the pair's signing
// key: it names the origin that asked, as the agent saw it.
type Login struct {
	Authority string `asn1:"utf8"`
	Serial    string `asn1:"utf8"` // of the signing certificate
	Origin    string `asn1:"utf8"`
	Nonce     []byte // of whoever asks: five minutes, once
}

// OriginList tells agents which origins are portals of an authority: signed by
// the origin-list certificate, checked by the agent against the root it trusts.
type OriginList struct {
	Authority string    `asn1:"utf8"`
	Number    int64     // grows; an agent takes no lower one than it has
	NotBefore time.Time `asn1:"generalized"`
	Expiry    time.Time `asn1:"generalized"`
	Portals   []Portal
	// Predecessors are the issuers whose certificates this authority succeeds:
	// agents let its portals start from those too. Absent where there are none,
	// so that lists made before there could be any stay as they were.
	Predecessors []Predecessor `asn1:"optional,omitempty"`
}

// Portal is an origin (RFC 6454) whose pages may give all orders.
type Portal struct {
	Origin string `asn1:"utf8"` // e.g. https://hall.example
	Name   string `asn1:"utf8"` // shown to the person beside the origin
}

// Predecessor is an issuing CA of an earlier system, by what its certificates
// are checked against: the CA's own certificate need not be readable.
type Predecessor struct {
	Name    string `asn1:"utf8"`
	Subject []byte // DER Name, as in the certificates' issuer field
	Key     []byte // SubjectPublicKeyInfo, DER
}

// Ticket is the authority's permission to prepare one attempt: signed by the
// notary, checked by the agent (same root as the container's certificate,
// serial is that container's) and, through its nonce, by the authority again.
type Ticket struct {
	Authority string `asn1:"utf8"`
	Service   string `asn1:"utf8"`
	Case      string `asn1:"utf8"`
	Attempt   int
	OldSerial string `asn1:"utf8"` // "" where the service starts from no old pair
	Nonce     []byte
	Expiry    time.Time `asn1:"generalized"`
}

// OldKey is evidence by the old signing key: its holder asked for exactly this
// request to be certified as the successor.
type OldKey struct {
	Authority     string `asn1:"utf8"`
	Service       string `asn1:"utf8"`
	Case          string `asn1:"utf8"`
	Attempt       int
	Entitlement   string `asn1:"utf8"`
	OldSerial     string `asn1:"utf8"`
	Project       string `asn1:"utf8"`
	Profile       string `asn1:"utf8"`
	TermYears     int
	RequestDigest []byte    // over the CertificationRequestInfo, by the algorithm of its key
	Disposal      string    `asn1:"utf8"` // of the old container: keep or delete
	KeySerial     string    `asn1:"utf8"` // of the USB key with the new container
	Nonce         []byte    // the ticket's
	Expiry        time.Time `asn1:"generalized"`
}

// Verdicts of a Decision.
const (
	Approve     = "approve"
	RefuseIt    = "refuse"
	VoidAttempt = "void-attempt" // voids the attempt whose key has RequestDigest as key digest, or no key at all
)

// Decision is evidence by a reviewer's key, over the exact request where one
// is certified. Service revoke revokes the lineage; ResumeService lifts a
// suspension.
type Decision struct {
	Authority     string `asn1:"utf8"`
	Service       string `asn1:"utf8"`
	Case          string `asn1:"utf8"`
	Attempt       int
	Entitlement   string `asn1:"utf8"`
	Subject       []byte // DER Name (RFC 5280, 4.1.2.4)
	Identity      []byte // DER SEQUENCE OF Extension: the identity extensions
	Lineage       string `asn1:"utf8"`
	Organisation  string `asn1:"utf8"` // 统一社会信用代码
	Project       string `asn1:"utf8"`
	KeyNumber     string `asn1:"utf8"` // 证书卡号
	KeySerial     string `asn1:"utf8"` // of the USB key with the new container
	Profile       string `asn1:"utf8"`
	TermYears     int
	Documents     [][]byte // SM3 digests of what was reviewed: to revoke or resume, signing certificates of the lineage
	RequestDigest []byte
	Verdict       string `asn1:"utf8"`
	Reason        string `asn1:"utf8"`
	Nonce         []byte
	Expiry        time.Time `asn1:"generalized"`
}

// EraseService is the Service of a Decision that erases the personal data of a
// lineage that is long over.
const EraseService = "erase"

// ResumeService is the Service of a Decision that lifts a suspension.
const ResumeService = "resume"

// Roles that a ceremony's records give.
const (
	Officer  = "officer"  // 安全管理员
	Reviewer = "reviewer" // 审核员
)

// Enrolment is a ceremony's record: two officers give or take a role. Evidence
// of the kind ceremony.
type Enrolment struct {
	Authority     string `asn1:"utf8"`
	Role          string `asn1:"utf8"`
	Name          string `asn1:"utf8"`
	RequestDigest []byte // SM3 over the CertificationRequestInfo; empty when retiring
	Retire        string `asn1:"utf8"` // serial of the certificate that loses the role; "" when enrolling
	Nonce         []byte
	Expiry        time.Time `asn1:"generalized"`
}

// Takeover is a ceremony's record: two officers let the authority succeed the
// certificates of a predecessor's issuing CA, or no longer. Evidence of the
// kind ceremony.
type Takeover struct {
	Authority   string    `asn1:"utf8"`
	Name        string    `asn1:"utf8"` // of the predecessor
	Certificate []byte    // of its issuing CA, DER; empty when withdrawing
	CRL         string    `asn1:"utf8"` // address of its CRL, or ""
	OCSP        string    `asn1:"utf8"` // address of its OCSP responder, or ""
	Withdraw    bool      // its certificates are no longer succeeded
	Nonce       []byte    // of the draft, used once
	Expiry      time.Time `asn1:"generalized"`
}

// Draft is a Decision, an UnlockDecision, an Enrolment or a Takeover that waits
// for a signature, with what the signer's agent needs to explain it. Nobody
// signs the draft: each part proves itself.
type Draft struct {
	Authority string `asn1:"utf8"`
	Message   []byte // DER: what is signed
	// Documents are what Decision.Documents are the digests of: to revoke or
	// resume, the signing certificates of the lineage; to unlock, those on the
	// key; to retire somebody, his certificate.
	Documents [][]byte
	Chain     [][]byte // issuing CAs; the root is not in it
	Voucher   Signed   // any Ticket or Receipt: whose notary's word binds the authority's id to its root; empty before there is one
}

// Bundle is what issuing gives. Nobody signs it: each part proves itself. Where
// the profile has a single certificate (RSA, ECDSA), Enc, Envelope and
// SealedNonce are empty.
type Bundle struct {
	Authority   string `asn1:"utf8"`
	Case        string `asn1:"utf8"`
	Attempt     int
	OldSerial   string   `asn1:"utf8"` // whose subject the new certificates must carry; "" by decision
	Subject     []byte   // DER Name; by decision: the decision's
	Sign        []byte   // signing certificate, DER
	Enc         []byte   // encryption certificate, DER
	Chain       [][]byte // issuing CA first; the root is not in it
	Envelope    []byte   // SM2EnvelopedKey: encryption key wrapped to the new signing key
	SealedNonce []byte   // SM2Cipher to the new encryption certificate
}

// Acknowledgement proves that all four parts lie on the key and work: signed
// by the new signing key. Where there is a single certificate, EncSerial and
// Nonce are empty and Untestable is false: no encryption key is missing a test.
type Acknowledgement struct {
	Authority  string `asn1:"utf8"`
	Case       string `asn1:"utf8"`
	Attempt    int
	SignSerial string `asn1:"utf8"`
	EncSerial  string `asn1:"utf8"`
	KeyDigest  []byte // of the new signing key
	Nonce      []byte // decrypted from the bundle; empty if Untestable
	Untestable bool   // the driver cannot decrypt with the encryption key; public keys were compared
}

// Receipt says that the new pair is current: signed by the notary. It alone
// (or a void notice) permits deleting.
type Receipt struct {
	Authority string `asn1:"utf8"`
	Case      string `asn1:"utf8"`
	Attempt   int
	OldSign   string `asn1:"utf8"` // "" where there was no old pair
	OldEnc    string `asn1:"utf8"`
	NewSign   string `asn1:"utf8"`
	NewEnc    string `asn1:"utf8"`
	KeyDigest []byte // of the new signing key
	KeySerial string `asn1:"utf8"` // of the USB key that holds the new container
	Disposal  string `asn1:"utf8"` // of the old container
	Escrowed  bool   // the escrow holds the old encryption key: the old container may go to make room, with consent
}

// Retired reports that a receipt's disposal was obeyed: signed by the new key.
type Retired struct {
	Authority     string `asn1:"utf8"`
	Case          string `asn1:"utf8"`
	Attempt       int
	ReceiptDigest []byte // SM3 over the receipt's Signed.Message
}

// Reasons of a claim.
const (
	Absent          = "absent"
	AnotherKey      = "another-key"
	FailingSelfTest = "failing-self-test"
)

// Claim says that an attempt's container is unusable: signed by the old key.
// Safety never rests on its truth.
type Claim struct {
	Authority string `asn1:"utf8"`
	Case      string `asn1:"utf8"`
	Attempt   int
	OldSerial string `asn1:"utf8"`
	KeyDigest []byte // key digest in the authority's record of this attempt, or empty
	Reason    string `asn1:"utf8"`
}

// VoidNotice says that an attempt is void for ever, whatever key lies in its
// container: signed by the notary.
type VoidNotice struct {
	Authority string `asn1:"utf8"`
	Case      string `asn1:"utf8"`
	Attempt   int
}

// Outcomes of a Closing.
const (
	Closed       = "closed"
	Acknowledged = "acknowledged"
)

// Closing answers Close: signed by the notary, checked by the hall before
// anything is freed or refunded.
type Closing struct {
	Authority string `asn1:"utf8"`
	Case      string `asn1:"utf8"`
	Outcome   string `asn1:"utf8"`
}

// Checkpoint says what the authority's record is up to a number: signed by the
// notary, checked by anybody who holds the authority's root. Whoever keeps one
// can tell later whether the records up to there are still the same.
type Checkpoint struct {
	Authority string    `asn1:"utf8"`
	Number    int64     // of the last record it covers; the first is 1, so it is their count too
	Hash      []byte    // of the chain at that record (SM3; docs/records.md)
	Time      time.Time `asn1:"generalized"` // of signing
}

func (Opening) tag() string         { return "certhall/opening/1" }
func (Login) tag() string           { return "certhall/login/1" }
func (OriginList) tag() string      { return "certhall/origin-list/1" }
func (Ticket) tag() string          { return "certhall/ticket/1" }
func (OldKey) tag() string          { return "certhall/old-key/1" }
func (Decision) tag() string        { return "certhall/decision/1" }
func (Enrolment) tag() string       { return "certhall/ceremony/1" }
func (Takeover) tag() string        { return "certhall/takeover/1" }
func (Draft) tag() string           { return "certhall/draft/1" }
func (Bundle) tag() string          { return "certhall/bundle/1" }
func (Acknowledgement) tag() string { return "certhall/acknowledgement/1" }
func (Receipt) tag() string         { return "certhall/receipt/1" }
func (Retired) tag() string         { return "certhall/retired/1" }
func (Claim) tag() string           { return "certhall/claim/1" }
func (VoidNotice) tag() string      { return "certhall/void-notice/1" }
func (Closing) tag() string         { return "certhall/closing/1" }
func (Checkpoint) tag() string      { return "certhall/checkpoint/1" }

// Container is the container of a ticket's attempt.
func (t Ticket) Container() string {
	return certhall.ContainerName(t.Authority, certhall.CaseID(t.Case), t.Attempt)
}

// Container is the container the receipt's new pair lies in.
func (r Receipt) Container() string {
	return certhall.ContainerName(r.Authority, certhall.CaseID(r.Case), r.Attempt)
}

// Container is the container the notice voids.
func (v VoidNotice) Container() string {
	return certhall.ContainerName(v.Authority, certhall.CaseID(v.Case), v.Attempt)
}

// Container is the container the bundle belongs in.
func (b Bundle) Container() string {
	return certhall.ContainerName(b.Authority, certhall.CaseID(b.Case), b.Attempt)
}
