package native

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A recording is lines of JSON. An event is written when a call begins and
// again when it has returned, so that the call in which a library crashed or
// hung is its last one. Secrets, hidden buffers, the lengths of secrets and
// numbers of identity cards are not in it; handles are named h1, h2, … in the
// order in which they came up.

// event is one line.
type event struct {
	Library string            `json:"library"`
	Has     string            `json:"has,omitempty"`    // function that was asked for
	Answer  bool              `json:"answer,omitempty"` // whether there is one
	Call    string            `json:"call,omitempty"`   // function that is called
	Args    []json.RawMessage `json:"args,omitempty"`
	Code    string            `json:"code,omitempty"` // that the call before this line has returned
	Answers []json.RawMessage `json:"answers,omitempty"`
}

// octets are written in hexadecimal.
type octets []byte

func (o octets) MarshalText() ([]byte, error) {
	return []byte(hex.EncodeToString(identityCard.ReplaceAllFunc(o, withoutPerson))), nil
}

// identityCard is the number of an identity card (GB 11643-1999), as
// certificates of persons have it: region, date of birth, order, check character.
var identityCard = regexp.MustCompile(`[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]`)

// withoutPerson leaves the province of such a number, in as many bytes: what it
// stands in can still be read.
func withoutPerson(number []byte) []byte {
	const province = 2
	return append(bytes.Clone(number[:province]), bytes.Repeat([]byte("0"), len(number)-province)...)
}

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// given and answered are an attribute before and after a call.
type given struct {
	Type   uint64 `json:"type"`
	Value  octets `json:"value,omitempty"`
	Secret bool   `json:"secret,omitempty"`
	Room   int    `json:"room,omitempty"`
}

type answered struct {
	Value  octets `json:"value,omitempty"`
	Length int64  `json:"length"`
}

// names are the handles of a library: numbers here, names in recordings.
type names struct {
	seen  []Ref
	given bool // the numbers are those of named
}

func (n *names) of(r Ref) string {
	switch {
	case r == 0:
		return "null"
	case n.given:
		return "h" + strconv.FormatUint(uint64(r), 10)
	}
	i := slices.Index(n.seen, r)
	if i < 0 {
		i, n.seen = len(n.seen), append(n.seen, r)
	}
	return "h" + strconv.Itoa(i+1)
}

// named is the handle of a name: any number does.
func named(name string) Ref {
	n, _ := strconv.Atoi(strings.TrimPrefix(name, "h")) // "null" is 0
	return Ref(n)
}

// begun describes arguments before a call.
func (n *names) begun(args []Arg) []json.RawMessage {
	secrets := map[uint64]bool{}
	for _, a := range args {
		if a.Kind == KindSecret && len(a.Bytes) > 0 {
			secrets[uint64(len(a.Bytes))], secrets[uint64(len(a.Bytes)-1)] = true, true // with and without a NUL
		}
	}
	said := make([]json.RawMessage, len(args))
	for i, a := range args {
		said[i] = line(n.argument(a, secrets))
	}
	return said
}

func (n *names) argument(a Arg, secrets map[uint64]bool) any {
	switch a.Kind {
	case KindWord:
		if secrets[a.Word] {
			return "length of a secret"
		}
		return a.Word
	case KindUse:
		return n.of(Ref(a.Word))
	case KindSecret:
		return "secret"
	case KindIn:
		if a.Bytes != nil {
			return map[string]octets{"in": a.Bytes}
		}
	case KindOut, KindHidden:
		if a.Bytes != nil {
			return map[string]int{"room": len(a.Bytes)}
		}
	case KindULong:
		if a.Number != nil {
			return map[string]uint64{"number": *a.Number}
		}
	case KindULongs:
		if a.Numbers != nil {
			return map[string]int{"numbers": len(a.Numbers)}
		}
	case KindHandle:
		return "handle"
	case KindHandles:
		return map[string]int{"handles": len(a.Refs)}
	case KindStruct:
		return map[string]octets{"struct": a.Bytes}
	case KindAttributes, KindAnswers:
		all := make([]given, len(a.Attributes))
		for i, t := range a.Attributes {
			switch all[i] = (given{Type: t.Type, Secret: t.Secret}); {
			case a.Kind == KindAnswers:
				all[i].Room = len(t.Value)
			case !t.Secret:
				all[i].Value = t.Value
			}
		}
		return all
	}
	return nil // NULL
}

// returned describes what a call answered into its arguments.
func (n *names) returned(args []Arg) []json.RawMessage {
	said := make([]json.RawMessage, len(args))
	for i, a := range args {
		said[i] = line(n.answer(a))
	}
	return said
}

func (n *names) answer(a Arg) any {
	switch {
	case a.Kind == KindOut && a.Bytes != nil:
		return octets(trimmed(a.Bytes))
	case a.Kind == KindULong && a.Number != nil:
		return *a.Number
	case a.Kind == KindULongs && a.Numbers != nil:
		return a.Numbers
	case a.Kind == KindHandle:
		return n.of(*a.Ref)
	case a.Kind == KindHandles:
		refs := make([]string, len(a.Refs))
		for i, r := range a.Refs {
			refs[i] = n.of(r)
		}
		return refs
	case a.Kind == KindAnswers:
		all := make([]answered, len(a.Attributes))
		for i, t := range a.Attributes {
			if all[i].Length = t.Length; !t.Secret {
				all[i].Value = trimmed(t.Value)
			}
		}
		return all
	}
	return nil
}

// trimmed leaves zeros at the end away.
func trimmed(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// line is v as JSON; the types above never fail.
func line(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
