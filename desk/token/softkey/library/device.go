package library

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm/skf"
)

// device is a soft key as this process has it open, whatever connections there
// are to it.
type device struct {
	mu    sync.Mutex // a soft key is used by one goroutine at a time
	key   *softkey.Device
	guard *guard
	// authenticated tells that somebody proved to know the device's key.
	authenticated bool
	applications  map[string]*session
}

// connection is what a device's handle stands for.
type connection struct {
	device    *device
	challenge []byte // the last random numbers drawn, for DevAuth
}

func (c *connection) under() Handle { return 0 }

// present tells whether the key is still plugged in, and whether it can be read.
// A lock ends with the key that is taken out; the device's mutex is held.
func (d *device) present() error {
	err := d.key.Present(context.Background())
	if errors.Is(err, token.ErrRemoved) {
		d.guard.release()
	}
	return err
}

// use lets f have the device, once nobody else does.
func (l *Library) use(d *device, f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.present(); err != nil {
		return err
	}
	release, err := d.share(l)
	if err != nil {
		return err
	}
	defer release()
	return f()
}

// connected is use for the device of a handle.
func (l *Library) connected(h Handle, f func(*connection) error) error {
	c, err := find[*connection](l, h)
	if err != nil {
		return err
	}
	return l.use(c.device, func() error { return f(c) })
}

// EnumDev lists the devices: each has the name of its file, without the
// extension. Files that are no keys are none.
func (l *Library) EnumDev(out *Out) error {
	names, err := l.names()
	if err != nil {
		return err
	}
	return out.put(skf.Names(names))
}

// names are those of the keys that are plugged in.
func (l *Library) names() ([]string, error) {
	paths, err := l.Folder.Paths()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range paths {
		if d, err := l.Open(path); err == nil {
			names = append(names, deviceName(path))
			_ = d.Close() // it only forgets
		}
	}
	slices.Sort(names)
	return names, nil
}

func deviceName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), softkey.Extension)
}

// path is the file of a device.
func (l *Library) path(name string) (string, error) {
	paths, err := l.Folder.Paths()
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(paths, func(p string) bool { return deviceName(p) == name })
	if i < 0 {
		return "", refuse(skf.DeviceRemoved)
	}
	return paths[i], nil
}

// ConnectDev opens a device. Every connection has its own handle; what was
// verified holds for all of them.
func (l *Library) ConnectDev(name string) (Handle, error) {
	path, err := l.path(name)
	if err != nil {
		return 0, err
	}
	d, err := l.plugged(path)
	if err != nil {
		return 0, err
	}
	return l.add(&connection{device: d})
}

// plugged is the device of a path: the one that is open, or, where it was taken
// out meanwhile, a new one.
func (l *Library) plugged(path string) (*device, error) {
	l.mu.Lock()
	d := l.devices[path]
	l.mu.Unlock()
	if d != nil {
		d.mu.Lock()
		err := d.present()
		d.mu.Unlock()
		if CodeOf(err) != skf.DeviceRemoved {
			return d, err
		}
	}
	key, err := l.Open(path)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.devices[path]; now != d { // another thread was faster
		return now, nil
	}
	d = &device{key: key, guard: newGuard(path), applications: map[string]*session{}}
	l.devices[path] = d
	return d, nil
}

// DisConnectDev closes a connection and all that was opened through it, and
// gives back its lock.
func (l *Library) DisConnectDev(h Handle) error {
	c, open := find[*connection](l, h)
	err := l.remove(h, connections)
	if open == nil {
		c.device.unlock(h)
	}
	return err
}

// The states of GetDevState.
const (
	Absent  = 0
	Present = 1
)

// GetDevState tells whether a device is plugged in.
func (l *Library) GetDevState(name string) (uint32, error) {
	names, err := l.names()
	if err != nil {
		return 0, err
	}
	if slices.Contains(names, name) {
		return Present, nil
	}
	return Absent, nil
}

// SetLabel renames a device: at most 31 bytes.
func (l *Library) SetLabel(h Handle, label string) error {
	if len(label) >= maxLabel || !utf8.ValidString(label) {
		return refuse(skf.InvalidParameter)
	}
	return l.connected(h, func(c *connection) error {
		return c.device.key.SetLabel(context.Background(), label)
	})
}

// The lengths of the texts in DEVINFO and in names, the NUL counted.
const maxLabel = 32

// What a soft key can, as sets of the algorithms' bits (GM/T 0006).
const (
	symmetric  = 0x51F // SM1's identifiers and SM4's: ECB, CBC, CFB, OFB, MAC
	asymmetric = 0x30700
	hashes     = 0x7
)

// bytesPerContainer is what one counts in DEVINFO: a soft key is limited by
// containers, not by bytes.
const bytesPerContainer = 16 << 10

// GetDevInfo describes a device: a DEVINFO.
func (l *Library) GetDevInfo(h Handle) (info []byte, err error) {
	err = l.connected(h, func(c *connection) error {
		k := c.device.key
		all, free, err := k.Room(context.Background())
		if err != nil {
			return err
		}
		i := k.Info()
		version := skf.Version{Major: 1}
		info = standard.DeviceInfo(skf.DeviceInfo{
			Version: version, Manufacturer: i.Manufacturer, Issuer: "certhall", Label: i.Label, Serial: i.Serial,
			Hardware: version, Firmware: version,
			Symmetric: symmetric, Asymmetric: asymmetric, Hash: hashes, AuthAlgorithm: skf.SM4ECB,
			TotalSpace: uint32(all) * bytesPerContainer, FreeSpace: uint32(free) * bytesPerContainer,
			MaxECCBuffer: skf.MaxCipher, MaxBuffer: MaxInput,
		})
		return nil
	})
	return info, err
}
