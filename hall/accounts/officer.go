package accounts

import (
	"context"
	"time"

	"github.com/certhall/certhall"
)

// ErrPersonUnknown says that there is no such person.
var ErrPersonUnknown = certhall.NewError("person-unknown", certhall.NotFound)

// ActSetPhone is the kind of an Act that gave somebody another phone.
const ActSetPhone = "set-phone"

// Act is what was done to a person or in an organisation, by whom, and why.
// Phones in it are masked.
type Act struct {
	ID           string    `json:"-"`
	At           time.Time `json:"at"`
	Operator     string    `json:"operator" doc:"an officer, or person: and the id of whoever has logged in"`
	Kind         string    `json:"kind"`
	Person       string    `json:"person"`
	Organisation string    `json:"organisation,omitempty"`
	Was          string    `json:"was"`
	Became       string    `json:"became"`
	Reason       string    `json:"reason"`
}

// File is what officers see of a person. The phone is masked.
type File struct {
	ID        string               `json:"id"`
	Phone     string               `json:"phone"`
	UserName  string               `json:"user_name,omitempty"`
	MadeAt    time.Time            `json:"registered_at"`
	LastLogin time.Time            `json:"last_login,omitzero"`
	Lineages  []certhall.LineageID `json:"lineages"`
	Acts      []Act                `json:"acts,omitempty"`
}

// Find finds a person by id, phone or user name.
func (d *Desk) Find(ctx context.Context, who string) (f File, err error) {
	err = d.Store.Read(ctx, func(r Reader) error {
		a, err := lookup(r, who)
		if err != nil {
			return err
		}
		f = File{ID: a.ID, Phone: Mask(a.Phone), UserName: a.UserName, MadeAt: a.MadeAt, LastLogin: a.LastLogin}
		if f.Lineages, err = r.LineagesOf(a.ID); err != nil {
			return err
		}
		f.Acts, err = r.Acts(a.ID)
		return err
	})
	return f, err
}

func lookup(r Reader, who string) (a *Account, err error) {
	if phone, malformed := ParsePhone(who); malformed == nil {
		a, err = r.AccountOfPhone(phone)
	} else if a, err = r.Account(who); err == nil && a == nil {
		if _, key, malformed := ParseUserName(who); malformed == nil {
			a, err = r.AccountOfName(key)
		}
	}
	if err == nil && a == nil {
		err = ErrPersonUnknown
	}
	return a, err
}

// SetPhone gives a person another phone on an officer's word; he proves it when
// he next logs in.
func (d *Desk) SetPhone(ctx context.Context, who, typed, operator, reason string) (f File, err error) {
	m := Move{Unproved: true, By: operator, Reason: reason}
	if m.Is, err = ParsePhone(typed); err != nil {
		return f, err
	}
	err = d.Store.Write(ctx, func(w Writer) error {
		a, err := lookup(w, who)
		if err != nil {
			return err
		}
		if m.Person, m.Was, m.Untold = a.ID, a.Phone, a.PhoneUnproved; m.Was == m.Is {
			return nil
		}
		return d.MovePhone(w, m)
	})
	if err != nil {
		return f, err
	}
	if m.Was != m.Is {
		d.Moved(ctx, m)
	}
	return d.Find(ctx, m.Person)
}

// HandlersOf are who handles a lineage.
func (d *Desk) HandlersOf(ctx context.Context, l certhall.LineageID) (handlers []Handler, err error) {
	err = d.Store.Read(ctx, func(r Reader) (err error) {
		handlers, err = r.Handlers(l)
		return err
	})
	return handlers, err
}
