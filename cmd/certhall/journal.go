package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/locale"
)

// journal tells what the hall has written down of a case.
func (e *environment) journal(f services.CaseFile) {
	fmt.Fprintln(e.out)
	e.say("cli.story.hall", "state", e.text("cli.hall-state."+string(f.State)), "step", string(f.Step), "phone", f.Phone, "handlers", strings.Join(f.Handlers, ", "))
	for _, n := range f.Journal {
		e.journalEntry(n)
	}
}

// journalEntry tells one entry as a sentence, and below it what else it says.
func (e *environment) journalEntry(n services.Entry) {
	var said struct {
		services.Event
		Phone string `json:"phone"` // masked
	}
	line := func(key string, params ...string) { fmt.Fprintln(e.out, "    "+e.text(key, params...)) }
	if err := json.Unmarshal([]byte(n.Data), &said); err != nil {
		fmt.Fprintf(e.out, "%s  %-6s %s  %s\n", moment(n.At), "v"+count(n.Version), n.Kind, n.Data)
		return
	}
	problem := said.Problem
	if problem == nil {
		problem = &services.Problem{Code: said.Reason, Params: said.Params}
	}
	fmt.Fprintf(e.out, "%s  %-6s %s\n", moment(n.At), "v"+count(n.Version), locale.Text(e.lang, "cli.journal."+string(n.Kind), map[string]string{
		"attempt": strconv.Itoa(said.Attempt), "serial": string(said.Serial), "key_serial": said.KeySerial, "phone": said.Phone,
		"entitlement": string(said.Entitlement), "reason": e.value("trouble", said.Reason), "problem": locale.Text(e.lang, "error."+problem.Code, problem.Params),
	}))
	if t := said.Terms; t != nil {
		line("cli.journal.term", "years", strconv.Itoa(t.TermYears), "disposal", e.value("disposal", string(t.Disposal)))
	}
	if len(said.Errands) > 0 {
		line("cli.journal.errands", "count", strconv.Itoa(len(said.Errands)))
	}
	if n.Kind == services.EvCloseAsked && said.Reason != "" {
		line("cli.story.reason", "reason", said.Reason)
	}
	if said.Operator != "" {
		line("cli.story.operator", "operator", said.Operator)
	}
}
