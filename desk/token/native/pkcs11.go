package native

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

// functions are those of CK_FUNCTION_LIST in its order (PKCS #11 v2.40, 3.6).
var functions = strings.Fields(`
C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo C_GetTokenInfo
C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN
C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo C_GetOperationState C_SetOperationState C_Login C_Logout
C_CreateObject C_CopyObject C_DestroyObject C_GetObjectSize C_GetAttributeValue C_SetAttributeValue
C_FindObjectsInit C_FindObjects C_FindObjectsFinal
C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal
C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal
C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit C_SignRecover
C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit C_VerifyRecover
C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate
C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey C_DeriveKey C_SeedRandom C_GenerateRandom
C_GetFunctionStatus C_CancelFunction C_WaitForSlotEvent`)

// OpenPKCS11 loads a PKCS#11 library: its functions are those of the list that
// C_GetFunctionList gives.
func OpenPKCS11(path string, o Options) (Library, error) {
	if o.ULong == 0 {
		o.ULong = pointer // C's long
		if runtime.GOOS == "windows" {
			o.ULong = 4
		}
	}
	l, err := start(path, layout{ulong: o.ULong, handle: o.ULong, packed: runtime.GOOS == "windows"}, o)
	if err != nil {
		return nil, err
	}
	if err := l.list(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *library) list() error {
	// The library fills in a pointer, of which it keeps what it points to.
	var at Ref
	pointers := *l
	pointers.handle = pointer
	if code := pointers.Call("C_GetFunctionList", Handle(&at)); code != 0 || at == 0 {
		return fmt.Errorf("native: C_GetFunctionList answers 0x%X", code)
	}
	first := pointer // behind CK_VERSION and its padding
	if l.packed {
		first = 2
	}
	l.table = make(map[string]uintptr, len(functions))
	where := uintptr(at)
	list := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&where))), first+len(functions)*pointer) // the library's memory, which Go never moves
	for i, fn := range functions {
		l.table[fn] = uintptr(number(list[first+i*pointer:], pointer))
	}
	return nil
}
