package softkey

import (
	"context"
	"crypto/rand"
	"io"
	"slices"

	"github.com/certhall/certhall/desk/token"
)

// Device is an opened soft key as GM/T 0016 sees it: a device with
// applications. Its functions ask for no PIN; whoever lets others call them
// authenticates those by the device's key first. A Device and the Keys it
// opened are used by one goroutine at a time.
type Device struct{ store *store }

// OpenDevice opens the device in a file; errors as Open.
func OpenDevice(path string) (*Device, error) { return UseDevice(File(path), rand.Reader, nil) }

// UseDevice opens the device on a medium, as Use does.
func UseDevice(m Medium, random io.Reader, cut Switch) (*Device, error) {
	s, err := use(m, random, cut)
	if err != nil {
		return nil, err
	}
	return &Device{s}, nil
}

// Info names the device.
func (d *Device) Info() token.Info { return d.store.info() }

// Present tells whether it is still there: token.ErrRemoved, token.ErrKeyDamaged.
func (d *Device) Present(ctx context.Context) error { return d.store.ready(ctx) }

// Room tells how many containers the device has room for, and for how many
// more, over all applications.
func (d *Device) Room(ctx context.Context) (all, free int, err error) {
	if err := d.store.ready(ctx); err != nil {
		return 0, 0, err
	}
	return d.store.image.Room, d.store.image.free(), nil
}

// SetLabel renames the device (at most 128 bytes).
func (d *Device) SetLabel(ctx context.Context, label string) error {
	if len(label) > maxLabel {
		return ErrOptions.Becausef("label of %d bytes", len(label))
	}
	return d.write(ctx, "label", func(img *image) error {
		img.Label = label
		return nil
	})
}

// AuthKey is the device's authentication key, AuthKeyLength bytes of SM4.
func (d *Device) AuthKey(ctx context.Context) ([]byte, error) {
	if err := d.store.ready(ctx); err != nil {
		return nil, err
	}
	return slices.Clone(d.store.image.AuthKey), nil
}

// ChangeAuthKey replaces it.
func (d *Device) ChangeAuthKey(ctx context.Context, key []byte) error {
	if len(key) != AuthKeyLength {
		return ErrOptions.Becausef("authentication key of %d bytes", len(key))
	}
	key = slices.Clone(key)
	return d.write(ctx, "auth-key", func(img *image) error {
		img.AuthKey = key
		return nil
	})
}

// write changes the device; torn, everything is as it was.
func (d *Device) write(ctx context.Context, what string, change func(*image) error) error {
	return d.store.write(ctx, what, change, func(*image) error { return nil })
}

// Close ends the use of the device and of the Keys it opened. Calls after it
// answer token.ErrRemoved.
func (d *Device) Close() error {
	d.store.gone = true
	return nil
}
