package softkey

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"

	"github.com/certhall/certhall"
)

// Options say what key to make: a device with one application. Zero values of
// Room, the tries, Iterations and Random mean the defaults.
type Options struct {
	Serial       string // of the device; drawn if empty
	Label        string
	Manufacturer string // Manufacturer if empty
	Room         int    // containers that fit
	PIN          string
	Tries        int    // wrong PINs in a row until it locks
	AdminPIN     string // drawn and forgotten if empty: then nothing unlocks the key
	AdminTries   int
	MakerSecret  []byte // at least MinMakerSecret bytes: unlocks by question and answer; none if empty
	Iterations   int    // of PBKDF2 with SM3, PIN to key
	Random       io.Reader
}

// Create makes a key in a new file: ErrExists if there is one.
func Create(path string, o Options) error { return Format(File(path), o) }

// Format makes a key on an empty medium: ErrExists if there is one,
// token.ErrPINRefused.
func Format(m Medium, o Options) error {
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Serial == "" {
		serial, err := certhall.NewSerial(o.Random)
		if err != nil {
			return err
		}
		o.Serial = "SK" + string(serial[:12])
	}
	first, err := Application{
		Name: DefaultApplication, FileRights: User,
		PIN: o.PIN, Tries: o.Tries, AdminPIN: o.AdminPIN, AdminTries: o.AdminTries, Iterations: o.Iterations,
		MakerSecret: o.MakerSecret,
	}.make(o.Serial, o.Random)
	if err != nil {
		return err
	}
	img := image{
		Serial: o.Serial, Label: o.Label, Manufacturer: cmp.Or(o.Manufacturer, Manufacturer), AuthKey: make([]byte, AuthKeyLength),
		Room: cmp.Or(o.Room, DefaultRoom), Applications: []application{first},
	}
	data, err := img.encode()
	if err != nil {
		return ErrOptions.Because(err)
	}
	unlock, err := m.Lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := m.Load(); !errors.Is(err, fs.ErrNotExist) {
		return ErrExists
	}
	if err := m.Save(data); err != nil {
		return ErrNotWritten.Because(err)
	}
	return nil
}
