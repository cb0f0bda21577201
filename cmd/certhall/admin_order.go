package main

import (
	"fmt"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
)

// orderCmd is what officers do with orders.
type orderCmd struct {
	List    orderListCmd    `cmd:"" help:"List orders, the latest first."`
	Show    orderShowCmd    `cmd:"" help:"Tell an order's whole story: lines, payments, refunds, what officers did."`
	Refund  orderRefundCmd  `cmd:"" help:"Give money back for what was not used; or see to refunds that failed."`
	Settled orderSettledCmd `cmd:"" help:"Say of an order that was closed while payment was off that nothing came for it, or that it was given back."`
}

type orderListCmd struct {
	hallRoomFlags
	tableFlags
	Serial    certhall.Serial  `help:"Serial number of a signing certificate that was ordered for."`
	KeyNumber string           `help:"Key number (证书卡号) that was ordered for."`
	Standing  string           `enum:",unpaid,closing,paid,closed" default:"" help:"Narrow to a standing."`
	Refund    string           `enum:",waiting,wanted,sent,done,dropped,failed" default:"" help:"Narrow to orders with a refund of this standing."`
	Unheard   bool             `help:"Narrow to orders that were closed while payment was off: somebody may have paid them."`
	Limit     int              `default:"50" help:"So many at most."`
	After     certhall.OrderID `help:"Go on behind this order."`
}

func (c *orderListCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	found, err := h.office.Orders(env.ctx, payment.OrderSearch{
		Serial: c.Serial, Key: c.KeyNumber, Standing: orders.Standing(c.Standing), Refund: orders.RefundStanding(c.Refund), Unheard: c.Unheard, Limit: c.Limit, After: c.After,
	})
	if err != nil {
		return err
	}
	t := newTable("order", "standing", "amount", "lines", "key_number", "made", "paid", "number")
	for _, o := range found {
		t.add(string(o.ID), env.text("cli.order-standing."+string(o.Standing)), o.Total.String(), count(len(o.Lines)), o.Lines[0].KeyNumber,
			moment(o.MadeAt), moment(o.PaidAt), o.Transaction)
	}
	if err := t.write(env, c.tableFlags); err != nil || c.Format != "table" {
		return err
	}
	switch {
	case len(found) == 0:
		env.say("cli.found-nothing")
	case len(found) == c.Limit:
		env.say("cli.found-more", "after", string(found[len(found)-1].ID))
	}
	return nil
}

type orderShowCmd struct {
	hallRoomFlags
	Order certhall.OrderID `arg:"" help:"Number of the order."`
}

func (c *orderShowCmd) Run(env *environment) error {
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	f, err := h.office.File(env.ctx, c.Order)
	if err != nil {
		return err
	}
	return env.order(f)
}

// order tells an order's story in tables.
func (e *environment) order(f payment.OrderFile) error {
	head := newTable("order", "standing", "amount", "person", "made", "expires", "paid")
	head.add(string(f.ID), e.text("cli.order-standing."+string(f.Standing)), f.Total.String(), f.Person, moment(f.MadeAt), moment(f.ExpiresAt), moment(f.PaidAt))
	lines := newTable("entitlement", "key_number", "subject", "service", "years", "amount", "state", "case")
	for _, l := range f.Lines {
		state, used := "", ""
		for _, made := range f.Entitlements {
			if made.ID == l.Entitlement {
				state, used = e.text("cli.right."+string(made.State)), string(made.Case)
			}
		}
		lines.add(string(l.Entitlement), l.KeyNumber, l.Subject, e.text("cli.value.service."+string(l.Service)), count(l.Years), l.Subtotal().String(), state, used)
	}
	refunds := newTable("refund", "amount", "standing", "reason", "operator", "made", "ended", "note")
	for _, r := range f.Refunds {
		reason, trouble := r.Reason, ""
		if r.Whole {
			reason = e.text("cli.verdict." + r.Reason)
		}
		if r.Trouble != "" {
			trouble = e.text("error." + r.Trouble)
		}
		refunds.add(string(r.ID), r.Amount.String(), e.text("cli.refund-standing."+string(r.Standing)), reason, r.By, moment(r.MadeAt), moment(r.EndedAt), trouble)
	}
	acts := newTable("at", "operator", "act", "reason")
	for _, a := range f.Acts {
		acts.add(moment(a.At), a.Operator, e.text("cli.act."+a.Kind), a.Reason)
	}
	for i, t := range []*table{head, lines, e.payments(f.Payments), refunds, acts} {
		if len(t.rows) == 0 {
			continue
		}
		if i > 0 {
			fmt.Fprintln(e.out)
		}
		if err := t.write(e, tableFlags{}); err != nil {
			return err
		}
	}
	return nil
}

