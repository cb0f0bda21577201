package services

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/proof"
)

var update = flag.Bool("update", false, "write testdata/transitions.txt anew")

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// standing is a case at one place of its procedure, reached by events.
type standing struct {
	name string
	by   []Event
}

var (
	opened     = []Event{{Kind: EvOpened}, {Kind: EvEntitled, Entitlement: "e"}}
	identified = after(opened, Event{Kind: EvIdentified, Terms: &Terms{"p", "org", 1, 3, certhall.Keep}, KeySerial: "K"})
	atPhone    = after(identified, Event{Kind: EvAttemptOpened, Attempt: 1}, Event{Kind: EvPhoneNamed, Phone: "13800000001"})
	atPrepare  = after(atPhone, Event{Kind: EvPhoneProved, Phone: "13800000001"})
	atIssue    = after(atPrepare, Event{Kind: EvPrepared, Attempt: 1, Request: []byte{1}, Message: []byte{2}})
	atInstall  = after(atIssue, Event{Kind: EvIssued, Attempt: 1})
	atAck      = after(atInstall, Event{Kind: EvInstalled, Attempt: 1})
	signed     = after(atAck, Event{Kind: EvSigned, Attempt: 1, Message: []byte{3}})
	lost       = after(signed, Event{Kind: EvTrouble, Case: "c", Attempt: 1, Reason: proof.Absent})
	claiming   = after(atInstall, Event{Kind: EvTrouble, Case: "c", Attempt: 1, Reason: proof.FailingSelfTest})
	claimed    = after(claiming, Event{Kind: EvClaimed, Attempt: 1, Message: []byte{4}})
	voided     = after(claimed, Event{Kind: EvVoided, Attempt: 1})
	second     = after(voided, Event{Kind: EvAttemptOpened, Attempt: 2})
	full       = after(atPrepare, Event{Kind: EvTrouble, Case: "c", Attempt: 1, Reason: proof.KeyFull})
	done       = after(signed, Event{Kind: EvAcknowledged, Attempt: 1, Serial: "0b", At: noon})
	retired    = after(done, Event{Kind: EvCleared})
	reissue    = after(lost, Event{Kind: EvAcknowledged, Attempt: 1, Serial: "0b", At: noon})
	refused    = after(atIssue, Event{Kind: EvRefused, Problem: &Problem{Code: "x"}})
	closing    = after(atInstall, Event{Kind: EvCloseAsked})
	closed     = after(closing, Event{Kind: EvClosed})
	freed      = after(closed, Event{Kind: EvFreed, Message: []byte{5}})
	suspended  = after(atIssue, Event{Kind: EvSuspended, Serial: "0a", Seq: 5})
)

func after(by []Event, more ...Event) []Event { return append(append([]Event{}, by...), more...) }

var standings = []standing{
	{"identify", opened}, {"ticket awaited", identified}, {"phone", atPhone}, {"prepare", atPrepare},
	{"issue", atIssue}, {"install", atInstall}, {"acknowledge", atAck}, {"acknowledgement signed", signed}, {"container lost after it", lost},
	{"claim wanted", claiming}, {"claim signed", claimed}, {"attempt void", voided}, {"second attempt", second}, {"key full", full},
	{"done", done}, {"done and retired", retired}, {"needs reissue", reissue}, {"refused", refused}, {"closing", closing},
	{"closed there", closed}, {"closed and freed", freed}, {"suspended", suspended},
}

