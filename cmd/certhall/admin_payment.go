package main

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// paymentCmd is what officers do about money: what came, and what the books of
// hall and channel do not agree on.
type paymentCmd struct {
	List        paymentListCmd        `cmd:"" help:"List payments that the channel told of, the latest first."`
	Differences paymentDifferencesCmd `cmd:"" help:"List what the hall's books and the channel's bills do not agree on."`
	Explain     paymentExplainCmd     `cmd:"" help:"Say what a difference comes from: it is open no more."`
	Reconcile   paymentReconcileCmd   `cmd:"" help:"Have a day's bill fetched and compared again, by the running server."`
}

type paymentListCmd struct {
	hallRoomFlags
	tableFlags
	Order   certhall.OrderID `help:"Of this order."`
	Number  string           `help:"The channel's number (交易单号)."`
	Verdict string           `enum:",taken,late,second,wrong,stray" default:"" help:"Narrow to what became of it."`
	Day     string           `help:"Paid on this day of Beijing, such as 2026-11-22."`
	Limit   int              `default:"50" help:"So many at most."`
}

func (c *paymentListCmd) Run(env *environment) error {
	search := payment.PaymentSearch{Order: c.Order, Number: c.Number, Verdict: payment.Verdict(c.Verdict), Limit: c.Limit}
	if c.Day != "" {
		day, err := time.ParseInLocation(time.DateOnly, c.Day, certhall.Beijing)
		if err != nil {
			return payment.ErrDay.With("day", c.Day)
		}
		search.From, search.To = day, day.AddDate(0, 0, 1)
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	found, err := h.office.Payments(env.ctx, search)
	if err != nil {
		return err
	}
	return env.payments(found).write(env, c.tableFlags)
}

func (e *environment) payments(all []payment.Received) *table {
	t := newTable("number", "order", "amount", "verdict", "paid", "seen")
	for _, p := range all {
		t.add(p.Number, string(p.Order), p.Amount.String(), e.text("cli.verdict."+string(p.Verdict)), moment(p.PaidAt), moment(p.SeenAt))
	}
	return t
}

type paymentDifferencesCmd struct {
	hallRoomFlags
	tableFlags
	Day   string `help:"Of this day of Beijing, such as 2026-11-22; default: of all."`
	All   bool   `help:"Those that were explained as well."`
	Limit int    `default:"200" help:"So many at most, the latest first."`
}

func (c *paymentDifferencesCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	found, err := h.office.Differences(env.ctx, c.Day, !c.All, c.Limit)
	if err != nil {
		return err
	}
	t := newTable("difference", "day", "kind", "order", "number", "refund", "here", "there", "operator", "note")
	for _, d := range found {
		t.add(d.ID, d.Day, env.text("cli.difference."+string(d.Kind)), string(d.Order), d.Number, string(d.Refund), d.Here, d.There, d.Operator, d.Note)
	}
	if err := t.write(env, c.tableFlags); err != nil || len(found) > 0 || c.Format != "table" {
		return err
	}
	env.say("cli.found-nothing")
	return nil
}

type paymentExplainCmd struct {
	hallRoomFlags
	Difference string `arg:"" help:"Its id, as differences lists it."`
	Reason     string `required:"" help:"What it comes from and what was done, in your own words; kept with it."`
}

func (c *paymentExplainCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.office.Explain(env.ctx, c.Difference, operator, c.Reason); err != nil {
		return err
	}
	env.say("cli.difference-explained", "difference", c.Difference)
	return nil
}

type paymentReconcileCmd struct {
	hallRoomFlags
	Day    string `arg:"" help:"A day of Beijing, such as 2026-11-22."`
	Reason string `required:"" help:"Why, in your own words."`
}

func (c *paymentReconcileCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.office.Reconcile(env.ctx, c.Day, operator, c.Reason); err != nil {
		return err
	}
	env.say("cli.bill-asked", "day", c.Day)
	return nil
}
