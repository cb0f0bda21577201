package skf

import (
	"errors"
	"fmt"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// failure is what a function answered other than SAR_OK.
type failure struct {
	fn   string
	code gmskf.Code
}

func (f *failure) Error() string { return f.fn + ": " + f.told() }

// told is the code for whoever looks for it in the maker's header.
func (f *failure) told() string {
	if f.code == gmskf.Code(native.Overrun) { // which is not the maker's
		return f.code.String() + " wrote past the end of a buffer"
	}
	return f.code.String()
}

// is tells whether a function answered one of the codes.
func is(err error, codes ...gmskf.Code) bool {
	f, ok := err.(*failure)
	return ok && slices.Contains(codes, f.code)
}

// meanings are the codes that say something of the key. All others say
// something of the library: token.ErrDriverWrong names them.
var meanings = map[gmskf.Code]*certhall.Error{
	gmskf.NotSupported:         token.ErrUnsupported,
	gmskf.Timeout:              token.ErrKeyBusy,
	gmskf.KeyNotFound:          token.ErrNoKey,
	gmskf.CertificateNotFound:  token.ErrNoCertificate,
	gmskf.DeviceRemoved:        token.ErrRemoved,
	gmskf.PINIncorrect:         token.ErrPINWrong,
	gmskf.PINLocked:            token.ErrPINLocked,
	gmskf.PINInvalid:           token.ErrPINRefused,
	gmskf.PINLength:            token.ErrPINRefused,
	gmskf.NotLoggedIn:          token.ErrPINNeeded,
	gmskf.NoRoom:               token.ErrKeyFull,
	gmskf.ReachedMaxContainers: token.ErrKeyFull,
}

// meaning is the error of package token for what a function answered; errors
// that are something else stay as they are.
func meaning(err error) error {
	f, ok := err.(*failure)
	if !ok {
		return err
	}
	if e := meanings[f.code]; e != nil {
		return e.Because(f)
	}
	return token.ErrDriverWrong.With("call", f.fn).With("code", f.told()).Because(f)
}

// wrong is a function that answered success and what cannot be.
func wrong(fn, format string, args ...any) error {
	return token.ErrDriverWrong.With("call", fn).With("code", gmskf.OK.String()).Because(fmt.Errorf("%s: "+format, append([]any{fn}, args...)...))
}

// call calls a function; what it answers is nil or a *failure.
func (m *Module) call(fn string, args ...native.Arg) error {
	code := gmskf.Code(m.lib.Call(fn, args...))
	if code == gmskf.Code(native.Missing) {
		code = gmskf.NotSupported
	}
	if standard, ok := m.codes[code]; ok {
		code = standard
	}
	if code == gmskf.OK {
		return nil
	}
	return &failure{fn, code}
}

// spare is how much longer buffers are than the library asks for: some ask for
// too little.
const spare = 4 << 10

// answer calls a function whose last arguments are a buffer and its size, of
// which the library tells the size when asked without a buffer. It gives the
// whole buffer and how much of it the library says is filled: not all can count.
func (m *Module) answer(fn string, most uint64, args ...native.Arg) (buffer []byte, n int, err error) {
	var size uint64
	err = m.call(fn, slices.Concat(args, []native.Arg{native.Out(nil), native.ULong(&size)})...)
	switch {
	case is(err, gmskf.InvalidParameter): // it takes no NULL
		size = 0
	case err != nil && !is(err, gmskf.BufferTooSmall):
		return nil, 0, err
	}
	for range 3 { // a key can be plugged in between the calls
		if size > most {
			return nil, 0, wrong(fn, "a size of %d", size)
		}
		buffer = make([]byte, size+spare)
		filled := uint64(len(buffer))
		err = m.call(fn, slices.Concat(args, []native.Arg{native.Out(buffer), native.ULong(&filled)})...)
		switch {
		case err == nil && filled > uint64(len(buffer)):
			return nil, 0, wrong(fn, "%d bytes in a buffer of %d", filled, len(buffer))
		case err == nil:
			return buffer, int(filled), nil
		case !is(err, gmskf.BufferTooSmall):
			return nil, 0, err
		}
		size = max(2*size, filled)
	}
	return nil, 0, err
}

// names calls a function that lists names.
func (m *Module) names(fn string, args ...native.Arg) ([]string, error) {
	b, n, err := m.answer(fn, gmskf.MaxNames, args...)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		b = b[:n]
	}
	names, err := gmskf.ParseNames(b)
	if err != nil {
		return nil, wrong(fn, "%w", err)
	}
	return names, nil
}

// asWrong makes a structure that cannot be read an error that names the call.
func asWrong(fn string, err error) error {
	if errors.Is(err, gmskf.ErrLayout) {
		return wrong(fn, "%w", err)
	}
	return err
}