// events are all there are, each as it comes in time, late and early.
var events = []Event{
	{Kind: EvOpened}, {Kind: EvEntitled, Entitlement: "e2"}, {Kind: EvTakenOver}, {Kind: EvIdentified},
	{Kind: EvPhoneNamed, Phone: "13900000002"}, {Kind: EvPhoneProved, Phone: "13800000001"}, {Kind: EvPhoneProved, Phone: "13900000002"},
	{Kind: EvPrepared, Attempt: 1, Request: []byte{9}}, {Kind: EvPrepared, Attempt: 2, Request: []byte{9}},
	{Kind: EvInstalled, Attempt: 1}, {Kind: EvInstalled, Attempt: 2},
	{Kind: EvSigned, Attempt: 1, Message: []byte{9}}, {Kind: EvSigned, Attempt: 2, Message: []byte{9}},
	{Kind: EvTrouble, Case: "c", Attempt: 1, Reason: proof.Absent}, {Kind: EvTrouble, Case: "c", Attempt: 2, Reason: proof.Absent},
	{Kind: EvTrouble, Case: "c", Attempt: 1, Reason: proof.Usable}, {Kind: EvTrouble, Case: "c", Attempt: 1, Reason: proof.Incomplete},
	{Kind: EvTrouble, Case: "c", Attempt: 1, Reason: proof.KeyFull}, {Kind: EvTrouble, Case: "c", Attempt: 1, Reason: proof.Stale},
	{Kind: EvTrouble, Case: "other", Attempt: 1, Reason: proof.Absent},
	{Kind: EvClaimed, Attempt: 1, Message: []byte{9}}, {Kind: EvClaimed, Attempt: 2, Message: []byte{9}},
	{Kind: EvCleared}, {Kind: EvCloseAsked},
	{Kind: EvRefused, Problem: &Problem{Code: "y"}}, {Kind: EvReturned, Attempt: 1}, {Kind: EvReturned, Attempt: 2},
	{Kind: EvOtherKey, Attempt: 1}, {Kind: EvOtherKey, Attempt: 2}, {Kind: EvDelayed, Reason: "sealed"}, {Kind: EvFreed, Message: []byte{9}},
	{Kind: EvAttemptOpened, Attempt: 1}, {Kind: EvAttemptOpened, Attempt: 2}, {Kind: EvAttemptOpened, Attempt: 3},
	{Kind: EvIssued, Attempt: 1}, {Kind: EvIssued, Attempt: 2}, {Kind: EvVoided, Attempt: 1}, {Kind: EvVoided, Attempt: 2},
	{Kind: EvAcknowledged, Attempt: 1, Serial: "0b"}, {Kind: EvAcknowledged, Attempt: 2, Serial: "0b"}, {Kind: EvClosed},
	{Kind: EvRetired, Serial: "0a"}, {Kind: EvRevoked, Serial: "0a"}, {Kind: EvRevoked, Serial: "ff"},
	{Kind: EvSuspended, Serial: "0a", Seq: 9}, {Kind: EvSuspended, Serial: "0a", Seq: 3}, {Kind: EvResumed, Serial: "0a", Seq: 9}, {Kind: EvResumed, Serial: "0a", Seq: 3}, {Kind: EvForgotten},
}

var theirs = map[EventKind]bool{
	EvAttemptOpened: true, EvIssued: true, EvVoided: true, EvAcknowledged: true, EvClosed: true,
	EvRetired: true, EvRevoked: true, EvSuspended: true, EvResumed: true, EvForgotten: true,
}

// TestNothingBeforeOpened: a case that was not opened takes no other event.
func TestNothingBeforeOpened(t *testing.T) {
	for _, e := range events[1:] {
		if c, _, err := Advance(Case{ID: "c", Serial: "0a"}, e, noon); !errors.Is(err, ErrOutOfTurn) || c.Version != 0 {
			t.Errorf("%s: %v", e.describe(), err)
		}
	}
}

func reach(t *testing.T, by []Event) Case {
	t.Helper()
	c := Case{ID: "c", Service: certhall.Renew, Lineage: "l", Serial: "0a"}
	for _, e := range by {
		next, _, err := Advance(c, e, noon)
		if err != nil {
			t.Fatalf("%s at %s: %v", e.Kind, c.describe(), err)
		}
		c = next
	}
	return c
}

func (c Case) describe() string {
	s := fmt.Sprintf("%s/%s %d.%d", c.State, c.Step(), c.Attempt, c.Rank)
	for _, flag := range []struct {
		on   bool
		name string
	}{
		{c.Claiming, "claiming"}, {c.Lost, "lost"}, {len(c.Claim) > 0, "claim"}, {len(c.Acknowledgement) > 0, "acknowledgement"},
		{c.Suspended, "suspended"}, {c.MakeRoom, "make-room"}, {!c.Identified, "unidentified"}, {c.Delay != "", c.Delay},
		{c.ClosedThere, "closed-there"}, {c.Freed(), "freed"}, {c.Spent(), "spent"},
	} {
		if flag.on {
			s += " " + flag.name
		}
	}
	for _, e := range c.Errands {
		s += fmt.Sprintf(" errand(%s %d %v)", e.Case, e.Attempt, e.Void)
	}
	return s
}

