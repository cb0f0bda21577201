package services

import (
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/orders"
)

// Caller is who stands at the counter: a person who has logged in, the bearer
// of a case's token (the command line, a visitor without an account), or, the
// zero value, nobody.
type Caller struct {
	Token   string           // of a case; "" without one
	Session accounts.Session // of the log-in; "" without one
	Person  string           // id of the person who has logged in; "" without one
}

// admit finds a case and the session that the caller acts by: the log-in of a
// handler of the case's lineage, or the case's own token. Everybody else's
// cases answer like missing ones.
func (c *Counter) admit(ctx context.Context, who Caller, id certhall.CaseID) (k Case, s accounts.Session, err error) {
	err = c.Store.Read(ctx, func(r Reader) error {
		stored, err := r.Case(id)
		if err != nil {
			return err
		}
		if stored == nil {
			return ErrCaseMissing
		}
		k = *stored
		s, err = c.entrance(r, who, k)
		return err
	})
	return k, s, err
}

// entrance is the session by which the caller may see the case.
func (c *Counter) entrance(r Reader, who Caller, k Case) (accounts.Session, error) {
	if who.Person != "" {
		handlers, err := r.Handlers(k.Lineage)
		if err != nil || byPerson(handlers, who.Person) != nil {
			return who.Session, err
		}
	}
	bears, session, err := c.bearer(r, who)
	if err == nil && bears != k.ID {
		err = ErrCaseMissing
	}
	return session, err
}

// bearer is the case that the caller's token opens, with its session; "" for none.
func (c *Counter) bearer(r Reader, who Caller) (certhall.CaseID, accounts.Session, error) {
	if who.Token == "" {
		return "", "", nil
	}
	session := accounts.SessionOf(who.Token)
	t, err := r.Token(session)
	if err != nil || t == nil || !c.now().Before(t.Expires) {
		return "", "", err
	}
	return t.Case, session, nil
}

// sight is the part of an order that the caller may see: all of it if he made
// it; else the lines of lineages that he handles, or that the case uses whose
// token he bears. A token counts once the phone of its case is proved: it is
// whose phone that is. An order of which he may see nothing answers like a
// missing one.
func (c *Counter) sight(r Reader, who Caller, o orders.Order, made []orders.Entitlement) (seen orders.Order, whole bool, err error) {
	bears, payer, err := c.payer(r, who)
	if err != nil {
		return orders.Order{}, false, err
	}
	if o.Person != "" && (who.Person == o.Person || bears == o.Case && payer == o.Person) {
		return o, true, nil
	}
	var handled []certhall.LineageID
	if who.Person != "" {
		if handled, err = r.LineagesOf(who.Person); err != nil {
			return orders.Order{}, false, err
		}
	}
	uses := func(e orders.Entitlement) bool { return bears != "" && e.Case == bears }
	seen = o.Part(func(l orders.Line) bool {
		return slices.Contains(handled, l.Lineage) ||
			slices.ContainsFunc(made, func(e orders.Entitlement) bool { return e.ID == l.Entitlement && uses(e) })
	})
	if len(seen.Lines) == 0 {
		return orders.Order{}, false, orders.ErrOrderMissing
	}
	return seen, false, nil
}

// payer is the case that the caller's token opens, with whose phone is proved
// there; "" for none, and for a case that waits for that.
func (c *Counter) payer(r Reader, who Caller) (certhall.CaseID, string, error) {
	bears, _, err := c.bearer(r, who)
	if err != nil || bears == "" {
		return "", "", err
	}
	k, err := r.Case(bears)
	if err != nil || k == nil || !k.PhoneProved {
		return "", "", err
	}
	owner, err := r.AccountOfPhone(k.Phone)
	if err != nil || owner == nil {
		return k.ID, "", err
	}
	return k.ID, owner.ID, nil
}

// byPerson finds a person among handlers; nil if he is none of them.
func byPerson(handlers []accounts.Handler, person string) *accounts.Person {
	i := slices.IndexFunc(handlers, func(h accounts.Handler) bool { return h.Person.ID == person })
	if i < 0 {
		return nil
	}
	return &handlers[i].Person
}
