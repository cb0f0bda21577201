// Package softkey is a virtual USB key: one file (or a piece of memory) that
// answers the interfaces of package token as a real key does. It has a PIN
// with counted tries, limited room, and writes that are whole and durable or
// not there at all; for tests, its power can be cut at any write, with the
// half-done states that real keys leave behind. Its private keys are encrypted
// under the PIN, but a short PIN does not withstand guessing by someone who
// holds a copy of the file: keep the file as you would keep the key.
package softkey

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// Driver is the driver's name in token.Info.
const Driver = "softkey"

// Defaults and bounds of Options.
const (
	DefaultRoom       = 8
	DefaultTries      = 6
	DefaultIterations = 200_000
	MaxRoom           = 64
	MaxIterations     = 10_000_000
	MinPIN, MaxPIN    = 6, 32 // characters
)

// What making and opening a soft key answers beside the errors of package token.
var (
	ErrExists     = certhall.NewError("softkey-exists", certhall.Conflict)
	ErrOptions    = certhall.NewError("softkey-options", certhall.Invalid)
	ErrPINLength  = certhall.NewError("pin-length", certhall.Invalid)
	ErrNotWritten = certhall.NewError("softkey-not-written", certhall.Unavailable)
)

// Options say what key to make. Zero values of Room, Tries, Iterations and
// Random mean the defaults.
type Options struct {
	Serial     string // of the device; drawn if empty
	Label      string
	PIN        string
	Room       int // containers that fit
	Tries      int // wrong PINs in a row until it locks
	Iterations int // of PBKDF2 with SM3, PIN to key
	Random     io.Reader
}

// Create makes a key in a new file: ErrExists if there is one.
func Create(path string, o Options) error { return Format(File(path), o) }

