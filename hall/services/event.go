package services

import (
	"encoding/json"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// EventKind names what happened to a case.
type EventKind string

// What people and keys do.
const (
	EvOpened      EventKind = "opened"
	EvTakenOver   EventKind = "taken-over"
	EvIdentified  EventKind = "identified"
	EvPhoneNamed  EventKind = "phone-named"
	EvPhoneProved EventKind = "phone-proved"
	EvEntitled    EventKind = "entitled"
	EvPrepared    EventKind = "prepared"
	EvInstalled   EventKind = "installed"
	EvSigned      EventKind = "signed" // the key signed the acknowledgement
	EvTrouble     EventKind = "trouble"
	EvClaimed     EventKind = "claimed" // the key signed a claim
	EvCleared     EventKind = "cleared" // the key reported on its errands
	EvCloseAsked  EventKind = "close-asked"
)

// What the authority answers a worker. None of these moves the attempt.
const (
	EvRefused  EventKind = "refused"
	EvReturned EventKind = "returned"     // what the key sent is of no use (any more): the key is asked again
	EvOtherKey EventKind = "other-key"    // the authority holds another key for this attempt
	EvDelayed  EventKind = "delayed"      // not now: sealed, unavailable
	EvFreed    EventKind = "closing-seen" // the signed closing arrived
)

// The authority's own events: only these move the attempt.
const (
	EvAttemptOpened EventKind = "attempt-opened"
	EvIssued        EventKind = "issued"
	EvVoided        EventKind = "voided"
	EvAcknowledged  EventKind = "acknowledged"
	EvClosed        EventKind = "closed"
	EvRetired       EventKind = "retired"
	EvRevoked       EventKind = "revoked"
	EvSuspended     EventKind = "suspended"
	EvResumed       EventKind = "resumed"
)

// EvForgotten says that the authority was restored from a backup and does not remember
// all that it has said.
const EvForgotten EventKind = "forgotten"

// Event is one thing that happened. Fields that a kind does not use are zero;
// those without a JSON name are not repeated in the journal.
type Event struct {
	Kind    EventKind         `json:"-"`
	Attempt int               `json:"attempt,omitempty"`
	Reason  string            `json:"reason,omitempty"`  // trouble, delayed, close-asked by an officer
	Params  map[string]string `json:"params,omitempty"`  // delayed: values of the reason's text
	Problem *Problem          `json:"problem,omitempty"` // refused
	Serial  certhall.Serial   `json:"serial,omitempty"`  // signing certificate of the pair concerned
	At      time.Time         `json:"at,omitzero"`       // the authority's time
	Seq     int64             `json:"seq,omitempty"`     // the authority's number of it

	Case        certhall.CaseID        `json:"of,omitempty"` // trouble: the case whose container it is
	Errands     []Errand               `json:"errands,omitempty"`
	Again       bool                   `json:"again,omitempty"` // cleared: containers went, and nothing was refused
	Terms       *Terms                 `json:"terms,omitempty"` // identified; nil keeps what was agreed
	KeySerial   string                 `json:"key_serial,omitempty"`
	Phone       string                 `json:"-"`
	Entitlement certhall.EntitlementID `json:"entitlement,omitempty"`
	Years       int                    `json:"years,omitempty"` // entitled: the term that was bought; 0 is the old pair's
	Untestable  bool                   `json:"untestable,omitempty"`
	Operator    string                 `json:"operator,omitempty"` // the officer who ordered it
	Request     []byte                 `json:"-"`
	Message     []byte                 `json:"-"` // proof.Signed
	Retired     []Effect               `json:"-"` // cleared: reports to carry
}

// Terms are what the new pair will be.
type Terms struct {
	Project   string            `json:"project"`
	Profile   string            `json:"profile"`
	TermYears int               `json:"term_years"`
	MaxYears  int               `json:"max_years"`
	Disposal  certhall.Disposal `json:"disposal"`
}

// Entry is one row of a case's journal: every event that changed it.
type Entry struct {
	Case    certhall.CaseID
	Version int64 // of the case, after the event
	Kind    EventKind
	At      time.Time
	Data    string // JSON
}

func (e Event) entry(c Case, now time.Time) Entry {
	type journaled struct {
		Event
		Phone string `json:"phone,omitempty"` // masked
	}
	j := journaled{Event: e}
	if e.Phone != "" {
		j.Phone = accounts.Mask(e.Phone)
	}
	data, err := json.Marshal(j)
	if err != nil {
		panic("services: " + err.Error()) // plain values only
	}
	return Entry{Case: c.ID, Version: c.Version, Kind: e.Kind, At: now, Data: string(data)}
}
