// Package skf holds the binary layouts of the smart token interface SKF
// (GM/T 0016-2012): structures to and from the DER of GB/T 35276, name lists,
// algorithm identifiers and error codes. It calls no library and holds no key:
// the driver reads with it what vendors' libraries answer, and the soft key's
// library writes with it what clients read.
package skf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Layout is how a library lays out its structures.
type Layout struct {
	// ULong is the size of ULONG: 4 bytes by the standard, 8 in some builds for
	// Linux whose header says "unsigned long".
	ULong int
	// Aligned tells that numbers lie on multiples of their size, in a library
	// that was compiled without the header's pack(1).
	Aligned bool
}

// Standard is the layout of GM/T 0016: packed, numbers of 4 bytes.
var Standard = Layout{ULong: 4}

// Layouts are all that libraries are known to have, the standard's first.
var Layouts = []Layout{Standard, {ULong: 4, Aligned: true}, {ULong: 8}, {ULong: 8, Aligned: true}}

// Limits on what is read at all, in bytes.
const (
	MaxCipher = 4 << 10  // the ciphertext in an ECCCIPHERBLOB
	MaxNames  = 64 << 10 // a list of names
)

// ErrLayout says that bytes are not the structure they should be.
var ErrLayout = errors.New("skf: not this structure")

// writer lays out a structure, field by field.
type writer struct {
	Layout
	b []byte
}

func (w *writer) pad() {
	if w.Aligned {
		w.zero(-len(w.b) & (w.ULong - 1))
	}
}

func (w *writer) zero(n int)     { w.b = append(w.b, make([]byte, n)...) }
func (w *writer) bytes(b []byte) { w.b = append(w.b, b...) }

// right writes b at the end of a field of n bytes.
func (w *writer) right(b []byte, n int) {
	w.zero(n - len(b))
	w.bytes(b)
}

// text writes a string into a field of n bytes, cut off where it is longer; a
// string that fits exactly has no NUL behind it.
func (w *writer) text(s string, n int) {
	field := make([]byte, n)
	copy(field, s)
	w.bytes(field)
}

func (w *writer) word(v uint32) {
	w.pad()
	w.b = binary.LittleEndian.AppendUint32(w.b, v)
	w.zero(w.ULong - 4)
}

// reader reads a structure, field by field. What it reads behind the end is
// zero, and fails.
type reader struct {
	Layout
	b   []byte
	at  int
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrLayout, fmt.Sprintf(format, args...))
	}
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b)-r.at {
		r.fail("ends at %d, %d more wanted at %d", len(r.b), n, r.at)
		return make([]byte, min(max(n, 0), MaxCipher))
	}
	r.at += n
	return r.b[r.at-n : r.at : r.at]
}

func (r *reader) text(n int) string {
	b := r.bytes(n)
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

func (r *reader) word() uint32 {
	if r.Aligned {
		r.bytes(-r.at & (r.ULong - 1))
	}
	b := r.bytes(r.ULong)
	if r.err != nil {
		return 0
	}
	v := uint64(binary.LittleEndian.Uint32(b))
	if r.ULong == 8 {
		v = binary.LittleEndian.Uint64(b)
	}
	if v > math.MaxUint32 {
		r.fail("a number of more than 32 bits at %d", r.at-8)
		return 0
	}
	return uint32(v)
}

// number reads a 256-bit value from a field of 64 bytes. It belongs at the end;
// some libraries write it at the beginning.
func (r *reader) number() []byte {
	b := r.bytes(2 * fieldLength)
	first, last := b[:fieldLength], b[fieldLength:]
	switch {
	case zero(first):
		return last
	case zero(last):
		return first
	}
	r.fail("a value of more than 256 bits")
	return last
}

// fieldLength is the length of SM2's numbers; their fields are twice as long.
const fieldLength = 32

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
