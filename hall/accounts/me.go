package accounts

import (
	"context"

	"github.com/certhall/certhall"
)

// What is refused to a person about himself.
var (
	ErrOldPassword = certhall.NewError("old-password-wrong", certhall.Denied)
	ErrNameTaken   = certhall.NewError("user-name-taken", certhall.Conflict)
)

func (d *Desk) account(ctx context.Context, v Visit) (a Account, err error) {
	err = d.Store.Read(ctx, func(r Reader) error {
		found, err := r.Account(v.Person)
		if err == nil && found == nil {
			err = ErrLoginNeeded
		}
		if err == nil {
			a = *found
		}
		return err
	})
	return a, err
}

// Logout ends a session, and what was proved to it.
func (d *Desk) Logout(ctx context.Context, s Session) error {
	return d.Store.Write(ctx, func(w Writer) error { return w.EndSession(s) })
}

// SetPassword gives a person a password of his own. Who has one gives the old
// one too, unless he has just shown that it is he. His other log-ins end.
func (d *Desk) SetPassword(ctx context.Context, v Visit, old, typed string) (Me, error) {
	a, err := d.account(ctx, v)
	if err != nil {
		return Me{}, err
	}
	password, err := newPassword(typed, a)
	if err != nil {
		return Me{}, err
	}
	if err := d.checkOld(ctx, v, a, old); err != nil {
		return Me{}, err
	}
	hash, err := d.hash(ctx, password)
	if err != nil {
		return Me{}, err
	}
	err = d.Store.Write(ctx, func(w Writer) error {
		stored, err := w.LockAccount(a.ID)
		if err != nil {
			return err
		}
		visit, err := w.Visit(v.Session)
		if err != nil {
			return err
		}
		if stored == nil || visit.Person != a.ID {
			return ErrLoginNeeded
		}
		if stored.Password != a.Password { // changed a moment ago
			return ErrOldPassword
		}
		if err := w.SetPassword(a.ID, hash); err != nil {
			return err
		}
		if err := w.FreeVisit(v.Session); err != nil {
			return err
		}
		return w.EndOthers(a.ID, v.Session)
	})
	if err != nil {
		return Me{}, err
	}
	v.MustSetPassword = false
	return d.Me(ctx, v)
}

func (d *Desk) checkOld(ctx context.Context, v Visit, a Account, old string) error {
	if a.Password == "" {
		return nil
	}
	shown, err := d.shownLately(ctx, v.Session, a)
	switch {
	case err != nil || shown:
		return err
	case old == "":
		return ErrOldPassword
	}
	return d.compare(ctx, old, a.Password, ErrOldPassword, d.limitOf("person", a.ID, triesOfName))
}

// SetUserName gives a person a user name in place of the one he has. It is the one
// place that tells whether somebody has a name, so it is not told often.
func (d *Desk) SetUserName(ctx context.Context, v Visit, typed string) (Me, error) {
	name, key, err := ParseUserName(typed)
	if err != nil {
		return Me{}, err
	}
	if _, err := d.try(ctx, d.limitOf("rename", v.Person, triesToRename)); err != nil {
		return Me{}, err
	}
	err = d.Store.Write(ctx, func(w Writer) error {
		given, err := w.SetUserName(v.Person, name, key)
		if err == nil && !given {
			err = ErrNameTaken
		}
		return err
	})
	if err != nil {
		return Me{}, err
	}
	return d.Me(ctx, v)
}
