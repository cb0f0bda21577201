package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token/softkey"
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
}

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
	if err := softkey.Create(c.Out, softkey.Options{Serial: c.Serial, Label: c.Label, PIN: pin, Room: c.Room, Tries: c.Tries}); err != nil {
		return err
	}
	s.done("cli.softkey-made", "file", c.Out, "serial", c.Serial, "room", strconv.Itoa(c.Room))
	return nil
}

func (s *shell) newPIN() (string, error) {
	bounds := []string{"min", strconv.Itoa(softkey.MinPIN), "max", strconv.Itoa(softkey.MaxPIN)}
	pin, err := s.prompt(s.text("cli.pin-new", bounds...))
	if err != nil {
		return "", err
	}
	again, err := s.prompt(s.text("cli.pin-again"))
	if err == nil && again != pin {
		err = errPINDiffers
	}
	return pin, err
}
