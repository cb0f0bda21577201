package ca

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// NewAdminPIN is the administrator's PIN of a USB key as its maker delivers it.
type NewAdminPIN struct {
	KeySerial string
	PIN       []byte
}

// Lengths of an administrator's PIN, in bytes.
const minAdminPIN, maxAdminPIN = 4, 32

// importAtOnce is how many PINs one transaction, and one entry of the record, has.
const importAtOnce = 200

// What an administrator's PIN is not taken for.
var (
	ErrKeySerial      = certhall.NewError("key-serial-malformed", certhall.Invalid)
	ErrAdminPINForm   = certhall.NewError("admin-pin-malformed", certhall.Invalid)
	ErrAdminPINExists = certhall.NewError("admin-pin-exists", certhall.Conflict) // key
)

// CheckAdminPIN says what is wrong with one, before anything is stored.
func CheckAdminPIN(n NewAdminPIN) error {
	if !named(n.KeySerial) || strings.TrimSpace(n.KeySerial) != n.KeySerial {
		return ErrKeySerial
	}
	bad := func(b byte) bool { return b <= ' ' || b > '~' }
	if len(n.PIN) < minAdminPIN || len(n.PIN) > maxAdminPIN || slices.ContainsFunc(n.PIN, bad) {
		return ErrAdminPINForm
	}
	return nil
}

// EscrowAdminPINs stores administrators' PINs sealed to the unlock key; no key
// needs to be unsealed. One that is there already is left as it is and
// ErrAdminPINExists names it, unless replace is set: what was drawn for an
// unlocking stays a candidate even then.
func (ca *CA) EscrowAdminPINs(ctx context.Context, all []NewAdminPIN, replace bool) error {
	if ca.opt.UnlockKey == nil {
		return authority.ErrUnlockKey
	}
	digest, err := gm.KeyDigest(ca.opt.UnlockKey)
	if err != nil {
		return err
	}
	for _, n := range all {
		if err := CheckAdminPIN(n); err != nil {
			return err
		}
	}
	now := ca.now()
	for some := range slices.Chunk(all, importAtOnce) {
		sealed := make([][]byte, len(some))
		serials := make([]string, len(some))
		for i, n := range some {
			serials[i] = n.KeySerial
			if sealed[i], err = gm.Seal(ca.opt.Random, ca.opt.UnlockKey, n.PIN); err != nil {
				return err
			}
		}
		err := ca.opt.Store.Write(ctx, func(w Writer) error {
			if err := w.LockUnlocking(); err != nil {
				return err
			}
			for i, n := range some {
				p, err := w.AdminPIN(n.KeySerial)
				if err != nil {
					return err
				}
				if p == nil || p.State == AdminPINForgotten {
					p = &AdminPIN{KeySerial: n.KeySerial}
				} else if !replace {
					return ErrAdminPINExists.With("key", n.KeySerial)
				}
				p.State, p.KeyDigest, p.Sealed, p.ImportedAt, p.ChangedAt = AdminPINKnown, digest, sealed[i], now, now
				if err := w.SaveAdminPIN(*p); err != nil {
					return err
				}
			}
			return w.AddRecord(ca.record(authority.AdminPINsImported, Record{}, struct {
				Keys []string `json:"keys"`
				why
			}{serials, ca.because("")}))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ForgetAdminPIN takes what is escrowed of a USB key, for a reason that the
// record keeps. The key can then only be reissued once it is locked.
func (ca *CA) ForgetAdminPIN(ctx context.Context, keySerial, reason string) error {
	if !named(keySerial) {
		return ErrKeySerial
	}
	if len(reason) > maxReason {
		return proof.ErrMalformed.Becausef("a reason of %d bytes", len(reason))
	}
	now := ca.now()
	return ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := w.LockUnlocking(); err != nil {
			return err
		}
		p, err := w.AdminPIN(keySerial)
		if err != nil {
			return err
		}
		if p == nil || p.State == AdminPINForgotten {
			return authority.ErrAdminPINUnknown.With("key", keySerial)
		}
		p.State, p.Sealed, p.Pending, p.ChangedAt = AdminPINForgotten, nil, nil, now
		if err := w.SaveAdminPIN(*p); err != nil {
			return err
		}
		return w.AddRecord(ca.record(authority.AdminPINForgotten, Record{}, struct {
			Key string `json:"key"`
			why
		}{keySerial, ca.because(reason)}))
	})
}

// opened are the escrowed PINs of a USB key in the clear, in the order in which
// they are to be tried: what lies on it as far as is known, then what an
// unlocking without a report may have left there.
type opened struct {
	try   [][]byte
	next  []byte
	drawn []byte // next sealed, where it was drawn now; nil where it was pending
}

// open opens a key's escrow and gives the next PIN: the pending one again, so
// that a key never has more than two candidates; else one is drawn.
func (ca *CA) open(k *Keys, p *AdminPIN) (o opened, err error) {
	digest, err := gm.KeyDigest(&k.Unlock.PublicKey)
	if err != nil {
		return o, err
	}
	if !slices.Equal(digest, p.KeyDigest) {
		return o, authority.ErrUnlockKey.Becausef("key %s is sealed to another unlock key", p.KeySerial)
	}
	current, err := gm.Open(k.Unlock, p.Sealed)
	if err != nil {
		return o, authority.ErrUnlockKey.Because(err)
	}
	o.try = [][]byte{current}
	if p.Pending != nil {
		if o.next, err = gm.Open(k.Unlock, p.Pending); err != nil {
			return o, authority.ErrUnlockKey.Because(err)
		}
		o.try = append(o.try, o.next)
		return o, nil
	}
	if o.next, err = drawAdminPIN(ca.opt.Random, current); err != nil {
		return o, err
	}
	o.drawn, err = gm.Seal(ca.opt.Random, &k.Unlock.PublicKey, o.next)
	return o, err
}

// What a drawn PIN is made of. Letters and digits that look alike are left out:
// an officer may have to type one.
const (
	digits  = "0123456789"
	letters = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
)

// drawAdminPIN draws a PIN of the form that the key has taken before: as long
// (but of 8 characters at least), of digits alone where that was.
func drawAdminPIN(random io.Reader, before []byte) ([]byte, error) {
	alphabet := letters
	if !slices.ContainsFunc(before, func(b byte) bool { return b < '0' || b > '9' }) {
		alphabet = digits
	}
	pin := make([]byte, 0, maxAdminPIN)
	fair := 256 / len(alphabet) * len(alphabet) // bytes from here up would favour some characters
	for one := []byte{0}; len(pin) < max(len(before), 8); {
		if _, err := io.ReadFull(random, one); err != nil {
			return nil, err
		}
		if int(one[0]) < fair {
			pin = append(pin, alphabet[int(one[0])%len(alphabet)])
		}
	}
	return pin, nil
}
