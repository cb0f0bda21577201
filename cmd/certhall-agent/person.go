package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/locale"
)

// person is who sits at the terminal, or the script that stands in for him.
type person struct{ *shell }

// PIN asks for the PIN and shows purpose, key and tries left. A PIN from a
// descriptor is used once: a wrong one would be wrong again.
func (p person) PIN(_ context.Context, r agent.PINRequest) (string, error) {
	if pin, ok, err := p.pinFromFD(); ok {
		if err == nil && r.Wrong {
			err = token.ErrPINWrong.With("tries", strconv.Itoa(r.Tries))
		}
		return pin, err
	}
	if r.Wrong {
		wrong := "error.pin-wrong"
		if r.Tries < 0 {
			wrong = "error.pin-wrong.uncounted"
		}
		p.note(wrong, "tries", strconv.Itoa(r.Tries))
	}
	question := "cli.pin"
	if r.Tries < 0 {
		question = "cli.pin-uncounted"
	}
	return p.prompt(p.text(question,
		"purpose", p.text("cli.purpose."+r.Purpose), "key", r.Key.Label+" "+r.Key.Serial, "tries", strconv.Itoa(r.Tries)))
}

// Consent shows what is about to be done. Keeping the old certificate takes
// nothing away: it is shown, not asked.
func (p person) Consent(_ context.Context, r agent.ConsentRequest) (bool, error) {
	p.show(r)
	switch {
	case r.What == agent.LastTry && p.LastTry, r.TakesNothing():
		return true, nil
	case r.What != agent.LastTry && p.Yes:
		return true, nil
	case !p.interactive():
		if r.What == agent.LastTry {
			p.note("cli.last-try")
		}
		return false, nil
	}
	line, err := p.ask(p.text("cli.consent." + r.What))
	return yes(line), err
}

func (p person) show(r agent.ConsentRequest) {
	if p.JSON {
		facts := map[string]string{}
		for _, f := range r.Facts {
			facts[f.Name] = strings.TrimPrefix(facts[f.Name]+"\n"+f.Value, "\n") // some come several times
		}
		p.line(map[string]any{"event": "consent", "what": r.What, "facts": facts})
		return
	}
	for _, f := range r.Facts {
		fmt.Fprintf(p.err, "    %s%s\n", p.text("cli.fact."+f.Name), p.value(f))
	}
}

// value puts the program's own words into the person's; names and numbers stay.
func (p person) value(f agent.Fact) string {
	key := "cli.value." + f.Name + "." + f.Value
	if text := locale.Text(p.Lang, key, nil); text != key {
		return text
	}
	return f.Value
}
