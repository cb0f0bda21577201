// Package unlocks is where somebody whose USB key is locked asks for it to be
// unlocked. A request is the agent's; the hall checks that whoever brings it
// handles a certificate on that key, shows it to officers, carries a reviewer's
// signed decision to the authority and its answer back to the agent, and the
// agent's report to the authority. It can open none of them: the answer is
// sealed to the agent.
//
// It is no service: no pair is made, nothing is bought, and a key may carry
// several lineages, while a case is one lineage's.
package unlocks

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/proof"
)

// RequestLife is how long a request waits for a reviewer. The number that two
// people compare by telephone is long enough for that time.
const RequestLife = 24 * time.Hour

// Limits of a day. The authority has its own over what it answers.
const (
	mostOfPerson = 20
	mostOfKey    = 10
)

// shownFor is how long a person sees what became of his requests.
const shownFor = 30 * 24 * time.Hour

// What this desk answers beside success.
var (
	ErrMissing  = certhall.NewError("unlock-missing", certhall.NotFound)       // or not his to see
	ErrNotHeld  = certhall.NewError("unlock-not-held", certhall.Denied)        // key
	ErrLocked   = certhall.NewError("unlock-admin-locked", certhall.Denied)    // key: its administrator's PIN has no tries left
	ErrLimit    = certhall.NewError("unlock-requests", certhall.Limited)       // too many of a person, or of a key
	ErrNotOpen  = certhall.NewError("unlock-not-waiting", certhall.Conflict)   // it is decided already, or over
	ErrOther    = certhall.NewError("unlock-other-request", certhall.Conflict) // the decision or report is about another request
	ErrReport   = certhall.NewError("unlock-report-unproven", certhall.Denied) // not by the agent that made the request
	ErrResponse = certhall.NewError("unlock-response-needed", certhall.Invalid)
)

// State of a request.
type State string

// The states: waiting → approved → answered → done or failed; or unknown, refused, withdrawn,
// expired, which is not stored: the time of a waiting one has passed.
const (
	Waiting   State = "waiting"   // for a reviewer
	Approved  State = "approved"  // the authority's answer is fetched
	Answered  State = "answered"  // the agent can unlock the key
	Done      State = "done"      // unlocked
	Failed    State = "failed"    // none of the PINs opened the key: reissue; or it did not take its maker's response
	Unknown   State = "unknown"   // the authority has no PIN of this key: reissue
	Refused   State = "refused"   // by an officer, with a reason
	Withdrawn State = "withdrawn" // by the person, or by a later request for the same key
	Expired   State = "expired"
)

// Unlock is one request with what became of it.
type Unlock struct {
	ID        string
	Digest    []byte // of the request
	Person    string // who brought it
	KeySerial string
	KeyLabel  string // as his agent shows it; for people
	Request   []byte // proof.UnlockRequest, DER
	State     State
	MadeAt    time.Time
	Operator  string // who decided last
	Reason    string // of a refusal
	Trouble   string // code of why the authority did not take the decision; for officers
	DecidedAt time.Time
	Decision  []byte // proof.Signed, DER
	Response  []byte // the maker's
	Answer    []byte // proof.Signed, DER
	Report    []byte // proof.Signed, DER
	Passed    bool   // the authority has the report
	Told      bool   // the person was told that it is answered, unknown or refused
}

// at is the request's state at a time.
func (u *Unlock) at(now time.Time) State {
	if u.State == Waiting && !now.Before(u.MadeAt.Add(RequestLife)) {
		return Expired
	}
	return u.State
}

// Unanswered tells whether the key did not take its maker's response: its report,
// which was checked when it came, says so.
func (u *Unlock) Unanswered() bool {
	s, err := proof.Decode[proof.Signed](u.Report)
	if err != nil {
		return false
	}
	m, err := proof.Decode[proof.UnlockReport](s.Message)
	return err == nil && m.Outcome == proof.UnlockUnanswered
}

// Certificate is one on a key, for people to know the key by.
type Certificate struct {
	Serial       certhall.Serial `json:"serial"`
	Subject      string          `json:"subject"`
	Organisation string          `json:"organisation"`
	Project      string          `json:"project" doc:"code"`
	KeyNumber    string          `json:"key_number"`
	NotAfter     time.Time       `json:"not_after"`
}

// Store is what the desk needs of the database.
type Store interface {
	Read(ctx context.Context, f func(Reader) error) error
	// Write runs f in one transaction, perhaps more than once.
	Write(ctx context.Context, f func(Writer) error) error
}

// Reader reads one consistent state. A row that is not there is nil.
type Reader interface {
	Unlock(id string) (*Unlock, error)
	UnlockOf(digest []byte) (*Unlock, error)
	// UnlocksBy are a person's made at or after a time, the latest first.
	UnlocksBy(person string, since time.Time) ([]Unlock, error)
	// CountUnlocks counts those of a person, and those of a key, made at or after a time.
	CountUnlocks(person, keySerial string, since time.Time) (ofPerson, ofKey int, err error)
	// FindUnlocks are those in a state, or all with "", the latest first.
	FindUnlocks(state State, limit int) ([]Unlock, error)
	// OwedUnlocks are those that are approved, whose report the authority has
	// not, or of whose end the person was not told.
	OwedUnlocks(limit int) ([]Unlock, error)
	// CertificatesOnKey are those in force or superseded on a key; with a person,
	// those that he handles.
	CertificatesOnKey(keySerial, person string) ([]Certificate, error)
	Account(person string) (*accounts.Account, error)
}

// Writer writes within one transaction.
type Writer interface {
	Reader
	LockUnlocks(keySerial string) error
	AddUnlock(Unlock) error
	// SaveUnlock stores what may change of a request by compare-and-swap on its state.
	SaveUnlock(u Unlock, was State) (bool, error)
}

// Authority is what the desk asks of it.
type Authority interface {
	Unlockable(ctx context.Context, keySerial string) error
	Unlock(ctx context.Context, r authority.UnlockRequest) (proof.Signed, error)
	Unlocked(ctx context.Context, report proof.Signed) error
}

// Desk takes requests.
type Desk struct {
	Store       Store
	Authority   Authority       // nil for officers' commands, which ask it themselves
	SMS         notify.Provider // the same
	AuthorityID string
	Clock       certhall.Clock
	Random      io.Reader
	Log         *slog.Logger
}

func (d *Desk) now() time.Time { return d.Clock.Now().UTC().Truncate(time.Millisecond) }
