// Package window is the person's side of the agent: it asks for the PIN, for
// consent and for pairing by a native dialog, by a prompt on the terminal, or
// in the agent's own page. The page that caused a question never sees it.
package window

import (
	"context"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/locale"
)

// What is asked.
const (
	Pair    = "pair"
	PIN     = "pin"
	NewPIN  = "new-pin"
	Consent = "consent"
)

// ErrWithdrawn says that whoever asked went away before there was an answer.
var ErrWithdrawn = certhall.NewError("question-withdrawn", certhall.Unavailable)

// Asker is a way to ask.
type Asker interface {
	// Name is dialog, prompt or page.
	Name() string
	// Sit begins the questions of one operation.
	Sit() Sitting
}

// Sitting is the questions of one operation, one after the other.
type Sitting interface {
	// Ask asks. tell is called, before there can be an answer, whenever the
	// person has something to look at: with the address to open, or with "" where
	// the agent itself shows it. ErrWithdrawn when ctx ends first.
	Ask(ctx context.Context, q Question, tell func(address string)) (Answer, error)
	// Close says that no question follows.
	Close()
}

// Question is what is asked, and of what.
type Question struct {
	What    string // Pair, PIN, NewPIN or Consent
	Lang    string
	Origin  string // of the page that asks
	Portal  string // its name by the authority's list; may be empty
	Key     token.Info
	Purpose string // agent.PINRequest.Purpose or agent.ConsentRequest.What
	Tries   int    // as in agent.PINRequest
	Final   bool
	Wrong   bool
	Facts   []agent.Fact
	Why     string // as in agent.NewPINRequest
}

// Answer is the person's. Yes without a PIN is no answer to a question for one.
type Answer struct {
	Yes   bool
	PIN   string
	Again string // a new PIN once more, as it was typed
}

// answers tells whether a is one to the question.
func (q Question) answers(a Answer) bool {
	return !q.secret() || !a.Yes || a.PIN != "" && len(a.PIN) <= maxPIN && len(a.Again) <= maxPIN
}

// secret tells whether the question is for a PIN.
func (q Question) secret() bool { return q.What == PIN || q.What == NewPIN }

// maxPIN bounds what is taken for a PIN, in bytes.
const maxPIN = 128

// View is a question in words.
type View struct {
	Lang   string `json:"lang"`
	Title  string `json:"title"`
	Lines  []Line `json:"lines"`
	Hint   string `json:"hint,omitempty"`   // what the answer means
	Notice string `json:"notice,omitempty"` // what to heed
	Field  string `json:"field,omitempty"`  // label of the PIN's field; "" where none is asked for
	Again  string `json:"again,omitempty"`  // label of the field for a new PIN once more
	Yes    string `json:"yes"`
	No     string `json:"no"`
}

// Line is one fact to show.
type Line struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// View puts the question into words: site, key, purpose, tries left, and
// nothing else.
func (q Question) View() View {
	v := View{Lang: q.Lang, Title: q.text("agent.ask." + q.What), Yes: q.text("agent.button.ok"), No: q.text("agent.button.cancel")}
	v.line(q.text("agent.line.site"), q.Origin)
	v.line(q.text("agent.line.portal"), q.Portal)
	if q.What == Pair {
		v.Yes, v.No, v.Hint = q.text("agent.button.allow"), q.text("agent.button.refuse"), q.text("agent.hint.pair")
		return v
	}
	v.line(q.text("agent.line.key"), strings.TrimSpace(q.Key.Label+" "+q.Key.Serial))
	if q.What == Consent {
		v.Title = q.text("agent.ask.consent." + q.Purpose)
		for _, f := range q.Facts {
			v.line(q.text("agent.fact."+f.Name), q.value(f))
		}
		switch q.Purpose {
		case agent.ToRequestUnlock:
			v.Hint = q.text("agent.hint.unlock-request")
		case token.ToMakeRoom:
			v.Hint = q.text("agent.hint.make-room")
		case agent.LastTry:
			v.Notice = q.text("agent.notice.last-try")
		}
		return v
	}
	v.line(q.text("agent.line.purpose"), q.text("agent.purpose."+q.Purpose))
	if q.What == NewPIN {
		v.Field, v.Again, v.Hint = q.text("agent.field.pin-new"), q.text("agent.field.pin-again"), q.text("agent.hint.new-pin")
		if q.Why != "" {
			v.Notice = q.text("agent.notice.new-pin." + q.Why)
		}
		return v
	}
	if q.Tries >= 0 {
		v.line(q.text("agent.line.tries"), q.text("agent.tries", "tries", strconv.Itoa(q.Tries)))
	}
	switch {
	case q.Final:
		v.Notice = q.text("agent.notice.final")
	case q.Wrong:
		v.Notice = q.text("agent.notice.wrong")
	}
	v.Field = q.text("agent.field.pin")
	return v
}

// line adds a fact. Keys and certificates bring some of them.
func (v *View) line(label, value string) {
	if value = agent.Printable(value); value != "" {
		v.Lines = append(v.Lines, Line{label, value})
	}
}

// value puts the program's own words into the person's; names and numbers stay.
func (q Question) value(f agent.Fact) string {
	key := "cli.value." + f.Name + "." + f.Value
	if text := q.text(key); text != key {
		return text
	}
	return f.Value
}

func (q Question) text(key string, params ...string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(params); i += 2 {
		m[params[i]] = params[i+1]
	}
	return locale.Text(q.Lang, key, m)
}
