package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/locale"
)

// showFlags say how a story is told.
type showFlags struct {
	Format   string `enum:"text,json" default:"text" help:"text or json."`
	Evidence string `type:"path" help:"Write everything that proves the story into this folder, with a README that says how to check it."`
}

// tell writes a story; hall is what the hall knows of the case, nil if nothing.
func (f showFlags) tell(env *environment, o *office, s register.Story, hall *services.CaseFile) error {
	if f.Evidence != "" {
		if err := o.Export(f.Evidence, s, env.text("cli.story.readme")); err != nil {
			return errFile.With("file", f.Evidence).Because(err)
		}
	}
	if f.Format == "json" {
		told := struct {
			Sound   bool               `json:"sound"`
			Lineage []any              `json:"lineage"`
			Entries []register.Entry   `json:"entries"`
			Hall    *services.CaseFile `json:"hall,omitempty"`
		}{Sound: s.Sound(), Entries: s.Entries, Hall: hall}
		for _, p := range s.Lineage {
			told.Lineage = append(told.Lineage, p.PairInfo)
		}
		e := json.NewEncoder(env.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(told)
	}
	if p := s.Pair; p != nil {
		for _, line := range [][2]string{
			{"serial", string(p.SignSerial)}, {"enc_serial", string(p.EncSerial)}, {"subject", p.Subject}, {"organisation", p.Organisation},
			{"project", p.Project}, {"key_number", p.KeyNumber}, {"state", env.state(p)}, {"not_before", day(p.NotBefore)}, {"not_after", day(p.NotAfter)},
			{"lineage", string(p.Lineage)}, {"case", string(p.Case)},
		} {
			if line[1] != "" {
				fmt.Fprintf(env.out, "%s%s  %s\n", env.text("cli.column."+line[0]), strings.Repeat(" ", max(0, 18-columns(env.text("cli.column."+line[0])))), line[1])
			}
		}
		fmt.Fprintln(env.out)
	}
	if c := s.Case; c != nil {
		env.say("cli.story.case", "case", string(c.ID), "service", env.text("cli.value.service."+string(c.Service)), "state", env.text("cli.case-state."+c.State), "opened", moment(c.OpenedAt), "ended", moment(c.EndedAt))
	}
	if err := env.pairs(s.Lineage); err != nil {
		return err
	}
	fmt.Fprintln(env.out)
	for _, e := range s.Entries {
		env.entry(e)
	}
	if !s.Sound() {
		env.say("cli.story.unsound")
	}
	if hall != nil {
		env.journal(*hall)
	}
	if f.Evidence != "" {
		env.say("cli.story.exported", "dir", f.Evidence)
	}
	return nil
}

// entry tells one entry, and below it what proves it.
func (e *environment) entry(n register.Entry) {
	params := map[string]string{"attempt": "", "serial": "", "code": "", "until": "", "case": ""}
	maps.Copy(params, n.Params)
	if code := params["code"]; code != "" {
		params["code"] = e.value("reason", code)
	}
	number := ""
	if n.Seq > 0 {
		number = "#" + count(n.Seq)
	}
	fmt.Fprintf(e.out, "%s  %-6s %s\n", moment(n.At), number, locale.Text(e.lang, "cli.story.what."+n.What, params))
	line := func(key string, params ...string) { fmt.Fprintln(e.out, "    "+e.text(key, params...)) }
	if n.Reason != "" {
		line("cli.story.reason", "reason", n.Reason)
	}
	if n.Operator != "" {
		line("cli.story.operator", "operator", n.Operator)
	}
	if n.Trouble != "" {
		line("cli.story.entry-trouble." + n.Trouble)
	}
	for _, p := range n.Proofs {
		key := "cli.story.proof"
		switch p.Trouble {
		case "":
		case register.SignerErased:
			key = "cli.story.erased-proof"
		default:
			key = "cli.story.no-proof"
		}
		line(key, "kind", e.text("cli.story.kind."+p.Kind), "role", e.text("cli.story.role."+p.Role), "by", p.By, "serial", string(p.Serial),
			"trouble", e.text("cli.story.trouble."+p.Trouble))
		for _, name := range slices.Sorted(maps.Keys(p.Says)) {
			if p.Says[name] != "" {
				line("cli.story.says", "name", e.text("cli.story.says."+name), "value", e.value(name, p.Says[name]))
			}
		}
	}
}

// value puts the program's own words into the person's; names and numbers stay.
func (e *environment) value(name, value string) string {
	key := "cli.value." + name + "." + value
	if text := e.text(key); text != key {
		return text
	}
	return value
}
