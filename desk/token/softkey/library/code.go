package library

import (
	"errors"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm/skf"
)

// refusal is a code of GM/T 0016 as an error.
type refusal struct {
	code  skf.Code
	cause error
}

func (r *refusal) Error() string { return r.code.String() }

func (r *refusal) Unwrap() error { return r.cause }

func refuse(c skf.Code) error { return &refusal{code: c} }

func because(c skf.Code, err error) error { return &refusal{c, err} }

// codes are what a soft key's errors are called in GM/T 0016.
var codes = []struct {
	err  error
	code skf.Code
}{
	{token.ErrRemoved, skf.DeviceRemoved},
	{token.ErrKeyDamaged, skf.FileError},
	{token.ErrKeyBusy, skf.Timeout},
	{token.ErrKeyFull, skf.NoRoom},
	{token.ErrPINWrong, skf.PINIncorrect},
	{token.ErrPINLocked, skf.PINLocked},
	{token.ErrPINNeeded, skf.NotLoggedIn},
	{token.ErrPINRefused, skf.PINLength},
	{token.ErrAdminPINWrong, skf.PINIncorrect},
	{token.ErrAdminPINLocked, skf.PINLocked},
	{token.ErrContainerExists, skf.FileExists},
	{token.ErrNoContainer, skf.FileMissing},
	{token.ErrNoKey, skf.KeyNotFound},
	{token.ErrNoCertificate, skf.CertificateNotFound},
	{token.ErrKeyPairBroken, skf.ObjectError},
	{token.ErrEnvelope, skf.InputData},
	{token.ErrCiphertext, skf.InputData},
	{token.ErrUnsupported, skf.NotSupported},
	{token.ErrAlgorithmUnsupported, skf.NotSupported},
	{softkey.ErrNoApplication, skf.ApplicationMissing},
	{softkey.ErrApplicationExists, skf.ApplicationExists},
	{softkey.ErrNoFile, skf.FileMissing},
	{softkey.ErrFileExists, skf.FileExists},
	{softkey.ErrFileBounds, skf.InvalidParameter},
	{softkey.ErrFileRights, skf.NotLoggedIn},
	{softkey.ErrNotWritten, skf.WriteFileError},
	{softkey.ErrOptions, skf.InvalidParameter},
}

// CodeOf is the code that a function answers for its error: skf.OK for none.
func CodeOf(err error) skf.Code {
	if err == nil {
		return skf.OK
	}
	var r *refusal
	if errors.As(err, &r) {
		return r.code
	}
	for _, f := range full {
		if errors.Is(err, f) {
			return skf.NoRoom
		}
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return skf.Fail
}
