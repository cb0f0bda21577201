package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// paymentStopped is the code by which the hall says that it takes no payments any more.
const paymentStopped = "payment-stopped"

// pay answers an ask of kind pay.
func (q *asked) pay(ctx context.Context, a courier.Ask, problem *certhall.Error) (courier.Answer, error) {
	switch p := a.Pay; {
	case p != nil && p.Order != nil && problem != nil && problem.Code == paymentStopped:
		return courier.Answer{}, problem // nobody knows until when
	case p != nil && p.Order != nil:
		q.await(ctx, *p.Order, problem)
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

// yes is what people type to agree.
func yes(line string) bool { return slices.Contains([]string{"y", "Y", "yes", "是"}, line) }
