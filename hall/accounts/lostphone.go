package accounts

import (
	"cmp"
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/nonce"
)

// What whoever has lost his phone is answered.
var (
	ErrWhoLost  = certhall.NewError("lost-phone-whose", certhall.Conflict)     // several people have this certificate: give the old number or the user name
	ErrOnlyDesk = certhall.NewError("lost-phone-at-the-desk", certhall.Denied) // has to do with another organisation too
)

// LostPhone is what somebody gives who has lost his phone and cannot log in.
type LostPhone struct {
	Phone  string `json:"phone" maxLength:"32" doc:"the new one"`
	Code   string `json:"code,omitempty" maxLength:"32" doc:"that was sent to the new one; not needed again within ten minutes"`
	Signed []byte `json:"signed" maxLength:"16384" doc:"proof.Signed over proof.Login, DER, with the nonce for this phone: by the key of one of his certificates"`
	Name   string `json:"name,omitempty" maxLength:"64" doc:"his old phone or user name: needed where several people have this certificate"`

	Session Session `json:"-"`
	Address string  `json:"-"`
	Agent   string  `json:"-"`
}

// lostNonces are for signatures that give an account a phone, and this one alone.
func (d *Desk) lostNonces(phone string) nonce.Maker {
	return nonce.Maker{Purpose: "certhall/lost-phone-nonce/1\x00" + phone, Secret: d.Secret, Clock: d.Clock, Random: d.Random}
}

// LostPhoneNonce makes the one-time value that a key signs for a new phone.
func (d *Desk) LostPhoneNonce(_ context.Context, typed string) (LoginNonce, error) {
	phone, err := ParsePhone(typed)
	if err != nil {
		return LoginNonce{}, err
	}
	return d.keyNonce(d.lostNonces(phone))
}

// SendLostPhoneCode sends a code to the new phone of somebody who has lost the
// old one.
func (d *Desk) SendLostPhoneCode(ctx context.Context, s Session, typed, address, work string) (CodeSent, error) {
	phone, err := ParsePhone(typed)
	if err != nil {
		return CodeSent{}, err
	}
	l := newPhoneLine(phone, "lost")
	l.visitor = true
	return d.sendNow(ctx, s, l, phone, address, work)
}

// RecoverPhone gives an account a new phone without a log-in: the new number is
// proved by a code, and a key signs that was put into the account owner's hands
// as the handler of its certificate. Whoever has that key and its PIN may sign
// in the organisation's name anyway, so nothing is risked beyond that
// organisation: the account of somebody who belongs to another one too, or
// handles or has ordered its certificates, is mended by an officer alone. It
// logs in; all other log-ins end; the old number is told.
func (d *Desk) RecoverPhone(ctx context.Context, in LostPhone) (token string, me Me, err error) {
	t := &attempt{Login: Login{Session: in.Session, Address: in.Address, Agent: in.Agent}}
	token, me, err = d.recoverPhone(ctx, in, t)
	return token, me, d.noted(ctx, t, err)
}

func (d *Desk) recoverPhone(ctx context.Context, in LostPhone, t *attempt) (token string, me Me, err error) {
	phone, err := ParsePhone(in.Phone)
	if err != nil {
		return "", Me{}, err
	}
	if in.Session == "" { // no code was sent to nobody
		return "", Me{}, ErrCodeExpired
	}
	if err := d.proveNew(ctx, in.Session, newPhoneLine(phone, "lost"), phone, in.Code); err != nil {
		return "", Me{}, err
	}
	k, err := d.keyOf(ctx, in.Signed, d.lostNonces(phone))
	if err != nil {
		return "", Me{}, err
	}
	if t.account, err = d.whoLost(ctx, k.pair, in.Name); err != nil {
		return "", Me{}, err
	}
	t.phone, t.provedAt, t.nonce, t.expires = t.account.Phone, d.now(), k.nonce, k.expires
	if t.account.Phone != phone {
		t.move = &Move{
			Person: t.account.ID, Was: t.account.Phone, Is: phone,
			By: ByPerson(t.account.ID), Reason: "key " + string(k.pair.SignSerial),
		}
	}
	if token, me, err = d.enter(ctx, t); err == nil && t.move != nil {
		d.Moved(ctx, *t.move)
	}
	return token, me, err
}

// whoLost is the one whose account a certificate's key may mend.
func (d *Desk) whoLost(ctx context.Context, pair *authority.PairInfo, typed string) (a *Account, err error) {
	var named login
	if typed != "" {
		if named, err = parseLogin(typed); err != nil {
			return nil, err
		}
	}
	err = d.Store.Read(ctx, func(r Reader) error {
		handlers, err := r.Handlers(pair.Lineage)
		if err != nil {
			return err
		}
		registered := Registered(handlers)
		switch {
		case len(registered) == 0:
			return ErrLoginKey
		case typed != "":
			if a, err = named.account(r); err != nil || a == nil || !handles(handlers, a.ID) {
				return cmp.Or(err, error(ErrLoginKey))
			}
		case len(registered) > 1:
			return ErrWhoLost
		default:
			if a, err = r.Account(registered[0].Person.ID); err != nil {
				return err
			}
		}
		if elsewhere, err := r.Elsewhere(pair.Organisation, a.ID, pair.Lineage); err != nil || elsewhere {
			return cmp.Or(err, error(ErrOnlyDesk))
		}
		return nil
	})
	return a, err
}
