// Package skf is the driver for keys that are reached through an SKF library
// (GM/T 0016-2012), whichever maker's: what libraries do each in their own way
// is told by a Profile or found out. It believes what lies on the key, read
// back, and not what a function says of itself.
//
// Its errors name call and code; the library's own name is put to them, and to
// token.Info, by whoever loaded it.
package skf

import (
	"context"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// Driver is the driver's name in token.Info.
const Driver = "skf"

// Module is a library in use. It and all keys opened through it are used by one
// goroutine at a time.
type Module struct {
	quirks
	lib     native.Library
	devices map[string]*device // that are connected, by name
	last    *Key               // opened last

	// What was found out of the library.
	layout  gmskf.Layout
	sm2     gmskf.Algorithm // SGD_SM2_1; 0: not yet
	decrypt *decryptor      // nil: not yet
	keyAt   []gmskf.KeyAt   // where it looks for enveloped keys, likeliest first
	bare    bool            // SKF_RSASignData takes the digest without its DigestInfo
}

// Open begins to use a library.
func Open(lib native.Library, p Profile) (*Module, error) {
	q, err := p.check()
	if err != nil {
		return nil, err
	}
	if !lib.Has("SKF_EnumDev") {
		return nil, token.ErrDriverMissing.Becausef("no SKF library: it has no SKF_EnumDev")
	}
	m := &Module{quirks: q, lib: lib, devices: map[string]*device{}, layout: gmskf.Standard, sm2: gmskf.Algorithm(p.SM2), keyAt: []gmskf.KeyAt{gmskf.AtEnd, gmskf.AtStart}}
	if p.ULong != 0 {
		m.layout.ULong = p.ULong
	}
	return m, nil
}

// List names the keys that are plugged in: each application of a device is one.
func (m *Module) List(ctx context.Context) ([]token.Info, error) {
	names, err := m.present()
	if err != nil {
		return nil, meaning(err)
	}
	var infos []token.Info
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		of, err := m.look(name)
		if err != nil {
			of = []token.Info{{Label: text(name), Driver: Driver, Trouble: certhall.AsError(meaning(err))}}
		}
		infos = append(infos, of...)
	}
	return infos, nil
}

// present lists the devices that are plugged in, by name, and lets go of those
// that are not.
func (m *Module) present() ([]string, error) {
	names, err := m.names("SKF_EnumDev", native.Bool(true))
	if is(err, gmskf.DeviceRemoved, gmskf.FileMissing) {
		names, err = nil, nil // how some say that there is none
	}
	if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, name := range names {
		here[name] = true
	}
	for name, d := range m.devices {
		if !here[name] {
			d.leave()
		}
	}
	return names, nil
}

// look names the keys of one device.
func (m *Module) look(name string) ([]token.Info, error) {
	d, err := m.connect(name)
	if err != nil {
		return nil, err
	}
	defer m.release(d)
	apps, err := d.applications()
	if err != nil {
		return nil, err
	}
	if len(apps) == 0 {
		i := d.named("", true)
		i.Trouble = token.ErrUninitialised
		return []token.Info{i}, nil
	}
	infos := make([]token.Info, len(apps))
	for i, app := range apps {
		infos[i] = d.named(app, i == 0)
	}
	return infos, nil
}

// Open opens the key of a serial: token.ErrRemoved if it is not plugged in.
func (m *Module) Open(ctx context.Context, serial string) (token.Key, error) {
	names, err := m.present()
	if err != nil {
		return nil, meaning(err)
	}
	var trouble error = token.ErrRemoved
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k, err := m.find(name, serial)
		if err != nil {
			trouble = meaning(err) // perhaps it was this one
		}
		if k == nil {
			continue
		}
		if m.Challenge != "" && m.lib.Has(m.Challenge) && m.lib.Has(m.Respond) {
			return challenged{k}, nil
		}
		return k, nil
	}
	return nil, trouble
}

// find opens the key if it is one of the device's; nil if it is not.
func (m *Module) find(name, serial string) (*Key, error) {
	d, err := m.connect(name)
	if err != nil {
		return nil, err
	}
	defer m.release(d)
	apps, err := d.applications()
	if err != nil {
		return nil, err
	}
	for i, app := range apps {
		if info := d.named(app, i == 0); info.Serial == serial {
			return d.open(app, info)
		}
	}
	return nil, nil
}

// Close ends the use of the library, and of all keys opened through it.
func (m *Module) Close() error {
	for _, d := range m.devices {
		d.gone = true
		clear(d.keys)
		m.release(d)
	}
	return m.lib.Close()
}

// text is a name or label for people: most libraries write GBK. What a terminal
// would obey is escaped.
func text(s string) string {
	if !utf8.ValidString(s) {
		if decoded, err := simplifiedchinese.GB18030.NewDecoder().String(s); err == nil {
			s = decoded
		}
	}
	s = strings.TrimSpace(strings.ToValidUTF8(s, "?"))
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		s = strings.Trim(strconv.QuoteToGraphic(s), `"`)
	}
	return s
}
