package driverhost

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/pkcs11"
	"github.com/certhall/certhall/desk/token/skf"
)

// module is a loaded library of one kind or the other.
type module interface {
	List(ctx context.Context) ([]token.Info, error)
	Open(ctx context.Context, serial string) (token.Key, error)
	Close() error
}

// kind is how libraries of a kind are loaded and used.
type kind struct {
	load  func(path string, o native.Options) (native.Library, error)
	check func(profile json.RawMessage) error
	open  func(lib native.Library, profile json.RawMessage) (module, error)
}

var kinds = map[string]kind{
	SKF:    kindOf(native.Open, skf.Open),
	PKCS11: kindOf(native.OpenPKCS11, pkcs11.Open),
}

// kindOf is a kind whose quirks are a P.
func kindOf[P any, M module](load func(string, native.Options) (native.Library, error), open func(native.Library, P) (M, error)) kind {
	read := func(profile json.RawMessage) (p P, err error) {
		d := json.NewDecoder(bytes.NewReader(profile))
		d.DisallowUnknownFields()
		return p, d.Decode(&p)
	}
	return kind{
		load: load,
		check: func(profile json.RawMessage) error {
			_, err := read(profile)
			return err
		},
		open: func(lib native.Library, profile json.RawMessage) (module, error) {
			p, err := read(profile)
			if err != nil {
				return nil, token.ErrDriverMissing.Because(err)
			}
			m, err := open(lib, p)
			if err != nil {
				return nil, err
			}
			return m, nil
		},
	}
}
