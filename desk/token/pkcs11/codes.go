package pkcs11

import (
	"errors"
	"fmt"
	"slices"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
)

// code is a CK_RV.
type code uint32

// The codes on which something depends (PKCS #11 v2.40, 5.1).
const (
	slotInvalid          code = 0x003
	deviceError          code = 0x030
	deviceMemory         code = 0x031
	deviceRemoved        code = 0x032
	attributeSensitive   code = 0x011
	attributeInvalid     code = 0x012
	attributeValue       code = 0x013
	dataLength           code = 0x021
	encryptedInvalid     code = 0x040
	encryptedLength      code = 0x041
	functionUnsupported  code = 0x054
	keyHandleInvalid     code = 0x060
	keySize              code = 0x062
	keyTypeInconsistent  code = 0x063
	keyNotPermitted      code = 0x068
	mechanismInvalid     code = 0x070
	mechanismParam       code = 0x071
	objectInvalid        code = 0x082
	operationActive      code = 0x090
	pinIncorrect         code = 0x0A0
	pinInvalid           code = 0x0A1
	pinLength            code = 0x0A2
	pinExpired           code = 0x0A3
	pinLocked            code = 0x0A4
	sessionClosed        code = 0x0B0
	sessionCount         code = 0x0B1
	sessionInvalid       code = 0x0B3
	readOnlyExists       code = 0x0B7
	templateInconsistent code = 0x0D1
	tokenNotPresent      code = 0x0E0
	tokenNotRecognized   code = 0x0E1
	writeProtected       code = 0x0E2
	alreadyLoggedIn      code = 0x100
	notLoggedIn          code = 0x101
	pinNotInitialized    code = 0x102
	anotherLoggedIn      code = 0x104
	wrappedInvalid       code = 0x110
	wrappedLength        code = 0x112
	domainParams         code = 0x130
	curveUnsupported     code = 0x140
	bufferTooSmall       code = 0x150
	alreadyInitialized   code = 0x191
	pinTooWeak           code = 0x1B8
)

// names are the codes' names in the standard's header (pkcs11t.h, v2.40).
var names = map[code]string{
	0x000:                "CKR_OK",
	0x001:                "CKR_CANCEL",
	0x002:                "CKR_HOST_MEMORY",
	0x003:                "CKR_SLOT_ID_INVALID",
	0x005:                "CKR_GENERAL_ERROR",
	0x006:                "CKR_FUNCTION_FAILED",
	0x007:                "CKR_ARGUMENTS_BAD",
	0x008:                "CKR_NO_EVENT",
	0x009:                "CKR_NEED_TO_CREATE_THREADS",
	0x00A:                "CKR_CANT_LOCK",
	0x010:                "CKR_ATTRIBUTE_READ_ONLY",
	0x011:                "CKR_ATTRIBUTE_SENSITIVE",
	0x012:                "CKR_ATTRIBUTE_TYPE_INVALID",
	0x013:                "CKR_ATTRIBUTE_VALUE_INVALID",
	0x01B:                "CKR_ACTION_PROHIBITED",
	0x020:                "CKR_DATA_INVALID",
	0x021:                "CKR_DATA_LEN_RANGE",
	0x030:                "CKR_DEVICE_ERROR",
	0x031:                "CKR_DEVICE_MEMORY",
	0x032:                "CKR_DEVICE_REMOVED",
	0x040:                "CKR_ENCRYPTED_DATA_INVALID",
	0x041:                "CKR_ENCRYPTED_DATA_LEN_RANGE",
	0x050:                "CKR_FUNCTION_CANCELED",
	0x051:                "CKR_FUNCTION_NOT_PARALLEL",
	0x054:                "CKR_FUNCTION_NOT_SUPPORTED",
	0x060:                "CKR_KEY_HANDLE_INVALID",
	0x062:                "CKR_KEY_SIZE_RANGE",
	0x063:                "CKR_KEY_TYPE_INCONSISTENT",
	0x064:                "CKR_KEY_NOT_NEEDED",
	0x065:                "CKR_KEY_CHANGED",
	0x066:                "CKR_KEY_NEEDED",
	0x067:                "CKR_KEY_INDIGESTIBLE",
	0x068:                "CKR_KEY_FUNCTION_NOT_PERMITTED",
	0x069:                "CKR_KEY_NOT_WRAPPABLE",
	0x06A:                "CKR_KEY_UNEXTRACTABLE",
	0x070:                "CKR_MECHANISM_INVALID",
	0x071:                "CKR_MECHANISM_PARAM_INVALID",
	0x082:                "CKR_OBJECT_HANDLE_INVALID",
	0x090:                "CKR_OPERATION_ACTIVE",
	0x091:                "CKR_OPERATION_NOT_INITIALIZED",
	0x0A0:                "CKR_PIN_INCORRECT",
	0x0A1:                "CKR_PIN_INVALID",
	0x0A2:                "CKR_PIN_LEN_RANGE",
	0x0A3:                "CKR_PIN_EXPIRED",
	0x0A4:                "CKR_PIN_LOCKED",
	0x0B0:                "CKR_SESSION_CLOSED",
	0x0B1:                "CKR_SESSION_COUNT",
	0x0B3:                "CKR_SESSION_HANDLE_INVALID",
	0x0B4:                "CKR_SESSION_PARALLEL_NOT_SUPPORTED",
	0x0B5:                "CKR_SESSION_READ_ONLY",
	0x0B6:                "CKR_SESSION_EXISTS",
	0x0B7:                "CKR_SESSION_READ_ONLY_EXISTS",
	0x0B8:                "CKR_SESSION_READ_WRITE_SO_EXISTS",
	0x0C0:                "CKR_SIGNATURE_INVALID",
	0x0C1:                "CKR_SIGNATURE_LEN_RANGE",
	0x0D0:                "CKR_TEMPLATE_INCOMPLETE",
	0x0D1:                "CKR_TEMPLATE_INCONSISTENT",
	0x0E0:                "CKR_TOKEN_NOT_PRESENT",
	0x0E1:                "CKR_TOKEN_NOT_RECOGNIZED",
	0x0E2:                "CKR_TOKEN_WRITE_PROTECTED",
	0x0F0:                "CKR_UNWRAPPING_KEY_HANDLE_INVALID",
	0x0F1:                "CKR_UNWRAPPING_KEY_SIZE_RANGE",
	0x0F2:                "CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT",
	0x100:                "CKR_USER_ALREADY_LOGGED_IN",
	0x101:                "CKR_USER_NOT_LOGGED_IN",
	0x102:                "CKR_USER_PIN_NOT_INITIALIZED",
	0x103:                "CKR_USER_TYPE_INVALID",
	0x104:                "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
	0x105:                "CKR_USER_TOO_MANY_TYPES",
	0x110:                "CKR_WRAPPED_KEY_INVALID",
	0x112:                "CKR_WRAPPED_KEY_LEN_RANGE",
	0x113:                "CKR_WRAPPING_KEY_HANDLE_INVALID",
	0x114:                "CKR_WRAPPING_KEY_SIZE_RANGE",
	0x115:                "CKR_WRAPPING_KEY_TYPE_INCONSISTENT",
	0x120:                "CKR_RANDOM_SEED_NOT_SUPPORTED",
	0x121:                "CKR_RANDOM_NO_RNG",
	0x130:                "CKR_DOMAIN_PARAMS_INVALID",
	0x140:                "CKR_CURVE_NOT_SUPPORTED",
	0x150:                "CKR_BUFFER_TOO_SMALL",
	0x160:                "CKR_SAVED_STATE_INVALID",
	0x170:                "CKR_INFORMATION_SENSITIVE",
	0x180:                "CKR_STATE_UNSAVEABLE",
	0x190:                "CKR_CRYPTOKI_NOT_INITIALIZED",
	0x191:                "CKR_CRYPTOKI_ALREADY_INITIALIZED",
	0x1A0:                "CKR_MUTEX_BAD",
	0x1A1:                "CKR_MUTEX_NOT_LOCKED",
	0x1B0:                "CKR_NEW_PIN_MODE",
	0x1B1:                "CKR_NEXT_OTP",
	0x1B5:                "CKR_EXCEEDED_MAX_ITERATIONS",
	0x1B6:                "CKR_FIPS_SELF_TEST_FAILED",
	0x1B7:                "CKR_LIBRARY_LOAD_FAILED",
	0x1B8:                "CKR_PIN_TOO_WEAK",
	0x1B9:                "CKR_PUBLIC_KEY_INVALID",
	0x200:                "CKR_FUNCTION_REJECTED",
	code(native.Missing): "no such function",
	code(native.Overrun): "wrote past the end of a buffer",
}

