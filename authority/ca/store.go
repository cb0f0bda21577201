package ca

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
)

// Store is what the certificate authority needs of its database. The ◆ rules
// are unique indexes and compare-and-swaps in it:
//
//   - one current pair a lineage; one intended or issued pair a lineage;
//   - one open attempt a case; one pair an attempt (given-up intents aside);
//   - one non-void pair an entitlement; serials unique for ever.
//
// A member function of Write touches only the store and may be run again.
type Store interface {
	Read(ctx context.Context, f func(Reader) error) error
	// Standing reads what stands at an attempt, and whether the escrow holds
	// the old pair's encryption key: one consistent state, like Read, but calls
	// that wait at the same time are served together.
	Standing(ctx context.Context, c certhall.CaseID, n int) (s Standing, escrowed bool, err error)
	// Write runs f in one transaction; success means committed and durable.
	Write(ctx context.Context, f func(Writer) error) error
	// SaveIntent stores one intent (SaveIntents gathers those that wait at the
	// same time into multi-row statements). After the case's and then the
	// lineage's row are locked, admit judges what is stored; its error is
	// returned and nothing is stored for this intent.
	SaveIntent(ctx context.Context, i Intent, admit func(Standing) error) error
	// SaveIssued turns an intent into an issued pair: a compare-and-swap on
	// (pair id, intended, not suspended). won is false if the swap found another state.
	SaveIssued(ctx context.Context, s Signatures) (won bool, err error)
	// SaveImported stores pairs of predecessors, all or none: ErrExists,
	// ErrLineageTaken if one of them is there.
	SaveImported(ctx context.Context, all []NewImport) error
}

// Reader reads one consistent state. A row that is not there is nil, not an error.
type Reader interface {
	Case(certhall.CaseID) (*Case, error)
	Attempt(c certhall.CaseID, n int) (*Attempt, error)
	OpenAttempt(certhall.CaseID) (*Attempt, error)
	LastAttempt(certhall.CaseID) (*Attempt, error)
	Pair(certhall.PairID) (*Pair, error)
	// PairBySerial finds a pair by either of its serials.
	PairBySerial(certhall.Serial) (*Pair, error)
	// PairOfAttempt finds the attempt's pair, void ones too, given-up intents not.
	PairOfAttempt(c certhall.CaseID, n int) (*Pair, error)
	// SuccessorOf finds the pair (not void) whose OldPair is this one.
	SuccessorOf(certhall.PairID) (*Pair, error)
	// LineagePairs are all pairs of a lineage, oldest first.
	LineagePairs(certhall.LineageID) ([]*Pair, error)
	// LineageCases are the open cases of a lineage.
	LineageCases(certhall.LineageID) ([]*Case, error)
	// OpenIntents are pairs in state intended and not suspended, oldest first.
	OpenIntents(limit int) ([]*Pair, error)
	// LapsedCases are open cases all of whose attempts were opened, and pairs issued, before t.
	LapsedCases(before time.Time, limit int) ([]certhall.CaseID, error)
	// GraceEnded are superseded pairs whose grace ended at or before now.
	GraceEnded(now time.Time, limit int) ([]*Pair, error)
	// Escrowed tells whether the escrow holds the pair's encryption key.
	Escrowed(certhall.PairID) (bool, error)
	// Staff finds an officer or reviewer by the certificate's serial, retired ones too.
	Staff(certhall.Serial) (*Staff, error)
	// StaffByEvidence finds whom an enrolment (proof.Signed, DER) gave a role.
	StaffByEvidence(evidence []byte) (*Staff, error)
	// StaffByRole lists the active ones of a role.
	StaffByRole(role string) ([]*Staff, error)
	// PairsBySerials finds who has these serials; a serial of staff's has nil.
	// The pairs come without their papers.
	PairsBySerials([]certhall.Serial) (map[certhall.Serial]*Pair, error)
	// LivedLineages are those of the lineages that have a pair other than void.
	LivedLineages([]certhall.LineageID) (map[certhall.LineageID]bool, error)
	// Predecessor finds one by name, withdrawn ones too; Predecessors are all, by name.
	Predecessor(name string) (*Predecessor, error)
	Predecessors() ([]*Predecessor, error)
	// SuspensionsSince counts the suspensions recorded at or after t, of a whole
	// lineage as one.
	SuspensionsSince(t time.Time) (int, error)
	// DataRecords are the numbered records of a lineage and its cases that have
	// data which can be erased.
	DataRecords(certhall.LineageID) ([]Record, error)
	// Erasures are the numbered records that say whose data is erased.
	Erasures() ([]Record, error)
	// AdminPIN is what is escrowed of a USB key, forgotten ones too.
	AdminPIN(keySerial string) (*AdminPIN, error)
	// Unlocking finds the one answer to a request, by the request's digest.
	Unlocking(digest []byte) (*Unlocking, error)
	// UnlockingsSince counts the answers given at or after t, to one USB key or,
	// with "", to all.
	UnlockingsSince(keySerial string, t time.Time) (int, error)
	// PairsOnKey are the pairs in state issued, current or superseded whose
	// containers lie on a USB key, oldest first.
	PairsOnKey(keySerial string) ([]*Pair, error)
	// Events are sequenced records behind a number, in order.
	Events(after int64, limit int) ([]Record, error)
	// Restoration is the last one from a backup; nil if there was none.
	Restoration() (*Restoration, error)
}

