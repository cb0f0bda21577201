package skf

import (
	"context"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// LoggedIn tells whether the PIN was presented.
func (k *Key) LoggedIn() bool { return k.loggedIn && !k.device.gone }

// Login presents the user's PIN.
func (k *Key) Login(ctx context.Context, pin string) error {
	return k.do(ctx, func() error {
		k.loggedIn = false
		err := k.pin(gmskf.User, func(tries *uint64) error {
			err := k.verify(gmskf.User, pin, tries)
			if is(err, gmskf.AlreadyLoggedIn) { // by somebody else's PIN: this one was not looked at
				k.clear()
				err = k.verify(gmskf.User, pin, tries)
			}
			if is(err, gmskf.PINInvalid, gmskf.PINLength) {
				err = &failure{"SKF_VerifyPIN", gmskf.PINIncorrect} // no try was spent; k.pin asks how many are left
			}
			return err
		})
		k.loggedIn = err == nil
		return err
	})
}

func (k *Key) verify(who gmskf.UserType, pin string, tries *uint64) error {
	return k.withPINs(func(p []native.Arg) error {
		return k.m.call("SKF_VerifyPIN", native.Use(k.handle), native.Word(uint64(who)), p[0], native.ULong(tries))
	}, pin)
}

// Logout forgets that the PIN was presented.
func (k *Key) Logout(ctx context.Context) error {
	return k.do(ctx, func() error {
		if err := k.forget(); !is(err, gmskf.NotLoggedIn, gmskf.NotSupported) {
			return err
		}
		return nil
	})
}

// clear lets the library forget every PIN of the application's: nobody is
// logged in any more, by whatever handle.
func (k *Key) clear() error {
	for other := range k.device.keys {
		if other.app == k.app {
			other.loggedIn = false
		}
	}
	k.loggedIn = false
	return k.m.call("SKF_ClearSecureState", native.Use(k.handle))
}

// forget ends the log-in by this handle. The library has one for the whole
// application: it stays as long as another handle goes on by it.
func (k *Key) forget() error {
	k.loggedIn = false
	for other := range k.device.keys {
		if other.app == k.app && other.loggedIn && other.times == k.device.times {
			return nil
		}
	}
	return k.clear()
}

// PINState tells the user's tries left.
func (k *Key) PINState(ctx context.Context) (token.PINState, error) {
	return k.state(ctx, gmskf.User)
}

// AdminPINState tells the administrator's tries left.
func (k *Key) AdminPINState(ctx context.Context) (token.PINState, error) {
	return k.state(ctx, gmskf.Admin)
}

func (k *Key) state(ctx context.Context, who gmskf.UserType) (s token.PINState, err error) {
	err = k.do(ctx, func() error {
		left, most, err := k.tries(who)
		if is(err, gmskf.NotSupported) {
			s, err = token.PINState{Tries: -1}, nil
			return err
		}
		s = token.PINState{Tries: left, Low: left < most, Final: left == 1, Locked: left == 0}
		return err
	})
	return s, err
}

// tries asks for the tries left and at most, which spends none.
func (k *Key) tries(who gmskf.UserType) (left, most int, err error) {
	const fn = "SKF_GetPINInfo"
	var full, remain, byDefault uint64
	if err := k.m.call(fn, native.Use(k.handle), native.Word(uint64(who)), native.ULong(&full), native.ULong(&remain), native.ULong(&byDefault)); err != nil {
		return 0, 0, err
	}
	const sane = 255
	if full > sane || remain > sane {
		return 0, 0, wrong(fn, "%d of %d tries", remain, full)
	}
	return int(remain), int(full), nil
}

// ChangePIN replaces the user's PIN.
func (k *Key) ChangePIN(ctx context.Context, old, new string) error {
	return k.change(ctx, gmskf.User, old, new)
}

// ChangeAdminPIN replaces the administrator's PIN.
func (k *Key) ChangeAdminPIN(ctx context.Context, old, new string) error {
	return k.change(ctx, gmskf.Admin, old, new)
}

func (k *Key) change(ctx context.Context, who gmskf.UserType, old, new string) error {
	return k.afterwardsOut(ctx, who, func(tries *uint64) error {
		return k.whose(who, old, tries, k.withPINs(func(p []native.Arg) error {
			return k.m.call("SKF_ChangePIN", native.Use(k.handle), native.Word(uint64(who)), p[0], p[1], native.ULong(tries))
		}, old, new))
	})
}

// Unblock sets a new user's PIN by the administrator's.
func (k *Key) Unblock(ctx context.Context, admin, new string) error {
	return k.afterwardsOut(ctx, gmskf.Admin, func(tries *uint64) error {
		return k.whose(gmskf.Admin, admin, tries, k.withPINs(func(p []native.Arg) error {
			return k.m.call("SKF_UnblockPIN", native.Use(k.handle), p[0], p[1], native.ULong(tries))
		}, admin, new))
	})
}

// whose finds out of which of two PINs a library says that it has no form for
// one: if the old one is not right, it is that.
func (k *Key) whose(who gmskf.UserType, old string, tries *uint64, err error) error {
	if !is(err, gmskf.PINInvalid, gmskf.PINLength) {
		return err
	}
	switch seen := k.verify(who, old, tries); {
	case is(seen, gmskf.PINInvalid, gmskf.PINLength):
		return &failure{"SKF_VerifyPIN", gmskf.PINIncorrect}
	case is(seen, gmskf.PINIncorrect, gmskf.PINLocked):
		return seen
	}
	return err // of the new one
}

// afterwardsOut presents a PIN of who's to f, and logs everybody out.
func (k *Key) afterwardsOut(ctx context.Context, who gmskf.UserType, f func(tries *uint64) error) error {
	return k.do(ctx, func() error {
		defer k.clear() // some say that nobody was logged in
		return k.pin(who, f)
	})
}

// refusals are what a wrong PIN and one without tries are called.
var refusals = map[gmskf.UserType]struct{ wrong, locked *certhall.Error }{
	gmskf.User:  {token.ErrPINWrong, token.ErrPINLocked},
	gmskf.Admin: {token.ErrAdminPINWrong, token.ErrAdminPINLocked},
}

// untold is more tries than any key has: f did not tell.
const untold = 1 << 16

// pin presents a PIN of who's by f, which tells the tries left if it is wrong.
func (k *Key) pin(who gmskf.UserType, f func(tries *uint64) error) error {
	tries := uint64(untold)
	err := f(&tries)
	switch {
	case is(err, gmskf.PINLocked):
		return refusals[who].locked.Because(err)
	case !is(err, gmskf.PINIncorrect):
		return err
	}
	if left, _, asked := k.tries(who); asked == nil {
		tries = uint64(left)
	}
	switch {
	case tries == 0:
		return refusals[who].locked.Because(err)
	case tries >= untold:
		return refusals[who].wrong.With("tries", "-1").Because(err)
	}
	return refusals[who].wrong.With("tries", strconv.FormatUint(tries, 10)).Because(err)
}

// withPINs lends PINs to f as C has strings, and wipes them. An empty PIN and
// one with a NUL, of which a library would see a part, never get there.
func (k *Key) withPINs(f func([]native.Arg) error, pins ...string) error {
	args := make([]native.Arg, len(pins))
	for i, pin := range pins {
		if pin == "" || strings.ContainsRune(pin, 0) {
			return token.ErrPINRefused
		}
		b := append([]byte(pin), 0)
		defer clear(b)
		args[i] = native.Secret(b)
	}
	return f(args)
}
