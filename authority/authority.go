// Package authority is the door between the hall and the authority: the calls
// the hall may make and what they answer. The authority believes none of the
// arguments: every certificate rests on evidence it checks itself. Package
// authority/ca answers the calls in the same process; over the network they
// travel by mutual TLS. Every call is idempotent by (case, attempt).
package authority

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/proof"
)

// Authority is what the hall may ask.
type Authority interface {
	// Eligible tells whether a service is open to the pair with this signing
	// certificate, and on which terms; reads only.
	Eligible(ctx context.Context, service certhall.Service, serial certhall.Serial) (Eligibility, error)
	// Ticket opens the case's next attempt, judging the window once for the
	// case's life; it answers the live ticket again, or after its expiry a new
	// nonce for the same attempt.
	Ticket(ctx context.Context, r TicketRequest) (proof.Signed, error)
	// Issue checks the evidence and gives the attempt's pair. Same attempt and
	// same key: the stored answer. Another key: ErrOtherKey.
	Issue(ctx context.Context, r IssueRequest) (proof.Bundle, error)
	// Acknowledge makes the pair current and answers the receipt, the same for ever.
	Acknowledge(ctx context.Context, ack proof.Signed) (proof.Signed, error)
	// Retired takes a report that a receipt's disposal was obeyed, and ends
	// the old pair's grace.
	Retired(ctx context.Context, retired proof.Signed) error
	// Claim voids the attempt and opens the next; it answers the void notice.
	// It takes a Claim by the old key, or a Decision with verdict void-attempt.
	Claim(ctx context.Context, claim proof.Signed) (proof.Signed, error)
	// Close ends the case for ever unless it is acknowledged; it needs no
	// evidence. It answers a Closing.
	Close(ctx context.Context, c certhall.CaseID) (proof.Signed, error)
	// Revoke ends a whole lineage on a reviewer's Decision or the pair's own
	// OldKey evidence, both with service revoke.
	Revoke(ctx context.Context, evidence proof.Signed) error
	// Suspend holds a whole lineage on the hall's word; limited and audited.
	Suspend(ctx context.Context, lineage certhall.LineageID, reason string) error
	// Resume lifts a suspension on a reviewer's Decision with service resume.
	Resume(ctx context.Context, evidence proof.Signed) error
	// Unlockable tells whether the administrator's PIN of a USB key is escrowed:
	// ErrAdminPINUnknown.
	Unlockable(ctx context.Context, keySerial string) error
	// Unlock checks a reviewer's UnlockDecision over an agent's UnlockRequest and
	// answers an UnlockAnswer, the same for ever for the same request.
	Unlock(ctx context.Context, r UnlockRequest) (proof.Signed, error)
	// Unlocked takes an UnlockReport; the first about a request counts.
	Unlocked(ctx context.Context, report proof.Signed) error
	// Pair tells what is stored of an attempt or a serial.
	Pair(ctx context.Context, q PairQuery) (PairView, error)
	// Origins answers the signed list of the authority's portals (an
	// OriginList), as agents check it.
	Origins(ctx context.Context) (proof.Signed, error)
	// Events pages through the authority's events in the sequencer's order.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)
}

// TicketRequest asks for the ticket of a case's open attempt.
type TicketRequest struct {
	Service   certhall.Service
	Case      certhall.CaseID
	OldSerial certhall.Serial // signing certificate of the old pair; "" for apply
	// Grace is how long the old pair counts beside the new one once that is
	// acknowledged; 0 leaves it to the authority's policy. What the first ticket
	// asked for holds for the case. The hall's word is enough for it: a grace is
	// only ever shortened, never below MinGrace, and by then the new pair has
	// proved on its key that it works.
	Grace time.Duration `json:",omitzero"`
}

// MinGrace is the shortest grace that the hall can ask for: who still uses the
// old certificate this day is not locked out by it.
const MinGrace = 24 * time.Hour

// IssueRequest carries the P10 and the evidence for it.
type IssueRequest struct {
	Case     certhall.CaseID
	Attempt  int
	Request  []byte       // P10, DER
	Evidence proof.Signed // OldKey or Decision
}

// PairQuery finds an attempt by (Case, Attempt), or by any of its serials.
// Attempt 0 means the case's open or acknowledged one, else the last.
type PairQuery struct {
	Case    certhall.CaseID
	Attempt int
	Serial  certhall.Serial
}

// State of a pair. An expired pair stays in its state; only its end has passed.
type State string

// The states (intended → issued → current → superseded → revoked, or void).
const (
	Intended   State = "intended"
	Issued     State = "issued"
	Current    State = "current"
	Superseded State = "superseded"
	Revoked    State = "revoked"
	Void       State = "void"
)

// PairInfo is what the world may know of a pair; the hall's projection is made of it.
type PairInfo struct {
	ID           certhall.PairID        `json:"id"`
	Lineage      certhall.LineageID     `json:"lineage"`
	Case         certhall.CaseID        `json:"case"`
	Attempt      int                    `json:"attempt"`
	State        State                  `json:"state"`
	Suspended    bool                   `json:"suspended"`
	Subject      string                 `json:"subject"` // common name
	Organisation string                 `json:"organisation"`
	Project      string                 `json:"project"`
	Profile      string                 `json:"profile"`
	Issuer       string                 `json:"issuer"` // name of the issuing CA, as in /crl/NAME.crl; "" in old records: MainIssuer
	TermYears    int                    `json:"term_years"`
	KeyNumber    string                 `json:"key_number"`
	KeySerial    string                 `json:"key_serial"`
	SignSerial   certhall.Serial        `json:"sign_serial"`
	EncSerial    certhall.Serial        `json:"enc_serial"`
	NotBefore    time.Time              `json:"not_before"`
	NotAfter     time.Time              `json:"not_after"`
	Entitlement  certhall.EntitlementID `json:"entitlement"`
}

