package sim

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
)

// Fault is one thing that goes wrong at boundary At.
type Fault struct {
	At   int
	What string // one of the names below
	To   int    // dup and late: the later boundary where the old bytes arrive
}

// What can go wrong with the call of the boundary itself.
const (
	Fail        = "fail"         // it fails and was not carried out
	Lost        = "lost"         // it was carried out, the reply is lost
	Twice       = "twice"        // it is carried out twice
	CutBefore   = "cut-before"   // power cut of the PC before it
	CutAfter    = "cut-after"    // … after it
	Torn        = "torn"         // … within its first write to the key
	Torn2       = "torn-2"       // … within its second
	CutWrite    = "cut-write"    // … just before the key's first write is durable, the command having begun
	Unplug      = "unplug"       // the key is pulled out before it and plugged in again later
	CrashBefore = "crash-before" // the server dies before it
	CrashAfter  = "crash-after"  // … after it
	Dup         = "dup"          // carried out, and its bytes arrive again at To
	Late        = "late"         // lost on the way, and its bytes arrive at To
)

// What others do at the boundary.
const (
	Tabs          = "tabs"           // a second tab on the same PC begins, boundary by boundary in turn with the first
	Node          = "node"           // another server node starts on the same databases and takes part
	FalseClaim    = "false-claim"    // a claim signed by the true old key, though the container is fine
	OtherClaim    = "other-claim"    // … naming no key
	Suspend       = "suspend"        // the lineage is suspended; a reviewer resumes it when faults stop
	SuspendBrief  = "suspend-brief"  // … and resumed six boundaries later
	Revoke        = "revoke"         // a reviewer's decision revokes the lineage
	Close         = "close"          // the case is closed at the authority (cancel, refund)
	CloseHall     = "close-hall"     // the person cancels at the hall
	Lapse         = "lapse"          // 31 days pass and the authority's loops run
	Grace         = "grace"          // the days of grace pass and their loop runs
	Expiry        = "expiry"         // the old pair's end passes
	Seal          = "seal"           // the authority is sealed, and unsealed twelve boundaries later
	ForgedReceipt = "forged-receipt" // receipts not signed by the notary, naming the working containers
	ForgedVoid    = "forged-void"    // void notices likewise
	ForgedTicket  = "forged-ticket"  // a ticket for a further attempt likewise, and evidence and claims resting on it
	ForgedBundle  = "forged-bundle"  // bundles that fit another key, subject or root
	Stale         = "stale"          // every message the agent was ever handed, again
	StaleOther    = "stale-other"    // genuine receipts, void notices and tickets of other cases
	Remake        = "remake"         // other software makes the attempt's container again, with a key of its own
	Wipe          = "wipe"           // other software deletes the attempt's container
	Spoil         = "spoil"          // the attempt's encryption key goes bad
	Overwrite     = "overwrite"      // other software writes another certificate into the attempt's container
	Rival         = "rival"          // a second case of the lineage asks for its pair past the hall; closed later
	Thief         = "thief"          // another holder's case spends this case's entitlement
	Shuffle       = "shuffle"        // from here on the hall sees pages of events shuffled, repeated and with gaps filled late
	Stall         = "stall"          // the sequencer numbers nothing for a while
	PayEarly      = "pay-early"      // the order is paid before its code is seen
	CancelOrder   = "cancel-order"   // the person takes his unpaid order back
	Overdue       = "overdue"        // half an hour passes: unpaid orders run out
	Refund        = "refund"         // the person asks for his money back
)

// callFaults concern the call itself, by the kinds of boundary they fit.
var callFaults = map[string][]Kind{
	Fail:        {KeyCommand, Order, Message, Call, Transaction, Money},
	Lost:        {KeyCommand, Order, Message, Call, Transaction, Money},
	Twice:       {KeyCommand, Order, Message, Call, Transaction, Money},
	CutBefore:   {KeyCommand, Order, Message},
	CutAfter:    {KeyCommand, Order, Message},
	Torn:        {KeyCommand},
	Torn2:       {KeyCommand},
	CutWrite:    {KeyCommand},
	Unplug:      {KeyCommand, Order},
	CrashBefore: {Message, Call, Transaction, Money},
	CrashAfter:  {Message, Call, Transaction, Money},
	Dup:         {Order, Message, Call, Money},
	Late:        {Order, Message, Call, Money},
}

// acts are done at any boundary.
var acts map[string]func(*World)

