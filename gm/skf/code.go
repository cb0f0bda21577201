package skf

import "fmt"

// Code is what every function answers (GM/T 0016, annex A): 0, or what is wrong.
type Code uint32

// The codes. From ReachedMaxContainers up vendors disagree.
const (
	OK                   Code = 0
	Fail                 Code = 0x0A000001
	UnknownError         Code = 0x0A000002
	NotSupported         Code = 0x0A000003
	FileError            Code = 0x0A000004
	InvalidHandle        Code = 0x0A000005
	InvalidParameter     Code = 0x0A000006
	ReadFileError        Code = 0x0A000007
	WriteFileError       Code = 0x0A000008
	NameLength           Code = 0x0A000009
	KeyUsage             Code = 0x0A00000A
	ModulusLength        Code = 0x0A00000B
	NotInitialized       Code = 0x0A00000C
	ObjectError          Code = 0x0A00000D
	MemoryError          Code = 0x0A00000E
	Timeout              Code = 0x0A00000F
	InputLength          Code = 0x0A000010
	InputData            Code = 0x0A000011
	RandomError          Code = 0x0A000012
	HashObject           Code = 0x0A000013
	HashError            Code = 0x0A000014
	GenerateRSAError     Code = 0x0A000015
	RSAModulusLength     Code = 0x0A000016
	ImportPublicKeyError Code = 0x0A000017
	RSAEncryptError      Code = 0x0A000018
	RSADecryptError      Code = 0x0A000019
	HashNotEqual         Code = 0x0A00001A
	KeyNotFound          Code = 0x0A00001B
	CertificateNotFound  Code = 0x0A00001C
	NotExportable        Code = 0x0A00001D
	DecryptPadding       Code = 0x0A00001E
	MACLength            Code = 0x0A00001F
	BufferTooSmall       Code = 0x0A000020
	KeyInfoType          Code = 0x0A000021
	NoEvent              Code = 0x0A000022
	DeviceRemoved        Code = 0x0A000023
	PINIncorrect         Code = 0x0A000024
	PINLocked            Code = 0x0A000025
	PINInvalid           Code = 0x0A000026
	PINLength            Code = 0x0A000027
	AlreadyLoggedIn      Code = 0x0A000028
	PINNotInitialized    Code = 0x0A000029
	UserTypeInvalid      Code = 0x0A00002A
	ApplicationName      Code = 0x0A00002B
	ApplicationExists    Code = 0x0A00002C
	NotLoggedIn          Code = 0x0A00002D
	ApplicationMissing   Code = 0x0A00002E
	FileExists           Code = 0x0A00002F
	NoRoom               Code = 0x0A000030
	FileMissing          Code = 0x0A000031
	ReachedMaxContainers Code = 0x0A000032
)

// codes are the names of the standard, from SAR_FAIL on.
var codes = [...]string{
	"SAR_FAIL", "SAR_UNKNOWNERR", "SAR_NOTSUPPORTYETERR", "SAR_FILEERR", "SAR_INVALIDHANDLEERR",
	"SAR_INVALIDPARAMERR", "SAR_READFILEERR", "SAR_WRITEFILEERR", "SAR_NAMELENERR", "SAR_KEYUSAGEERR",
	"SAR_MODULUSLENERR", "SAR_NOTINITIALIZEERR", "SAR_OBJERR", "SAR_MEMORYERR", "SAR_TIMEOUTERR",
	"SAR_INDATALENERR", "SAR_INDATAERR", "SAR_GENRANDERR", "SAR_HASHOBJERR", "SAR_HASHERR",
	"SAR_GENRSAKEYERR", "SAR_RSAMODULUSLENERR", "SAR_CSPIMPRTPUBKEYERR", "SAR_RSAENCERR", "SAR_RSADECERR",
	"SAR_HASHNOTEQUALERR", "SAR_KEYNOTFOUNTERR", "SAR_CERTNOTFOUNTERR", "SAR_NOTEXPORTERR", "SAR_DECRYPTPADERR",
	"SAR_MACLENERR", "SAR_BUFFER_TOO_SMALL", "SAR_KEYINFOTYPEERR", "SAR_NOT_EVENTERR", "SAR_DEVICE_REMOVED",
	"SAR_PIN_INCORRECT", "SAR_PIN_LOCKED", "SAR_PIN_INVALID", "SAR_PIN_LEN_RANGE", "SAR_USER_ALREADY_LOGGED_IN",
	"SAR_USER_PIN_NOT_INITIALIZED", "SAR_USER_TYPE_INVALID", "SAR_APPLICATION_NAME_INVALID", "SAR_APPLICATION_EXISTS", "SAR_USER_NOT_LOGGED_IN",
	"SAR_APPLICATION_NOT_EXISTS", "SAR_FILE_ALREADY_EXIST", "SAR_NO_ROOM", "SAR_FILE_NOT_EXIST", "SAR_REACH_MAX_CONTAINER_COUNT",
}

// String is the code with its name, as "0x0A000024 SAR_PIN_INCORRECT"; of a
// vendor's own code the number alone.
func (c Code) String() string {
	if c == OK {
		return "0x00000000 SAR_OK"
	}
	if i := int(c) - int(Fail); i >= 0 && i < len(codes) {
		return fmt.Sprintf("0x%08X %s", uint32(c), codes[i])
	}
	return fmt.Sprintf("0x%08X", uint32(c))
}
