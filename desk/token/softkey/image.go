package softkey

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// What is stored (format 2): magic, DER of outer, SM3 digest of both. The
// digest finds accidents; the seal of each application, checked at log-in,
// finds changes made by someone who knows none of its PINs. Outside the seals
// stands what changes while no PIN is known: label, room and authentication
// key of the device, the tries, and files that anyone may write.

const (
	magic    = "certhall soft key 2\n"
	digest   = 32
	maxImage = 4 << 20
)

type outer struct {
	Serial       string `asn1:"utf8"`
	Label        string `asn1:"utf8"`
	Manufacturer string `asn1:"utf8"`
	AuthKey      []byte
	Room         int
	Applications []sealed
}

// sealed is an application as it is stored.
type sealed struct {
	Tries      int
	AdminTries int
	Old        bool `asn1:"optional"` // Body is format 1's, until someone who knows the PIN writes
	Body       asn1.RawValue
	Seal       []byte
	Open       []entry
}

// state is what Body holds.
type state struct {
	Serial     string `asn1:"utf8"` // of the device: an application cannot be moved to another
	Name       string `asn1:"utf8"`
	MaxTries   int
	AdminMax   int // 0 where there is no administrator's PIN
	Iterations int
	User       hidden
	Admin      hidden
	FileRights int // who may make files
	Containers []box
	Files      []entry
	Maker      hidden `asn1:"optional,tag:0"` // under the maker's secret, if there is one
}

// hidden is the application's master under a PIN.
type hidden struct {
	Salt   []byte
	Master []byte
}

type box struct {
	Name string `asn1:"utf8"`
	Sign half
	Enc  half
}

type half struct {
	Public      []byte // SubjectPublicKeyInfo
	Secret      []byte // hidden private key
	Certificate []byte
}

type entry struct {
	Name    string `asn1:"utf8"`
	Read    int    // rights
	Write   int
	Size    int
	Content []byte // hidden under the seal where not anyone may read
}

func (b *box) half(u token.Usage) *half {
	if u == token.Encryption {
		return &b.Enc
	}
	return &b.Sign
}

// application is one of them, decoded.
type application struct {
	sealed
	state
}

// image is the decoded content.
type image struct {
	Serial, Label, Manufacturer string
	AuthKey                     []byte
	Room                        int
	Applications                []application
}

func (img *image) application(name string) *application {
	i := slices.IndexFunc(img.Applications, func(a application) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &img.Applications[i]
}

// free is how many more containers fit, whatever application they are of.
func (img *image) free() int {
	n := img.Room
	for _, a := range img.Applications {
		n -= len(a.Containers)
	}
	return n
}

func (a *application) find(name string) int {
	return slices.IndexFunc(a.Containers, func(b box) bool { return b.Name == name })
}

// clone copies what changes; byte strings are replaced, never written into.
func (img image) clone() image {
	img.Applications = slices.Clone(img.Applications)
	for i := range img.Applications {
		a := &img.Applications[i]
		a.Containers, a.Files, a.Open = slices.Clone(a.Containers), slices.Clone(a.Files), slices.Clone(a.Open)
	}
	return img
}

// seal makes what is stored of the state that was changed.
func (a *application) seal(v *vault) error {
	body, err := asn1.Marshal(a.state)
	if err != nil {
		return err
	}
	a.Old, a.Body, a.Seal = false, asn1.RawValue{FullBytes: body}, v.seal(body)
	return nil
}

// encode writes the image. Applications whose state was changed were sealed
// before; the others stay sealed as they were.
func (img image) encode() ([]byte, error) {
	o := outer{img.Serial, img.Label, img.Manufacturer, img.AuthKey, img.Room, make([]sealed, len(img.Applications))}
	for i, a := range img.Applications {
		o.Applications[i] = a.sealed
	}
	der, err := asn1.Marshal(o)
	if err != nil {
		return nil, err
	}
	data := append([]byte(magic), der...)
	if len(data)+digest > maxImage {
		return nil, fmt.Errorf("softkey: %d bytes are too many", len(data))
	}
	data = append(data, gm.SM3(data)...)
	if _, err := decode(data); err != nil {
		return nil, err // never write what could not be read again
	}
	return data, nil
}

var errGarbled = errors.New("softkey: not a soft key, or cut off or garbled")

func decode(data []byte) (image, error) {
	if len(data) < len(magic)+digest || len(data) > maxImage {
		return image{}, errGarbled
	}
	content, sum := data[:len(data)-digest], data[len(data)-digest:]
	if !bytes.Equal(gm.SM3(content), sum) {
		return image{}, errGarbled
	}
	if der, ok := bytes.CutPrefix(content, []byte(magic1)); ok {
		return decode1(der)
	}
	der, ok := bytes.CutPrefix(content, []byte(magic))
	if !ok {
		return image{}, errGarbled
	}
	var o outer
	if err := unmarshal(der, &o); err != nil {
		return image{}, err
	}
	img := image{o.Serial, o.Label, o.Manufacturer, o.AuthKey, o.Room, make([]application, len(o.Applications))}
	for i, s := range o.Applications {
		a := application{sealed: s}
		var err error
		if s.Old {
			_, a.state, err = parse1(s.Body.FullBytes)
		} else {
			err = unmarshal(s.Body.FullBytes, &a.state)
		}
		if err != nil {
			return image{}, err
		}
		img.Applications[i] = a
	}
	return img, img.check()
}

func unmarshal(der []byte, v any) error {
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) != 0 {
		return errGarbled
	}
	return nil
}

