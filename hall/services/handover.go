package services

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// takeOver gives a standing case to this opener: the phone is to be proved
// anew, and what lies on the key is read anew.
func (c *Counter) takeOver(ctx context.Context, o opener, k Case) (Opened, error) {
	return c.handOver(ctx, o, k.ID, func(w Writer, _ accounts.Session) error {
		stored, err := w.LockCase(k.ID)
		if err != nil {
			return err
		}
		phone, err := o.phone(w)
		if err != nil {
			return err
		}
		_, err = c.step(w, *stored, Event{Kind: EvTakenOver, Phone: phone})
		if errors.Is(err, ErrOutOfTurn) {
			return errMoved // it ended meanwhile
		}
		return err
	})
}

// handOver runs change and gives the case to its opener, in one transaction.
// By key he gets the case's one token. A handler needs none: an earlier token
// ends, unless its bearer proved himself a handler too.
func (c *Counter) handOver(ctx context.Context, o opener, id certhall.CaseID, change func(Writer, accounts.Session) error) (Opened, error) {
	given := Opened{Case: id}
	var session accounts.Session
	if o.handler == nil {
		var err error
		if given.Token, session, err = accounts.NewToken(c.Random); err != nil {
			return Opened{}, err
		}
	}
	err := c.Store.Write(ctx, func(w Writer) error {
		if o.nonce != nil {
			if err := c.spendNonce(w, o.nonce); err != nil {
				return err
			}
		}
		if err := change(w, session); err != nil {
			return err
		}
		if o.handler == nil {
			return w.SetToken(Token{Session: session, Case: id, Expires: c.now().Add(TokenLife)})
		}
		return c.endToken(w, id, o.pair.Lineage)
	})
	if err != nil {
		return Opened{}, err
	}
	return given, nil
}

// carryProofs lets the session of a new case have what the bearer of an earlier
// case's token has proved.
func (c *Counter) carryProofs(w Writer, earlier string, to accounts.Session) error {
	if earlier == "" || to == "" {
		return nil
	}
	from := accounts.SessionOf(earlier)
	t, err := w.Token(from)
	if err != nil || t == nil || !c.now().Before(t.Expires) {
		return err
	}
	return w.CarryProofs(from, to, c.now())
}

// endToken ends the token of a case, unless its bearer has proved the phone of
// one of the lineage's handlers, or one of these.
func (c *Counter) endToken(w Writer, id certhall.CaseID, l certhall.LineageID, phones ...string) error {
	token, err := w.TokenOf(id)
	if err != nil || token == nil {
		return err
	}
	handlers, err := w.Handlers(l)
	if err != nil {
		return err
	}
	for _, h := range handlers {
		phones = append(phones, h.Person.Phone)
	}
	for _, phone := range phones {
		until, err := w.Proof(token.Session, phone)
		if err != nil || until.After(c.now()) {
			return err
		}
	}
	return w.EndToken(id)
}

// phone is whose proof the case wants: of the handler who has logged in; else
// of the lineage's one registered handler; with none, or with several, it is
// asked for.
func (o opener) phone(r Reader) (string, error) {
	if o.handler != nil {
		return o.handler.Phone, nil
	}
	handlers, err := r.Handlers(o.pair.Lineage)
	handlers = accounts.Registered(handlers)
	if err != nil || len(handlers) != 1 {
		return "", err
	}
	return handlers[0].Person.Phone, nil
}
