// Package services is the row of counters: one case (业务/办件) is one run of a
// service for one certificate. A case moves by the pure function Advance; its
// step and what it owes the authority are derived from its facts; one loop
// (Next) serves page, command line and simulation. The hall carries messages:
// nothing it stores makes the authority sign anything.
package services

import (
	"slices"
	"time"

	"github.com/certhall/certhall"
)

// State of a case.
type State string

// The states. A refused case still occupies its lineage until the authority
// has closed it.
const (
	Open         State = "open"
	Done         State = "done"          // the new pair is current: 续费成功
	Refused      State = "refused"       // Problem says why
	Closing      State = "closing"       // asked for; the authority's answer is awaited
	Closed       State = "closed"        // cancelled or lapsed; the entitlement stays
	NeedsReissue State = "needs-reissue" // the new pair is current, its container lost
)

// Rank orders the authority's events within one attempt.
type Rank int

// attempt-opened < issued < voided = acknowledged: an attempt ends one way.
const (
	RankNone Rank = iota
	RankOpened
	RankIssued
	RankEnded
)

// Case is the hall's record of one run of a service. Slices in it are never
// changed in place.
type Case struct {
	ID       certhall.CaseID
	Version  int64 // grows by one with every event
	Service  certhall.Service
	State    State
	Lineage  certhall.LineageID
	Serial   certhall.Serial // signing certificate of the old pair
	OpenedAt time.Time

	// What the authority's events said.
	Attempt        int
	Rank           Rank
	Acknowledged   bool // the attempt ended well
	NewSerial      certhall.Serial
	AcknowledgedAt time.Time
	Suspended      bool
	HeldSeq        int64 // number of the event that said so last
	ClosedThere    bool  // the authority has closed the case for ever

	// What was agreed at the counter.
	Identified  bool
	Project     string
	Profile     string
	TermYears   int
	MaxYears    int // longest term that fits; 0 where it was not asked
	Disposal    certhall.Disposal
	KeySerial   string // device that the case was identified on
	Phone       string // whose proof counts; "" until it is known
	PhoneProved bool
	Entitlement certhall.EntitlementID

	// What the key has sent for this attempt, to be carried to the authority.
	Request         []byte // P10
	Evidence        []byte // proof.Signed
	Installed       bool
	Untestable      bool   // the driver could not decrypt with the new key
	Acknowledgement []byte // proof.Signed
	Claiming        bool   // the container is unusable: a claim is wanted
	Claim           []byte // proof.Signed
	Lost            bool   // the container was gone after the acknowledgement was signed

	Errands  []Errand          // what is to be retired on the key
	MakeRoom bool              // the key is full
	Closing  []byte            // the authority's signed Closing with outcome closed
	Delay    string            // code of what the authority answered instead of acting
	DelayBy  map[string]string // values for its text; nil for none
	Problem  *Problem          // why the case was refused
}

// Problem is an error as it is stored and sent: a code and its values.
// Whoever shows it fills in the texts.
type Problem struct {
	Code    string            `json:"code"`
	Params  map[string]string `json:"params,omitempty"`
	Message string            `json:"message,omitempty"`
	Hint    string            `json:"hint,omitempty"`
}

// ProblemOf is an error's problem, without its cause.
func ProblemOf(err error) *Problem {
	e := certhall.AsError(err)
	return &Problem{Code: e.Code, Params: e.Params}
}

// Errand names a message that lets something on the key go: the receipt or the
// void notice of an attempt, of this case or an earlier one.
type Errand struct {
	Case    certhall.CaseID `json:"case"`
	Attempt int             `json:"attempt"`
	Void    bool            `json:"void,omitempty"`  // the void notice, else the receipt
	Spare   bool            `json:"spare,omitempty"` // its old container may go, with consent, though the key has room
}

// Live tells whether somebody may go on with the case.
func (c Case) Live() bool { return c.State == Open || c.State == Closing }

// Busy tells whether the case occupies its lineage: one such case a lineage.
func (c Case) Busy() bool { return c.Live() || c.State == Refused && !c.ClosedThere }

// Spent tells whether the entitlement has given its pair.
func (c Case) Spent() bool { return c.Acknowledged }

// Freed tells whether the entitlement may be used again: on the authority's
// signed word alone.
func (c Case) Freed() bool { return len(c.Closing) > 0 }

// Step is where the case stands: the first step of its procedure that is not
// passed.
func (c Case) Step() Step {
	if c.Acknowledged {
		return StepDone
	}
	steps := procedures[c.Service]
	for _, s := range steps {
		if !c.passed(s) {
			return s
		}
	}
	return StepIdentify
}

func (c Case) passed(s Step) bool {
	switch s {
	case StepIdentify:
		return c.Identified && c.Attempt > 0
	case StepPhone:
		return c.PhoneProved
	case StepPay:
		return c.Entitlement != ""
	case StepPrepare:
		return len(c.Request) > 0 || c.Rank == RankIssued
	case StepIssue:
		return c.Rank == RankIssued
	case StepInstall:
		return c.Installed
	}
	return false
}

// owed is what the case wants from the authority at this moment.
func (c Case) owed() []Effect {
	is := func(k EffectKind) Effect { return Effect{Kind: k, Case: c.ID, Attempt: c.Attempt} }
	switch {
	case c.State == Closing, (c.State == Refused || c.State == Closed) && len(c.Closing) == 0:
		return []Effect{{Kind: EffectClose, Case: c.ID}}
	case c.State != Open:
		return nil
	case c.Attempt == 0 && c.Identified:
		return []Effect{{Kind: EffectTicket, Case: c.ID}}
	case c.Rank == RankEnded:
		return nil
	case len(c.Claim) > 0:
		return []Effect{is(EffectClaim)}
	case c.Claiming:
		return nil
	case len(c.Acknowledgement) > 0:
		return []Effect{is(EffectAcknowledge)}
	case c.Rank == RankOpened && len(c.Request) > 0:
		return []Effect{is(EffectIssue)}
	}
	return nil
}

// owing tells whether the case still wants this effect.
func (c Case) owing(e Effect) bool {
	return slices.ContainsFunc(c.owed(), func(o Effect) bool {
		return o.Kind == e.Kind && o.Attempt == e.Attempt
	})
}
