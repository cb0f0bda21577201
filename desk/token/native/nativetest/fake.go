// Package nativetest stands in for a C library in tests: each function is a
// Go function, so that a library's quirk can be scripted.
package nativetest

import "github.com/certhall/certhall/desk/token/native"

// Fake is a native.Library of Go functions.
type Fake map[string]func(args []native.Arg) uint32

// Has tells whether there is such a function.
func (f Fake) Has(fn string) bool { return f[fn] != nil }

// Call calls it.
func (f Fake) Call(fn string, args ...native.Arg) uint32 {
	if f[fn] == nil {
		return native.Missing
	}
	return f[fn](args)
}

// Close does nothing.
func (f Fake) Close() error { return nil }

// Fill answers bytes as C libraries do: without a buffer the size alone, with
// too small a one the code short; out and size are the arguments of a call.
func Fill(out, size native.Arg, answer []byte, short uint32) uint32 {
	room := *size.Number
	*size.Number = uint64(len(answer))
	if out.Bytes == nil {
		return 0
	}
	if room < uint64(len(answer)) || len(out.Bytes) < len(answer) {
		return short
	}
	copy(out.Bytes, answer)
	return 0
}
