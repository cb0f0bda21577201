// Package token is what a USB key is to the house, and the safe renewal on it.
// Drivers (softkey, SKF, PKCS#11) answer the interfaces Key and Container; the files identify, prepare, install, acknowledge, retire, claim
// and selftest are the steps of the protocol as far as they happen on the key.
// It knows nothing of the hall or the authority beyond their messages.
package token

import (
	"context"
	"crypto"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// Usage tells the two halves of a container apart.
type Usage int

// The usages of GM/T 0016: one signing and one encryption pair a container.
const (
	Signing Usage = iota
	Encryption
)

// Info names a key.
type Info struct {
	Serial       string // of the device
	Label        string // what its owner calls it, or the maker
	Manufacturer string
	Driver       string          // softkey, skf, pkcs11
	Library      string          // name of the driver's library, as its table has it; "" for soft keys in the house
	Trouble      *certhall.Error // why it cannot be used; nil if it can
}

// PINState tells the PIN's state without spending a try. Tries is -1 where
// the driver cannot tell (PKCS#11: Low and Final only).
type PINState struct {
	Tries  int
	Low    bool // at least one try was spent
	Final  bool // one try left
	Locked bool
}

// Key is one plugged-in USB key. A Key is used by one goroutine at a time (one
// lock a key). Any call can answer ErrRemoved.
type Key interface {
	Info() Info
	PINState(ctx context.Context) (PINState, error)
	// Login presents the user's PIN: ErrPINWrong (with parameter tries, -1 where
	// the driver cannot tell) or ErrPINLocked.
	Login(ctx context.Context, pin string) error
	LoggedIn() bool
	Logout(ctx context.Context) error
	// Containers lists the containers by name, in no order that means anything.
	Containers(ctx context.Context) ([]string, error)
	// Container opens one: ErrNoContainer.
	Container(ctx context.Context, name string) (Container, error)
	// Create makes an empty one: ErrContainerExists, ErrKeyFull.
	Create(ctx context.Context, name string) (Container, error)
	Delete(ctx context.Context, name string) error
	// Room tells how many more containers fit; -1 where the driver cannot tell.
	Room(ctx context.Context) (int, error)
	// ChangePIN replaces the user's PIN. A wrong old one answers as Login does
	// and spends a try; ErrPINRefused if the key does not take the new one.
	// Nobody is logged in afterwards.
	ChangePIN(ctx context.Context, old, new string) error
	// AdminPINState is PINState of the administrator's PIN.
	AdminPINState(ctx context.Context) (PINState, error)
	// Unblock sets a new user's PIN by the administrator's and gives all tries
	// back: ErrAdminPINWrong (with parameter tries), ErrAdminPINLocked,
	// ErrPINRefused; ErrUnsupported where the library cannot.
	Unblock(ctx context.Context, admin, new string) error
	// ChangeAdminPIN replaces the administrator's PIN; errors as Unblock.
	ChangeAdminPIN(ctx context.Context, old, new string) error
	Close() error
}

// Challenger is a Key that its maker unlocks by question and answer instead of
// an administrator's PIN.
type Challenger interface {
	// Challenge asks the key for its question.
	Challenge(ctx context.Context) ([]byte, error)
	// Respond gives the maker's answer and sets a new user's PIN: ErrAdminPINWrong
	// if it is not the answer.
	Respond(ctx context.Context, answer []byte, new string) error
}

// Container holds a signing pair, an encryption pair and their certificates; or,
// with RSA and ECDSA, one pair and one certificate, which count as the signing ones.
type Container interface {
	Name() string
	// GenerateSigningKey makes a new signing pair. On real keys this destroys
	// one that lies there: the renewal calls it on empty containers only.
	// RSA keys have RSABits. ErrAlgorithmUnsupported where the key has none such.
	GenerateSigningKey(ctx context.Context, a gm.Algorithm) (crypto.PublicKey, error)
	// PublicKey answers ErrNoKey where there is none.
	PublicKey(ctx context.Context, u Usage) (crypto.PublicKey, error)
	// Certificate answers ErrNoCertificate where there is none.
	Certificate(ctx context.Context, u Usage) ([]byte, error)
	ImportCertificate(ctx context.Context, u Usage, der []byte) error
	// ImportEncryptionKey unwraps an SM2EnvelopedKey with the signing key and
	// replaces the encryption pair: never called where one lies already.
	ImportEncryptionKey(ctx context.Context, envelope []byte) error
	// Sign signs a message, not a digest, by the algorithm of its key (SM2 with
	// SM3 and the default id; RSA and ECDSA with SHA-256; DER where it is a pair
	// of numbers); needs a login.
	Sign(ctx context.Context, message []byte) ([]byte, error)
	// Decrypt decrypts an SM2Cipher with the encryption key; needs a login;
	// ErrUntestable where the driver cannot. Both answer ErrNoKey, or
	// ErrKeyPairBroken where the private half does not work.
	Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error)
}

