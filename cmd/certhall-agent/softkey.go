package main

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/durable"
)

type softkeyCmd struct {
	New softkeyNewCmd `cmd:"" help:"Make a soft key."`
}

// softkeyNewCmd makes a soft key.
type softkeyNewCmd struct {
	Out    string `type:"path" help:"File (default: in the keys' folder, named by the serial)."`
	Label  string `help:"What you call it."`
	Serial string `help:"Serial of the device (default: drawn)."`
	Room   int    `default:"8" help:"How many certificates with their keys fit."`
	Tries  int    `default:"6" help:"Wrong PINs in a row until it locks."`

	AdminPINFile string `name:"admin-pin-file" type:"path" help:"Draw an administrator's PIN, which unlocks the key, and write it to this new file for escrow (mode 0600; CSV as certhall admin key-pin import takes it)."`
	AdminPINFD   int    `name:"admin-pin-fd" default:"-1" help:"Read the administrator's PIN from this file descriptor (first line)."`
}

// iterations of PBKDF2 stand before every PIN of a new key; tests take fewer.
var iterations = softkey.DefaultIterations

var errPINDiffers = certhall.NewError("pin-differs", certhall.Invalid)

// Run makes it. A new PIN is asked for twice.
func (c *softkeyNewCmd) Run(s *shell) error {
	if c.Room < 1 || c.Room > softkey.MaxRoom || c.Tries < 1 || c.Tries > 15 {
		return softkey.ErrOptions
	}
	if c.Serial == "" {
		serial, err := certhall.NewSerial(rand.Reader)
		if err != nil {
			return err
		}
		c.Serial = "SK" + string(serial[:12])
	}
	if c.Out == "" {
		c.Out = filepath.Join(s.Keys, c.Serial+softkey.Extension)
	}
	if _, err := os.Stat(c.Out); err == nil {
		return softkey.ErrExists
	}
	pin, given, err := s.pinFromFD()
	if err == nil && !given {
		pin, err = s.newPIN()
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o700); err != nil {
		return softkey.ErrNotWritten.Because(err)
	}
	admin, err := c.adminPIN(s)
	if err != nil {
		return err
	}
	o := softkey.Options{Serial: c.Serial, Label: c.Label, PIN: pin, AdminPIN: admin, Room: c.Room, Tries: c.Tries, Iterations: iterations}
	if err := softkey.Create(c.Out, o); err != nil {
		if c.AdminPINFile != "" {
			err = errors.Join(err, os.Remove(c.AdminPINFile))
		}
		return err
	}
	if admin == "" {
		s.note("cli.softkey-unescrowed")
	}
	s.done("cli.softkey-made", "file", c.Out, "serial", c.Serial, "room", strconv.Itoa(c.Room))
	return nil
}

// adminPIN is the administrator's PIN as the flags or the person have it; ""
// where nobody is to know it. A drawn one is in its file before there is a key.
func (c *softkeyNewCmd) adminPIN(s *shell) (string, error) {
	switch {
	case c.AdminPINFD >= 0:
		return s.nextLine(c.AdminPINFD)
	case c.AdminPINFile != "":
		pin, err := softkey.NewAdminPIN(rand.Reader)
		if err == nil {
			err = durable.Create(c.AdminPINFile, []byte("serial,admin_pin\n"+c.Serial+","+pin+"\n"), durable.Secret)
		}
		if err != nil {
			return "", errFile.With("file", c.AdminPINFile).Because(err)
		}
		return pin, nil
	case s.PinFD < 0:
		return s.twice(s.text("cli.admin-pin-new"))
	}
	return "", nil
}

func (s *shell) newPIN() (string, error) {
	return s.twice(s.text("cli.pin-new", "min", strconv.Itoa(softkey.MinPIN), "max", strconv.Itoa(softkey.MaxPIN)))
}

// twice asks for a new PIN, and again if there is one.
func (s *shell) twice(text string) (string, error) {
	pin, err := s.prompt(text)
	if err != nil || pin == "" {
		return pin, err
	}
	again, err := s.prompt(s.text("cli.pin-again"))
	if err == nil && again != pin {
		err = errPINDiffers
	}
	return pin, err
}
