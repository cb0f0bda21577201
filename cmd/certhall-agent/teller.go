package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/courier"
)

// teller tells how a case goes: the four steps by the names people know.
type teller struct {
	*shell
	service certhall.Service
	shown   int
	waiting string
	off     time.Duration // by which the PC's clock is ahead of the hall's
	warned  bool
	paid    payment
}

// stages are the manuals' four steps.
var stages = map[string]int{
	"identify": 1, "phone": 2, "pay": 2, "prepare": 3, "issue": 4, "install": 4, "acknowledge": 4,
}

func (t *teller) progress(n courier.Next) {
	if n.Ask == nil || n.Ask.Kind != courier.AskPay {
		t.endLine()
	}
	if stages[n.Step] > stages["pay"] && t.paid.order != nil {
		t.bought(*t.paid.order)
		t.paid.order = nil
	}
	stage := stages[n.Step]
	if stage == 4 || stage == 0 {
		t.stage(stage, n)
	} else if n.Operation != "" || n.Ask != nil || n.Wait != nil {
		t.stage(stage, n)
	}
	reason := ""
	if n.Wait != nil {
		reason = n.Wait.Reason
	}
	if reason == "sealed" && t.waiting != reason {
		t.say("cli.wait.sealed")
	}
	t.waiting = reason
	if t.JSON {
		t.line(event{Event: "step", Case: n.Case, State: n.State, Step: n.Step, Operation: n.Operation, Wait: reason})
	}
}

// bought says that an order that was waited for is paid.
func (t *teller) bought(o courier.Order) {
	if t.JSON {
		t.line(map[string]any{"event": "paid", "order": o.Order, "total": o.Total})
	}
	t.say("cli.pay.paid", "total", o.Total.String())
}

// endLine leaves the line that counts down as it is.
func (t *teller) endLine() {
	if t.paid.counting {
		fmt.Fprintln(t.err)
		t.paid.counting = false
	}
}

// now is the hall's time, as near as the PC knows it.
func (t *teller) now() time.Time { return t.clock.Now().Add(-t.off) }

type event struct {
	Event     string          `json:"event"`
	Case      certhall.CaseID `json:"case"`
	State     string          `json:"state"`
	Step      string          `json:"step"`
	Operation string          `json:"operation,omitempty"`
	Wait      string          `json:"wait,omitempty"`
}

func (t *teller) stage(stage int, n courier.Next) {
	if stage <= t.shown || n.State != courier.StateOpen {
		return
	}
	t.shown = stage
	key := "cli.stage." + strconv.Itoa(stage)
	if stage == 4 {
		key += "." + string(t.service)
	}
	t.say(key)
}

// heard mentions a PC's clock that is wrong. It decides nothing.
func (t *teller) heard(server time.Time) {
	t.off = t.clock.Now().Sub(server)
	if t.warned || t.off.Abs() < skewed {
		return
	}
	t.warned = true
	t.note("cli.skew", "minutes", strconv.Itoa(int(t.off.Abs().Minutes())))
}

// result shows the dates before and after.
func (s *shell) result(service certhall.Service, n courier.Next, leftover error) {
	if s.JSON {
		s.line(map[string]any{"event": "result", "case": n.Case, "service": service, "state": n.State, "result": n.Result})
	}
	if r := n.Result; r != nil && !s.JSON {
		s.say("cli.result." + string(service))
		if r.Old != nil {
			s.say("cli.result.old", "from", certhall.Date(r.Old.NotBefore), "to", certhall.Date(r.Old.NotAfter), "serial", string(r.Old.SignSerial))
		}
		if r.New != nil {
			s.say("cli.result.new", "from", certhall.Date(r.New.NotBefore), "to", certhall.Date(r.New.NotAfter), "serial", string(r.New.SignSerial), "subject", r.New.Subject)
		}
		test := "cli.result.tested"
		switch {
		case r.New != nil && r.New.EncSerial == "":
			test = "cli.result.signed"
		case r.Untestable:
			test = "cli.result.untestable"
		}
		s.say(test)
		s.say("cli.result.receipt", "receipt", r.Receipt, "at", r.AcknowledgedAt.In(certhall.Beijing).Format("2006-01-02 15:04"))
	}
	if leftover != nil {
		message, _ := s.words(certhall.AsError(leftover))
		s.note("cli.result.leftover", "message", message)
	}
}
