package pkcs11

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
)

// PINState tells what the token's flags tell: no numbers.
func (k *key) PINState(ctx context.Context) (token.PINState, error) {
	return k.pinState(ctx, 0)
}

// AdminPINState is PINState of the security officer's PIN.
func (k *key) AdminPINState(ctx context.Context) (token.PINState, error) {
	return k.pinState(ctx, adminShift)
}

// pinState also finds out whether the key is still there: the same token in
// the slot, and the session alive.
func (k *key) pinState(ctx context.Context, shift int) (token.PINState, error) {
	if err := k.ready(ctx); err != nil {
		return token.PINState{}, err
	}
	t, err := k.m.token(k.place.slot)
	if err != nil {
		return token.PINState{}, explained(err)
	}
	if t.serial != k.place.own {
		return token.PINState{}, token.ErrRemoved.Becausef("another token in slot %d", k.place.slot)
	}
	if _, err := k.loggedIn(); err != nil {
		return token.PINState{}, explained(err)
	}
	flags := t.flags >> shift
	return token.PINState{
		Tries: -1, Low: flags&pinCountLow != 0, Final: flags&pinFinalTry != 0, Locked: flags&pinIsLocked != 0,
	}, nil
}

// loggedIn asks the library: a log-in belongs to its process, not to a session.
func (k *key) loggedIn() (bool, error) {
	b := make([]byte, 4*k.m.profile.ULong) // CK_SESSION_INFO: slotID, state, flags, ulDeviceError
	if err := k.call("C_GetSessionInfo", native.Out(b)); err != nil {
		return false, err
	}
	state := number(b[k.m.profile.ULong:], k.m.profile.ULong)
	return state == stateROUser || state == stateRWUser, nil
}

// LoggedIn tells whether the PIN was presented.
func (k *key) LoggedIn() bool {
	if k.closed {
		return false
	}
	in, err := k.loggedIn()
	return err == nil && in
}

// Logout ends the log-in.
func (k *key) Logout(ctx context.Context) error {
	if err := k.ready(ctx); err != nil {
		return err
	}
	return explained(k.logout())
}

func (k *key) logout() error {
	if err := k.call("C_Logout"); err != nil && !answers(err, notLoggedIn) {
		return err
	}
	return nil
}

// Login presents the PIN, also where somebody is logged in already: it is to
// be found right or wrong.
func (k *key) Login(ctx context.Context, pin string) error {
	if err := k.ready(ctx); err != nil {
		return err
	}
	return k.login(ctx, userPlain, pin)
}

// person is whose PIN is presented.
type person struct {
	wrong, locked *certhall.Error
	state         func(context.Context) (token.PINState, error)
}

func (k *key) person(user uint64) person {
	if user == userSO {
		return person{token.ErrAdminPINWrong.With("tries", "-1"), token.ErrAdminPINLocked, k.AdminPINState}
	}
	return person{token.ErrPINWrong.With("tries", "-1"), token.ErrPINLocked, k.PINState}
}

func (k *key) login(ctx context.Context, user uint64, pin string) error {
	if pin == "" { // NULL would ask for it on the key's own pad
		return k.person(user).wrong
	}
	if err := k.logout(); err != nil {
		return explained(err)
	}
	err := k.present(user, pin)
	switch {
	case answers(err, readOnlyExists): // a session for reading, of whomever: the officer's log-in ends them all
		if err := k.m.call("C_CloseAllSessions", native.Word(k.place.slot)); err != nil {
			return explained(err)
		}
		if err := k.begin(); err != nil {
			return explained(err)
		}
		err = k.present(user, pin)
	case answers(err, alreadyLoggedIn, anotherLoggedIn): // the log-out did not count
		return token.ErrKeyBusy.Because(err)
	}
	return k.judged(ctx, user, err)
}

func (k *key) present(user uint64, pin string) error {
	return k.call("C_Login", native.Word(user), native.Secret([]byte(pin)), native.Word(uint64(len(pin))))
}

// judged explains what became of a PIN. Some tokens say that the one try too
// many was wrong, not that it locked; some say no of a PIN by its length.
func (k *key) judged(ctx context.Context, user uint64, err error) error {
	p := k.person(user)
	switch {
	case answers(err, pinLocked):
		return p.locked.Because(err)
	case answers(err, pinIncorrect, pinInvalid, pinLength):
		if state, unknown := p.state(ctx); unknown == nil && state.Locked {
			return p.locked.Because(err)
		}
		return p.wrong.Because(err)
	}
	return explained(err)
}

// ChangePIN replaces the user's PIN.
func (k *key) ChangePIN(ctx context.Context, old, new string) error {
	return k.change(ctx, userPlain, old, new)
}

// ChangeAdminPIN replaces the security officer's PIN.
func (k *key) ChangeAdminPIN(ctx context.Context, old, new string) error {
	return k.change(ctx, userSO, old, new)
}

// change logs in by the old PIN first: so whatever is wrong after that is the
// new one.
func (k *key) change(ctx context.Context, user uint64, old, new string) error {
	if err := k.acceptable(ctx, new); err != nil {
		return err
	}
	err := k.login(ctx, user, old)
	if err != nil && !errors.Is(err, ErrPINExpired) {
		return err
	}
	err = k.call("C_SetPIN", native.Secret([]byte(old)), native.Word(uint64(len(old))), native.Secret([]byte(new)), native.Word(uint64(len(new))))
	return k.set(ctx, user, err)
}

// Unblock lets the security officer set a new user's PIN.
func (k *key) Unblock(ctx context.Context, admin, new string) error {
	if err := k.acceptable(ctx, new); err != nil {
		return err
	}
	if err := k.login(ctx, userSO, admin); err != nil {
		return err
	}
	return k.set(ctx, userSO, k.call("C_InitPIN", native.Secret([]byte(new)), native.Word(uint64(len(new)))))
}

// set explains what became of a new PIN and logs out.
func (k *key) set(ctx context.Context, user uint64, err error) error {
	out := k.logout()
	switch {
	case answers(err, refusedPIN...):
		return token.ErrPINRefused.Because(err)
	case err != nil:
		return k.judged(ctx, user, err)
	}
	return explained(out)
}

// acceptable refuses a new PIN by the lengths that the token tells.
func (k *key) acceptable(ctx context.Context, pin string) error {
	if err := k.ready(ctx); err != nil {
		return err
	}
	t, err := k.m.token(k.place.slot)
	if err != nil {
		return explained(err)
	}
	n := uint64(len(pin))
	if n == 0 || t.maxPIN > 0 && t.minPIN <= t.maxPIN && (n < t.minPIN || n > t.maxPIN) {
		return token.ErrPINRefused.Becausef("%d bytes, not %d to %d", n, t.minPIN, t.maxPIN)
	}
	return nil
}
