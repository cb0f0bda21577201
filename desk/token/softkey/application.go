package softkey

import (
	"cmp"
	"context"
	"encoding/base32"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/certhall/certhall/desk/token"
)

// DefaultApplication is the name of the application that Format makes.
const DefaultApplication = "certhall"

// Application says what application to make. Zero values of the tries and of
// Iterations mean the defaults.
type Application struct {
	Name       string // at most 48 bytes
	PIN        string
	Tries      int    // wrong PINs in a row until it locks
	AdminPIN   string // drawn and forgotten if empty: then nothing unlocks it
	AdminTries int
	FileRights Right // who may make and delete files
	// MakerSecret unlocks by question and answer (UnblockByAnswer); none if empty.
	MakerSecret []byte
	Iterations  int // of PBKDF2 with SM3, PIN to key
}

// make makes it for the device of a serial.
func (o Application) make(serial string, random io.Reader) (a application, err error) {
	if o.AdminPIN == "" {
		if o.AdminPIN, err = NewAdminPIN(random); err != nil {
			return a, err
		}
	}
	for _, pin := range []string{o.PIN, o.AdminPIN} {
		if err := checkPIN(pin); err != nil {
			return a, err
		}
	}
	if n := len(o.MakerSecret); n > 0 && n < MinMakerSecret {
		return a, ErrOptions.Becausef("a maker's secret of %d bytes", n)
	}
	a.state = state{
		Serial: serial, Name: o.Name, FileRights: int(o.FileRights),
		MaxTries: cmp.Or(o.Tries, DefaultTries), AdminMax: cmp.Or(o.AdminTries, DefaultTries), Iterations: cmp.Or(o.Iterations, DefaultIterations),
	}
	a.Tries, a.AdminTries = a.MaxTries, a.AdminMax
	if err := a.check(); err != nil {
		return a, ErrOptions.Because(err)
	}
	v, err := newVault(random)
	if err != nil {
		return a, err
	}
	if a.User, err = v.under(o.PIN, a.Iterations, random); err != nil {
		return a, err
	}
	if a.Admin, err = v.under(o.AdminPIN, a.Iterations, random); err != nil {
		return a, err
	}
	if len(o.MakerSecret) > 0 {
		if a.Maker, err = v.under(makerPIN(o.MakerSecret), a.Iterations, random); err != nil {
			return a, err
		}
	}
	return a, a.seal(v)
}

// NewAdminPIN draws an administrator's PIN: 16 characters, 80 bits.
func NewAdminPIN(random io.Reader) (string, error) {
	var b [10]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	return base32.StdEncoding.EncodeToString(b[:]), nil
}

// checkPIN bounds a new PIN: token.ErrPINRefused.
func checkPIN(pin string) error {
	if n := utf8.RuneCountInString(pin); n < MinPIN || n > MaxPIN {
		return token.ErrPINRefused.With("min", strconv.Itoa(MinPIN)).With("max", strconv.Itoa(MaxPIN))
	}
	return nil
}

// Applications lists the applications by name.
func (d *Device) Applications(ctx context.Context) ([]string, error) {
	if err := d.store.ready(ctx); err != nil {
		return nil, err
	}
	names := make([]string, len(d.store.image.Applications))
	for i, a := range d.store.image.Applications {
		names[i] = a.Name
	}
	return names, nil
}

// Application opens one, logged out: ErrNoApplication.
func (d *Device) Application(ctx context.Context, name string) (*Key, error) {
	k := keyOf(d.store, name)
	_, err := k.ready(ctx)
	return k, err
}

// CreateApplication makes one and opens it: ErrApplicationExists,
// token.ErrKeyFull, token.ErrPINRefused.
func (d *Device) CreateApplication(ctx context.Context, o Application) (*Key, error) {
	made, err := o.make(d.store.image.Serial, d.store.random)
	if err != nil {
		return nil, err
	}
	err = d.write(ctx, "application-create", func(img *image) error {
		if img.application(o.Name) != nil {
			return ErrApplicationExists
		}
		if len(img.Applications) >= MaxApplications {
			return token.ErrKeyFull
		}
		img.Applications = append(img.Applications, made)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return keyOf(d.store, o.Name), nil
}

// DeleteApplication removes one with all that lies in it: ErrNoApplication.
func (d *Device) DeleteApplication(ctx context.Context, name string) error {
	return d.write(ctx, "application-delete", func(img *image) error {
		if img.application(name) == nil {
			return ErrNoApplication
		}
		img.Applications = slices.DeleteFunc(img.Applications, func(a application) bool { return a.Name == name })
		return nil
	})
}
