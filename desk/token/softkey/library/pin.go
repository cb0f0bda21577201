package library

import (
	"context"
	"unicode/utf8"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm/skf"
)

// The PIN functions take the type of GM/T 0016 (ADMIN_TYPE, USER_TYPE) and
// answer, besides, how many tries are left.

// whose reads a PIN's type.
func whose(pinType uint32) (softkey.Right, error) {
	switch skf.UserType(pinType) {
	case skf.Admin:
		return softkey.Admin, nil
	case skf.User:
		return softkey.User, nil
	}
	return 0, refuse(skf.UserTypeInvalid)
}

func pinState(k *softkey.Key, who softkey.Right) (token.PINState, error) {
	if who == softkey.Admin {
		return k.AdminPINState(context.Background())
	}
	return k.PINState(context.Background())
}

// tried lets f present somebody's PIN, and tells the tries left afterwards.
func (l *Library) tried(h Handle, who softkey.Right, f func(*softkey.Key) error) (tries uint32, err error) {
	err = l.opened(h, func(k *softkey.Key) error {
		failed := f(k)
		if s, err := pinState(k, who); err == nil {
			tries = uint32(s.Tries)
		}
		return failed
	})
	return tries, err
}

// checkPIN refuses what can be no PIN, without spending a try.
func checkPIN(pins ...string) error {
	for _, pin := range pins {
		if n := utf8.RuneCountInString(pin); n < softkey.MinPIN || n > softkey.MaxPIN {
			return refuse(skf.PINLength)
		}
	}
	return nil
}

// PINInfo is what GetPINInfo tells.
type PINInfo struct{ Most, Left uint32 }

// GetPINInfo tells a PIN's tries without spending one.
func (l *Library) GetPINInfo(h Handle, pinType uint32) (info PINInfo, err error) {
	who, err := whose(pinType)
	if err != nil {
		return info, err
	}
	err = l.opened(h, func(k *softkey.Key) error {
		most, err := k.MaxTries(context.Background(), who)
		if err != nil {
			return err
		}
		s, err := pinState(k, who)
		info = PINInfo{uint32(most), uint32(s.Tries)}
		return err
	})
	return info, err
}

// VerifyPIN presents a PIN. Whoever is logged in already may do so again.
func (l *Library) VerifyPIN(h Handle, pinType uint32, pin string) (tries uint32, err error) {
	who, err := whose(pinType)
	if err != nil {
		return 0, err
	}
	return l.tried(h, who, func(k *softkey.Key) error {
		if err := checkPIN(pin); err != nil {
			return err
		}
		if who == softkey.Admin {
			return k.LoginAdmin(context.Background(), pin)
		}
		return k.Login(context.Background(), pin)
	})
}

// ChangePIN replaces a PIN by itself. Whoever was logged in by it still is.
func (l *Library) ChangePIN(h Handle, pinType uint32, old, next string) (tries uint32, err error) {
	who, err := whose(pinType)
	if err != nil {
		return 0, err
	}
	return l.tried(h, who, func(k *softkey.Key) error {
		if err := checkPIN(old, next); err != nil {
			return err
		}
		ctx, rights := context.Background(), k.Rights()
		if who == softkey.Admin {
			err := k.ChangeAdminPIN(ctx, old, next)
			if err == nil && rights&softkey.Admin != 0 {
				return k.LoginAdmin(ctx, next)
			}
			return err
		}
		err := k.ChangePIN(ctx, old, next)
		if err == nil && rights&softkey.User != 0 {
			return k.Login(ctx, next)
		}
		return err
	})
}

// UnblockPIN sets a new user's PIN by the administrator's; the tries it tells
// are the administrator's.
func (l *Library) UnblockPIN(h Handle, admin, next string) (tries uint32, err error) {
	return l.tried(h, softkey.Admin, func(k *softkey.Key) error {
		if err := checkPIN(admin, next); err != nil {
			return err
		}
		return k.Unblock(context.Background(), admin, next)
	})
}

// ClearSecureState forgets what was verified for an application.
func (l *Library) ClearSecureState(h Handle) error {
	return l.opened(h, func(k *softkey.Key) error { return k.Logout(context.Background()) })
}
