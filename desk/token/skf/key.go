package skf

import (
	"context"
	"errors"
	"slices"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// Key is an opened application of a device: PIN and containers are its own.
type Key struct {
	m        *Module
	device   *device
	app      string
	info     token.Info
	handle   native.Ref
	times    int // the device was connected when the application was opened
	loggedIn bool
	closed   bool
	decrypts map[string]bool // encryption keys that were seen to decrypt, by their SubjectPublicKeyInfo
}

// open opens an application.
func (d *device) open(app string, info token.Info) (*Key, error) {
	k := &Key{m: d.m, device: d, app: app, info: info, decrypts: map[string]bool{}}
	if err := k.open(); err != nil {
		return nil, err
	}
	d.keys[k] = true
	return k, nil
}

func (k *Key) open() error {
	k.loggedIn = false
	if err := k.m.call("SKF_OpenApplication", native.Use(k.device.handle), native.Text(k.app), native.Handle(&k.handle)); err != nil {
		return err
	}
	k.times, k.m.last = k.device.times, k
	return nil
}

// Info names the key.
func (k *Key) Info() token.Info { return k.info }

// do does one operation while the device is locked, and tells what came of it.
// Where handles have become void it is done again by new ones: nothing was done
// by the old.
func (k *Key) do(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if k.closed || k.device.gone {
		return token.ErrRemoved
	}
	err := k.once(f)
	if is(err, gmskf.InvalidHandle) {
		if again := k.again(); again != nil {
			k.device.leave()
			return token.ErrRemoved.Because(errors.Join(err, again))
		}
		err = k.once(f)
	}
	if is(err, gmskf.NotLoggedIn) {
		k.loggedIn = false
	}
	told := meaning(err)
	if errors.Is(told, token.ErrRemoved) || k.unplugged(told) {
		k.device.leave()
		k.loggedIn = false
		return token.ErrRemoved.Because(err)
	}
	return told
}

// unplugged tells whether an error came of the key's being pulled out, for
// which many libraries have no code of their own.
func (k *Key) unplugged(err error) bool {
	f, ok := errors.AsType[*failure](err)
	unclear := ok && (meanings[f.code] == nil || f.code == gmskf.Timeout)
	if !unclear && !errors.Is(err, token.ErrDriverWrong) {
		return false
	}
	names, err := k.m.present()
	return err == nil && !slices.Contains(names, k.device.name)
}

func (k *Key) again() error {
	if k.times == k.device.times {
		if err := k.device.again(); err != nil {
			return err
		}
	}
	return k.open()
}

// lockWait is how long another program is waited for that has locked the
// device, in milliseconds.
const lockWait = 3000

// once does f while the device is locked.
func (k *Key) once(f func() error) error {
	switch {
	case k.m.LastOnly && k.m.last != k:
		if err := k.device.again(); err != nil {
			return err
		}
		fallthrough
	case k.times != k.device.times:
		if err := k.open(); err != nil {
			return err
		}
	}
	if !k.m.NoLock && k.m.lib.Has("SKF_LockDev") {
		d := k.device
		err := k.m.call("SKF_LockDev", native.Use(d.handle), native.Word(lockWait))
		switch {
		case err == nil:
			defer func() { k.m.call("SKF_UnlockDev", native.Use(d.handle)) }()
		case is(err, gmskf.InvalidHandle, gmskf.DeviceRemoved):
			return err
		case !is(err, gmskf.NotSupported):
			return token.ErrKeyBusy.Because(err)
		}
	}
	return f()
}

// write is do for what needs the user's PIN. It is asked here and not of the
// library alone, where another program may have presented it.
func (k *Key) write(ctx context.Context, f func() error) error {
	return k.do(ctx, func() error {
		if !k.loggedIn {
			return token.ErrPINNeeded
		}
		return f()
	})
}

// Containers lists the containers by name.
func (k *Key) Containers(ctx context.Context) (names []string, err error) {
	err = k.do(ctx, func() error {
		raw, err := k.containers()
		for _, name := range raw {
			names = append(names, text(name))
		}
		return err
	})
	return names, err
}

func (k *Key) containers() ([]string, error) {
	return k.m.names("SKF_EnumContainer", native.Use(k.handle))
}

// Container opens one.
func (k *Key) Container(ctx context.Context, name string) (token.Container, error) {
	c := &container{key: k, name: name}
	err := k.do(ctx, func() error {
		raw, found, err := k.named(name)
		if err == nil && !found {
			err = token.ErrNoContainer
		}
		c.raw = raw
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// named finds a container's name as the library has it.
func (k *Key) named(name string) (raw string, found bool, err error) {
	all, err := k.containers()
	for _, raw := range all {
		if text(raw) == name {
			return raw, true, nil
		}
	}
	return "", false, err
}

// Create makes an empty container; needs a login.
func (k *Key) Create(ctx context.Context, name string) (token.Container, error) {
	err := k.write(ctx, func() error {
		if _, found, err := k.named(name); err != nil || found {
			return cmpErr(err, token.ErrContainerExists)
		}
		var h native.Ref
		made := k.m.call("SKF_CreateContainer", native.Use(k.handle), native.Text(name), native.Handle(&h))
		if made == nil {
			k.m.call("SKF_CloseContainer", native.Use(h))
		} else if meant := meaning(made); !errors.Is(meant, token.ErrDriverWrong) {
			return made
		}
		_, found, err := k.named(name)
		switch {
		case err != nil:
			return err
		case !found:
			return cmpErr(made, wrong("SKF_CreateContainer", "it is not there"))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &container{key: k, name: name, raw: name}, nil
}

// Delete removes a container with all that lies in it; needs a login.
func (k *Key) Delete(ctx context.Context, name string) error {
	return k.write(ctx, func() error {
		raw, found, err := k.named(name)
		if err != nil || !found {
			return cmpErr(err, token.ErrNoContainer)
		}
		deleted := k.m.call("SKF_DeleteContainer", native.Use(k.handle), native.Text(raw))
		if deleted != nil && !errors.Is(meaning(deleted), token.ErrDriverWrong) {
			return deleted
		}
		_, found, err = k.named(name)
		if err == nil && found {
			err = cmpErr(deleted, wrong("SKF_DeleteContainer", "it is still there"))
		}
		return err
	})
}

// cmpErr is the first that is not nil.
func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Room tells how many more containers fit, as far as the profile tells what
// one takes; -1 where it does not.
func (k *Key) Room(ctx context.Context) (int, error) {
	room := -1
	err := k.do(ctx, func() error {
		if k.m.Containers > 0 {
			names, err := k.containers()
			if err != nil {
				return err
			}
			room = max(0, k.m.Containers-len(names))
		}
		if k.m.ContainerBytes > 0 {
			info, err := k.m.deviceInfo(k.device.handle)
			if err != nil {
				return err
			}
			if free := int(info.FreeSpace / k.m.ContainerBytes); room < 0 || free < room {
				room = free
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return room, nil
}

// Close ends the use of the key. Calls after it answer token.ErrRemoved.
func (k *Key) Close() error {
	if k.closed {
		return nil
	}
	k.closed = true
	if !k.device.gone && k.times == k.device.times && !(k.m.LastOnly && k.m.last != k) {
		if k.loggedIn {
			k.forget()
		}
		k.m.call("SKF_CloseApplication", native.Use(k.handle))
	}
	k.loggedIn = false
	delete(k.device.keys, k)
	k.m.release(k.device)
	return nil
}
