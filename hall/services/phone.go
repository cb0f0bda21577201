package services

import (
	"context"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// ask asks for the proof of a phone: the registered handler's, shown masked;
// where none is on record, any, whose owner then becomes handler. By policy of
// the project and brand any will do.
func (c *Counter) ask(ctx context.Context, k Case, s accounts.Session, n Next) (Next, error) {
	policy, err := c.policy(ctx, k)
	if err != nil {
		return n, err
	}
	if k.Phone == "" {
		handlers, err := c.handlers(ctx, k)
		n.Ask = &Ask{Kind: "phone", AnyPhone: policy.AnyPhone, TriesLeft: accounts.CodeTries}
		for _, h := range accounts.Registered(handlers) {
			n.Ask.Choices = append(n.Ask.Choices, accounts.Mask(h.Person.Phone))
		}
		return n, err
	}
	proved, err := c.Accounts.Proved(ctx, s, k.Phone)
	if err != nil {
		return n, err
	}
	if proved {
		bound, err := c.bound(ctx, k)
		if err != nil {
			return n, err
		}
		proved = len(bound) == 0 || isHandler(bound, k.Phone) // his own, perhaps, but no handler's: he learns nothing of that
	}
	if proved {
		after, err := c.phoneProved(ctx, k)
		if err != nil || !after.PhoneProved {
			return n, err
		}
		return c.answer(ctx, after, s, nil)
	}
	st, err := c.Accounts.CodeState(ctx, s, k.Phone)
	n.Ask = &Ask{
		Kind: "code", Phone: accounts.Mask(k.Phone), AnyPhone: policy.AnyPhone, Sent: st.Sent, TriesLeft: st.TriesLeft,
		ResendAfter: int((st.ResendAfter + time.Second - 1) / time.Second),
	}
	return n, err
}

// person takes what the person answered. The problem, if any, is shown with
// the question, which is asked again.
func (c *Counter) person(ctx context.Context, k Case, who Caller, s accounts.Session, in Input) (Case, *certhall.Error, error) {
	a := *in.Answer
	if k.State == Open && k.PhoneProved && a.Pay != nil {
		after, err := c.agreed(ctx, k, who, *a.Pay)
		if err != nil {
			return told(k, err)
		}
		return after, nil, nil
	}
	if k.State != Open || k.PhoneProved {
		return k, nil, nil // answered before
	}
	if a.Phone != "" {
		named, err := c.namePhone(ctx, k, a.Phone)
		if err != nil {
			return told(k, err)
		}
		k = named
	}
	if k.Phone == "" {
		return k, nil, nil
	}
	switch {
	case a.Code != "":
		if err := c.Accounts.CheckCode(ctx, s, k.Phone, a.Code); err != nil {
			return told(k, err)
		}
		after, err := c.phoneProved(ctx, k)
		return after, nil, err
	case a.SendCode:
		handlers, err := c.bound(ctx, k)
		if err != nil {
			return k, nil, err
		}
		// A number that is nobody's on record is treated like one that is,
		// except that nothing is sent: numbers cannot be found out here.
		decoy := len(handlers) > 0 && !isHandler(handlers, k.Phone)
		if err := c.Accounts.SendCode(ctx, s, k.Phone, in.Address, decoy); err != nil {
			return told(k, err)
		}
	}
	return k, nil, nil
}

// told turns what the person can mend into a problem beside the question.
func told(k Case, err error) (Case, *certhall.Error, error) {
	if e := certhall.AsError(err); e.Kind != certhall.Internal && !e.Is(ErrCaseMissing) {
		return k, e, nil
	}
	return k, nil, err
}

// namePhone sets the phone whose proof counts: of several handlers one, by
// number or as it was shown; with no handler on record, or by policy, any. Else
// the one registered handler's phone stays as it is.
func (c *Counter) namePhone(ctx context.Context, k Case, typed string) (Case, error) {
	bound, err := c.bound(ctx, k)
	if err != nil || len(accounts.Registered(bound)) == 1 {
		return k, err
	}
	handlers, err := c.handlers(ctx, k)
	if err != nil {
		return k, err
	}
	phone := ""
	for _, h := range handlers {
		if accounts.Mask(h.Person.Phone) == typed {
			phone = h.Person.Phone
		}
	}
	if phone == "" {
		if phone, err = accounts.ParsePhone(typed); err != nil {
			return k, err
		}
	}
	return c.change(ctx, k.ID, Event{Kind: EvPhoneNamed, Phone: phone})
}

// phoneProved moves the case on, and makes the phone's owner handler where
// none was on record: he holds both, phone and key. Whoever holds the case's
// token and has proved nothing loses it: he does not go on by another's proof.
func (c *Counter) phoneProved(ctx context.Context, k Case) (Case, error) {
	policy, err := c.policy(ctx, k)
	if err != nil {
		return k, err
	}
	return c.changeWith(ctx, k.ID, Event{Kind: EvPhoneProved, Phone: k.Phone}, func(w Writer, after Case) error {
		if err := c.register(w, k, policy.AnyPhone); err != nil {
			return err
		}
		return c.endToken(w, k.ID, k.Lineage, k.Phone)
	})
}

// register makes the owner of a case's phone handler where none is on record.
// Where some are and any phone will do, he goes on with this case and is none.
func (c *Counter) register(w Writer, k Case, anyPhone bool) error {
	handlers, err := w.Handlers(k.Lineage)
	if err != nil || isHandler(handlers, k.Phone) {
		return err
	}
	if len(handlers) > 0 {
		if anyPhone {
			return nil
		}
		return ErrOutOfTurn // somebody else became handler meanwhile
	}
	now := c.now()
	person, err := w.PersonOfPhone(k.Phone, certhall.NewID(now, c.Random), now)
	if err != nil {
		return err
	}
	return w.AddHandler(accounts.Handler{Person: person, Lineage: k.Lineage, Source: accounts.ByKey}, now)
}

func (c *Counter) handlers(ctx context.Context, k Case) (handlers []accounts.Handler, err error) {
	err = c.Store.Read(ctx, func(r Reader) (err error) {
		handlers, err = r.Handlers(k.Lineage)
		return err
	})
	return handlers, err
}

// bound are the handlers one of whose phones must be proved: none where by
// policy any will do.
func (c *Counter) bound(ctx context.Context, k Case) ([]accounts.Handler, error) {
	policy, err := c.policy(ctx, k)
	if err != nil || policy.AnyPhone {
		return nil, err
	}
	return c.handlers(ctx, k)
}

func isHandler(handlers []accounts.Handler, phone string) bool {
	return slices.ContainsFunc(handlers, func(h accounts.Handler) bool { return h.Person.Phone == phone })
}
