package window

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// Prompt asks on a terminal, one question at a time. Read reads a line without
// showing it; Out is where the question is written.
type Prompt struct {
	out  io.Writer
	read func() (string, error)
	turn chan struct{}
	line chan line // a read that was begun; the next question takes it over
}

type line struct {
	text string
	err  error
}

// NewPrompt asks on out and reads answers by read, which cannot be interrupted.
func NewPrompt(out io.Writer, read func() (string, error)) *Prompt {
	return &Prompt{out: out, read: read, turn: make(chan struct{}, 1)}
}

// Name is the way's name.
func (*Prompt) Name() string { return "prompt" }

// Sit begins.
func (p *Prompt) Sit() Sitting { return p }

// Close ends.
func (*Prompt) Close() {}

// Ask writes the question and waits for a line. An empty line is a no.
func (p *Prompt) Ask(ctx context.Context, q Question, tell func(string)) (Answer, error) {
	tell("")
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return Answer{}, ErrWithdrawn.Because(ctx.Err())
	}
	select {
	case <-p.line: // typed for a question that was withdrawn: no answer to this one
		p.line = nil
	default:
	}
	v := q.View()
	label := v.Field + " "
	if v.Field == "" {
		label = "[y/N] "
	}
	if _, err := fmt.Fprintf(p.out, "\n%s\n%s", v.text(), label); err != nil {
		return Answer{}, err
	}
	if p.line == nil {
		p.line = make(chan line, 1)
		go func(typed chan<- line) {
			text, err := p.read()
			typed <- line{text, err}
		}(p.line)
	}
	select {
	case l := <-p.line:
		p.line = nil
		_, _ = fmt.Fprintln(p.out)
		return q.typed(l)
	case <-ctx.Done():
		_, _ = fmt.Fprintln(p.out, "\n"+q.text("agent.after.withdrawn"))
		return Answer{}, ErrWithdrawn.Because(ctx.Err())
	}
}

func (q Question) typed(l line) (Answer, error) {
	if l.err != nil {
		return Answer{}, ErrWithdrawn.Because(l.err) // the terminal was closed
	}
	a := Answer{Yes: true, PIN: l.text}
	if q.What != PIN {
		word := strings.ToLower(strings.TrimSpace(l.text))
		return Answer{Yes: word == "y" || word == "yes" || word == "是"}, nil
	}
	if !q.answers(a) {
		return Answer{}, nil
	}
	return a, nil
}
