// Package native calls C libraries that reach keys, SKF and PKCS#11 ones
// alike, without cgo. What crosses is described argument by argument, so that
// a call can be made, recorded and played back by code that knows neither
// standard. A library is loaded in driver-host children only (package
// driverhost): one that crashes takes its process with it.
package native

import "unsafe"

// Library is a loaded library, or what stands in for one. It is used by one
// goroutine at a time.
type Library interface {
	// Has tells whether the library has the function.
	Has(fn string) bool
	// Call calls it and gives its 32-bit return code: the library's own, or
	// one of Missing and Overrun.
	Call(fn string, args ...Arg) uint32
	Close() error
}

// Codes that libraries do not answer: they are of this package.
const (
	Missing uint32 = 0xCE000001 // the library has no such function
	Overrun uint32 = 0xCE000002 // it wrote past the end of a buffer (Options.Overruns)
)

// Kind tells arguments apart.
type Kind uint8

// The kinds of argument.
const (
	KindWord       Kind = iota // a number, by value
	KindUse                    // a handle, by value
	KindIn                     // pointer to bytes that the library reads
	KindSecret                 // the same, never recorded
	KindOut                    // pointer to bytes that it fills
	KindHidden                 // the same, never recorded
	KindULong                  // pointer to a number that it reads and writes
	KindULongs                 // pointer to numbers that it fills
	KindHandle                 // pointer to a handle that it fills
	KindHandles                // pointer to handles that it fills
	KindStruct                 // bytes by value
	KindAttributes             // pointer to CK_ATTRIBUTEs that it reads
	KindAnswers                // pointer to CK_ATTRIBUTEs whose values it fills
)

// Arg is one argument of a call; the constructors below make them. What stands
// in for a library reads its fields by kind and answers into what they point to.
type Arg struct {
	Kind       Kind
	Word       uint64      // KindWord, KindUse
	Bytes      []byte      // KindIn, KindSecret, KindOut, KindHidden (nil is NULL), KindStruct
	Number     *uint64     // KindULong; nil is NULL
	Numbers    []uint64    // KindULongs; nil is NULL
	Ref        *Ref        // KindHandle
	Refs       []Ref       // KindHandles
	Attributes []Attribute // KindAttributes, KindAnswers
}

// Ref is a handle: a pointer with SKF (void*), a number with PKCS#11
// (CK_ULONG). Recordings name handles instead of telling their values.
type Ref uint64

// Attribute is a CK_ATTRIBUTE (PKCS #11, 3.4); a CK_MECHANISM lies in memory
// alike, with the parameter as its value.
type Attribute struct {
	Type   uint64
	Value  []byte // given, or the buffer to fill; without bytes it is NULL
	Length int64  // after the call: the length that the library tells; -1: it tells none
	Secret bool   // the value is never recorded
}

// Word is a number by value: ULONG, BOOL, an algorithm's identifier.
func Word(n uint64) Arg { return Arg{Kind: KindWord, Word: n} }

// Bool is a BOOL by value.
func Bool(b bool) Arg {
	if b {
		return Word(1)
	}
	return Word(0)
}

// Use is a handle by value.
func Use(r Ref) Arg { return Arg{Kind: KindUse, Word: uint64(r)} }

// In is a pointer to bytes for the library to read; nil is NULL.
func In(b []byte) Arg { return Arg{Kind: KindIn, Bytes: b} }

// Text is In of a string and its NUL.
func Text(s string) Arg { return In(append([]byte(s), 0)) }

// Secret is In of what no recording may hold: PINs, keys, plaintexts.
func Secret(b []byte) Arg { return Arg{Kind: KindSecret, Bytes: b} }

// Out is a pointer to a buffer that the library fills; nil is NULL. A library
// that writes past its end is found out.
func Out(b []byte) Arg { return Arg{Kind: KindOut, Bytes: b} }

// Hidden is Out of what no recording may hold.
func Hidden(b []byte) Arg { return Arg{Kind: KindHidden, Bytes: b} }

// ULong is a pointer to a number that the library may read and writes. It lies
// in eight bytes, whatever the library takes a ULONG for.
func ULong(n *uint64) Arg { return Arg{Kind: KindULong, Number: n} }

// ULongs is a pointer to an array of numbers to fill; nil is NULL.
func ULongs(n []uint64) Arg { return Arg{Kind: KindULongs, Numbers: n} }

// Handle is a pointer to a handle that the library fills.
func Handle(r *Ref) Arg { return Arg{Kind: KindHandle, Ref: r} }

// Handles is a pointer to an array of handles to fill.
func Handles(r []Ref) Arg { return Arg{Kind: KindHandles, Refs: r} }

// Struct is a struct by value, as it lies in memory; a multiple of four bytes
// without floating-point numbers (BLOCKCIPHERPARAM, GM/T 0016).
func Struct(b []byte) Arg { return Arg{Kind: KindStruct, Bytes: b} }

// Attributes is a template for the library to read; Answers one whose values it
// fills, where those without bytes are asked for their length. The count is an
// argument of its own.
func Attributes(a []Attribute) Arg { return Arg{Kind: KindAttributes, Attributes: a} }

// Answers is told with Attributes.
func Answers(a []Attribute) Arg { return Arg{Kind: KindAnswers, Attributes: a} }

// Mechanism is a pointer to a CK_MECHANISM.
func Mechanism(mechanism uint64, parameter []byte) Arg {
	return Attributes([]Attribute{{Type: mechanism, Value: parameter}})
}

// Options are the quirks of a library that calls depend on.
type Options struct {
	// ULong is the size of its ULONG in bytes, 4 or 8; 0 for the standard's:
	// with SKF 4, with PKCS#11 that of C's long on this platform.
	ULong int `json:"ulong,omitempty"`
	// Overruns are let pass where they end within the bytes kept free behind
	// every buffer: some libraries write a NUL too many.
	Overruns bool `json:"overruns,omitempty"`
}

// pointer is the size of a pointer in bytes.
const pointer = int(unsafe.Sizeof(uintptr(0)))