// vendorDefined is where the makers' own codes begin.
const vendorDefined code = 0x80000000

func (c code) String() string {
	name := names[c]
	if name == "" && c >= vendorDefined {
		name = "the maker's own"
	}
	return fmt.Sprintf("0x%X %s", uint32(c), name)
}

// answer is what a function answered instead of CKR_OK.
type answer struct {
	fn   string
	code code
}

func (a answer) Error() string { return fmt.Sprintf("pkcs11: %s answers %v", a.fn, a.code) }

// answers tells whether err is one of these codes.
func answers(err error, codes ...code) bool {
	var a answer
	return errors.As(err, &a) && slices.Contains(codes, a.code)
}

// gone are the codes of a token that is no longer there: sessions end with it.
var gone = []code{deviceRemoved, tokenNotPresent, sessionInvalid, sessionClosed, slotInvalid}

// refusedPIN are the codes for a new PIN that the token does not take.
var refusedPIN = []code{pinInvalid, pinLength, pinTooWeak}

// wrong says that the library answered what cannot be.
func wrong(fn, what string) error {
	return token.ErrDriverWrong.With("call", fn).With("code", what)
}

// explained makes of an answer what keys answer. Where a code means something
// else in a call, that call has looked before.
func explained(err error) error {
	var a answer
	if !errors.As(err, &a) {
		return err
	}
	switch a.code {
	case deviceRemoved, tokenNotPresent, sessionInvalid, sessionClosed, slotInvalid:
		return token.ErrRemoved.Because(a)
	case deviceMemory:
		return token.ErrKeyFull.Because(a)
	case notLoggedIn:
		return token.ErrPINNeeded.Because(a)
	case pinIncorrect:
		return token.ErrPINWrong.Because(a)
	case pinLocked:
		return token.ErrPINLocked.Because(a)
	case pinExpired:
		return ErrPINExpired.Because(a)
	case pinNotInitialized:
		return token.ErrUninitialised.Because(a)
	case tokenNotRecognized:
		return token.ErrKeyDamaged.Because(a)
	case sessionCount:
		return token.ErrKeyBusy.Because(a)
	case functionUnsupported, writeProtected, code(native.Missing):
		return token.ErrUnsupported.Because(a)
	}
	return token.ErrDriverWrong.With("call", a.fn).With("code", a.code.String()).Because(a)
}
