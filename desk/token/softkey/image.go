package softkey

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// What is stored: magic, DER of outer, SM3 digest of both. The digest finds
// accidents; the seal, checked at login, finds changes made without the PIN.
// Only the tries stand outside it: they change while no PIN is known.

const (
	magic    = "certhall soft key 1\n"
	digest   = 32
	maxImage = 4 << 20
)

type outer struct {
	Tries int
	State asn1.RawValue
	Seal  []byte
}

type state struct {
	Serial     string `asn1:"utf8"`
	Label      string `asn1:"utf8"`
	Room       int
	MaxTries   int
	Iterations int
	Salt       []byte
	Master     []byte
	Containers []box
}

type box struct {
	Name string `asn1:"utf8"`
	Sign half
	Enc  half
}

type half struct {
	Public      []byte // SubjectPublicKeyInfo
	Secret      []byte // hidden scalar
	Certificate []byte
}

func (b *box) half(u token.Usage) *half {
	if u == token.Encryption {
		return &b.Enc
	}
	return &b.Sign
}

// image is the decoded content.
type image struct {
	Tries int
	state
	body, seal []byte // as decoded
}

func (img image) find(name string) int {
	return slices.IndexFunc(img.Containers, func(b box) bool { return b.Name == name })
}

// clone copies what changes; byte strings are replaced, never written into.
func (img image) clone() image {
	img.Containers = slices.Clone(img.Containers)
	return img
}

// encode writes the image. Without a vault only the tries may have changed,
// and the body stays sealed as it was.
func (img image) encode(v *vault) ([]byte, error) {
	body, seal := img.body, img.seal
	if v != nil {
		var err error
		if body, err = asn1.Marshal(img.state); err != nil {
			return nil, err
		}
		seal = v.seal(body)
	}
	der, err := asn1.Marshal(outer{img.Tries, asn1.RawValue{FullBytes: body}, seal})
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
	if len(data) < len(magic)+digest || len(data) > maxImage || !bytes.HasPrefix(data, []byte(magic)) {
		return image{}, errGarbled
	}
	content, sum := data[:len(data)-digest], data[len(data)-digest:]
	if !bytes.Equal(gm.SM3(content), sum) {
		return image{}, errGarbled
	}
	var o outer
	if rest, err := asn1.Unmarshal(content[len(magic):], &o); err != nil || len(rest) != 0 {
		return image{}, errGarbled
	}
	img := image{Tries: o.Tries, body: o.State.FullBytes, seal: o.Seal}
	if rest, err := asn1.Unmarshal(img.body, &img.state); err != nil || len(rest) != 0 {
		return image{}, errGarbled
	}
	return img, img.check()
}

// check bounds what could otherwise hang or mislead the program.
func (img image) check() error {
	switch {
	case img.Serial == "" || len(img.Serial) > 64 || len(img.Label) > 128:
		return errors.New("softkey: serial of 1 to 64, label of at most 128 bytes")
	case img.Room < 1 || img.Room > MaxRoom || len(img.Containers) > img.Room:
		return fmt.Errorf("softkey: room for %d", img.Room)
	case img.MaxTries < 1 || img.MaxTries > 15 || img.Tries < 0 || img.Tries > img.MaxTries:
		return fmt.Errorf("softkey: %d of %d tries", img.Tries, img.MaxTries)
	case img.Iterations < 1 || img.Iterations > MaxIterations:
		return fmt.Errorf("softkey: %d iterations", img.Iterations)
	}
	seen := map[string]bool{}
	for _, b := range img.Containers {
		if seen[b.Name] {
			return errors.New("softkey: two containers of one name")
		}
		seen[b.Name] = true
	}
	return nil
}
