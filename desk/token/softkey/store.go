package softkey

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"

	"github.com/certhall/certhall/desk/token"
)

// store is an opened medium, shared by a device and its applications.
type store struct {
	medium Medium
	random io.Reader
	cut    Switch

	raw     []byte // what image was decoded from
	image   image
	version int // counts what was decoded
	writes  int
	gone    bool // power cut, removed or closed
}

func use(m Medium, random io.Reader, cut Switch) (*store, error) {
	s := &store{medium: m, random: random, cut: cut}
	return s, s.load()
}

// load reads the medium again if it has changed.
func (s *store) load() error {
	if s.gone {
		return token.ErrRemoved
	}
	raw, err := s.medium.Load()
	if errors.Is(err, fs.ErrNotExist) {
		s.gone = true
		return token.ErrRemoved
	}
	if err != nil {
		return token.ErrKeyDamaged.Because(err)
	}
	if s.raw != nil && slices.Equal(raw, s.raw) {
		return nil
	}
	img, err := decode(raw)
	if err != nil {
		return token.ErrKeyDamaged.Because(err)
	}
	if s.version > 0 && img.Serial != s.image.Serial { // another key was plugged in
		s.gone = true
		return token.ErrRemoved
	}
	s.raw, s.image = raw, img
	s.version++
	return nil
}

// write changes what is stored by one write of the medium: whole, half (torn)
// or not at all, as the switch says. change and torn get their own copy.
func (s *store) write(ctx context.Context, what string, change, torn func(*image) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := s.medium.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.load(); err != nil {
		return err
	}
	next := s.image.clone()
	if err := change(&next); err != nil {
		return err // refused, nothing to write
	}
	s.writes++
	cut := None
	if s.cut != nil {
		cut = s.cut(s.writes, what)
	}
	switch cut {
	case Before:
		s.gone = true
		return ErrPowerCut
	case Torn:
		next = s.image.clone()
		if err := torn(&next); err != nil {
			return err
		}
	}
	data, err := next.encode()
	if err != nil {
		return ErrNotWritten.Because(err)
	}
	if err := s.medium.Save(data); err != nil {
		return ErrNotWritten.Because(err)
	}
	if cut != None {
		s.gone = true
		return ErrPowerCut
	}
	s.raw = nil
	return s.load()
}

func (s *store) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.load()
}

func (s *store) info() token.Info {
	return token.Info{Serial: s.image.Serial, Label: s.image.Label, Manufacturer: s.image.Manufacturer, Driver: Driver}
}