// RSABits is the length of RSA keys that are made.
const RSABits = 2048

// What keys answer beside success.
var (
	ErrRemoved = certhall.NewError("key-removed", certhall.Unavailable)
	ErrKeyBusy = certhall.NewError("key-busy", certhall.Unavailable)
	ErrKeyFull = certhall.NewError("key-full", certhall.Conflict)
	// ErrUninitialised: its maker's tool has yet to prepare it.
	ErrUninitialised   = certhall.NewError("key-uninitialised", certhall.Unavailable)
	ErrKeyDamaged      = certhall.NewError("key-damaged", certhall.Internal)
	ErrPINWrong        = certhall.NewError("pin-wrong", certhall.Denied)
	ErrPINLocked       = certhall.NewError("pin-locked", certhall.Denied)
	ErrPINNeeded       = certhall.NewError("pin-needed", certhall.Denied)
	ErrPINRefused      = certhall.NewError("pin-refused", certhall.Invalid) // the key does not take it: length or characters
	ErrAdminPINWrong   = certhall.NewError("admin-pin-wrong", certhall.Denied)
	ErrAdminPINLocked  = certhall.NewError("admin-pin-locked", certhall.Denied)
	ErrNoContainer     = certhall.NewError("container-missing", certhall.NotFound)
	ErrContainerExists = certhall.NewError("container-exists", certhall.Conflict)
	ErrNoKey           = certhall.NewError("key-pair-missing", certhall.NotFound)
	ErrNoCertificate   = certhall.NewError("certificate-missing", certhall.NotFound)
	ErrKeyPairBroken   = certhall.NewError("key-pair-broken", certhall.Internal)
	ErrEnvelope        = certhall.NewError("envelope-wrong", certhall.Invalid)
	ErrCiphertext      = certhall.NewError("ciphertext-wrong", certhall.Invalid)
	ErrUntestable      = certhall.NewError("decrypt-unsupported", certhall.Unavailable)
	// ErrUnsupported: the library has no such function.
	ErrUnsupported = certhall.NewError("key-unsupported", certhall.Unavailable)
	// ErrAlgorithmUnsupported: the key makes no keys of this algorithm (parameter algorithm).
	ErrAlgorithmUnsupported = certhall.NewError("algorithm-unsupported", certhall.Invalid)
)

// What libraries that reach keys answer: the child process in which they run
// was ended, and the next use begins another.
var (
	ErrDriverMissing = certhall.NewError("driver-missing", certhall.Unavailable) // no such library, or it cannot be loaded (parameter library)
	ErrDriverUnfit   = certhall.NewError("driver-unfit", certhall.Unavailable)   // made for another system or architecture than this program (parameters library, has, needs)
	ErrDriverRests   = certhall.NewError("driver-rests", certhall.Unavailable)   // it failed again and again and is left alone for a while (parameters library, seconds)
	ErrDriverSlow    = certhall.NewError("driver-slow", certhall.Unavailable)    // no answer yet; it is waited for (parameters library, seconds: until it counts as hung)
	ErrDriverHung    = certhall.NewError("driver-hung", certhall.Unavailable)    // no answer in time (parameter library)
	ErrDriverCrashed = certhall.NewError("driver-crashed", certhall.Unavailable) // it ended its process (parameter library)
	ErrDriverWrong   = certhall.NewError("driver-wrong", certhall.Unavailable)   // it answered what cannot be (parameters library, call, code)
)
