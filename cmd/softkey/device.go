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

//export SKF_WaitForDevEvent
func SKF_WaitForDevEvent(name C.LPSTR, n, event *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		need(unsafe.Pointer(name), unsafe.Pointer(event))
		return buffer(name, n, func(o *library.Out) error {
			e, err := l.WaitForDevEvent(o)
			number(event, e)
			return err
		})
	})
}

//export SKF_CancelWaitForDevEvent
func SKF_CancelWaitForDevEvent() C.ULONG {
	return call(func(l *library.Library) error { return l.CancelWaitForDevEvent() })
}

//export SKF_EnumDev
func SKF_EnumDev(_ C.BOOL, names C.LPSTR, n *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error { return buffer(names, n, l.EnumDev) })
}

//export SKF_ConnectDev
func SKF_ConnectDev(name C.LPSTR, h *C.DEVHANDLE) C.ULONG {
	return call(func(l *library.Library) error {
		return handle(h, func() (library.Handle, error) { return l.ConnectDev(text(name)) })
	})
}

//export SKF_DisConnectDev
func SKF_DisConnectDev(h C.DEVHANDLE) C.ULONG {
	return call(func(l *library.Library) error { return l.DisConnectDev(library.Handle(h)) })
}

//export SKF_GetDevState
func SKF_GetDevState(name C.LPSTR, state *C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		need(unsafe.Pointer(state))
		s, err := l.GetDevState(text(name))
		number(state, s)
		return err
	})
}

//export SKF_SetLabel
func SKF_SetLabel(h C.DEVHANDLE, label C.LPSTR) C.ULONG {
	return call(func(l *library.Library) error { return l.SetLabel(library.Handle(h), text(label)) })
}

//export SKF_GetDevInfo
func SKF_GetDevInfo(h C.DEVHANDLE, info *C.DEVINFO) C.ULONG {
	return call(func(l *library.Library) error {
		return structure(unsafe.Pointer(info), func() ([]byte, error) { return l.GetDevInfo(library.Handle(h)) })
	})
}

//export SKF_LockDev
func SKF_LockDev(h C.DEVHANDLE, milliseconds C.ULONG) C.ULONG {
	return call(func(l *library.Library) error { return l.LockDev(library.Handle(h), uint32(milliseconds)) })
}

//export SKF_UnlockDev
func SKF_UnlockDev(h C.DEVHANDLE) C.ULONG {
	return call(func(l *library.Library) error { return l.UnlockDev(library.Handle(h)) })
}

// SKF_Transmit has nothing to send to: there are no commands below these functions.
//
//export SKF_Transmit
func SKF_Transmit(C.DEVHANDLE, *C.BYTE, C.ULONG, *C.BYTE, *C.ULONG) C.ULONG {
	return C.ULONG(skf.NotSupported)
}

//export SKF_ChangeDevAuthKey
func SKF_ChangeDevAuthKey(h C.DEVHANDLE, key *C.BYTE, n C.ULONG) C.ULONG {
	return call(func(l *library.Library) error { return l.ChangeDevAuthKey(library.Handle(h), data(key, n)) })
}

//export SKF_DevAuth
func SKF_DevAuth(h C.DEVHANDLE, answer *C.BYTE, n C.ULONG) C.ULONG {
	return call(func(l *library.Library) error { return l.DevAuth(library.Handle(h), data(answer, n)) })
}

//export SKF_GenRandom
func SKF_GenRandom(h C.DEVHANDLE, random *C.BYTE, n C.ULONG) C.ULONG {
	return call(func(l *library.Library) error {
		need(unsafe.Pointer(random))
		return l.GenRandom(library.Handle(h), unsafe.Slice((*byte)(unsafe.Pointer(random)), n))
	})
}

//export SKF_CloseHandle
func SKF_CloseHandle(h C.HANDLE) C.ULONG {
	return call(func(l *library.Library) error { return l.CloseHandle(library.Handle(h)) })
}
