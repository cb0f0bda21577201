//go:build cgo

package main

// #define SKF_HANDLES_ARE_NUMBERS
// #include "skf.h"
import "C"

import (
	"unsafe"

	"github.com/certhall/certhall/desk/token/softkey/library"
)

//export SKF_SetSymmKey
func SKF_SetSymmKey(h C.DEVHANDLE, key *C.BYTE, algorithm C.ULONG, opened *C.HANDLE) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(opened, func() (library.Handle, error) {
			return l.SetSymmKey(library.Handle(h), fixed(unsafe.Pointer(key), library.KeyLength), uint32(algorithm))
		})
	})
}

func parameters(p *C.BLOCKCIPHERPARAM) []byte {
	return fixed(unsafe.Pointer(p), C.sizeof_BLOCKCIPHERPARAM)
}

//export SKF_EncryptInit
func SKF_EncryptInit(h C.HANDLE, p C.BLOCKCIPHERPARAM) C.ULONG {
	return call(func(l *library.Library) error { return l.EncryptInit(library.Handle(h), parameters(&p)) })
}

//export SKF_DecryptInit
func SKF_DecryptInit(h C.HANDLE, p C.BLOCKCIPHERPARAM) C.ULONG {
	return call(func(l *library.Library) error { return l.DecryptInit(library.Handle(h), parameters(&p)) })
}

// filling is a function that takes data and fills a buffer.
type filling func(l *library.Library, h library.Handle, in []byte, out *library.Out) error

func fill(f filling, h C.HANDLE, in *C.BYTE, length C.ULONG, out *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(out, n, func(o *library.Out) error { return f(l, library.Handle(h), data(in, length), o) })
	})
}

// ending is a function that fills a buffer.
type ending func(l *library.Library, h library.Handle, out *library.Out) error

func end(f ending, h C.HANDLE, out *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(out, n, func(o *library.Out) error { return f(l, library.Handle(h), o) })
	})
}

//export SKF_Encrypt
func SKF_Encrypt(h C.HANDLE, in *C.BYTE, length C.ULONG, out *C.BYTE, n *C.ULONG) C.ULONG {
	return fill((*library.Library).Encrypt, h, in, length, out, n)
}

//export SKF_EncryptUpdate
func SKF_EncryptUpdate(h C.HANDLE, in *C.BYTE, length C.ULONG, out *C.BYTE, n *C.ULONG) C.ULONG {
	return fill((*library.Library).EncryptUpdate, h, in, length, out, n)
}

//export SKF_EncryptFinal
func SKF_EncryptFinal(h C.HANDLE, out *C.BYTE, n *C.ULONG) C.ULONG {
	return end((*library.Library).EncryptFinal, h, out, n)
}

//export SKF_Decrypt
func SKF_Decrypt(h C.HANDLE, in *C.BYTE, length C.ULONG, out *C.BYTE, n *C.ULONG) C.ULONG {
	return fill((*library.Library).Decrypt, h, in, length, out, n)
}

//export SKF_DecryptUpdate
func SKF_DecryptUpdate(h C.HANDLE, in *C.BYTE, length C.ULONG, out *C.BYTE, n *C.ULONG) C.ULONG {
	return fill((*library.Library).DecryptUpdate, h, in, length, out, n)
}

//export SKF_DecryptFinal
func SKF_DecryptFinal(h C.HANDLE, out *C.BYTE, n *C.ULONG) C.ULONG {
	return end((*library.Library).DecryptFinal, h, out, n)
}

//export SKF_DigestInit
func SKF_DigestInit(h C.DEVHANDLE, algorithm C.ULONG, public *C.ECCPUBLICKEYBLOB, id *C.BYTE, n C.ULONG, opened *C.HANDLE) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(opened, func() (library.Handle, error) {
			var key []byte
			if public != nil {
				key = fixed(unsafe.Pointer(public), C.sizeof_ECCPUBLICKEYBLOB)
			}
			return l.DigestInit(library.Handle(h), uint32(algorithm), key, data(id, n))
		})
	})
}

//export SKF_Digest
func SKF_Digest(h C.HANDLE, in *C.BYTE, length C.ULONG, out *C.BYTE, n *C.ULONG) C.ULONG {
	return fill((*library.Library).Digest, h, in, length, out, n)
}

//export SKF_DigestUpdate
func SKF_DigestUpdate(h C.HANDLE, in *C.BYTE, n C.ULONG) C.ULONG {
	return call(func(l *library.Library) error { return l.DigestUpdate(library.Handle(h), data(in, n)) })
}

//export SKF_DigestFinal
func SKF_DigestFinal(h C.HANDLE, out *C.BYTE, n *C.ULONG) C.ULONG {
	return end((*library.Library).DigestFinal, h, out, n)
}

//export SKF_MacInit
func SKF_MacInit(h C.HANDLE, p *C.BLOCKCIPHERPARAM, opened *C.HANDLE) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(opened, func() (library.Handle, error) { return l.MacInit(library.Handle(h), parameters(p)) })
	})
}

//export SKF_Mac
func SKF_Mac(h C.HANDLE, in *C.BYTE, length C.ULONG, out *C.BYTE, n *C.ULONG) C.ULONG {
	return fill((*library.Library).Mac, h, in, length, out, n)
}

//export SKF_MacUpdate
func SKF_MacUpdate(h C.HANDLE, in *C.BYTE, n C.ULONG) C.ULONG {
	return call(func(l *library.Library) error { return l.MacUpdate(library.Handle(h), data(in, n)) })
}

//export SKF_MacFinal
func SKF_MacFinal(h C.HANDLE, out *C.BYTE, n *C.ULONG) C.ULONG {
	return end((*library.Library).MacFinal, h, out, n)
}