// check bounds what could otherwise hang or mislead the program.
func (img image) check() error {
	switch {
	case img.Serial == "" || len(img.Serial) > maxSerial || len(img.Label) > maxLabel || len(img.Manufacturer) > maxLabel:
		return errors.New("softkey: serial of 1 to 64, label and maker of at most 128 bytes")
	case len(img.AuthKey) != AuthKeyLength:
		return errors.New("softkey: authentication key")
	case img.Room < 1 || img.Room > MaxRoom || img.free() < 0:
		return fmt.Errorf("softkey: room for %d", img.Room)
	case len(img.Applications) > MaxApplications:
		return fmt.Errorf("softkey: %d applications", len(img.Applications))
	}
	apps, stored := map[string]bool{}, 0
	for i := range img.Applications {
		a := &img.Applications[i]
		if apps[a.Name] || a.Serial != img.Serial {
			return errors.New("softkey: two applications of one name, or one of another key")
		}
		apps[a.Name] = true
		if err := a.check(); err != nil {
			return err
		}
		for _, f := range slices.Concat(a.Files, a.Open) {
			stored += f.Size
		}
	}
	if stored > maxStored {
		return fmt.Errorf("softkey: files of %d bytes", stored)
	}
	return nil
}

func (a *application) check() error {
	switch {
	case !named(a.Name, maxName):
		return fmt.Errorf("softkey: application's name %.80q", a.Name)
	case a.MaxTries < 1 || a.MaxTries > MaxTries || a.Tries < 0 || a.Tries > a.MaxTries:
		return fmt.Errorf("softkey: %d of %d tries", a.Tries, a.MaxTries)
	case a.AdminMax < 0 || a.AdminMax > MaxTries || a.AdminTries < 0 || a.AdminTries > a.AdminMax:
		return fmt.Errorf("softkey: %d of %d tries of the administrator", a.AdminTries, a.AdminMax)
	case a.Iterations < 1 || a.Iterations > MaxIterations:
		return fmt.Errorf("softkey: %d iterations", a.Iterations)
	case len(a.Files)+len(a.Open) > MaxFiles:
		return fmt.Errorf("softkey: %d files", len(a.Files)+len(a.Open))
	}
	seen := map[string]bool{}
	for _, b := range a.Containers {
		if seen[b.Name] {
			return errors.New("softkey: two containers of one name")
		}
		seen[b.Name] = true
	}
	clear(seen)
	for _, f := range slices.Concat(a.Files, a.Open) {
		if seen[f.Name] || !named(f.Name, maxName) || f.Size < 0 || f.Size > MaxFile {
			return fmt.Errorf("softkey: file %.80q of %d bytes", f.Name, f.Size)
		}
		seen[f.Name] = true
	}
	for _, f := range a.Open {
		if len(f.Content) != f.Size {
			return fmt.Errorf("softkey: file %.80q is cut off", f.Name)
		}
	}
	return nil
}

// named tells whether a name may be one, of at most so many bytes.
func named(name string, most int) bool {
	return name != "" && len(name) <= most && utf8.ValidString(name)
}