func init() { // the acts lead back to boundaries, which look here
	acts = map[string]func(*World){
		Tabs:          (*World).secondTab,
		Node:          (*World).secondNode,
		FalseClaim:    (*World).falseClaim,
		OtherClaim:    (*World).otherClaim,
		Suspend:       (*World).suspend,
		SuspendBrief:  (*World).suspendBriefly,
		Revoke:        (*World).revoke,
		Close:         (*World).close,
		CloseHall:     (*World).closeAtHall,
		Lapse:         (*World).lapse,
		Grace:         (*World).endGrace,
		Expiry:        (*World).expire,
		Seal:          (*World).seal,
		ForgedReceipt: (*World).forgeReceipts,
		ForgedVoid:    (*World).forgeVoids,
		ForgedTicket:  (*World).forgeTicket,
		ForgedBundle:  (*World).forgeBundle,
		Stale:         (*World).replayOrders,
		StaleOther:    (*World).foreignPapers,
		Remake:        (*World).remake,
		Wipe:          (*World).wipe,
		Spoil:         (*World).spoil,
		Overwrite:     (*World).overwrite,
		Rival:         (*World).rival,
		Thief:         (*World).thief,
		Shuffle:       (*World).shuffleEvents,
		Stall:         (*World).stallSequencer,
		PayEarly:      (*World).payEarly,
		CancelOrder:   (*World).cancelOrder,
		Overdue:       (*World).overdue,
		Refund:        (*World).askRefund,
	}
}

// Where acts can meet what happens. The agent is locked while it is at the
// key, and the server cannot see the key: an act of the one side that falls
// into the midst of the other's work is the same run as at the next point
// where it can be noticed, and is tried there.
var meets = map[string][]Kind{
	ForgedReceipt: {Order, Message}, ForgedVoid: {Order, Message}, ForgedTicket: {Order, Message},
	ForgedBundle: {Order, Message}, Stale: {Order, Message}, StaleOther: {Order, Message},
	Remake: {KeyCommand, Order, Message}, Wipe: {KeyCommand, Order, Message},
	Spoil: {KeyCommand, Order, Message}, Overwrite: {KeyCommand, Order, Message},
	Tabs: {KeyCommand, Order, Message, Call, Transaction},
}

// atServer is where all other acts are met.
var atServer = []Kind{Order, Message, Call, Transaction, Money}

// aboutMoney are the acts that make sense only where something costs money.
var aboutMoney = []string{PayEarly, CancelOrder, Overdue, Refund}

// Fits tells whether a fault makes sense at a point.
func Fits(what string, p Point) bool {
	if acts[what] != nil {
		kinds := meets[what]
		if kinds == nil {
			kinds = atServer
		}
		return slices.Contains(kinds, p.Kind)
	}
	if !p.Writes {
		switch what {
		case Torn, Torn2, CutWrite, Twice, Dup: // nothing is written
			return false
		case Lost, CutAfter, CrashAfter: // the same as before
			return false
		}
	}
	return slices.Contains(callFaults[what], p.Kind)
}

// faultNames lists every fault in order.
func faultNames() []string {
	var names []string
	for n := range callFaults {
		names = append(names, n)
	}
	for n := range acts {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// String writes a fault as 37:lost or 37:late@52.
func (f Fault) String() string {
	s := fmt.Sprintf("%d:%s", f.At, f.What)
	if f.To != 0 {
		s += "@" + strconv.Itoa(f.To)
	}
	return s
}

func parseFault(s string) (Fault, error) {
	at, rest, ok := strings.Cut(s, ":")
	what, to, delayed := strings.Cut(rest, "@")
	f := Fault{What: what}
	var err error
	if f.At, err = strconv.Atoi(at); err != nil || !ok {
		return f, fmt.Errorf("sim: %q is not a fault like 37:lost", s)
	}
	if delayed {
		if f.To, err = strconv.Atoi(to); err != nil {
			return f, fmt.Errorf("sim: %q is not a fault like 37:late@52", s)
		}
	}
	if acts[what] == nil && callFaults[what] == nil {
		return f, fmt.Errorf("sim: no fault is called %q", what)
	}
	return f, nil
}

// Schedule is everything that a run depends on.
type Schedule struct {
	Service certhall.Service // renew or repair
	Key     string           // a kind of key: kinds.go
	Priced  bool             // a pair costs something
	File    bool             // databases in files; else in memory
	Seed    uint64           // 0: actors take turns; else by this seed
	Faults  []Fault
}

// String writes a schedule as the one line that replays it.
func (s Schedule) String() string {
	parts := []string{string(s.Service), s.Key}
	if s.Priced {
		parts = append(parts, "priced")
	}
	if s.File {
		parts = append(parts, "file")
	}
	if s.Seed != 0 {
		parts = append(parts, "seed="+strconv.FormatUint(s.Seed, 10))
	}
	for _, f := range s.Faults {
		parts = append(parts, f.String())
	}
	return strings.Join(parts, " ")
}

// ParseSchedule reads what String wrote.
func ParseSchedule(line string) (Schedule, error) {
	s := Schedule{Service: certhall.Renew, Key: Roomy}
	for _, p := range strings.Fields(line) {
		switch {
		case p == string(certhall.Renew), p == string(certhall.Repair):
			s.Service = certhall.Service(p)
		case kinds[p].room > 0:
			s.Key = p
		case p == "priced":
			s.Priced = true
		case p == "file":
			s.File = true
		case strings.HasPrefix(p, "seed="):
			seed, err := strconv.ParseUint(p[5:], 10, 64)
			if err != nil {
				return s, fmt.Errorf("sim: %q: %w", p, err)
			}
			s.Seed = seed
		default:
			f, err := parseFault(p)
			if err != nil {
				return s, err
			}
			s.Faults = append(s.Faults, f)
		}
	}
	return s, nil
}
