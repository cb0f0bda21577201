package accounts

import (
	"cmp"
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/nonce"
	"github.com/certhall/certhall/hall/notify"
)

// shownFor is how long a code to his phone, or a signature by one of his keys,
// shows that somebody who has logged in is the one the account belongs to: a
// session may be stolen, or left open.
const shownFor = 10 * time.Minute

// ErrShowYourself asks for a code to the present phone, or a signature. (ways)
var ErrShowYourself = certhall.NewError("show-yourself", certhall.Conflict)

// shown is what a session has proved in which somebody has shown who he is. It
// is no proof of a phone: a code that he reads out at his case, to whoever has
// his session, does not give the account away.
func shown(person string) string { return "shown " + person }

// myselfLine sends to the phone that a person has.
func myselfLine(phone string) line {
	return line{phone, "myself " + phone, notify.TemplateMyself, false}
}

// SendMyCode sends a code to the phone of whoever has logged in.
func (d *Desk) SendMyCode(ctx context.Context, v Visit, address string) (CodeSent, error) {
	a, err := d.account(ctx, v)
	if err != nil {
		return CodeSent{}, err
	}
	return d.sendNow(ctx, v.Session, myselfLine(a.Phone), a.Phone, address, "")
}

// myNonces are for signatures that show who somebody is; those of one person
// are none of another's.
func (d *Desk) myNonces(person string) nonce.Maker {
	return nonce.Maker{Purpose: "certhall/myself-nonce/1\x00" + person, Secret: d.Secret, Clock: d.Clock, Random: d.Random}
}

// MyNonce makes the one-time value that a key of his signs.
func (d *Desk) MyNonce(_ context.Context, v Visit) (LoginNonce, error) {
	return d.keyNonce(d.myNonces(v.Person))
}

// ShowMyself takes the code that SendMyCode sent, or proof.Login signed over a
// value of MyNonce by the key of one of his certificates. It counts for
// shownFor, in this session.
func (d *Desk) ShowMyself(ctx context.Context, v Visit, code string, signed []byte) error {
	a, err := d.account(ctx, v)
	if err != nil {
		return err
	}
	if len(signed) == 0 {
		if err := d.checkCode(ctx, v.Session, myselfLine(a.Phone), code, shown(a.ID), shownFor); err != nil {
			return err
		}
		return d.Store.Write(ctx, func(w Writer) error { return w.ProvePhone(a.ID) })
	}
	k, err := d.keyOf(ctx, signed, d.myNonces(a.ID))
	if err != nil {
		return err
	}
	now := d.now()
	return d.Store.Write(ctx, func(w Writer) error {
		handlers, err := w.Handlers(k.pair.Lineage)
		if err != nil {
			return err
		}
		if !handles(handlers, a.ID) {
			return ErrLoginKey
		}
		if fresh, err := w.SpendNonce(k.nonce, k.expires, now); err != nil || !fresh {
			return cmp.Or(err, error(ErrLoginNonce))
		}
		return w.AddProof(v.Session, shown(a.ID), now.Add(shownFor))
	})
}

// shownLately tells whether somebody has just shown who he is.
func (d *Desk) shownLately(ctx context.Context, s Session, a Account) (lately bool, err error) {
	err = d.Store.Read(ctx, func(r Reader) error {
		until, err := r.Proof(s, shown(a.ID))
		lately = d.now().Before(until)
		return err
	})
	return lately, err
}

func handles(handlers []Handler, person string) bool {
	for _, h := range handlers {
		if h.Person.ID == person {
			return true
		}
	}
	return false
}