// Format makes a key on an empty medium: ErrExists if there is one.
func Format(m Medium, o Options) error {
	if o.Random == nil {
		o.Random = rand.Reader
	}
	o.Room, o.Tries, o.Iterations = cmpOr(o.Room, DefaultRoom), cmpOr(o.Tries, DefaultTries), cmpOr(o.Iterations, DefaultIterations)
	if o.Serial == "" {
		serial, err := certhall.NewSerial(o.Random)
		if err != nil {
			return err
		}
		o.Serial = "SK" + string(serial[:12])
	}
	if n := utf8.RuneCountInString(o.PIN); n < MinPIN || n > MaxPIN {
		return ErrPINLength.With("min", strconv.Itoa(MinPIN)).With("max", strconv.Itoa(MaxPIN))
	}
	s := state{Serial: o.Serial, Label: o.Label, Room: o.Room, MaxTries: o.Tries, Iterations: o.Iterations}
	v, err := newVault(&s, o.PIN, o.Random)
	if err != nil {
		return err
	}
	data, err := image{Tries: o.Tries, state: s}.encode(v)
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

func cmpOr(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Key is an opened soft key. As every token.Key it is used by one goroutine
// at a time; several Keys, in several processes too, may share one medium.
type Key struct {
	medium Medium
	random io.Reader
	cut    Switch
	info   token.Info

	raw    []byte // what image was decoded from
	image  image
	vault  *vault // nil while logged out
	secret map[string]crypto.Signer
	writes int
	gone   bool // power cut, removed or closed
}

// Open opens the key in a file: token.ErrRemoved if there is none,
// token.ErrKeyDamaged if it is not the file of a key.
func Open(path string) (*Key, error) { return Use(File(path), rand.Reader, nil) }

// Use opens the key on a medium. Keys and nonces are drawn from random; cut
// (or nil) is asked before every write.
func Use(m Medium, random io.Reader, cut Switch) (*Key, error) {
	k := &Key{medium: m, random: random, cut: cut, secret: map[string]crypto.Signer{}}
	if err := k.load(); err != nil {
		return nil, err
	}
	k.info = token.Info{Serial: k.image.Serial, Label: k.image.Label, Manufacturer: "certhall", Driver: Driver}
	return k, nil
}

// load reads the medium again if it has changed.
func (k *Key) load() error {
	if k.gone {
		return token.ErrRemoved
	}
	raw, err := k.medium.Load()
	if errors.Is(err, fs.ErrNotExist) {
		k.leave()
		return token.ErrRemoved
	}
	if err != nil {
		return token.ErrKeyDamaged.Because(err)
	}
	if k.raw != nil && slices.Equal(raw, k.raw) {
		return nil
	}
	img, err := decode(raw)
	if err != nil {
		return token.ErrKeyDamaged.Because(err)
	}
	if k.raw != nil && img.Serial != k.info.Serial { // another key was plugged in
		k.leave()
		return token.ErrRemoved
	}
	if k.vault != nil && !k.vault.sealed(img) {
		k.forget()
		return token.ErrKeyDamaged.Becausef("changed by someone who does not know the PIN")
	}
	k.raw, k.image = raw, img
	return nil
}

// write changes what is stored by one write of the medium: whole, half (torn)
// or not at all, as the switch says. change and torn get their own copy.
func (k *Key) write(ctx context.Context, what string, change, torn func(*image) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := k.medium.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := k.load(); err != nil {
		return err
	}
	next := k.image.clone()
	if err := change(&next); err != nil {
		return err // refused, nothing to write
	}
	k.writes++
	cut := None
	if k.cut != nil {
		cut = k.cut(k.writes, what)
	}
	switch cut {
	case Before:
		k.leave()
		return ErrPowerCut
	case Torn:
		next = k.image.clone()
		if err := torn(&next); err != nil {
			return err
		}
	}
	data, err := next.encode(k.vault)
	if err != nil {
		return ErrNotWritten.Because(err)
	}
	if err := k.medium.Save(data); err != nil {
		return ErrNotWritten.Because(err)
	}
	if cut != None {
		k.leave()
		return ErrPowerCut
	}
	k.raw = nil
	return k.load()
}

func (k *Key) forget() {
	k.vault = nil
	clear(k.secret)
}

func (k *Key) leave() {
	k.gone = true
	k.forget()
}

// Info names the key.
func (k *Key) Info() token.Info { return k.info }

// Containers lists the containers by name.
func (k *Key) Containers(ctx context.Context) ([]string, error) {
	if err := k.ready(ctx); err != nil {
		return nil, err
	}
	names := make([]string, len(k.image.Containers))
	for i, b := range k.image.Containers {
		names[i] = b.Name
	}
	return names, nil
}

// Container opens one.
func (k *Key) Container(ctx context.Context, name string) (token.Container, error) {
	c := &container{key: k, name: name}
	if _, err := c.box(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Create makes an empty container; needs a login.
func (k *Key) Create(ctx context.Context, name string) (token.Container, error) {
	add := func(img *image) error {
		if k.vault == nil {
			return token.ErrPINNeeded
		}
		if img.find(name) >= 0 {
			return token.ErrContainerExists
		}
		if len(img.Containers) >= img.Room {
			return token.ErrKeyFull
		}
		if name == "" || len(name) > 64 || !utf8.ValidString(name) {
			return ErrOptions.Becausef("container's name %.80q", name)
		}
		img.Containers = append(img.Containers, box{Name: name})
		return nil
	}
	if err := k.write(ctx, "create", add, add); err != nil {
		return nil, err
	}
	return &container{key: k, name: name}, nil
}

// Delete removes a container with all that lies in it; needs a login. Torn,
// it leaves the container and its certificates without their keys.
func (k *Key) Delete(ctx context.Context, name string) error {
	at := func(img *image) (int, error) {
		if k.vault == nil {
			return 0, token.ErrPINNeeded
		}
		if i := img.find(name); i >= 0 {
			return i, nil
		}
		return 0, token.ErrNoContainer
	}
	return k.write(ctx, "delete", func(img *image) error {
		i, err := at(img)
		if err == nil {
			img.Containers = slices.Delete(img.Containers, i, i+1)
		}
		return err
	}, func(img *image) error {
		i, err := at(img)
		if err == nil {
			b := &img.Containers[i]
			b.Sign.Public, b.Sign.Secret, b.Enc.Public, b.Enc.Secret = nil, nil, nil, nil
		}
		return err
	})
}

// Room tells how many more containers fit.
func (k *Key) Room(ctx context.Context) (int, error) {
	if err := k.ready(ctx); err != nil {
		return 0, err
	}
	return k.image.Room - len(k.image.Containers), nil
}

// Close ends the use of the key. Calls after it answer token.ErrRemoved.
func (k *Key) Close() error {
	k.leave()
	return nil
}

func (k *Key) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return k.load()
}
