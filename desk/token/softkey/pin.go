package softkey

import (
	"context"
	"strconv"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Right is who may do something, or who has logged in, as GM/T 0016 has it
// (SECURE_ADM_ACCOUNT and its like): several may be joined.
type Right int

// The rights.
const (
	Never  Right = 0
	Admin  Right = 0x01
	User   Right = 0x10
	Anyone Right = 0xFF
)

// counter is a PIN's place in an application.
type counter struct {
	tries         *int
	most          int
	hidden        *hidden
	wrong, locked *certhall.Error
}

func (a *application) counter(who Right) counter {
	if who == Admin {
		return counter{&a.AdminTries, a.AdminMax, &a.Admin, token.ErrAdminPINWrong, token.ErrAdminPINLocked}
	}
	return counter{&a.Tries, a.MaxTries, &a.User, token.ErrPINWrong, token.ErrPINLocked}
}

// PINState tells the tries left.
func (k *Key) PINState(ctx context.Context) (token.PINState, error) { return k.state(ctx, User) }

// AdminPINState tells those of the administrator's PIN: token.ErrUnsupported
// where there is none (keys made in format 1).
func (k *Key) AdminPINState(ctx context.Context) (token.PINState, error) { return k.state(ctx, Admin) }

func (k *Key) state(ctx context.Context, who Right) (token.PINState, error) {
	a, err := k.ready(ctx)
	if err != nil {
		return token.PINState{}, err
	}
	c := a.counter(who)
	if c.most == 0 {
		return token.PINState{}, token.ErrUnsupported
	}
	return token.PINState{Tries: *c.tries, Low: *c.tries < c.most, Final: *c.tries == 1, Locked: *c.tries == 0}, nil
}

// MaxTries tells how many wrong PINs in a row lock somebody's PIN; 0 where
// there is none.
func (k *Key) MaxTries(ctx context.Context, who Right) (int, error) {
	a, err := k.ready(ctx)
	if err != nil {
		return 0, err
	}
	return a.counter(who).most, nil
}

// LoggedIn tells whether the user's PIN was presented.
func (k *Key) LoggedIn() bool { return k.Rights()&User != 0 }

// Rights tells whose PINs were presented.
func (k *Key) Rights() Right {
	if k.store.gone {
		return Never
	}
	return k.rights
}

// Logout forgets what the PINs opened.
func (k *Key) Logout(context.Context) error {
	k.forget()
	return nil
}

// Login presents the user's PIN. The try is spent, durably, before the PIN is
// looked at, and given back after it proved right: pulling the key gives no
// free try.
func (k *Key) Login(ctx context.Context, pin string) error { return k.login(ctx, "login", User, pin) }

// LoginAdmin presents the administrator's PIN, which opens files only.
// Whoever logs in as both has both rights.
func (k *Key) LoginAdmin(ctx context.Context, pin string) error {
	return k.login(ctx, "admin-login", Admin, pin)
}

func (k *Key) login(ctx context.Context, what string, who Right, pin string) error {
	if k.rights &^= who; k.rights == 0 {
		k.forget()
	}
	v, err := k.present(ctx, what, who, pin)
	if err != nil {
		return err
	}
	restore := func(a *application) error {
		c := a.counter(who)
		*c.tries = c.most
		return nil
	}
	if err := k.write(ctx, what+"-done", nil, restore, same); err != nil {
		return err
	}
	k.vault, k.rights, k.sealed = v, k.rights|who, k.store.version
	return nil
}

// same is what a torn write leaves that changes one thing.
func same(*application) error { return nil }

// present spends a try of somebody's PIN, then looks at it, and answers what
// it opens. The try is the caller's to give back.
func (k *Key) present(ctx context.Context, what string, who Right, pin string) (*vault, error) {
	spend := func(a *application) error {
		c := a.counter(who)
		if c.most == 0 {
			return token.ErrUnsupported
		}
		if *c.tries == 0 {
			return c.locked
		}
		*c.tries--
		return nil
	}
	if err := k.write(ctx, what, nil, spend, spend); err != nil {
		return nil, err
	}
	a, err := k.of(&k.store.image)
	if err != nil {
		return nil, err
	}
	c := a.counter(who)
	v, err := c.hidden.open(pin, a.Iterations)
	switch {
	case err != nil && *c.tries == 0:
		return nil, c.locked
	case err != nil:
		return nil, c.wrong.With("tries", strconv.Itoa(*c.tries))
	case !v.sealed(a):
		return nil, token.ErrKeyDamaged.Becausef("changed by someone who does not know the PIN")
	}
	return v, nil
}

// ChangePIN replaces the user's PIN by itself.
func (k *Key) ChangePIN(ctx context.Context, old, new string) error {
	return k.replace(ctx, "change-pin", User, old, User, new)
}

// Unblock replaces the user's PIN by the administrator's.
func (k *Key) Unblock(ctx context.Context, admin, new string) error {
	return k.replace(ctx, "unblock", Admin, admin, User, new)
}

// ChangeAdminPIN replaces the administrator's PIN by itself.
func (k *Key) ChangeAdminPIN(ctx context.Context, old, new string) error {
	return k.replace(ctx, "change-admin-pin", Admin, old, Admin, new)
}

// replace hides the master under a new PIN once another was shown, and gives
// the tries of both back, by one write. Nobody is logged in afterwards.
func (k *Key) replace(ctx context.Context, what string, by Right, pin string, whose Right, next string) error {
	if err := checkPIN(next); err != nil {
		return err
	}
	k.forget()
	v, err := k.present(ctx, what, by, pin)
	if err != nil {
		return err
	}
	under, err := v.under(next, k.store.image.application(k.name).Iterations, k.store.random)
	if err != nil {
		return certhall.ErrInternal.Because(err)
	}
	return k.write(ctx, what+"-done", v, func(a *application) error {
		for _, who := range []Right{by, whose} {
			c := a.counter(who)
			*c.tries = c.most
		}
		*a.counter(whose).hidden = under
		return nil
	}, same)
}
