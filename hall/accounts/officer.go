package accounts

import (
	"context"
	"time"

	"github.com/certhall/certhall"
)

// What officers are refused.
var (
	ErrPersonUnknown = certhall.NewError("person-unknown", certhall.NotFound)
	ErrPhoneTaken    = certhall.NewError("phone-taken", certhall.Conflict)
)

// ActSetPhone is the kind of an Act that gave somebody another phone.
const ActSetPhone = "set-phone"

// Act is what an officer did to a person, and why. Phones in it are masked.
type Act struct {
	ID       string    `json:"-"`
	At       time.Time `json:"at"`
	Operator string    `json:"operator"`
	Kind     string    `json:"kind"`
	Person   string    `json:"person"`
	Was      string    `json:"was"`
	Became   string    `json:"became"`
	Reason   string    `json:"reason"`
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

// SetPhone gives a person another phone on an officer's word. Whoever has the
// old phone is out at once: the person's log-ins end, and what was proved or
// sent to the old phone counts for nothing. It answers the old number, for
// cases that wait for a code to it.
func (d *Desk) SetPhone(ctx context.Context, who, typed, operator, reason string) (f File, was, is string, err error) {
	if is, err = ParsePhone(typed); err != nil {
		return f, "", "", err
	}
	now := d.now()
	id := ""
	err = d.Store.Write(ctx, func(w Writer) error {
		a, err := lookup(w, who)
		if err != nil {
			return err
		}
		if a, err = w.LockAccount(a.ID); err != nil {
			return err
		}
		id, was = a.ID, a.Phone
		if was == is {
			return nil
		}
		for _, phone := range []string{min(was, is), max(was, is)} {
			if err := w.LockPhone(phone); err != nil {
				return err
			}
		}
		if holder, err := w.AccountOfPhone(is); err != nil {
			return err
		} else if holder != nil {
			return ErrPhoneTaken
		}
		if err := w.SetPhone(a.ID, is); err != nil {
			return err
		}
		if err := w.ForgetPhone(was); err != nil {
			return err
		}
		if err := w.EndOthers(a.ID, ""); err != nil {
			return err
		}
		return w.AddAct(Act{
			ID: certhall.NewID(now, d.Random), At: now, Operator: operator, Kind: ActSetPhone, Person: a.ID,
			Was: Mask(was), Became: Mask(is), Reason: reason,
		})
	})
	if err != nil {
		return f, "", "", err
	}
	f, err = d.Find(ctx, id)
	return f, was, is, err
}

// HandlersOf are who handles a lineage.
func (d *Desk) HandlersOf(ctx context.Context, l certhall.LineageID) (handlers []Handler, err error) {
	err = d.Store.Read(ctx, func(r Reader) (err error) {
		handlers, err = r.Handlers(l)
		return err
	})
	return handlers, err
}
