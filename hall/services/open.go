package services

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/proof"
)

// Open opens a case on an opening signed by the pair's key: proof.Signed, DER.
// A later opener with the key and the same service takes an open case over;
// for another service the earlier case is closed first; the key of a pair that
// is current already finds the case that made it, while that one has an errand.
func (c *Counter) Open(ctx context.Context, opening []byte) (Opened, error) {
	o, pair, err := c.weighOpening(ctx, opening)
	if err != nil {
		return Opened{}, err
	}
	for range retries {
		opened, err := c.open(ctx, o, pair)
		if !errors.Is(err, errMoved) {
			return opened, err
		}
	}
	return Opened{}, ErrCaseClosing
}

// weighOpening checks an opening against what the authority says of the pair.
func (c *Counter) weighOpening(ctx context.Context, der []byte) (o proof.Opening, pair authority.PairInfo, err error) {
	signed, err := proof.Decode[proof.Signed](der)
	if err != nil {
		return o, pair, err
	}
	if o, err = proof.Decode[proof.Opening](signed.Message); err != nil {
		return o, pair, err
	}
	switch {
	case o.Authority != c.AuthorityID:
		return o, pair, authority.ErrUnknownCert
	case o.Origin != c.Origin:
		return o, pair, ErrOrigin
	case procedures[certhall.Service(o.Service)] == nil:
		return o, pair, authority.ErrService
	}
	view, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: certhall.Serial(o.Serial)})
	if err != nil {
		return o, pair, err
	}
	if view.Pair == nil || view.Pair.SignSerial != certhall.Serial(o.Serial) || view.Certificate == nil {
		return o, pair, authority.ErrUnknownCert
	}
	certificate, err := gm.ParseCertificate(view.Certificate)
	if err != nil {
		return o, pair, err
	}
	key, err := gm.CertificateKey(certificate)
	if err != nil {
		return o, pair, err
	}
	if _, err := proof.VerifyKey[proof.Opening](signed, key); err != nil {
		return o, pair, ErrOpening.Because(err)
	}
	_, err = c.checkNonce(o.Nonce)
	return o, *view.Pair, err
}

// open finds or makes the case of a checked opening.
func (c *Counter) open(ctx context.Context, o proof.Opening, pair authority.PairInfo) (Opened, error) {
	service := certhall.Service(o.Service)
	eligible, err := c.Authority.Eligible(ctx, service, pair.SignSerial)
	if err != nil {
		return Opened{}, err
	}
	busy, made, err := c.standing(ctx, o, pair)
	if err != nil {
		return Opened{}, err
	}
	switch {
	case busy != nil && busy.State == Open && busy.Service == service && busy.Serial == pair.SignSerial:
		return c.takeOver(ctx, o, *busy)
	case busy == nil && eligible.Refusal != nil && made != nil && c.unretired(ctx, *made):
		return c.takeOver(ctx, o, *made)
	case eligible.Refusal != nil:
		return Opened{}, eligible.Refusal
	case busy != nil:
		if err := c.closeFirst(ctx, *busy); err != nil {
			return Opened{}, err
		}
	}
	return c.openNew(ctx, o, pair)
}

// standing reads the case that occupies the lineage, and the one that made the
// pair. An opening that was used before moves nothing, not even a case that
// stands in its way.
func (c *Counter) standing(ctx context.Context, o proof.Opening, pair authority.PairInfo) (busy, made *Case, err error) {
	err = c.Store.Read(ctx, func(r Reader) error {
		spent, err := r.NonceSpent(o.Nonce)
		if err == nil && spent {
			err = ErrOpenNonce
		}
		if err != nil {
			return err
		}
		if busy, err = r.BusyCase(pair.Lineage); err != nil {
			return err
		}
		made, err = r.CaseOfPair(pair.SignSerial)
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

// takeOver gives a standing case to this opener: the earlier token ends, and
// the phone is to be proved anew.
func (c *Counter) takeOver(ctx context.Context, o proof.Opening, k Case) (Opened, error) {
	token, session, err := accounts.NewToken(c.Random)
	if err != nil {
		return Opened{}, err
	}
	err = c.Store.Write(ctx, func(w Writer) error {
		if err := c.spendNonce(w, o.Nonce); err != nil {
			return err
		}
		stored, err := w.LockCase(k.ID)
		if err != nil {
			return err
		}
		phone, err := registeredPhone(w, k.Lineage)
		if err != nil {
			return err
		}
		_, err = c.step(w, *stored, Event{Kind: EvTakenOver, Phone: phone})
		if errors.Is(err, ErrOutOfTurn) {
			return errMoved // it ended meanwhile
		}
		if err != nil {
			return err
		}
		return w.SetToken(Token{Session: session, Case: k.ID, Expires: c.now().Add(TokenLife)})
	})
	return Opened{Case: k.ID, Token: token}, err
}

// openNew makes a case, its free entitlement and its token.
func (c *Counter) openNew(ctx context.Context, o proof.Opening, pair authority.PairInfo) (Opened, error) {
	token, session, err := accounts.NewToken(c.Random)
	if err != nil {
		return Opened{}, err
	}
	now := c.now()
	id := certhall.CaseID(certhall.NewID(now, c.Random))
	fresh := Case{ID: id, Service: certhall.Service(o.Service), Lineage: pair.Lineage, Serial: pair.SignSerial}
	err = c.Store.Write(ctx, func(w Writer) error {
		if err := c.spendNonce(w, o.Nonce); err != nil {
			return err
		}
		opened := Event{Kind: EvOpened, Serial: pair.SignSerial}
		k, _, err := Advance(fresh, opened, now)
		if err != nil {
			return err
		}
		if k.Phone, err = registeredPhone(w, pair.Lineage); err != nil {
			return err
		}
		if added, err := w.AddCase(k); err != nil || !added {
			if err == nil {
				err = errMoved // another opener was first: take the case over
			}
			return err
		}
		if err := w.AddEntry(opened.entry(k, now)); err != nil {
			return err
		}
		entitlement, err := orders.MakeFree(w, id, now, c.Random)
		if err != nil {
			return err
		}
		if _, err := c.step(w, k, Event{Kind: EvEntitled, Entitlement: entitlement}); err != nil {
			return err
		}
		return w.SetToken(Token{Session: session, Case: id, Expires: now.Add(TokenLife)})
	})
	return Opened{Case: id, Token: token}, err
}

// registeredPhone is the phone of the lineage's one handler; with none, or
// with several, it is asked for.
func registeredPhone(r Reader, l certhall.LineageID) (string, error) {
	handlers, err := r.Handlers(l)
	if err != nil || len(handlers) != 1 {
		return "", err
	}
	return handlers[0].Person.Phone, nil
}
