package services

import (
	"cmp"
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/orders"
)

// opener is who opens a case for which pair: whoever signed with its key, or a
// handler who has logged in.
type opener struct {
	service certhall.Service
	pair    authority.PairInfo
	nonce   []byte           // of the signed opening; nil by log-in
	handler *accounts.Person // who has logged in; nil by key
	earlier string           // token of a case that he opened before; "" without one
}

// Open opens a case on an opening signed by the pair's key: proof.Signed, DER.
// A later opener with the key and the same service takes an open case over;
// for another service the earlier case is closed first; the key of a pair that
// is current already finds the case that made it, while that one has an errand.
// A phone that the bearer of an earlier case's token has proved there counts for a
// new case too: who has many keys is asked for one code.
func (c *Counter) Open(ctx context.Context, who Caller, opening []byte) (Opened, error) {
	o, err := c.weighOpening(ctx, opening)
	if err != nil {
		return Opened{}, err
	}
	o.earlier = who.Token
	return c.openBy(ctx, o)
}

// OpenFor opens a case for a handler of the pair's lineage who has logged in:
// by the same rules as Open, but a case of his own phone simply goes on, and
// the answer has no token. Other people's pairs answer like missing ones.
func (c *Counter) OpenFor(ctx context.Context, who Caller, service certhall.Service, serial certhall.Serial) (Opened, error) {
	if procedures[service] == nil {
		return Opened{}, authority.ErrService
	}
	o := opener{service: service}
	err := c.Store.Read(ctx, func(r Reader) error {
		certificate, err := r.Certificate(serial)
		if err != nil {
			return err
		}
		if certificate == nil {
			return authority.ErrUnknownCert
		}
		handlers, err := r.Handlers(certificate.Lineage)
		if err != nil {
			return err
		}
		if o.handler = byPerson(handlers, who.Person); o.handler == nil {
			return authority.ErrUnknownCert
		}
		o.pair = certificate.PairInfo
		return nil
	})
	if err != nil {
		return Opened{}, err
	}
	return c.openBy(ctx, o)
}

func (c *Counter) openBy(ctx context.Context, o opener) (Opened, error) {
	for range retries {
		opened, err := c.open(ctx, o)
		if !errors.Is(err, errMoved) {
			return opened, err
		}
	}
	return Opened{}, ErrCaseClosing
}

// open finds or makes the case of a checked opener.
func (c *Counter) open(ctx context.Context, o opener) (Opened, error) {
	eligible, err := c.Authority.Eligible(ctx, o.service, o.pair.SignSerial)
	if err != nil {
		return Opened{}, err
	}
	busy, made, err := c.standing(ctx, o)
	if err != nil {
		return Opened{}, err
	}
	refusal := c.narrowed(ctx, o.service, o.pair)
	if eligible.Refusal != nil {
		refusal = eligible.Refusal
	}
	switch {
	case busy != nil && busy.State == Open && busy.Service == o.service && busy.Serial == o.pair.SignSerial:
		if o.handler != nil && o.handler.Phone == busy.Phone {
			return Opened{Case: busy.ID}, nil
		}
		return c.takeOver(ctx, o, *busy)
	case busy == nil && refusal != nil && made != nil && c.unretired(ctx, *made):
		return c.takeOver(ctx, o, *made)
	case refusal != nil:
		return Opened{}, refusal
	case busy != nil:
		if err := c.closeFirst(ctx, *busy); err != nil {
			return Opened{}, err
		}
	}
	return c.openNew(ctx, o)
}

// standing reads the case that occupies the lineage, and the one that made the
// pair. An opening that was used before moves nothing, not even a case that
// stands in its way.
func (c *Counter) standing(ctx context.Context, o opener) (busy, made *Case, err error) {
	err = c.Store.Read(ctx, func(r Reader) error {
		if o.nonce != nil {
			if spent, err := r.NonceSpent(o.nonce); err != nil || spent {
				return cmp.Or(err, error(ErrOpenNonce))
			}
		}
		if busy, err = r.BusyCase(o.pair.Lineage); err != nil {
			return err
		}
		made, err = r.CaseOfPair(o.pair.SignSerial)
		return err
	})
	return busy, made, err
}

// unretired tells whether the authority still waits for the report that the
// case's receipt was obeyed.
func (c *Counter) unretired(ctx context.Context, k Case) bool {
	old, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: k.Serial})
	return err == nil && old.Pair != nil && old.Pair.State == authority.Superseded
}

// openNew makes a case, and a free entitlement where there is no catalogue.
func (c *Counter) openNew(ctx context.Context, o opener) (Opened, error) {
	now := c.now()
	offered, err := c.Catalog.Current(ctx)
	if err != nil {
		return Opened{}, err
	}
	fresh := Case{ID: certhall.CaseID(certhall.NewID(now, c.Random)), Service: o.service, Lineage: o.pair.Lineage, Serial: o.pair.SignSerial}
	return c.handOver(ctx, o, fresh.ID, func(w Writer, s accounts.Session) error {
		if err := c.carryProofs(w, o.earlier, s); err != nil {
			return err
		}
		opened := Event{Kind: EvOpened, Serial: o.pair.SignSerial}
		k, _, err := Advance(fresh, opened, now)
		if err != nil {
			return err
		}
		if k.Phone, err = o.phone(w); err != nil {
			return err
		}
		if added, err := w.AddCase(k); err != nil || !added {
			return cmp.Or(err, errMoved) // another opener was first: take the case over
		}
		if err := w.AddEntry(opened.entry(k, now)); err != nil {
			return err
		}
		if offered.Version > 0 {
			return nil // at the step pay
		}
		entitlement, err := orders.MakeFree(w, k.ID, k.Lineage, now, c.Random)
		if err != nil {
			return err
		}
		_, err = c.step(w, k, Event{Kind: EvEntitled, Entitlement: entitlement})
		return err
	})
}
