//go:build cgo

package main

// #define SKF_HANDLES_ARE_NUMBERS
// #include "skf.h"
import "C"

import (
	"unsafe"

	"github.com/certhall/certhall/desk/token/softkey/library"
)

//export SKF_CreateApplication
func SKF_CreateApplication(h C.DEVHANDLE, name, admin C.LPSTR, adminTries C.DWORD, pin C.LPSTR, tries, fileRights C.DWORD, opened *C.HAPPLICATION) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(opened, func() (library.Handle, error) {
			return l.CreateApplication(library.Handle(h), library.NewApplication{
				Name: text(name), AdminPIN: text(admin), AdminTries: uint32(adminTries),
				PIN: text(pin), Tries: uint32(tries), FileRights: uint32(fileRights),
			})
		})
	})
}

//export SKF_EnumApplication
func SKF_EnumApplication(h C.DEVHANDLE, names C.LPSTR, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(names, n, func(o *library.Out) error { return l.EnumApplication(library.Handle(h), o) })
	})
}

//export SKF_DeleteApplication
func SKF_DeleteApplication(h C.DEVHANDLE, name C.LPSTR) C.ULONG {
	return call(func(l *library.Library) error { return l.DeleteApplication(library.Handle(h), text(name)) })
}

//export SKF_OpenApplication
func SKF_OpenApplication(h C.DEVHANDLE, name C.LPSTR, opened *C.HAPPLICATION) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(opened, func() (library.Handle, error) { return l.OpenApplication(library.Handle(h), text(name)) })
	})
}

//export SKF_CloseApplication
func SKF_CloseApplication(h C.HAPPLICATION) C.ULONG {
	return call(func(l *library.Library) error { return l.CloseApplication(library.Handle(h)) })
}

//export SKF_ChangePIN
func SKF_ChangePIN(h C.HAPPLICATION, kind C.ULONG, old, next C.LPSTR, left *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		tries, err := l.ChangePIN(library.Handle(h), uint32(kind), text(old), text(next))
		number(left, tries)
		return err
	})
}

// SKF_GetPINInfo does not know whether a PIN is still the maker's: it says no.
//
//export SKF_GetPINInfo
func SKF_GetPINInfo(h C.HAPPLICATION, kind C.ULONG, most, left *C.ULONG, makers *C.BOOL) C.ULONG {
	return call(func(l *library.Library) error {
		info, err := l.GetPINInfo(library.Handle(h), uint32(kind))
		if err != nil {
			return err
		}
		number(most, info.Most)
		number(left, info.Left)
		if makers != nil {
			*makers = 0
		}
		return nil
	})
}

//export SKF_VerifyPIN
func SKF_VerifyPIN(h C.HAPPLICATION, kind C.ULONG, pin C.LPSTR, left *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		tries, err := l.VerifyPIN(library.Handle(h), uint32(kind), text(pin))
		number(left, tries)
		return err
	})
}

//export SKF_UnblockPIN
func SKF_UnblockPIN(h C.HAPPLICATION, admin, next C.LPSTR, left *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		tries, err := l.UnblockPIN(library.Handle(h), text(admin), text(next))
		number(left, tries)
		return err
	})
}

//export V_GenUnlockRequest
func V_GenUnlockRequest(h C.HAPPLICATION, request *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(request, n, func(o *library.Out) error { return l.GenUnlockRequest(library.Handle(h), o) })
	})
}

//export V_UnlockByResponse
func V_UnlockByResponse(h C.HAPPLICATION, response *C.BYTE, n C.ULONG, next C.LPSTR, left *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		tries, err := l.UnlockByResponse(library.Handle(h), data(response, n), text(next))
		number(left, tries)
		return err
	})
}

//export SKF_ClearSecureState
func SKF_ClearSecureState(h C.HAPPLICATION) C.ULONG {
	return call(func(l *library.Library) error { return l.ClearSecureState(library.Handle(h)) })
}

//export SKF_CreateFile
func SKF_CreateFile(h C.HAPPLICATION, name C.LPSTR, size, read, write C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return l.CreateFile(library.Handle(h), text(name), uint32(size), uint32(read), uint32(write))
	})
}

//export SKF_DeleteFile
func SKF_DeleteFile(h C.HAPPLICATION, name C.LPSTR) C.ULONG {
	return call(func(l *library.Library) error { return l.DeleteFile(library.Handle(h), text(name)) })
}

//export SKF_EnumFiles
func SKF_EnumFiles(h C.HAPPLICATION, names C.LPSTR, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(names, n, func(o *library.Out) error { return l.EnumFiles(library.Handle(h), o) })
	})
}

//export SKF_GetFileInfo
func SKF_GetFileInfo(h C.HAPPLICATION, name C.LPSTR, info *C.FILEATTRIBUTE) C.ULONG {
	return call(func(l *library.Library) error {
		return structure(unsafe.Pointer(info), func() ([]byte, error) { return l.GetFileInfo(library.Handle(h), text(name)) })
	})
}

//export SKF_ReadFile
func SKF_ReadFile(h C.HAPPLICATION, name C.LPSTR, offset, size C.ULONG, out *C.BYTE, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return buffer(out, n, func(o *library.Out) error {
			return l.ReadFile(library.Handle(h), text(name), uint32(offset), uint32(size), o)
		})
	})
}

//export SKF_WriteFile
func SKF_WriteFile(h C.HAPPLICATION, name C.LPSTR, offset C.ULONG, in *C.BYTE, n C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		return l.WriteFile(library.Handle(h), text(name), uint32(offset), data(in, n))
	})
}
