//go:build cgo

package main

// #define SKF_HANDLES_ARE_NUMBERS
// #include "skf.h"
import "C"

import (
	"unsafe"

	"github.com/certhall/certhall/desk/token/softkey/library"
	"github.com/certhall/certhall/gm/skf"
)

//export SKF_ECCVerify
func SKF_ECCVerify(h C.DEVHANDLE, public *C.ECCPUBLICKEYBLOB, e *C.BYTE, n C.ULONG, signature *C.ECCSIGNATUREBLOB) C.ULONG {
	return call(func(l *library.Library) error {
		return l.ECCVerify(library.Handle(h), fixed(unsafe.Pointer(public), C.sizeof_ECCPUBLICKEYBLOB), data(e, n),
			fixed(unsafe.Pointer(signature), C.sizeof_ECCSIGNATUREBLOB))
	})
}

//export SKF_ExtECCVerify
func SKF_ExtECCVerify(h C.DEVHANDLE, public *C.ECCPUBLICKEYBLOB, e *C.BYTE, n C.ULONG, signature *C.ECCSIGNATUREBLOB) C.ULONG {
	return SKF_ECCVerify(h, public, e, n, signature)
}

//export SKF_ExtECCEncrypt
func SKF_ExtECCEncrypt(h C.DEVHANDLE, public *C.ECCPUBLICKEYBLOB, plain *C.BYTE, n C.ULONG, blob *C.ECCCIPHERBLOB) C.ULONG {
	return call(func(l *library.Library) error {
		return structure(unsafe.Pointer(blob), func() ([]byte, error) {
			return l.ExtECCEncrypt(library.Handle(h), fixed(unsafe.Pointer(public), C.sizeof_ECCPUBLICKEYBLOB), data(plain, n))
		})
	})
}

//export SKF_ExtECCDecrypt
func SKF_ExtECCDecrypt(h C.DEVHANDLE, private *C.ECCPRIVATEKEYBLOB, blob *C.ECCCIPHERBLOB, plain *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(plain, n, func(o *library.Out) error {
			return l.ExtECCDecrypt(library.Handle(h), fixed(unsafe.Pointer(private), C.sizeof_ECCPRIVATEKEYBLOB), cipherBlob(blob), o)
		})
	})
}

//export SKF_ExtECCSign
func SKF_ExtECCSign(h C.DEVHANDLE, private *C.ECCPRIVATEKEYBLOB, e *C.BYTE, n C.ULONG, signature *C.ECCSIGNATUREBLOB) C.ULONG {
	return call(func(l *library.Library) error {
		return structure(unsafe.Pointer(signature), func() ([]byte, error) {
			return l.ExtECCSign(library.Handle(h), fixed(unsafe.Pointer(private), C.sizeof_ECCPRIVATEKEYBLOB), data(e, n))
		})
	})
}

//export SKF_RSAVerify
func SKF_RSAVerify(h C.DEVHANDLE, public *C.RSAPUBLICKEYBLOB, in *C.BYTE, n C.ULONG, signature *C.BYTE, length C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return l.RSAVerify(library.Handle(h), fixed(unsafe.Pointer(public), C.sizeof_RSAPUBLICKEYBLOB), data(in, n), data(signature, length))
	})
}

// What programs for certificates do not need: RSA without a container, and
// SM2's key agreement. The functions are there for programs that look for all
// names at once.

//export SKF_GenExtRSAKey
func SKF_GenExtRSAKey(C.DEVHANDLE, C.ULONG, *C.RSAPRIVATEKEYBLOB) C.ULONG {
	return C.ULONG(skf.NotSupported)
}

//export SKF_ExtRSAPubKeyOperation
func SKF_ExtRSAPubKeyOperation(C.DEVHANDLE, *C.RSAPUBLICKEYBLOB, *C.BYTE, C.ULONG, *C.BYTE, *C.ULONG) C.ULONG {
	return C.ULONG(skf.NotSupported)
}

//export SKF_ExtRSAPriKeyOperation
func SKF_ExtRSAPriKeyOperation(C.DEVHANDLE, *C.RSAPRIVATEKEYBLOB, *C.BYTE, C.ULONG, *C.BYTE, *C.ULONG) C.ULONG {
	return C.ULONG(skf.NotSupported)
}

//export SKF_GenerateAgreementDataWithECC
func SKF_GenerateAgreementDataWithECC(C.HCONTAINER, C.ULONG, *C.ECCPUBLICKEYBLOB, *C.BYTE, C.ULONG, *C.HANDLE) C.ULONG {
	return C.ULONG(skf.NotSupported)
}

//export SKF_GenerateAgreementDataAndKeyWithECC
func SKF_GenerateAgreementDataAndKeyWithECC(C.HANDLE, C.ULONG, *C.ECCPUBLICKEYBLOB, *C.ECCPUBLICKEYBLOB, *C.ECCPUBLICKEYBLOB, *C.BYTE, C.ULONG, *C.BYTE, C.ULONG, *C.HANDLE) C.ULONG {
	return C.ULONG(skf.NotSupported)
}

//export SKF_GenerateKeyWithECC
func SKF_GenerateKeyWithECC(C.HANDLE, *C.ECCPUBLICKEYBLOB, *C.ECCPUBLICKEYBLOB, *C.BYTE, C.ULONG, *C.HANDLE) C.ULONG {
	return C.ULONG(skf.NotSupported)
}
