//go:build cgo

package main

// #define SKF_HANDLES_ARE_NUMBERS
// #include "skf.h"
import "C"

import (
	"runtime/debug"
	"unsafe"

	"github.com/certhall/certhall/desk/token/softkey/library"
	"github.com/certhall/certhall/gm/skf"
)

// refused is thrown where memory is carried in: the function answers it.
type refused skf.Code

// call runs a function and answers its code. Nothing else ever leaves it: a
// pointer to memory that is not there is a wrong parameter.
func call(f func(l *library.Library) error) (code C.ULONG) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		switch p := recover().(type) {
		case nil:
		case refused:
			code = C.ULONG(p)
		default:
			code = C.ULONG(skf.InvalidParameter)
		}
	}()
	return C.ULONG(library.CodeOf(f(lib())))
}

// need refuses NULL where the standard wants memory.
func need(pointers ...unsafe.Pointer) {
	for _, p := range pointers {
		if p == nil {
			panic(refused(skf.InvalidParameter))
		}
	}
}

// longest bounds names, labels and PINs, in bytes.
const longest = 1024

// text copies a string that ends with a NUL.
func text(p C.LPSTR) string {
	need(unsafe.Pointer(p))
	b := unsafe.Slice((*byte)(unsafe.Pointer(p)), longest)
	for i := range b {
		if b[i] == 0 {
			return string(b[:i])
		}
	}
	panic(refused(skf.InvalidParameter))
}

// data copies what the caller gives. NULL is nothing, if its length is 0.
func data(p *C.BYTE, n C.ULONG) []byte {
	if n > library.MaxInput {
		panic(refused(skf.InputLength))
	}
	if n == 0 {
		return nil
	}
	need(unsafe.Pointer(p))
	return fixed(unsafe.Pointer(p), int(n))
}

// fixed copies a structure.
func fixed(p unsafe.Pointer, n int) []byte {
	need(p)
	return append([]byte(nil), unsafe.Slice((*byte)(p), n)...)
}

// cipherBlob copies an ECCCIPHERBLOB, which is as long as it says.
func cipherBlob(p *C.ECCCIPHERBLOB) []byte {
	need(unsafe.Pointer(p))
	if p.CipherLen > skf.MaxCipher {
		panic(refused(skf.InputLength))
	}
	return fixed(unsafe.Pointer(p), skf.Standard.CipherSize(int(p.CipherLen)))
}

// put writes a structure to the caller.
func put(p unsafe.Pointer, b []byte) { copy(unsafe.Slice((*byte)(p), len(b)), b) }

// structure runs f and writes the structure it makes.
func structure(p unsafe.Pointer, f func() ([]byte, error)) error {
	need(p)
	b, err := f()
	if err == nil {
		put(p, b)
	}
	return err
}

// buffer lets f fill a buffer with its length beside it, or, where the buffer is
// NULL, tell the length only.
func buffer[T C.BYTE | C.CHAR](p *T, n *C.ULONG, f func(*library.Out) error) error {
	need(unsafe.Pointer(n))
	var o library.Out
	if p != nil {
		o.Buffer = unsafe.Slice((*byte)(unsafe.Pointer(p)), *n)
	}
	err := f(&o)
	if err == nil || library.CodeOf(err) == skf.BufferTooSmall {
		*n = C.ULONG(o.Length)
	}
	return err
}

// handle runs f and writes the handle it opens.
func handle(p *C.HANDLE, f func() (library.Handle, error)) error {
	need(unsafe.Pointer(p))
	h, err := f()
	if err == nil {
		*p = C.HANDLE(h)
	}
	return err
}

// number writes to the caller, who may not want it.
func number(p *C.ULONG, n uint32) {
	if p != nil {
		*p = C.ULONG(n)
	}
}
