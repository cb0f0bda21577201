package softkey

import (
	"errors"

	"github.com/certhall/certhall/desk/token"
)

// Cut says what becomes of a write when the power fails.
type Cut int

// The cuts.
const (
	None   Cut = iota // the power holds
	Before            // nothing was written
	After             // all was written, the answer never came
	Torn              // half was written, as real keys leave it
)

// Switch is asked before the n-th write of an opened key, counted from 1. What
// names the write: of the PINs login, admin-login, change-pin, unblock and
// change-admin-pin, each followed by one with -done behind its name, and
// maker-unblock; of the containers create, generate, sign-certificate, encryption-key,
// encryption-certificate, delete; of the files file-create, file-write,
// file-delete; of the device label, auth-key, application-create,
// application-delete.
//
// Torn writes leave: create an empty container; generate a public key whose
// private half does not work; a certificate its first half; encryption-key a
// public half without a working private one; delete the certificates without
// their keys; those of the PINs one try less, and -done everything as it was,
// the PIN too; file-write the first half, file-delete zeroes; those of the
// device everything as it was.
type Switch func(write int, what string) Cut

// ErrPowerCut is what the call answers at whose write the power was cut; it is
// a token.ErrRemoved. Every later call on that opened key answers
// token.ErrRemoved too, until it is opened again.
var ErrPowerCut = token.ErrRemoved.Because(errors.New("softkey: power cut"))