// Writer writes within one transaction. Every writing transaction first locks
// its cases' rows, then its lineages' (both in order of id), and checks states
// only after that (protocol ◆ Locks).
type Writer interface {
	Reader
	LockCases(...certhall.CaseID) error // absent ones are skipped
	LockLineages(...certhall.LineageID) error
	AddLineage(certhall.LineageID, time.Time) error // no error if it stands already
	AddCase(Case) error
	// EndCase moves a case from open to closed or acknowledged: a compare-and-swap.
	EndCase(c certhall.CaseID, to string, at time.Time) (bool, error)
	AddAttempt(Attempt) error
	// SetTicket stores a new ticket and nonce for an open attempt.
	SetTicket(a Attempt) error
	// EndAttempt moves an attempt from open to void or acknowledged: a
	// compare-and-swap. A void notice is not stored: void is final, so the
	// notary can sign it whenever it is asked for.
	EndAttempt(c certhall.CaseID, n int, to string) (bool, error)
	// MovePair moves a pair's state by compare-and-swap and sets what the change sets.
	MovePair(id certhall.PairID, from, to authority.State, ch Change) (bool, error)
	// SetSuspended sets the flag of a lineage's issued, current and superseded
	// pairs, and of intended ones that rest on an old key: these stay unsigned
	// while it is set. It answers how many changed.
	// since is when the hold began; the zero time lifts it.
	SetSuspended(l certhall.LineageID, since time.Time) (int, error)
	// LockSuspensions makes those who count suspensions wait for each other. It
	// comes after all other locks.
	LockSuspensions() error
	LockStaff() error // all of them: who counts officers writes alone
	AddStaff(Staff) error
	// ActivateStaff stores the signed certificate: intended → active.
	ActivateStaff(certhall.Serial, []byte) (bool, error)
	// RetireStaff moves a member from active to retired, for a reason (CRLReason).
	RetireStaff(s certhall.Serial, at time.Time, reason int) (bool, error)
	// UseNonce spends a nonce; false if it was spent before.
	UseNonce(nonce []byte, at time.Time) (bool, error)
	// SavePredecessor stores a predecessor in place of the one with its name.
	SavePredecessor(Predecessor) error
	// LockUnlocking makes those who unlock, or count unlockings, wait for each
	// other. It comes after all other locks.
	LockUnlocking() error
	// SaveAdminPIN stores what is escrowed of a USB key in place of what was.
	SaveAdminPIN(AdminPIN) error
	AddUnlocking(Unlocking) error
	// ReportUnlocking stores the first report about an unlocking: a
	// compare-and-swap on its having none.
	ReportUnlocking(digest []byte, outcome string, report []byte, at time.Time) (bool, error)
	AddRecord(Record) error
	// AddLostSerial stores a serial whose pair is lost, as revoked, and keeps it
	// from being given away again; false if it is known already.
	AddLostSerial(LostSerial) (bool, error)
	// EndRestoration marks the open restorations reconciled; false if none is open.
	EndRestoration(at time.Time) (bool, error)
	// EraseData takes data and salt from records, by their numbers; it answers
	// how many had any.
	EraseData(numbers []int64) (int, error)
	// ErasePapers takes from pairs the names, the request, the evidence, the
	// to-be-signed bytes and the certificates. Serials, times and state stay.
	ErasePapers(pairs []certhall.PairID, at time.Time) error
}