// PairView is what Pair answers: the attempt, its pair if there is one, and
// the messages stored for it. Lost replies are fetched here again.
type PairView struct {
	Case        certhall.CaseID
	Service     certhall.Service
	Closed      bool
	Attempt     int
	Standing    string // of the attempt: open, acknowledged, void
	Ticket      proof.Signed
	KeyDigest   []byte    // of the signing key in the authority's record of this attempt, or nil
	Pair        *PairInfo // nil until intended
	Certificate []byte    // signing certificate, DER; nil until issued
	Bundle      *proof.Bundle
	Receipt     proof.Signed
	Void        proof.Signed
	Old         certhall.Serial // signing certificate of the old pair
	// ReplacedBy is the case and attempt of the pair that superseded this one.
	ReplacedBy        certhall.CaseID
	ReplacedByAttempt int
}

// Standings of an attempt.
const (
	AttemptOpen         = "open"
	AttemptAcknowledged = "acknowledged"
	AttemptVoid         = "void"
)

// Eligibility is the answer to Eligible.
type Eligibility struct {
	Pair     PairInfo
	Refusal  *certhall.Error // nil if the service is open to the pair
	MaxYears int             // longest whole term that fits the issuer's end
	NotAfter time.Time       // end of a pair of one year, issued now
	Escrowed bool            // disposal delete would count
}

// EventKind names what happened.
type EventKind string

// The authority's events. Only these move the hall's attempts.
const (
	AttemptOpened    EventKind = "attempt-opened"
	PairIntended     EventKind = "intended" // audit only
	PairIssued       EventKind = "issued"
	AttemptVoided    EventKind = "voided"
	PairAcknowledged EventKind = "acknowledged"
	PairRetired      EventKind = "retired"
	CaseClosed       EventKind = "closed"
	PairRevoked      EventKind = "revoked"
	PairSuspended    EventKind = "suspended"
	PairResumed      EventKind = "resumed"
	StaffEnrolled    EventKind = "enrolled" // audit only
	StaffRetired     EventKind = "staff-retired"
	SerialsLost      EventKind = "serials-lost" // audit only: serials of a lost database are revoked (table lost_serials)
	AuthorityMade    EventKind = "authority-made"
	Unsealed         EventKind = "unsealed"
	Restored         EventKind = "restored" // from a backup: what was recorded after it is lost
	OriginsSigned    EventKind = "origin-list-signed"
	DataErased       EventKind = "data-erased"
)

// Event is one entry of the authority's record as the hall sees it.
type Event struct {
	Seq     int64
	At      time.Time
	Kind    EventKind
	Case    certhall.CaseID
	Attempt int
	Lineage certhall.LineageID
	Pair    *PairInfo // as it was after the event; nil where no pair is concerned
	Kept    int64     // restored: number of the last record that was not lost
}

// What the authority answers beside success. Any agent or hall may act on
// the code; docs/how-a-renewal-works.md tells what follows on each.
var (
	ErrSealed          = certhall.NewError("sealed", certhall.Unavailable)
	ErrUnknownCert     = certhall.NewError("certificate-unknown", certhall.NotFound)
	ErrUnknownCase     = certhall.NewError("case-unknown", certhall.NotFound)
	ErrUnknownLineage  = certhall.NewError("lineage-unknown", certhall.NotFound)
	ErrCaseClosed      = certhall.NewError("case-closed", certhall.Conflict)
	ErrAttemptVoid     = certhall.NewError("attempt-void", certhall.Conflict)
	ErrAttemptNotOpen  = certhall.NewError("attempt-not-open", certhall.Conflict)
	ErrOtherKey        = certhall.NewError("other-key", certhall.Conflict)
	ErrNotIssued       = certhall.NewError("not-issued", certhall.Conflict)
	ErrTooEarly        = certhall.NewError("too-early", certhall.Denied)
	ErrTooLate         = certhall.NewError("too-late", certhall.Denied)
	ErrNotExpired      = certhall.NewError("not-expired", certhall.Denied)
	ErrExpired         = certhall.NewError("expired", certhall.Denied)
	ErrRevoked         = certhall.NewError("revoked", certhall.Denied)
	ErrSuperseded      = certhall.NewError("superseded", certhall.Denied)
	ErrSuspended       = certhall.NewError("suspended", certhall.Denied)
	ErrNotCurrent      = certhall.NewError("not-current", certhall.Denied)
	ErrLineageBusy     = certhall.NewError("lineage-busy", certhall.Conflict)
	ErrEntitlementUsed = certhall.NewError("entitlement-used", certhall.Conflict)
	ErrTerm            = certhall.NewError("term-unfit", certhall.Denied)
	ErrEvidence        = certhall.NewError("evidence-wrong", certhall.Denied)
	ErrEvidenceExpired = certhall.NewError("evidence-expired", certhall.Conflict)
	ErrNonce           = certhall.NewError("nonce-wrong", certhall.Conflict)
	ErrRequest         = certhall.NewError("request-wrong", certhall.Invalid)
	ErrWeakKey         = certhall.NewError("key-weak", certhall.Invalid)
	ErrProfile         = certhall.NewError("profile-unknown", certhall.Invalid)
	ErrService         = certhall.NewError("service-unknown", certhall.Invalid)
	ErrRestored        = certhall.NewError("restored-unreconciled", certhall.Unavailable) // taken_at
	ErrLimited         = certhall.NewError("suspend-limited", certhall.Limited)
	// ErrRecord says that what is recorded cannot be kept: nothing is issued meanwhile.
	ErrRecord = certhall.NewError("record-unwritable", certhall.Unavailable)
)
