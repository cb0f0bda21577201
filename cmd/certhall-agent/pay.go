package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mdp/qrterminal/v3"
	"golang.org/x/term"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/locale"
)

// payFlags say what a script may buy; at a terminal the person is asked.
type payFlags struct {
	Years    int  `help:"Years to buy (default: the first that is offered)."`
	MaxPrice yuan `help:"With --yes: buy without asking what costs no more than this, in yuan, such as 200.00. What is free needs neither."`
}

// yuan is an amount as people write it.
type yuan struct{ certhall.Money }

// UnmarshalText reads it.
func (y *yuan) UnmarshalText(text []byte) (err error) {
	m, ok := certhall.ParseMoney(string(text))
	if !ok {
		return fmt.Errorf("%q is no amount in yuan such as 200.00", text)
	}
	y.Money = m
	return nil
}

var (
	errYears     = certhall.NewError("cli-years", certhall.Invalid)
	errNotAgreed = certhall.NewError("cli-not-agreed", certhall.Denied)
	errUnpaid    = certhall.NewError("cli-unpaid", certhall.Denied)
)

// payment is how far paying for one certificate has come.
type payment struct {
	order    *courier.Order // that is waited for
	shown    bool           // its code stands on the screen
	told     string         // code of the problem that was told last
	agreed   bool           // to an offer, in this run
	counting bool           // the last line on the screen counts down
}

// pay answers an ask of kind pay.
func (q *asked) pay(a courier.Ask, problem *certhall.Error) (courier.Answer, error) {
	switch p := a.Pay; {
	case p != nil && p.Order != nil:
		q.await(*p.Order, problem)
		return courier.Answer{}, nil
	case p != nil && p.Line != nil && len(p.Years) > 0:
		return q.offered(*p.Line, p.Years, problem)
	}
	return courier.Answer{}, courier.ErrAnswer
}

// offered shows what it costs and agrees by itself where it costs nothing.
func (q *asked) offered(l courier.Line, years []int, problem *certhall.Error) (none courier.Answer, err error) {
	switch closed := q.t.paid.agreed || q.t.paid.order != nil; {
	case problem != nil && !q.interactive():
		return none, problem // what was agreed to would be agreed to again
	case problem != nil:
		message, hint := q.words(problem)
		q.note("cli.problem", "message", message, "hint", hint)
	case closed && !q.interactive():
		return none, errUnpaid
	case closed:
		q.note("cli.pay.closed")
	}
	if l.Years, err = q.years(years); err != nil {
		return none, err
	}
	l.Subtotal = l.Price * certhall.Money(l.Years)
	q.tell(l)
	if err := q.sure(l.Subtotal); err != nil {
		return none, err
	}
	q.t.paid = payment{agreed: true}
	return courier.Answer{Pay: &courier.Agree{Years: l.Years, Total: l.Subtotal}}, nil
}

func (q *asked) years(offered []int) (int, error) {
	var all []string
	for _, y := range offered {
		all = append(all, strconv.Itoa(y))
	}
	list := strings.Join(all, " ")
	switch {
	case q.c.Years != 0 && !slices.Contains(offered, q.c.Years):
		return 0, errYears.With("years", list)
	case q.c.Years != 0:
		return q.c.Years, nil
	case len(offered) == 1 || q.Yes || !q.interactive():
		return offered[0], nil
	}
	for {
		line, err := q.ask(q.text("cli.pay.years", "years", list, "first", all[0]))
		if err != nil {
			return 0, err
		}
		if line == "" {
			return offered[0], nil
		}
		if at := slices.Index(all, line); at >= 0 {
			return offered[at], nil
		}
	}
}

// tell shows a line as people read it: name, price, years, what that makes.
func (q *asked) tell(l courier.Line) {
	if q.JSON {
		q.line(map[string]any{"event": "offer", "key_number": l.KeyNumber, "years": l.Years, "price": l.Price, "total": l.Subtotal})
		return
	}
	key := "cli.pay.line"
	if l.Subtotal == 0 {
		key = "cli.pay.free"
	}
	name := l.Names[q.Lang]
	if name == "" {
		name = l.Names[locale.Chinese]
	}
	q.note(key, "name", agent.Printable(name), "key_number", agent.Printable(l.KeyNumber),
		"price", l.Price.String(), "years", strconv.Itoa(l.Years), "total", l.Subtotal.String())
}

// sure asks whether to buy; nobody is asked for nothing. A script pays no more
// than it was told that it may.
func (q *asked) sure(total certhall.Money) error {
	if total == 0 || q.Yes && total <= q.c.MaxPrice.Money {
		return nil
	}
	refusal := errNotAgreed.With("total", total.String())
	if !q.interactive() {
		return refusal
	}
	line, err := q.ask(q.text("cli.pay.sure", "total", total.String()))
	if err == nil && !yes(line) {
		err = refusal
	}
	return err
}

// await shows what is to be paid, once, and how long there is left for it.
func (q *asked) await(o courier.Order, problem *certhall.Error) {
	p := &q.t.paid
	if p.order != nil && p.order.Order != o.Order {
		*p = payment{}
	}
	p.order = &o
	switch {
	case problem == nil:
		p.told = ""
	case problem.Code != p.told:
		q.t.endLine()
		message, hint := q.words(problem)
		q.note("cli.problem", "message", message, "hint", hint)
		p.told = problem.Code
	}
	if !p.shown && o.CodeURL != "" {
		p.shown = true
		q.t.endLine()
		q.show(o)
	}
	if out, terminal := q.err.(interface{ Fd() uintptr }); terminal && !q.JSON && term.IsTerminal(int(out.Fd())) {
		left := max(0, o.ExpiresAt.Sub(q.t.now())).Round(time.Second)
		fmt.Fprintf(q.err, "\r%s ", q.text("cli.pay.waiting", "left", fmt.Sprintf("%d:%02d", left/time.Minute, left%time.Minute/time.Second)))
		p.counting = true
	}
}

func (q *asked) show(o courier.Order) {
	if q.JSON {
		q.line(map[string]any{"event": "order", "order": o.Order, "total": o.Total, "code_url": o.CodeURL, "expires_at": o.ExpiresAt})
		return
	}
	q.note("cli.pay.scan", "total", o.Total.String(), "at", o.ExpiresAt.In(certhall.Beijing).Format("15:04"))
	if q.interactive() {
		draw(q.err, o.CodeURL)
	}
	fmt.Fprintln(q.err, agent.Printable(o.CodeURL))
}

// draw writes a QR code, two of its rows a line: white on black, whatever the
// colours of the terminal are, for a telephone to read.
func draw(w io.Writer, text string) {
	var code strings.Builder
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qrterminal.L, Writer: &code, HalfBlocks: true, QuietZone: 2,
		BlackChar: qrterminal.BLACK_BLACK, WhiteChar: qrterminal.WHITE_WHITE,
		BlackWhiteChar: qrterminal.BLACK_WHITE, WhiteBlackChar: qrterminal.WHITE_BLACK,
	})
	for row := range strings.Lines(code.String()) {
		fmt.Fprintf(w, "\x1b[97;40m%s\x1b[0m\n", strings.TrimRight(row, "\n"))
	}
}

// yes is what people type to agree.
func yes(line string) bool { return slices.Contains([]string{"y", "Y", "yes", "是"}, line) }
