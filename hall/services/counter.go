package services

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/orders"
)

// TokenLife is how long a case's token counts: as long as a case may rest at
// the authority.
const TokenLife = 30 * 24 * time.Hour

// What the counters answer beside success.
var (
	ErrCaseMissing = certhall.NewError("case-missing", certhall.NotFound) // not there, or not for this caller
	ErrOpening     = certhall.NewError("opening-wrong", certhall.Denied)
	ErrOrigin      = certhall.NewError("origin-wrong", certhall.Denied)
	ErrOpenNonce   = certhall.NewError("opening-expired", certhall.Conflict)
	ErrCaseClosing = certhall.NewError("case-closing", certhall.Unavailable)
	ErrWrongKey    = certhall.NewError("wrong-key", certhall.Conflict)
	ErrReply       = certhall.NewError("reply-unknown", certhall.Invalid)
)

// Options of a Counter.
type Options struct {
	Store       Store
	Authority   authority.Authority
	AuthorityID string
	Accounts    *accounts.Desk
	Catalog     Catalog               // nil: there is none, and everything is free
	Till        Till                  // nil: nothing can be paid
	OrderLimits orders.Limits         // of what a person orders and does not pay
	Roots       []*smx509.Certificate // of the authority: closings are checked against them
	Issuers     [][]byte              // certificates between the roots and people's, handed to agents
	Clock       certhall.Clock
	Random      io.Reader
	Origin      string            // of the hall, e.g. https://hall.example
	Disposal    certhall.Disposal // of old containers; Keep if empty
	RenewBefore time.Duration     // lists offer renew this long before the end; 0 is the default
	RepairAfter time.Duration     // lists offer repair this long after the end; 0 is the default
	Log         *slog.Logger      // nil: silent
}

// The windows that lists show: a hint, the authority judges at opening.
const (
	RenewBefore = 90 * 24 * time.Hour
	RepairAfter = 365 * 24 * time.Hour
)

// Counter is where cases are opened and moved on.
type Counter struct{ Options }

// New makes a Counter.
func New(o Options) *Counter {
	if o.Disposal == "" {
		o.Disposal = certhall.Keep
	}
	o.RenewBefore, o.RepairAfter = cmp.Or(o.RenewBefore, RenewBefore), cmp.Or(o.RepairAfter, RepairAfter)
	if o.Catalog == nil {
		o.Catalog = noCatalog{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Counter{o}
}

func (c *Counter) now() time.Time { return c.Clock.Now().UTC().Truncate(time.Millisecond) }

// errMoved says that a compare-and-swap found a newer version: start over.
var errMoved = errors.New("services: the case has moved")

// retries bounds how often a change starts over.
const retries = 8

// change moves one case by one event in one transaction and answers the case
// as it stands then, also where the event was out of turn.
func (c *Counter) change(ctx context.Context, id certhall.CaseID, e Event) (Case, error) {
	return c.changeWith(ctx, id, e, nil)
}

// changeWith also runs with, in the same transaction, if the event counted.
func (c *Counter) changeWith(ctx context.Context, id certhall.CaseID, e Event, with func(Writer, Case) error) (Case, error) {
	var after Case
	write := func(w Writer) error {
		stored, err := w.LockCase(id)
		if err != nil {
			return err
		}
		if stored == nil {
			return ErrCaseMissing
		}
		after, err = c.step(w, *stored, e)
		if errors.Is(err, ErrOutOfTurn) {
			after = *stored
			return nil
		}
		if err == nil && with != nil && after.Version != stored.Version {
			err = with(w, after)
		}
		return err
	}
	for range retries {
		if err := c.Store.Write(ctx, write); !errors.Is(err, errMoved) {
			return after, err
		}
	}
	return after, errMoved
}

// step advances a locked case within a transaction: row, journal, effects and
// the entitlement move together.
func (c *Counter) step(w Writer, stored Case, e Event) (Case, error) {
	now := c.now()
	next, effects, err := Advance(stored, e, now)
	if err != nil || next.Version == stored.Version {
		return stored, err
	}
	if saved, err := w.SaveCase(next); err != nil || !saved {
		if err == nil {
			err = errMoved
		}
		return stored, err
	}
	return next, c.record(w, stored, next, e, effects, now)
}

// record keeps what follows from a move beside the case's row.
func (c *Counter) record(w Writer, was, is Case, e Event, effects []Effect, now time.Time) error {
	if err := w.AddEntry(e.entry(is, now)); err != nil {
		return err
	}
	for _, f := range effects {
		if err := w.Enqueue(f); err != nil {
			return err
		}
	}
	var err error
	switch {
	case is.Spent() && !was.Spent():
		err = orders.Spend(w, is.Entitlement, now)
	case was.Spent() && !is.Spent():
		err = orders.Reopen(w, is.Entitlement)
	case is.Freed() && !was.Freed():
		err = orders.Free(w, is.ID, is.Entitlement, now)
	}
	if errors.Is(err, orders.ErrAtOdds) { // what the authority has done stands; one bad row must not hold up every case
		c.Log.Error("an entitlement is at odds with its case", "case", is.ID, "cause", err)
		return nil
	}
	return err
}
