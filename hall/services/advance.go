package services

import (
	"maps"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// ErrOutOfTurn says that an event does not fit where the case stands: a reply
// that was delayed or repeated. Asking "what next?" resolves it.
var ErrOutOfTurn = certhall.NewError("out-of-turn", certhall.Conflict)

// Advance is the one place where a case moves. It is pure: the case after the
// event, and what has to be asked of the authority because of it. An event of
// the authority that says nothing new leaves the version as it is; an event of
// a person or a key that does not fit is ErrOutOfTurn.
func Advance(c Case, e Event, now time.Time) (Case, []Effect, error) {
	was, before := c, c.owed()
	changed, repeat, err := c.take(e, now)
	if err != nil || !changed {
		return was, nil, err
	}
	c.Version++
	var effects []Effect
	for _, o := range c.owed() {
		if repeat || !slices.ContainsFunc(before, func(b Effect) bool { return b.Kind == o.Kind && b.Attempt == o.Attempt }) {
			effects = append(effects, o)
		}
	}
	return c, append(effects, e.Retired...), nil
}

// take applies an event. repeat asks once more for everything that is owed.
func (c *Case) take(e Event, now time.Time) (changed, repeat bool, err error) {
	if c.State == "" && e.Kind != EvOpened {
		return false, false, ErrOutOfTurn
	}
	if e.Kind != EvDelayed {
		c.Delay, c.DelayBy = "", nil
	}
	switch e.Kind {
	case EvOpened:
		if c.State != "" {
			return false, false, ErrOutOfTurn
		}
		c.State, c.OpenedAt = Open, now
	case EvEntitled:
		if c.State != Open || c.Entitlement != "" {
			return false, false, ErrOutOfTurn
		}
		c.Entitlement = e.Entitlement
		if e.Years > 0 {
			c.TermYears = e.Years
		}
	case EvTakenOver:
		if c.State != Open && !c.Acknowledged {
			return false, false, ErrOutOfTurn
		}
		c.Identified, c.PhoneProved, c.MakeRoom, c.Phone = false, false, false, e.Phone
		repeat = true
	case EvIdentified:
		if c.Identified || c.State != Open && !c.Acknowledged {
			return false, false, ErrOutOfTurn
		}
		c.Identified, c.Errands, c.KeySerial = true, e.Errands, e.KeySerial
		c.MakeRoom = c.MakeRoom && len(e.Errands) > 0
		if e.Terms != nil && !c.settled() {
			c.agree(*e.Terms)
		}
	case EvPhoneNamed:
		if c.State != Open || c.PhoneProved || c.Phone == e.Phone {
			return false, false, ErrOutOfTurn
		}
		c.Phone = e.Phone
	case EvPhoneProved:
		if c.State != Open || c.PhoneProved || c.Phone != e.Phone || e.Phone == "" {
			return false, false, ErrOutOfTurn
		}
		c.PhoneProved = true
	case EvPrepared:
		if !c.inTurn(e) || c.Rank != RankOpened || c.Claiming || len(c.Request) > 0 {
			return false, false, ErrOutOfTurn
		}
		c.Request, c.Evidence, c.MakeRoom = e.Request, e.Message, false
	case EvInstalled:
		if !c.inTurn(e) || c.Rank != RankIssued || c.Installed {
			return false, false, ErrOutOfTurn
		}
		c.Installed, c.Untestable = true, e.Untestable
	case EvSigned:
		if !c.inTurn(e) || c.Rank != RankIssued || len(c.Acknowledgement) > 0 || c.Claiming {
			return false, false, ErrOutOfTurn
		}
		c.Installed, c.Acknowledgement, c.Untestable = true, e.Message, e.Untestable
	case EvClaimed:
		if !c.inTurn(e) || !c.Claiming || len(c.Claim) > 0 {
			return false, false, ErrOutOfTurn
		}
		c.Claim = e.Message
	case EvTrouble:
		return c.trouble(e)
	case EvCleared:
		if len(c.Errands) == 0 { // what no errand asked for is not carried on
			return false, false, ErrOutOfTurn
		}
		if e.Again && c.State == Open && slices.ContainsFunc(c.Errands, func(x Errand) bool { return x.Spare }) {
			c.Identified = false // one goes at a time: look whether another may
		}
		c.Errands, c.MakeRoom = nil, false
	case EvCloseAsked:
		if c.State != Open {
			return false, false, ErrOutOfTurn
		}
		c.State = Closing

	case EvRefused:
		if !c.Live() {
			return false, false, ErrOutOfTurn
		}
		c.State, c.Problem = Refused, e.Problem
	case EvReturned:
		if c.State != Open || e.Attempt != c.Attempt || c.Rank == RankEnded {
			return false, false, ErrOutOfTurn
		}
		c.Request, c.Evidence, c.Acknowledgement, c.Claim, c.Installed = nil, nil, nil, nil, false
	case EvOtherKey:
		if c.State != Open || e.Attempt != c.Attempt || c.Rank == RankEnded {
			return false, false, ErrOutOfTurn
		}
		c.Request, c.Evidence, c.Claiming = nil, nil, true
	case EvDelayed:
		if c.Delay == e.Reason && maps.Equal(c.DelayBy, e.Params) || !c.Busy() {
			return false, false, nil
		}
		c.Delay, c.DelayBy = e.Reason, e.Params
	case EvFreed:
		if c.Acknowledged || len(c.Closing) > 0 {
			return false, false, ErrOutOfTurn
		}
		c.Closing = e.Message
		c.shut()

	case EvAttemptOpened, EvIssued, EvVoided, EvAcknowledged:
		return c.move(e), false, nil
	case EvClosed:
		if c.Acknowledged || c.ClosedThere {
			return false, false, nil
		}
		c.shut()
	case EvRetired:
		if c.State != NeedsReissue || e.Serial != c.Serial {
			return false, false, nil
		}
		c.State = Done // the new key has signed since: its container is there
	case EvRevoked:
		if e.Serial != c.Serial || !c.Live() {
			return false, false, nil
		}
		c.State, c.Problem = Refused, ProblemOf(authority.ErrRevoked)
	case EvSuspended, EvResumed:
		if e.Serial != c.Serial || e.Seq <= c.HeldSeq || !c.Busy() {
			return false, false, nil
		}
		c.Suspended, c.HeldSeq = e.Kind == EvSuspended, e.Seq
		repeat = !c.Suspended
	case EvForgotten:
		if len(c.Closing) > 0 {
			return false, false, nil
		}
		if c.Acknowledged {
			// Another case may be under way on the lineage by now: this one is closed,
			// unless the authority does remember.
			c.State, c.Acknowledged, c.NewSerial, c.AcknowledgedAt = Closed, false, "", time.Time{}
		}
		c.Attempt, c.Rank, c.Suspended, c.HeldSeq, c.Errands = 0, RankNone, false, 0, nil
		c.newAttempt()
		repeat = true
	default:
		return false, false, certhall.ErrInternal.Becausef("services: no event is called %q", e.Kind)
	}
	return true, repeat, nil
}

// settled: the terms are agreed and the authority has opened an attempt. A hall
// restored from a backup may hear of the attempt before it has terms.
func (c *Case) settled() bool { return c.Attempt > 0 && c.Disposal != "" }

// agree takes the terms; a term of years that was bought stays.
func (c *Case) agree(t Terms) {
	bought := c.TermYears
	c.Project, c.Profile, c.TermYears, c.MaxYears, c.Disposal = t.Project, t.Profile, t.TermYears, t.MaxYears, t.Disposal
	if c.Entitlement != "" && bought > 0 {
		c.TermYears = bought
	}
}

// inTurn: what a key sends counts for an open case, for the attempt the
// authority has open, and only once the phone is proved and the pair is paid for.
func (c *Case) inTurn(e Event) bool {
	return c.State == Open && e.Attempt == c.Attempt && c.Rank != RankEnded && c.passed(StepPhone) && c.passed(StepPay)
}

// move follows the authority's attempt: by (attempt, rank), so that skipped
// ranks are made up for, late ones ignored and early ones not lost ◆.
func (c *Case) move(e Event) bool {
	rank := map[EventKind]Rank{EvAttemptOpened: RankOpened, EvIssued: RankIssued, EvVoided: RankEnded, EvAcknowledged: RankEnded}[e.Kind]
	if c.Acknowledged || len(c.Closing) > 0 || e.Attempt < c.Attempt || e.Attempt == c.Attempt && rank <= c.Rank {
		return false
	}
	if e.Attempt > c.Attempt {
		first := c.Attempt
		if c.Rank == RankEnded || first == 0 {
			first++ // its errand stands already
		}
		for n := first; n < e.Attempt; n++ { // an attempt after it was opened: it is void
			c.addErrand(Errand{Case: c.ID, Attempt: n, Void: true})
		}
		c.newAttempt()
	}
	c.Attempt, c.Rank = e.Attempt, rank
	switch e.Kind {
	case EvVoided:
		c.addErrand(Errand{Case: c.ID, Attempt: e.Attempt, Void: true})
		c.newAttempt()
	case EvAcknowledged:
		c.Acknowledged, c.NewSerial, c.AcknowledgedAt = true, e.Serial, e.At
		c.State, c.Problem = Done, nil
		if c.Lost {
			c.State = NeedsReissue
		}
		c.addErrand(Errand{Case: c.ID, Attempt: e.Attempt})
	}
	return true
}

// newAttempt forgets what the key has sent for the attempt before.
func (c *Case) newAttempt() {
	c.Request, c.Evidence, c.Acknowledgement, c.Claim = nil, nil, nil, nil
	c.Installed, c.Untestable, c.Claiming, c.Lost, c.MakeRoom = false, false, false, false, false
}

// shut: the authority has closed the case for ever.
func (c *Case) shut() {
	c.ClosedThere = true
	if c.Live() {
		c.State = Closed
	}
}

// trouble is a key that could not do what it was asked.
func (c *Case) trouble(e Event) (changed, repeat bool, err error) {
	gone := e.Reason == proof.Absent || e.Reason == proof.AnotherKey || e.Reason == proof.FailingSelfTest
	own := e.Case == c.ID && e.Attempt == c.Attempt
	of := func(x Errand) bool { return x.Case == e.Case && x.Attempt == e.Attempt }
	switch {
	case slices.ContainsFunc(c.Errands, of):
		c.Errands = slices.DeleteFunc(slices.Clone(c.Errands), of) // handed out again at the next opening
		if own && gone && c.State == Done {
			c.State = NeedsReissue
		}
	case !own || !c.inTurn(e):
		return false, false, ErrOutOfTurn
	case gone && !c.Claiming:
		c.Claiming, c.Lost = true, len(c.Acknowledgement) > 0
	case e.Reason == proof.Usable && c.Claiming && len(c.Claim) == 0:
		c.Claiming, c.Lost = false, false
	case e.Reason == proof.Incomplete && c.Installed && len(c.Acknowledgement) == 0:
		c.Installed = false
	case e.Reason == proof.KeyFull && c.Rank == RankOpened && len(c.Request) == 0:
		c.MakeRoom, c.Identified = true, false // look anew at what may go
	default:
		return false, false, ErrOutOfTurn
	}
	return true, false, nil
}

func (c *Case) addErrand(e Errand) {
	if !slices.Contains(c.Errands, e) {
		c.Errands = append(slices.Clone(c.Errands), e)
	}
}
