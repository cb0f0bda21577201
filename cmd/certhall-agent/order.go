package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/mdp/qrterminal/v3"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
)

// payment is how far paying for one certificate has come.
type payment struct {
	order    *courier.Order // that is waited for
	shown    bool           // its code stands on the screen
	told     string         // code of the problem that was told last
	agreed   bool           // to an offer, in this run
	counting bool           // the last line on the screen counts down
}

// await shows what is to be paid, once, and how long there is left for it.
func (q *asked) await(ctx context.Context, o courier.Order, problem *certhall.Error) {
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
		q.show(ctx, o)
	}
	if !q.JSON && onTerminal(q.err) {
		fmt.Fprintf(q.err, "\r%s ", q.text("cli.pay.waiting", "left", clockface(max(0, o.ExpiresAt.Sub(q.t.now())))))
		p.counting = true
	}
}

func (q *asked) show(ctx context.Context, o courier.Order) {
	if q.JSON {
		q.line(map[string]any{"event": "order", "order": o.Order, "total": o.Total, "code_url": o.CodeURL, "expires_at": o.ExpiresAt})
		return
	}
	q.note("cli.pay.scan", "total", o.Total.String(), "at", o.ExpiresAt.In(certhall.Beijing).Format("15:04"))
	if q.interactive() {
		draw(q.err, o.CodeURL)
	}
	fmt.Fprintln(q.err, agent.Printable(o.CodeURL))
	if f, err := q.facts(ctx); err == nil && f.PayPage != "" {
		q.note("cli.pay.trial", "page", agent.Printable(f.PayPage+"?"+url.Values{"code_url": {o.CodeURL}}.Encode()))
	}
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
