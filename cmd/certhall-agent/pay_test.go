package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/hall/orders"
)

// scripted is what answers where nobody sits at a terminal.
func scripted(t *testing.T, c cli, flags payFlags) (q *asked, out, notes *bytes.Buffer) {
	t.Helper()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	out, notes = new(bytes.Buffer), new(bytes.Buffer)
	c.Lang = "zh-CN"
	s := &shell{cli: c, ctx: t.Context(), in: in, out: out, err: notes, clock: certhall.SystemClock{}}
	facts := func(context.Context) (courier.Facts, error) {
		return courier.Facts{PayPage: "http://127.0.0.1:1/pay"}, nil
	}
	return &asked{shell: s, c: &serviceCmd{payFlags: flags}, t: &teller{shell: s}, facts: facts}, out, notes
}

func offer(price certhall.Money, years ...int) courier.Ask {
	return courier.Ask{Kind: courier.AskPay, Pay: &courier.Payable{Years: years, Line: &courier.Line{
		Price: price, Years: years[0], Subtotal: price * certhall.Money(years[0]), KeyNumber: "HT-1",
		Names: map[string]string{"zh-CN": "政府采购项目-海泰KEY\x1b[2A"},
	}}}
}

// TestScriptsPayNothingBlindly: what is free is agreed to by itself; what is
// not, only up to what the script was told that it may cost.
func TestScriptsPayNothingBlindly(t *testing.T) {
	for name, c := range map[string]struct {
		yes   bool
		flags payFlags
		ask   courier.Ask
		want  courier.Agree
		err   error
	}{
		"free":              {ask: offer(0, 1, 2), want: courier.Agree{Years: 1}},
		"free, chosen":      {flags: payFlags{Years: 2}, ask: offer(0, 1, 2), want: courier.Agree{Years: 2}},
		"not offered":       {flags: payFlags{Years: 3}, ask: offer(0, 1, 2), err: errYears},
		"without a word":    {ask: offer(20000, 1), err: errNotAgreed},
		"yes alone":         {yes: true, ask: offer(20000, 1), err: errNotAgreed},
		"limit alone":       {flags: payFlags{MaxPrice: yuan{20000}}, ask: offer(20000, 1), err: errNotAgreed},
		"within the limit":  {yes: true, flags: payFlags{MaxPrice: yuan{20000}}, ask: offer(20000, 1), want: courier.Agree{Years: 1, Total: 20000}},
		"above the limit":   {yes: true, flags: payFlags{MaxPrice: yuan{19999}}, ask: offer(20000, 1), err: errNotAgreed},
		"years count":       {yes: true, flags: payFlags{MaxPrice: yuan{20000}, Years: 2}, ask: offer(20000, 1, 2), err: errNotAgreed},
		"nothing to answer": {ask: courier.Ask{Kind: courier.AskPay}, err: courier.ErrAnswer},
	} {
		q, _, notes := scripted(t, cli{Yes: c.yes}, c.flags)
		a, err := q.Answer(t.Context(), c.ask, nil)
		if !errors.Is(err, c.err) || err == nil && *a.Pay != c.want || err != nil && a.Pay != nil {
			t.Errorf("%s: %+v, %v", name, a.Pay, err)
		}
		if strings.ContainsRune(notes.String(), '\x1b') {
			t.Errorf("%s: the hall steers the terminal: %q", name, notes)
		}
	}
	q, _, notes := scripted(t, cli{}, payFlags{})
	if _, err := q.Answer(t.Context(), offer(0, 1), nil); err != nil || !strings.Contains(notes.String(), "¥0.00 × 1 年 = ¥0.00 免费项目") {
		t.Errorf("%v: %s", err, notes)
	}
}

// TestScriptsAgreeOnce: neither a problem nor an order that was not paid makes
// a script agree again.
func TestScriptsAgreeOnce(t *testing.T) {
	q, _, _ := scripted(t, cli{Yes: true}, payFlags{MaxPrice: yuan{20000}})
	if _, err := q.Answer(t.Context(), offer(20000, 1), nil); err != nil {
		t.Fatal(err)
	}
	changed := certhall.NewError("price-changed", certhall.Conflict)
	if a, err := q.Answer(t.Context(), offer(20000, 1), changed); !errors.Is(err, changed) || a.Pay != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := q.Answer(t.Context(), offer(20000, 1), nil); !errors.Is(err, errUnpaid) || a.Pay != nil {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestOrderIsShownOnce: an order is asked about every few seconds; it is shown
// as soon as it can be paid, and that it is paid is said once.
func TestOrderIsShownOnce(t *testing.T) {
	q, out, notes := scripted(t, cli{}, payFlags{})
	o := courier.Order{Order: "o1", Standing: "unpaid", Total: 20000, ExpiresAt: time.Now().Add(time.Hour)}
	look := func(problem *certhall.Error) {
		t.Helper()
		q.t.progress(courier.Next{State: courier.StateOpen, Step: "pay", Ask: &courier.Ask{Kind: courier.AskPay}})
		if a, err := q.Answer(t.Context(), courier.Ask{Kind: courier.AskPay, Pay: &courier.Payable{Order: &o}}, problem); err != nil || a != (courier.Answer{}) {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	away := certhall.NewError("payment-unavailable", certhall.Unavailable)
	look(away)
	look(away)
	o.CodeURL = "weixin://wxpay/bizpayurl?pr=abc"
	look(nil)
	look(nil)
	for range 2 {
		q.t.progress(courier.Next{State: courier.StateOpen, Step: "prepare", Operation: "prepare"})
	}
	for text, want := range map[string]int{o.CodeURL: 1, "http://127.0.0.1:1/pay?code_url=weixin%3A%2F%2Fwxpay%2Fbizpayurl%3Fpr%3Dabc": 1, "暂时联系不上支付渠道": 1, "订单支付成功": 1} {
		if got := strings.Count(notes.String()+out.String(), text); got != want {
			t.Errorf("%s: %d times:\n%s%s", text, got, notes, out)
		}
	}
}

// TestPaymentStopped: nobody waits for an order that cannot be paid any more; a
// script is told to come again later.
func TestPaymentStopped(t *testing.T) {
	q, _, _ := scripted(t, cli{Yes: true}, payFlags{})
	o := courier.Order{Order: "o1", Standing: "unpaid", Total: 20000, ExpiresAt: time.Now().Add(time.Hour)}
	stopped := (&courier.Problem{Code: orders.ErrStopped.Code}).Error()
	if _, err := q.Answer(t.Context(), courier.Ask{Kind: courier.AskPay, Pay: &courier.Payable{Order: &o}}, stopped); !errors.Is(err, stopped) || exitCode(certhall.AsError(err)) != exitLater {
		t.Error(err)
	}
	for _, limit := range []*certhall.Error{orders.ErrManyOpen, orders.ErrManyToday} {
		if code := exitCode((&courier.Problem{Code: limit.Code}).Error()); code != exitLater {
			t.Errorf("%s: exit %d", limit.Code, code)
		}
	}
}

// TestDraw: the code is drawn white on black, and its lines are of one width.
func TestDraw(t *testing.T) {
	var b bytes.Buffer
	draw(&b, "weixin://wxpay/bizpayurl?pr=abcdefghi")
	rows := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for _, row := range rows {
		if !strings.HasPrefix(row, "\x1b[97;40m") || !strings.HasSuffix(row, "\x1b[0m") || len([]rune(row)) != len([]rune(rows[0])) {
			t.Fatalf("%q", row)
		}
	}
	if len(rows) < 13 || len(rows) > 22 {
		t.Errorf("%d lines", len(rows))
	}
}