func (e Event) describe() string {
	s := string(e.Kind)
	if e.Attempt > 0 {
		s += fmt.Sprintf(" %d", e.Attempt)
	}
	for _, x := range []string{e.Reason, string(e.Serial), e.Phone} {
		if x != "" {
			s += " " + x
		}
	}
	if e.Case == "other" {
		s += " of another case"
	}
	if e.Seq > 0 {
		s += fmt.Sprintf(" #%d", e.Seq)
	}
	return s
}

// TestTransitions compares every standing × every event with the table in
// testdata/transitions.txt, which is read like a document: what is not listed
// there is out of turn (people, keys, workers) or says nothing new (authority).
func TestTransitions(t *testing.T) {
	var table strings.Builder
	for _, s := range standings {
		c := reach(t, s.by)
		fmt.Fprintf(&table, "%s: %s\n", s.name, c.describe())
		for _, e := range events {
			before := fmt.Sprintf("%+v", c)
			next, effects, err := Advance(c, e, noon)
			if fmt.Sprintf("%+v", c) != before {
				t.Errorf("%s, %s: the case given was changed", s.name, e.describe())
			}
			switch {
			case err != nil && !errors.Is(err, ErrOutOfTurn):
				t.Errorf("%s, %s: %v", s.name, e.describe(), err)
			case err != nil && theirs[e.Kind]:
				t.Errorf("%s, %s: an event of the authority was refused", s.name, e.describe())
			case err != nil || next.Version == c.Version:
				if !reflect.DeepEqual(next, c) || len(effects) > 0 {
					t.Errorf("%s, %s: changed without a new version", s.name, e.describe())
				}
				continue
			case next.Version != c.Version+1:
				t.Errorf("%s, %s: version %d after %d", s.name, e.describe(), next.Version, c.Version)
			case c.Acknowledged && !next.Acknowledged && e.Kind != EvForgotten || c.Freed() && !next.Freed() || next.Freed() && next.Spent():
				t.Errorf("%s, %s: an end was undone: %s", s.name, e.describe(), next.describe())
			}
			fmt.Fprintf(&table, "\t%-40s → %s", e.describe(), next.describe())
			for _, f := range effects {
				fmt.Fprintf(&table, " !%s", f.Kind)
			}
			table.WriteString("\n")
		}
	}
	const file = "testdata/transitions.txt"
	if *update {
		if err := os.WriteFile(file, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(table.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(wanted)) {
		var a, b string
		if i < len(got) {
			a = got[i]
		}
		if i < len(wanted) {
			b = wanted[i]
		}
		if a != b {
			t.Fatalf("line %d\n got  %s\n want %s", i+1, a, b)
		}
	}
}

// TestEventsInAnyOrder: whatever order the authority's events arrive in, the
// attempt ends where the last of them says.
func TestEventsInAnyOrder(t *testing.T) {
	story := []Event{
		{Kind: EvAttemptOpened, Attempt: 1}, {Kind: EvIssued, Attempt: 1}, {Kind: EvVoided, Attempt: 1},
		{Kind: EvAttemptOpened, Attempt: 2}, {Kind: EvIssued, Attempt: 2}, {Kind: EvAcknowledged, Attempt: 2, Serial: "0b"},
	}
	var permute func(done, left []Event)
	n := 0
	permute = func(done, left []Event) {
		if len(left) == 0 {
			n++
			c := reach(t, after(identified, done...))
			if c.Attempt != 2 || c.State != Done || c.NewSerial != "0b" || !c.Acknowledged {
				t.Fatalf("%v: %s", done, c.describe())
			}
			return
		}
		for i := range left {
			rest := append(append([]Event{}, left[:i]...), left[i+1:]...)
			permute(after(done, left[i]), rest)
		}
	}
	permute(nil, story)
	if n != 720 {
		t.Fatalf("%d orders", n)
	}
}