// States of a case.
const (
	CaseOpen         = "open"
	CaseAcknowledged = "acknowledged"
	CaseClosed       = "closed"
)

// Case is the authority's row of a case.
type Case struct {
	ID       certhall.CaseID
	Service  certhall.Service
	State    string
	Lineage  certhall.LineageID // "" for apply until its first intent
	OldPair  certhall.PairID    // "" for apply
	OpenedAt time.Time          // the window was judged here, for the case's life ◆
	EndedAt  time.Time          // zero while open
	Grace    time.Duration      // of the old pair, as it was asked for; 0: the policy's
}

// Attempt is one attempt of a case, numbered by the authority ◆ from 1.
type Attempt struct {
	Case     certhall.CaseID
	Number   int
	Standing string // authority.AttemptOpen, …
	OpenedAt time.Time
	Nonce    []byte    // of the live ticket
	Expiry   time.Time // of the live ticket
	Ticket   []byte    // proof.Signed, DER
}

// Pair is the row of a pair.
type Pair struct {
	authority.PairInfo
	GivenUp       bool            // an intent that could not be completed; its serials are revoked
	OldPair       certhall.PairID // "" for apply
	OldSerial     certhall.Serial // signing certificate of the old pair
	SubjectDER    []byte          // Name
	IdentityDER   []byte          // SEQUENCE OF Extension
	Request       []byte          // P10
	RequestDigest []byte
	KeyDigest     []byte
	Evidence      []byte // proof.Signed, DER; kept for good
	EvidenceKind  string // KindOldKey, KindDecision
	Disposal      certhall.Disposal
	SignTBS       []byte
	EncTBS        []byte
	SignCert      []byte // nil until issued
	EncCert       []byte
	Envelope      []byte
	Nonce         []byte
	SealedNonce   []byte
	Receipt       []byte // proof.Signed, DER; nil until acknowledged

	IntendedAt     time.Time
	IssuedAt       time.Time
	AcknowledgedAt time.Time
	SupersededAt   time.Time
	GraceEnds      time.Time // of a superseded pair
	RetiredAt      time.Time // of a superseded pair whose container was dealt with
	SuspendedAt    time.Time // while suspended
	RevokedAt      time.Time // once revoked or void, as it was first set
	Reason         int       // CRLReason (RFC 5280, 5.3.1) of that
	ErasedAt       time.Time // when its names, evidence and certificates were erased
}

// Single tells whether the pair is one certificate: there is no encryption half.
func (p *Pair) Single() bool { return p.EncSerial == "" }

// Intent is a pair about to be signed, with its escrow row and record.
type Intent struct {
	Pair       Pair
	NewLineage bool   // add the lineage's row
	Escrow     []byte // the encryption key, sealed to the escrow; nil for a single certificate
	Record     Record
}

