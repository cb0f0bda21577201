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

// vault holds the key's two secrets while the PIN is known: one hides private
// keys, one seals what is stored. Both are drawn once and stored hidden under
// a key made of the PIN.
type vault struct {
	aead cipher.AEAD
	mac  []byte
}

const (
	masterLength = 16 + 32
	saltLength   = 16
)

var errHidden = errors.New("softkey: does not open")

func newVault(s *state, pin string, random io.Reader) (*vault, error) {
	master := make([]byte, masterLength)
	s.Salt = make([]byte, saltLength)
	if _, err := io.ReadFull(random, master); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(random, s.Salt); err != nil {
		return nil, err
	}
	outer, err := fromPIN(s, pin)
	if err != nil {
		return nil, err
	}
	if s.Master, err = hide(outer, master, []byte("master"), random); err != nil {
		return nil, err
	}
	return vaultOf(master)
}

func openVault(s *state, pin string) (*vault, error) {
	outer, err := fromPIN(s, pin)
	if err != nil {
		return nil, err
	}
	master, err := reveal(outer, s.Master, []byte("master"))
	if err != nil {
		return nil, err
	}
	return vaultOf(master)
}

func vaultOf(master []byte) (*vault, error) {
	if len(master) != masterLength {
		return nil, errHidden
	}
	aead, err := gcm(master[:16])
	return &vault{aead: aead, mac: master[16:]}, err
}

func fromPIN(s *state, pin string) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sm3.New, pin, s.Salt, s.Iterations, 16)
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

// sealed tells whether an image was written by someone who knew the PIN.
func (v *vault) sealed(img image) bool { return hmac.Equal(img.seal, v.seal(img.body)) }

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
