package library

import (
	"crypto/cipher"
	"io"
	"slices"
	"sync"

	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/gm/skf"
)

// sessionKey is a symmetric key in use. SM1's identifiers are taken for SM4's:
// SM1 is not published.
type sessionKey struct {
	connection Handle
	algorithm  skf.Algorithm
	block      cipher.Block

	mu       sync.Mutex
	encrypts *stream
	decrypts *stream
}

func (k *sessionKey) under() Handle { return k.connection }

// mode of an algorithm: the last byte of its identifier.
func mode(a skf.Algorithm) skf.Algorithm { return a & 0xFF }

// The modes.
const (
	ecb = 0x01
	cbc = 0x02
	cfb = 0x04
	ofb = 0x08
	mac = 0x10
)

// KeyLength is that of SM4's keys, in bytes.
const KeyLength = sm4.BlockSize

func supported(a skf.Algorithm) bool {
	family := a &^ 0xFF
	return (family == skf.SM4ECB&^0xFF || family == skf.SM1ECB&^0xFF) && slices.Contains([]skf.Algorithm{ecb, cbc, cfb, ofb, mac}, mode(a))
}

// SetSymmKey takes a key of sixteen bytes.
func (l *Library) SetSymmKey(h Handle, key []byte, algorithm uint32) (Handle, error) {
	if _, err := find[*connection](l, h); err != nil {
		return 0, err
	}
	return l.addKey(h, key, skf.Algorithm(algorithm))
}

func (l *Library) addKey(connection Handle, key []byte, a skf.Algorithm) (Handle, error) {
	if !supported(a) {
		return 0, refuse(skf.NotSupported)
	}
	block, err := sm4.NewCipher(key)
	if err != nil {
		return 0, because(skf.InputLength, err)
	}
	return l.add(&sessionKey{connection: connection, algorithm: a, block: block})
}

// drawKey draws a session key.
func (l *Library) drawKey(a skf.Algorithm) ([]byte, error) {
	if !supported(a) {
		return nil, refuse(skf.NotSupported)
	}
	key := make([]byte, KeyLength)
	if _, err := io.ReadFull(l.Random, key); err != nil {
		return nil, because(skf.RandomError, err)
	}
	return key, nil
}
