package pkcs11

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/certhall/certhall/desk/token/native"
)

// Numbers of PKCS #11 v2.40 (pkcs11t.h).
const (
	classCertificate, classPublic, classPrivate = 1, 2, 3

	attrClass           = 0x000
	attrToken           = 0x001
	attrPrivate         = 0x002
	attrLabel           = 0x003
	attrValue           = 0x011
	attrCertificateType = 0x080
	attrIssuer          = 0x081
	attrSerialNumber    = 0x082
	attrKeyType         = 0x100
	attrSubject         = 0x101
	attrID              = 0x102
	attrSensitive       = 0x103
	attrEncrypt         = 0x104
	attrDecrypt         = 0x105
	attrUnwrap          = 0x107
	attrSign            = 0x108
	attrVerify          = 0x10A
	attrModulus         = 0x120
	attrModulusBits     = 0x121
	attrPublicExponent  = 0x122
	attrExtractable     = 0x162
	attrECParams        = 0x180
	attrECPoint         = 0x181

	keyRSA, keyEC   = 0x0, 0x3
	certificateX509 = 0

	mechRSAGenerate   = 0x0000
	mechRSA           = 0x0001 // CKM_RSA_PKCS: over a DigestInfo
	mechRSASHA256     = 0x0040
	mechECGenerate    = 0x1040
	mechECDSA         = 0x1041 // over a digest
	mechECDSASHA256   = 0x1044
	userSO, userPlain = 0, 1

	sessionSerial, sessionRW = 4, 2
	stateROUser, stateRWUser = 1, 3

	tokenInitialized = 1 << 10
	// The states of the user's PIN; the administrator's are adminShift higher.
	pinCountLow, pinFinalTry, pinIsLocked = 1 << 16, 1 << 17, 1 << 18
	adminShift                            = 4
)

// ulong is a number as an attribute's value.
func ulong(n uint64, size int) []byte {
	return binary.LittleEndian.AppendUint64(nil, n)[:size]
}

func number(b []byte, size int) uint64 {
	if size == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// template is a list of attributes to give.
type template struct {
	size int // of a CK_ULONG
	list []native.Attribute
}

func (m *Module) template() *template { return &template{size: m.profile.ULong} }

func (t *template) bytes(attr uint64, value []byte) *template {
	t.list = append(t.list, native.Attribute{Type: attr, Value: value})
	return t
}

func (t *template) secret(attr uint64, value []byte) *template {
	t.list = append(t.list, native.Attribute{Type: attr, Value: value, Secret: true})
	return t
}

func (t *template) number(attr, n uint64) *template { return t.bytes(attr, ulong(n, t.size)) }

func (t *template) yes(attrs ...uint64) *template {
	for _, a := range attrs {
		t.bytes(a, []byte{1})
	}
	return t
}

func (t *template) no(attrs ...uint64) *template {
	for _, a := range attrs {
		t.bytes(a, []byte{0})
	}
	return t
}

// arg and count are the two arguments that a template is.
func (t *template) arg() native.Arg   { return native.Attributes(t.list) }
func (t *template) count() native.Arg { return native.Word(uint64(len(t.list))) }

// tokenInfo is CK_TOKEN_INFO as far as it is used.
type tokenInfo struct {
	label, manufacturer, model, serial string
	flags                              uint64
	maxPIN, minPIN                     uint64 // bytes
	totalPublic, freePublic            uint64 // bytes
	totalPrivate, freePrivate          uint64
}

// tokenInfoSize leaves room for the padding at its end.
func tokenInfoSize(ulong int) int { return 96 + 11*ulong + 20 + 4 }

func parseTokenInfo(b []byte, size int) tokenInfo {
	n := func(i int) uint64 { return number(b[96+i*size:], size) }
	return tokenInfo{
		label: text(b[:32]), manufacturer: text(b[32:64]), model: text(b[64:80]), serial: text(b[80:96]),
		flags: n(0), maxPIN: n(5), minPIN: n(6),
		totalPublic: n(7), freePublic: n(8), totalPrivate: n(9), freePrivate: n(10),
	}
}

// text is a field padded with blanks or, against the standard, with NULs or
// what lay behind one; hexadecimal where it is no text.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	s = strings.TrimSpace(s)
	if !readable(s) {
		return hex.EncodeToString([]byte(s))
	}
	return s
}

func readable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
