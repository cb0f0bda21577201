package main

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
)

// What came of one certificate in a round.
const (
	isDone   = "done"
	isOpen   = "open"    // goes on with the same command
	isFailed = "failed"  // refused, or needs somebody to look at it
	isNotDue = "not-due" // nothing to do: its time is not now, or another service's
)

// outcome is a row of the table at the end. Without Serial it is about the key.
type outcome struct {
	Event    string          `json:"event"`
	Key      string          `json:"key"`
	Serial   certhall.Serial `json:"serial,omitempty"`
	Subject  string          `json:"subject"`
	NotAfter time.Time       `json:"not_after,omitzero"` // of the new pair where it is done
	Outcome  string          `json:"outcome"`
	Code     string          `json:"code,omitempty"`
	Message  string          `json:"message,omitempty"`
	Hint     string          `json:"hint,omitempty"`
	Exit     int             `json:"exit"`
}

func (o outcome) is(key string, serial certhall.Serial) bool {
	return o.Key == key && o.Serial == serial
}

// add settles an outcome, in the place of an earlier one.
func (r *round) add(o outcome, err error) {
	o.Event, o.Outcome = "outcome", isDone
	if err != nil {
		e := certhall.AsError(err)
		o.Code = e.Code
		o.Message, o.Hint = r.words(e)
		o.Exit = exitCode(e)
		switch passable, _ := courier.Passable(err); {
		case passable:
			o.Outcome, o.Exit = isNotDue, exitDone
		case o.Exit == exitRefused || o.Exit == exitOther || o.Exit == exitUsage:
			o.Outcome = isFailed
		default:
			o.Outcome = isOpen
		}
		r.note("cli.problem", "message", o.Message, "hint", o.Hint)
	}
	r.forget(o.Key, o.Serial)
	r.outcomes = append(r.outcomes, o)
}

// end shows what was done, what is open, what failed and why; the exit code is
// the smallest of those that single runs would have had.
func (r *round) end() error {
	code, count, wide := exitDone, map[string]int{}, 0
	for _, o := range r.outcomes {
		count[o.Outcome]++
		wide = max(wide, len(o.Key))
		if o.Exit != exitDone && (code == exitDone || o.Exit < code) {
			code = o.Exit
		}
	}
	if r.JSON {
		for _, o := range r.outcomes {
			r.line(o)
		}
		r.line(map[string]any{"event": "summary", isDone: count[isDone], isOpen: count[isOpen], isFailed: count[isFailed], isNotDue: count[isNotDue], "exit": code})
		return ended(code)
	}
	fmt.Fprintln(r.out)
	for _, o := range r.outcomes {
		until := fmt.Sprintf("%10s", "")
		if !o.NotAfter.IsZero() {
			until = certhall.Date(o.NotAfter)
		}
		fmt.Fprintf(r.out, "%-7s  %-*s  %s  %s  %s\n", r.text("cli.all."+o.Outcome), wide, agent.Printable(o.Key), until, cmp.Or(string(o.Serial), "-"), agent.Printable(o.Subject))
		if o.Message != "" {
			fmt.Fprintf(r.out, "    %s\n", r.text("cli.problem", "message", o.Message, "hint", o.Hint))
		}
	}
	r.say("cli.all.sum", "done", strconv.Itoa(count[isDone]), "open", strconv.Itoa(count[isOpen]),
		"failed", strconv.Itoa(count[isFailed]), "notdue", strconv.Itoa(count[isNotDue]))
	return ended(code)
}

// ended is how a command ends that has told everything itself.
func ended(code int) error {
	if code == exitDone {
		return nil
	}
	return exit(code)
}
