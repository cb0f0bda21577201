package services

import (
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
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
	if who.Token != "" {
		s := accounts.SessionOf(who.Token)
		t, err := r.Token(s)
		if err != nil || t != nil && t.Case == k.ID && c.now().Before(t.Expires) {
			return s, err
		}
	}
	return "", ErrCaseMissing
}

// byPerson finds a person among handlers; nil if he is none of them.
func byPerson(handlers []accounts.Handler, person string) *accounts.Person {
	i := slices.IndexFunc(handlers, func(h accounts.Handler) bool { return h.Person.ID == person })
	if i < 0 {
		return nil
	}
	return &handlers[i].Person
}
