// Package softkey is a virtual USB key: one file (or a piece of memory) that
// answers the interfaces of package token as a real key does. As devices of
// GM/T 0016 it has applications, each with a user's and an administrator's PIN,
// containers and files; the Key of package token is its first application. PINs
// have counted tries, room is limited, and writes are whole and durable or not
// there at all; for tests, its power can be cut at any write, with the half-done
// states that real keys leave behind. What an application holds is encrypted and
// sealed under its own master, which lies hidden under either PIN, but a short PIN does not withstand guessing by someone who
// holds a copy of the file: keep the file as you would keep the key.
package softkey

import (
	"context"
	"crypto"
	"crypto/rand"
	"io"
	"slices"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Driver is the driver's name in token.Info.
const Driver = "softkey"

// Manufacturer is what devices made here say of themselves.
const Manufacturer = "certhall"

// Defaults and bounds of Options and Application.
const (
	DefaultRoom       = 8
	DefaultTries      = 6
	DefaultIterations = 200_000
	MaxRoom           = 64
	MaxTries          = 15
	MaxIterations     = 10_000_000
	MinPIN, MaxPIN    = 6, 32 // characters
	MaxApplications   = 8
	MaxFiles          = 32       // of an application
	MaxFile           = 64 << 10 // bytes
	AuthKeyLength     = 16       // bytes
	maxStored         = 1 << 20  // bytes of all files together
	maxSerial         = 64       // bytes, as the next two
	maxLabel          = 128
	maxName           = 48 // of applications and files
	maxContainer      = 64 // of containers
)

// What soft keys answer beside the errors of package token.
var (
	ErrExists            = certhall.NewError("softkey-exists", certhall.Conflict)
	ErrOptions           = certhall.NewError("softkey-options", certhall.Invalid)
	ErrNotWritten        = certhall.NewError("softkey-not-written", certhall.Unavailable)
	ErrNoApplication     = certhall.NewError("application-missing", certhall.NotFound)
	ErrApplicationExists = certhall.NewError("application-exists", certhall.Conflict)
	ErrNoFile            = certhall.NewError("key-file-missing", certhall.NotFound)
	ErrFileExists        = certhall.NewError("key-file-exists", certhall.Conflict)
	ErrFileBounds        = certhall.NewError("key-file-bounds", certhall.Invalid) // behind the file's end
	ErrFileRights        = certhall.NewError("key-file-rights", certhall.Denied)  // nobody may, whatever PIN he knows
)

// Key is an opened application of a soft key. As every token.Key it is used by
// one goroutine at a time; several Keys, in several processes too, may share
// one medium.
type Key struct {
	store  *store
	name   string
	vault  *vault // nil while logged out
	rights Right  // of whoever has logged in
	sealed int    // version of the store whose seal was checked
	secret map[string]crypto.Signer
	closed bool

	question *sm2.PrivateKey // the last that was asked of the maker
}

func keyOf(s *store, application string) *Key {
	return &Key{store: s, name: application, secret: map[string]crypto.Signer{}}
}

// Open opens the key in a file: token.ErrRemoved if there is none,
// token.ErrKeyDamaged if it is not the file of a key.
func Open(path string) (*Key, error) { return Use(File(path), rand.Reader, nil) }

// Use opens the key on a medium: its first application, ErrNoApplication if it
// has none. Keys and nonces are drawn from random; cut (or nil) is asked before
// every write.
func Use(m Medium, random io.Reader, cut Switch) (*Key, error) {
	s, err := use(m, random, cut)
	if err != nil {
		return nil, err
	}
	if len(s.image.Applications) == 0 {
		return nil, ErrNoApplication
	}
	return keyOf(s, s.image.Applications[0].Name), nil
}

// ready reads what is stored, and refuses what changed without a PIN while
// somebody is logged in.
func (k *Key) ready(ctx context.Context) (*application, error) {
	if k.closed {
		return nil, token.ErrRemoved
	}
	if err := k.store.ready(ctx); err != nil {
		if ctx.Err() == nil {
			k.forget()
		}
		return nil, err
	}
	return k.of(&k.store.image)
}

// of finds the application in an image that was read.
func (k *Key) of(img *image) (*application, error) {
	a := img.application(k.name)
	if a == nil {
		k.forget()
		return nil, ErrNoApplication
	}
	if k.vault != nil && k.sealed != k.store.version {
		if !k.vault.sealed(a) {
			k.forget()
			return nil, token.ErrKeyDamaged.Becausef("changed by someone who does not know the PIN")
		}
		k.sealed = k.store.version
	}
	return a, nil
}

// write changes the application by one write of the medium, and seals it anew
// with v; v is nil for what stands outside the seal.
func (k *Key) write(ctx context.Context, what string, v *vault, change, torn func(*application) error) error {
	if k.closed {
		return token.ErrRemoved
	}
	on := func(f func(*application) error) func(*image) error {
		return func(img *image) error {
			a, err := k.of(img)
			if err != nil {
				return err
			}
			if v != nil && v != k.vault && !v.sealed(a) {
				return token.ErrKeyDamaged.Becausef("changed by someone who does not know the PIN")
			}
			if err := f(a); err != nil || v == nil {
				return err
			}
			return a.seal(v)
		}
	}
	err := k.store.write(ctx, what, on(change), on(torn))
	if k.store.gone {
		k.forget()
	}
	if err == nil {
		k.sealed = k.store.version // our own writing
	}
	return err
}

// asUser is write for what needs the user's login.
func (k *Key) asUser(ctx context.Context, what string, change, torn func(*application) error) error {
	on := func(f func(*application) error) func(*application) error {
		return func(a *application) error {
			if !k.LoggedIn() {
				return token.ErrPINNeeded
			}
			return f(a)
		}
	}
	return k.write(ctx, what, k.vault, on(change), on(torn))
}

func (k *Key) forget() {
	k.vault, k.rights = nil, 0
	clear(k.secret)
}

// Info names the key.
func (k *Key) Info() token.Info { return k.store.info() }

// Application is the application's name.
func (k *Key) Application() string { return k.name }

// Containers lists the containers by name.
func (k *Key) Containers(ctx context.Context) ([]string, error) {
	a, err := k.ready(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(a.Containers))
	for i, b := range a.Containers {
		names[i] = b.Name
	}
	return names, nil
}

// Container opens one; it is a *Container.
func (k *Key) Container(ctx context.Context, name string) (token.Container, error) {
	c := &Container{key: k, name: name}
	if _, err := c.box(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Create makes an empty container, a *Container; needs a login.
func (k *Key) Create(ctx context.Context, name string) (token.Container, error) {
	add := func(a *application) error {
		switch {
		case a.find(name) >= 0:
			return token.ErrContainerExists
		case k.store.image.free() <= 0:
			return token.ErrKeyFull
		case !named(name, maxContainer):
			return ErrOptions.Becausef("container's name %.80q", name)
		}
		a.Containers = append(a.Containers, box{Name: name})
		return nil
	}
	if err := k.asUser(ctx, "create", add, add); err != nil {
		return nil, err
	}
	return &Container{key: k, name: name}, nil
}

// Delete removes a container with all that lies in it; needs a login. Torn,
// it leaves the container and its certificates without their keys.
func (k *Key) Delete(ctx context.Context, name string) error {
	on := func(f func(*application, int)) func(*application) error {
		return func(a *application) error {
			i := a.find(name)
			if i < 0 {
				return token.ErrNoContainer
			}
			f(a, i)
			return nil
		}
	}
	return k.asUser(ctx, "delete",
		on(func(a *application, i int) { a.Containers = slices.Delete(a.Containers, i, i+1) }),
		on(func(a *application, i int) {
			b := &a.Containers[i]
			b.Sign.Public, b.Sign.Secret, b.Enc.Public, b.Enc.Secret = nil, nil, nil, nil
		}))
}

// Room tells how many more containers fit.
func (k *Key) Room(ctx context.Context) (int, error) {
	if _, err := k.ready(ctx); err != nil {
		return 0, err
	}
	return k.store.image.free(), nil
}

// Close ends the use of the key. Calls after it answer token.ErrRemoved.
func (k *Key) Close() error {
	k.closed = true
	k.forget()
	return nil
}
