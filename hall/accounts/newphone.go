package accounts

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/notify"
)

// What a new phone is refused for.
var (
	ErrPhoneTaken = certhall.NewError("phone-taken", certhall.Conflict) // told to whoever has proved it
	ErrPhoneSame  = certhall.NewError("phone-same", certhall.Invalid)
)

// newPhoneLine sends to a number that is to become somebody's: who is part of
// what the code is good for.
func newPhoneLine(phone, who string) line {
	return line{phone, "new-phone " + who + " " + phone, notify.TemplateNewPhone, false}
}

// newPhoneProof is what such a code proves.
func newPhoneProof(phone string) string { return "new-phone " + phone }

// SendNewPhoneCode sends a code to the number that whoever has logged in wants
// to have as his. Nothing tells him whether it is somebody else's.
func (d *Desk) SendNewPhoneCode(ctx context.Context, v Visit, typed, address string) (CodeSent, error) {
	a, phone, err := d.newPhone(ctx, v, typed)
	if err != nil {
		return CodeSent{}, err
	}
	return d.sendNow(ctx, v.Session, newPhoneLine(phone, a.ID), phone, address, "")
}

// newPhone checks that a person who has shown who he is asks for another phone.
func (d *Desk) newPhone(ctx context.Context, v Visit, typed string) (a Account, phone string, err error) {
	if phone, err = ParsePhone(typed); err != nil {
		return a, "", err
	}
	if a, err = d.account(ctx, v); err != nil {
		return a, "", err
	}
	if a.Phone == phone {
		return a, "", ErrPhoneSame
	}
	shown, err := d.shownLately(ctx, v.Session, a)
	if err == nil && !shown {
		err = d.waysToShow(ctx, a)
	}
	return a, phone, err
}

// waysToShow is ErrShowYourself with the ways that are open to a person.
func (d *Desk) waysToShow(ctx context.Context, a Account) error {
	ways := "code"
	err := d.Store.Read(ctx, func(r Reader) error {
		lineages, err := r.LineagesOf(a.ID)
		if len(lineages) > 0 {
			ways = "code,key"
		}
		return err
	})
	if err != nil {
		return err
	}
	return ErrShowYourself.With("ways", ways)
}

// SetNewPhone gives a person another phone: he has shown who he is (ShowMyself),
// and proves the new number by the code that was sent there. His other log-ins
// end, and the old number is told.
func (d *Desk) SetNewPhone(ctx context.Context, v Visit, typed, code string) (Me, error) {
	a, phone, err := d.newPhone(ctx, v, typed)
	if err != nil {
		return Me{}, err
	}
	if err := d.proveNew(ctx, v.Session, newPhoneLine(phone, a.ID), phone, code); err != nil {
		return Me{}, err
	}
	m := Move{Person: a.ID, Was: a.Phone, Is: phone, By: ByPerson(a.ID), Reason: "self"}
	err = d.Store.Write(ctx, func(w Writer) error {
		visit, err := w.Visit(v.Session)
		if err != nil {
			return err
		}
		if visit.Person != a.ID {
			return ErrLoginNeeded
		}
		if err := d.MovePhone(w, m); err != nil {
			return err
		}
		if err := w.AddVisit(visit); err != nil { // all have ended; this one goes on
			return err
		}
		return w.AddProof(v.Session, phone, d.now().Add(ProofLife))
	})
	if err != nil {
		return Me{}, err
	}
	d.Moved(ctx, m)
	return d.Me(ctx, v)
}

// proveNew wants the code that was sent to a number, unless it was given a
// moment ago: the answer may have been lost.
func (d *Desk) proveNew(ctx context.Context, s Session, l line, phone, code string) error {
	proof := newPhoneProof(phone)
	var until time.Time
	err := d.Store.Read(ctx, func(r Reader) (err error) {
		until, err = r.Proof(s, proof)
		return err
	})
	if err != nil || until.After(d.now()) {
		return err
	}
	return d.checkCode(ctx, s, l, code, proof, shownFor)
}