// Standing is what SaveIntent found under the locks.
type Standing struct {
	Case    *Case
	Attempt *Attempt
	Pair    *Pair // of the same attempt, not given up; intended, issued, …
	Old     *Pair // the intent's OldPair; nil for apply
	Lived   bool  // with NewLineage: a pair of the lineage stands already, other than void
}

// Signatures complete an intent.
type Signatures struct {
	ID                certhall.PairID
	SignCert, EncCert []byte
	At                time.Time
	Record            Record
}

// Change is what MovePair sets beside the state. Zero fields stay as they are.
type Change struct {
	AcknowledgedAt time.Time
	Receipt        []byte
	SupersededAt   time.Time
	GraceEnds      time.Time
	RetiredAt      time.Time
	RevokedAt      time.Time
	Reason         int
	GivenUp        bool
}

// Staff is an officer or a reviewer.
type Staff struct {
	Serial      certhall.Serial
	Role        string // proof.Officer, proof.Reviewer
	Name        string
	KeyDigest   []byte
	TBS         []byte
	Certificate []byte    // nil until signed
	Evidence    []byte    // proof.Signed of the Enrolment, DER; nil for the first officers
	State       string    // StaffIntended, StaffActive, StaffRetired
	At          time.Time // when the certificate was given
	RetiredAt   time.Time // zero until retired
	Reason      int       // CRLReason (RFC 5280, 5.3.1) once retired
}

// States of staff.
const (
	StaffIntended = "intended"
	StaffActive   = "active"
	StaffRetired  = "retired"
)

// States of an AdminPIN.
const (
	AdminPINKnown     = "known"
	AdminPINLost      = "lost"      // an unlocking reported that it is not the one on the key
	AdminPINForgotten = "forgotten" // by an officer's order
)

// AdminPIN is the escrowed administrator's PIN of one USB key. Both sealed
// values are SM2Cipher to the unlock key.
type AdminPIN struct {
	KeySerial string
	State     string
	KeyDigest []byte // of the unlock key's public half that Sealed and Pending are sealed to
	Sealed    []byte // what lies on the key, as far as is known; nil once forgotten
	// Pending was drawn for an unlocking of which no report came: it may lie on
	// the key. nil if there is none.
	Pending    []byte
	Last       []byte // digest of the request that was answered last; nil before the first
	ImportedAt time.Time
	ChangedAt  time.Time // when State or Sealed last changed
}

// Unlocking is the one answer to an UnlockRequest, kept for good.
type Unlocking struct {
	Digest     []byte // of the request
	KeySerial  string
	Request    []byte // proof.UnlockRequest, DER
	Decision   []byte // proof.Signed, DER
	Answer     []byte // proof.Signed, DER
	AnsweredAt time.Time
	Outcome    string // of the report; "" until there is one
	Report     []byte // proof.Signed, DER
	ReportedAt time.Time
}

// Record is an entry of the authority's record: audit entry and, but for the
// authority's own kinds, event for the hall. The sequencer numbers and chains it after
// commit (package audit).
type Record struct {
	Seq     int64 // 0 until sequenced
	At      time.Time
	Kind    authority.EventKind
	Case    certhall.CaseID
	Attempt int
	Lineage certhall.LineageID
	Pair    certhall.PairID
	Salt    []byte
	Data    []byte // JSON; erasable: the chain holds only the salted digest
	Digest  []byte
	Hash    []byte // of the chain up to here; nil until sequenced
}

// Conflicts that unique indexes of the store answer.
type conflictError string

func (e conflictError) Error() string { return string(e) }

// What AddX and SaveIntent answer when a unique index stands against them.
const (
	ErrLineageTaken     conflictError = "ca: another pair of the lineage is intended or issued"
	ErrEntitlementTaken conflictError = "ca: the entitlement has a pair already"
	ErrAttemptTaken     conflictError = "ca: the attempt has a pair already"
	ErrExists           conflictError = "ca: the row stands already"
)
