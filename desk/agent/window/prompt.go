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
	l, err := p.ask(ctx, q, fmt.Sprintf("\n%s\n%s", v.text(), label))
	if err != nil {
		return Answer{}, err
	}
	a := q.typed(l)
	if v.Again != "" && a.Yes {
		if l, err = p.ask(ctx, q, v.Again+" "); err != nil {
			return Answer{}, err
		}
		a.Again = l.text
	}
	return a, nil
}

// ask writes a text and waits for the line behind it.
func (p *Prompt) ask(ctx context.Context, q Question, text string) (line, error) {
	if _, err := fmt.Fprint(p.out, text); err != nil {
		return line{}, err
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
		if l.err != nil {
			return line{}, ErrWithdrawn.Because(l.err) // the terminal was closed
		}
		return l, nil
	case <-ctx.Done():
		_, _ = fmt.Fprintln(p.out, "\n"+q.text("agent.after.withdrawn"))
		return line{}, ErrWithdrawn.Because(ctx.Err())
	}
}

// typed is what a line says to the question.
func (q Question) typed(l line) Answer {
	if !q.secret() {
		word := strings.ToLower(strings.TrimSpace(l.text))
		return Answer{Yes: word == "y" || word == "yes" || word == "是"}
	}
	a := Answer{Yes: true, PIN: l.text}
	if !q.answers(a) {
		return Answer{}
	}
	return a
}
