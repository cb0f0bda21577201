package softkey

import (
	"context"
	"strconv"

	"github.com/certhall/certhall/desk/token"
)

// PINState tells the tries left.
func (k *Key) PINState(ctx context.Context) (token.PINState, error) {
	if err := k.ready(ctx); err != nil {
		return token.PINState{}, err
	}
	return token.PINState{
		Tries:  k.image.Tries,
		Low:    k.image.Tries < k.image.MaxTries,
		Final:  k.image.Tries == 1,
		Locked: k.image.Tries == 0,
	}, nil
}

// LoggedIn tells whether the PIN was presented.
func (k *Key) LoggedIn() bool { return k.vault != nil }

// Logout forgets the PIN's key.
func (k *Key) Logout(context.Context) error {
	k.forget()
	return nil
}

// Login presents the PIN. The try is spent, durably, before the PIN is looked
// at, and given back after it proved right: pulling the key gives no free try.
func (k *Key) Login(ctx context.Context, pin string) error {
	spend := func(img *image) error {
		if img.Tries == 0 {
			return token.ErrPINLocked
		}
		img.Tries--
		return nil
	}
	k.forget()
	if err := k.write(ctx, "login", spend, spend); err != nil {
		return err
	}
	v, err := openVault(&k.image.state, pin)
	switch {
	case err != nil && k.image.Tries == 0:
		return token.ErrPINLocked
	case err != nil:
		return token.ErrPINWrong.With("tries", strconv.Itoa(k.image.Tries))
	case !v.sealed(k.image):
		return token.ErrKeyDamaged.Becausef("changed by someone who does not know the PIN")
	}
	restore := func(img *image) error {
		img.Tries = img.MaxTries
		return nil
	}
	if err := k.write(ctx, "login-done", restore, func(*image) error { return nil }); err != nil {
		return err
	}
	k.vault = v
	return nil
}

// ChangePIN: not yet.
func (k *Key) ChangePIN(context.Context, string, string) error { return token.ErrUnsupported }

// AdminPINState: not yet.
func (k *Key) AdminPINState(context.Context) (token.PINState, error) {
	return token.PINState{}, token.ErrUnsupported
}

// Unblock: not yet.
func (k *Key) Unblock(context.Context, string, string) error { return token.ErrUnsupported }

// ChangeAdminPIN: not yet.
func (k *Key) ChangeAdminPIN(context.Context, string, string) error { return token.ErrUnsupported }