type orderRefundCmd struct {
	hallRoomFlags
	Order       certhall.OrderID         `arg:"" help:"Number of the order."`
	Entitlement []certhall.EntitlementID `help:"Only this of what was bought; may be repeated. Default: all that was not used. With --given: its money went back already, and the hall has no refund of it."`
	Again       bool                     `xor:"failed" help:"Make the order's failed refunds again, once their cause is gone."`
	Given       bool                     `xor:"failed" help:"Record that the money of its failed refunds, or of those that wait while payment is off, was given back another way."`
	Reason      string                   `required:"" help:"Why, in your own words; kept with the order, and the buyer reads it."`
	Yes         bool                     `short:"y" help:"Do not ask."`
}

var errNoFailed = certhall.NewError("refund-none-failed", certhall.NotFound)

// Run writes what is wanted: the till of the running server does it, after the
// authority's signed closing of the cases concerned.
func (c *orderRefundCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	sure := "cli.refund-sure"
	switch {
	case c.Given && len(c.Entitlement) > 0:
		sure = "cli.rights-given-sure"
	case c.Given:
		sure = "cli.refund-given-sure"
	}
	if err := confirm(env, c.Yes, sure, "order", string(c.Order)); err != nil {
		return err
	}
	switch {
	case c.Given && len(c.Entitlement) > 0:
		if err := h.office.RightsGiven(env.ctx, c.Order, c.Entitlement, operator, c.Reason); err != nil {
			return err
		}
		env.say("cli.rights-given", "order", string(c.Order), "count", count(len(c.Entitlement)))
		return nil
	case c.Again || c.Given:
		return c.seeTo(env, h, operator)
	}
	asked, err := h.counter.RefundOrderBy(env.ctx, c.Order, c.Entitlement, operator, c.Reason)
	if err == nil {
		env.say("cli.refund-asked", "refund", string(asked))
	}
	return err
}

// seeTo has the order's failed refunds made again, or ends them.
func (c *orderRefundCmd) seeTo(env *environment, h *hallRoom, operator string) error {
	f, err := h.office.File(env.ctx, c.Order)
	if err != nil {
		return err
	}
	act, said := h.office.RefundAgain, "cli.refund-again"
	if c.Given {
		act, said = h.office.RefundGiven, "cli.refund-given"
	}
	failed := 0
	for _, r := range f.Refunds {
		if r.Standing != orders.RefundFailed && !(c.Given && payment.ForOfficer(r)) {
			continue
		}
		if err := act(env.ctx, r.ID, operator, c.Reason); err != nil {
			return err
		}
		failed++
		env.say(said, "refund", string(r.ID), "amount", r.Amount.String())
	}
	if failed == 0 {
		return errNoFailed.With("order", string(c.Order))
	}
	return nil
}

type orderSettledCmd struct {
	hallRoomFlags
	Order  certhall.OrderID `arg:"" help:"Number of the order, as order list --unheard lists it."`
	Reason string           `required:"" help:"What the merchant platform says and what was done, in your own words; kept with the order."`
}

func (c *orderSettledCmd) Run(env *environment) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	h, err := c.openHallRoom(env)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.office.Settled(env.ctx, c.Order, operator, c.Reason); err != nil {
		return err
	}
	env.say("cli.order-settled", "order", string(c.Order))
	return nil
}
