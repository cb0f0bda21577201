package skf

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"

	"github.com/certhall/certhall/gm"
)

// KeyAt is where the 32 bytes of an encrypted private key lie in the 64 of
// cbEncryptedPriKey.
type KeyAt int

// The standard's place, and the one of libraries that read from the beginning.
const (
	AtEnd   KeyAt = fieldLength
	AtStart KeyAt = 0
)

// envelopedKey is SM2EnvelopedKey (GB/T 35276, 7.4).
type envelopedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Cipher    sm2Cipher
	PublicKey asn1.BitString
	Key       asn1.BitString
}

// SM4 of GM/T 0006, and SM4 in ECB mode.
var (
	oidSM4    = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 104}
	oidSM4ECB = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 104, 1}
)

// EnvelopedKey writes an ENVELOPEDKEYBLOB from an SM2EnvelopedKey, whose
// session key is one of SM4.
func (l Layout) EnvelopedKey(der []byte, at KeyAt) ([]byte, error) {
	if len(der) > gm.MaxEnvelope {
		return nil, fmt.Errorf("%w: an envelope of %d bytes", ErrLayout, len(der))
	}
	var e envelopedKey
	if err := unmarshal(der, &e); err != nil {
		return nil, err
	}
	if !e.Algorithm.Algorithm.Equal(oidSM4) && !e.Algorithm.Algorithm.Equal(oidSM4ECB) {
		return nil, fmt.Errorf("%w: enveloped by %v", ErrLayout, e.Algorithm.Algorithm)
	}
	pub, err := gm.EnvelopedPublicKey(der) // checks the lengths
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLayout, err)
	}
	w := writer{Layout: l}
	w.word(1)
	w.word(uint32(SM4ECB))
	w.word(SM2Bits)
	field := make([]byte, 2*fieldLength)
	copy(field[at:], e.Key.Bytes)
	w.bytes(field)
	w.publicKey(pub)
	return w.b, w.cipher(e.Cipher)
}

// ParseEnvelopedKey reads an ENVELOPEDKEYBLOB into an SM2EnvelopedKey. The
// encrypted key is taken from the end of its field, or from the beginning where
// nothing lies at the end. Bytes behind it do not matter.
func (l Layout) ParseEnvelopedKey(b []byte) ([]byte, error) {
	r := reader{Layout: l, b: b}
	if v := r.word(); v != 1 {
		r.fail("an envelope of version %d", v)
	}
	if a := Algorithm(r.word()); a != SM4ECB {
		r.fail("enveloped by algorithm %#x", uint32(a))
	}
	if bits := r.word(); bits != SM2Bits {
		r.fail("a key of %d bits", bits)
	}
	field := r.bytes(2 * fieldLength)
	key := field[AtEnd:]
	if zero(key) {
		key = field[:AtEnd]
	}
	pub := r.publicKey()
	cipher := r.cipher()
	if r.err != nil {
		return nil, r.err
	}
	point := append([]byte{4}, pub.X.FillBytes(make([]byte, fieldLength))...)
	point = append(point, pub.Y.FillBytes(make([]byte, fieldLength))...)
	return asn1.Marshal(envelopedKey{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidSM4ECB, Parameters: asn1.NullRawValue},
		Cipher:    cipher,
		PublicKey: asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
		Key:       asn1.BitString{Bytes: key, BitLength: 8 * len(key)},
	})
}
