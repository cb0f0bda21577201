package main

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/locale"
	"github.com/certhall/certhall/metrics"
	hallstore "github.com/certhall/certhall/store/hall"
)

// openTill opens the till over a channel of payment; without one nothing can be
// paid, only what is free of charge is sold, and what was begun over an earlier
// one waits: that is said at once.
func (h *hallWing) openTill(store *hallstore.Store, channel payment.Channel) services.Till {
	h.office = payment.Office{Store: store.Till(), Clock: h.env.clock, Random: h.env.random}
	if channel == nil {
		channel = payment.Off{}
	}
	h.till = payment.NewTill(payment.TillOptions{Store: store.Till(), Channel: channel, Clock: h.env.clock, Random: h.env.random, Log: h.env.log})
	h.queue.Tend(h.till)
	if err := h.till.Waits(h.env.ctx); errors.Is(err, payment.ErrMoneyWaits) {
		message, hint := locale.Error(locale.English, certhall.AsError(err))
		h.env.log.Warn(message, "code", payment.ErrMoneyWaits.Code, "hint", hint)
	}
	return h.till
}

// lookTill tells how many orders, refunds and differences there are.
func (h *hallWing) lookTill(ctx context.Context, set metrics.Set) {
	t, err := h.office.Tally(ctx)
	if err != nil {
		return
	}
	for _, standing := range orders.Standings {
		set(metrics.Orders, float64(t.Orders[standing]), "standing", string(standing))
	}
	for _, standing := range orders.RefundStandings {
		set(metrics.Refunds, float64(t.Refunds[standing]), "standing", string(standing))
	}
	set(metrics.PaymentDifferences, float64(t.Open))
}
