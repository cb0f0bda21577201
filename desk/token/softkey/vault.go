package softkey

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"errors"
	"io"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/desk/token"
)

// vault is an application's master while a PIN is known: one half hides private
// keys and files, the other seals what is stored. It is drawn once and stored
// hidden under a key made of the user's PIN, and under one of the
// administrator's.
type vault struct {
	master []byte
	aead   cipher.AEAD
	mac    []byte
}

const (
	masterLength = 16 + 32
	saltLength   = 16
)

var errHidden = errors.New("softkey: does not open")

func newVault(random io.Reader) (*vault, error) {
	master := make([]byte, masterLength)
	if _, err := io.ReadFull(random, master); err != nil {
		return nil, err
	}
	return vaultOf(master)
}

func vaultOf(master []byte) (*vault, error) {
	if len(master) != masterLength {
		return nil, errHidden
	}
	aead, err := gcm(master[:16])
	return &vault{master: master, aead: aead, mac: master[16:]}, err
}

// under hides the master under a PIN.
func (v *vault) under(pin string, iterations int, random io.Reader) (h hidden, err error) {
	h.Salt = make([]byte, saltLength)
	if _, err := io.ReadFull(random, h.Salt); err != nil {
		return h, err
	}
	aead, err := fromPIN(pin, h.Salt, iterations)
	if err != nil {
		return h, err
	}
	h.Master, err = hide(aead, v.master, []byte("master"), random)
	return h, err
}

// open finds the master by the PIN it lies under.
func (h hidden) open(pin string, iterations int) (*vault, error) {
	aead, err := fromPIN(pin, h.Salt, iterations)
	if err != nil {
		return nil, err
	}
	master, err := reveal(aead, h.Master, []byte("master"))
	if err != nil {
		return nil, err
	}
	return vaultOf(master)
}

func fromPIN(pin string, salt []byte, iterations int) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sm3.New, pin, salt, iterations, 16)
	if err != nil {
		return nil, err
	}
	return gcm(key)
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (v *vault) hide(plain, context []byte, random io.Reader) ([]byte, error) {
	return hide(v.aead, plain, context, random)
}

func (v *vault) reveal(hidden, context []byte) ([]byte, error) {
	return reveal(v.aead, hidden, context)
}

func (v *vault) seal(body []byte) []byte {
	h := hmac.New(sm3.New, v.mac)
	h.Write(body)
	return h.Sum(nil)
}

// sealed tells whether an application was written by someone who knew a PIN.
func (v *vault) sealed(a *application) bool { return hmac.Equal(a.Seal, v.seal(a.Body.FullBytes)) }

func hide(aead cipher.AEAD, plain, context []byte, random io.Reader) ([]byte, error) {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce, plain, context), nil
}

func reveal(aead cipher.AEAD, hidden, context []byte) ([]byte, error) {
	n := aead.NonceSize()
	if len(hidden) < n {
		return nil, errHidden
	}
	return aead.Open(nil, hidden[:n], hidden[n:], context)
}

// place binds a hidden private key to where it lies, so that it cannot be
// moved to another container.
func place(container string, u token.Usage, public []byte) []byte {
	return append(append([]byte(container), byte(u)), public...)
}
