package softkey

import (
	"encoding/asn1"
)

// Format 1 is read, not written: one application, without an administrator's
// PIN and without files, its room under the seal. The next write makes it
// format 2, at first with the body and the seal of format 1 in it: without the
// PIN no other seal can be made.

const magic1 = "certhall soft key 1\n"

type outer1 struct {
	Tries int
	State asn1.RawValue
	Seal  []byte
}

type state1 struct {
	Serial     string `asn1:"utf8"`
	Label      string `asn1:"utf8"`
	Room       int
	MaxTries   int
	Iterations int
	Salt       []byte
	Master     []byte
	Containers []box
}

func decode1(der []byte) (image, error) {
	var o outer1
	if err := unmarshal(der, &o); err != nil {
		return image{}, err
	}
	old, s, err := parse1(o.State.FullBytes)
	if err != nil {
		return image{}, err
	}
	img := image{
		Serial: old.Serial, Label: old.Label, Manufacturer: Manufacturer, AuthKey: make([]byte, AuthKeyLength), Room: old.Room,
		Applications: []application{{sealed{Tries: o.Tries, Old: true, Body: o.State, Seal: o.Seal}, s}},
	}
	return img, img.check()
}

// parse1 reads a body of format 1, and what it is in format 2.
func parse1(body []byte) (old state1, s state, err error) {
	if err := unmarshal(body, &old); err != nil {
		return old, s, err
	}
	return old, state{
		Serial: old.Serial, Name: DefaultApplication, MaxTries: old.MaxTries, Iterations: old.Iterations,
		User: hidden{old.Salt, old.Master}, FileRights: int(User), Containers: old.Containers,
	}, nil
}
