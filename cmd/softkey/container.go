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

//export SKF_CreateContainer
func SKF_CreateContainer(h C.HAPPLICATION, name C.LPSTR, opened *C.HCONTAINER) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(opened, func() (library.Handle, error) { return l.CreateContainer(library.Handle(h), text(name)) })
	})
}

//export SKF_DeleteContainer
func SKF_DeleteContainer(h C.HAPPLICATION, name C.LPSTR) C.ULONG {
	return call(func(l *library.Library) error { return l.DeleteContainer(library.Handle(h), text(name)) })
}

//export SKF_OpenContainer
func SKF_OpenContainer(h C.HAPPLICATION, name C.LPSTR, opened *C.HCONTAINER) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(opened, func() (library.Handle, error) { return l.OpenContainer(library.Handle(h), text(name)) })
	})
}

//export SKF_CloseContainer
func SKF_CloseContainer(h C.HCONTAINER) C.ULONG {
	return call(func(l *library.Library) error { return l.CloseContainer(library.Handle(h)) })
}

//export SKF_EnumContainer
func SKF_EnumContainer(h C.HAPPLICATION, names C.LPSTR, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(names, n, func(o *library.Out) error { return l.EnumContainer(library.Handle(h), o) })
	})
}

//export SKF_GetContainerType
func SKF_GetContainerType(h C.HCONTAINER, kind *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		need(unsafe.Pointer(kind))
		k, err := l.GetContainerType(library.Handle(h))
		if err == nil {
			number(kind, uint32(k))
		}
		return err
	})
}

//export SKF_ImportCertificate
func SKF_ImportCertificate(h C.HCONTAINER, signing C.BOOL, der *C.BYTE, n C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return l.ImportCertificate(library.Handle(h), signing != 0, data(der, n))
	})
}

//export SKF_ExportCertificate
func SKF_ExportCertificate(h C.HCONTAINER, signing C.BOOL, der *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(der, n, func(o *library.Out) error { return l.ExportCertificate(library.Handle(h), signing != 0, o) })
	})
}

//export SKF_ExportPublicKey
func SKF_ExportPublicKey(h C.HCONTAINER, signing C.BOOL, blob *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(blob, n, func(o *library.Out) error { return l.ExportPublicKey(library.Handle(h), signing != 0, o) })
	})
}

//export SKF_GenECCKeyPair
func SKF_GenECCKeyPair(h C.HCONTAINER, algorithm C.ULONG, public *C.ECCPUBLICKEYBLOB) C.ULONG {
	return call(func(l *library.Library) error {
		return structure(unsafe.Pointer(public), func() ([]byte, error) { return l.GenECCKeyPair(library.Handle(h), uint32(algorithm)) })
	})
}

//export SKF_ImportECCKeyPair
func SKF_ImportECCKeyPair(h C.HCONTAINER, blob *C.ENVELOPEDKEYBLOB) C.ULONG {
	return call(func(l *library.Library) error {
		need(unsafe.Pointer(blob))
		n := blob.ECCCipherBlob.CipherLen
		if n > skf.MaxCipher {
			panic(refused(skf.InputLength))
		}
		return l.ImportECCKeyPair(library.Handle(h), fixed(unsafe.Pointer(blob), skf.Standard.EnvelopedKeySize(int(n))))
	})
}

//export SKF_ECCSignData
func SKF_ECCSignData(h C.HCONTAINER, e *C.BYTE, n C.ULONG, signature *C.ECCSIGNATUREBLOB) C.ULONG {
	return call(func(l *library.Library) error {
		return structure(unsafe.Pointer(signature), func() ([]byte, error) { return l.ECCSignData(library.Handle(h), data(e, n)) })
	})
}

func decrypt(h C.HCONTAINER, spec uint32, blob *C.ECCCIPHERBLOB, plain *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(plain, n, func(o *library.Out) error {
			return l.ECCDecrypt(library.Handle(h), spec, cipherBlob(blob), o)
		})
	})
}

//export SKF_ECCDecrypt
func SKF_ECCDecrypt(h C.HCONTAINER, blob *C.ECCCIPHERBLOB, plain *C.BYTE, n *C.ULONG) C.ULONG {
	return decrypt(h, library.EncryptionSpec, blob, plain, n)
}

//export SKF_ECCPrvKeyDecrypt
func SKF_ECCPrvKeyDecrypt(h C.HCONTAINER, blob *C.ECCCIPHERBLOB, plain *C.BYTE, n *C.ULONG) C.ULONG {
	return decrypt(h, library.EncryptionSpec, blob, plain, n)
}

//export V_ECCPrvKeyDecrypt
func V_ECCPrvKeyDecrypt(h C.HCONTAINER, spec C.ULONG, blob *C.ECCCIPHERBLOB, plain *C.BYTE, n *C.ULONG) C.ULONG {
	return decrypt(h, uint32(spec), blob, plain, n)
}

//export SKF_ECCExportSessionKey
func SKF_ECCExportSessionKey(h C.HCONTAINER, algorithm C.ULONG, public *C.ECCPUBLICKEYBLOB, blob *C.ECCCIPHERBLOB, key *C.HANDLE) C.ULONG {
	return call(func(l *library.Library) error {
		need(unsafe.Pointer(blob))
		return handle(key, func() (library.Handle, error) {
			wrapped, k, err := l.ECCExportSessionKey(library.Handle(h), uint32(algorithm), fixed(unsafe.Pointer(public), C.sizeof_ECCPUBLICKEYBLOB))
			if err == nil {
				put(unsafe.Pointer(blob), wrapped)
			}
			return k, err
		})
	})
}

//export SKF_GenRSAKeyPair
func SKF_GenRSAKeyPair(h C.HCONTAINER, bits C.ULONG, public *C.RSAPUBLICKEYBLOB) C.ULONG {
	return call(func(l *library.Library) error {
		return structure(unsafe.Pointer(public), func() ([]byte, error) { return l.GenRSAKeyPair(library.Handle(h), uint32(bits)) })
	})
}

//export SKF_ImportRSAKeyPair
func SKF_ImportRSAKeyPair(h C.HCONTAINER, algorithm C.ULONG, wrapped *C.BYTE, wrappedLength C.ULONG, encrypted *C.BYTE, n C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return l.ImportRSAKeyPair(library.Handle(h), uint32(algorithm), data(wrapped, wrappedLength), data(encrypted, n))
	})
}

//export SKF_RSASignData
func SKF_RSASignData(h C.HCONTAINER, in *C.BYTE, length C.ULONG, signature *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(signature, n, func(o *library.Out) error { return l.RSASignData(library.Handle(h), data(in, length), o) })
	})
}

//export SKF_RSAExportSessionKey
func SKF_RSAExportSessionKey(h C.HCONTAINER, algorithm C.ULONG, public *C.RSAPUBLICKEYBLOB, wrapped *C.BYTE, n *C.ULONG, key *C.HANDLE) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(key, func() (k library.Handle, err error) {
			err = buffer(wrapped, n, func(o *library.Out) error {
				k, err = l.RSAExportSessionKey(library.Handle(h), uint32(algorithm), fixed(unsafe.Pointer(public), C.sizeof_RSAPUBLICKEYBLOB), o)
				return err
			})
			return k, err
		})
	})
}

//export SKF_ImportSessionKey
func SKF_ImportSessionKey(h C.HCONTAINER, algorithm C.ULONG, wrapped *C.BYTE, n C.ULONG, key *C.HANDLE) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(key, func() (library.Handle, error) {
			return l.ImportSessionKey(library.Handle(h), uint32(algorithm), data(wrapped, n))
		})
	})
}
