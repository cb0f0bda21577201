package skf

import (
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/gm"
)

// SM2Bits is the length of SM2 keys.
const SM2Bits = 256

// SignatureSize is the size of an ECCSIGNATUREBLOB, in every layout.
const SignatureSize = 4 * fieldLength

// PublicKeySize is the size of an ECCPUBLICKEYBLOB: 132 by the standard.
func (l Layout) PublicKeySize() int { return l.ULong + 4*fieldLength }

// CipherSize is the size of an ECCCIPHERBLOB with n bytes of ciphertext:
// 164+n by the standard.
func (l Layout) CipherSize(n int) int { return 5*fieldLength + l.ULong + n }

// EnvelopedKeySize is the size of an ENVELOPEDKEYBLOB that wraps a key by a
// session key of n bytes: 372+n by the standard.
func (l Layout) EnvelopedKeySize(n int) int {
	return 3*l.ULong + 2*fieldLength + l.PublicKeySize() + l.CipherSize(n)
}

// PublicKey writes an ECCPUBLICKEYBLOB.
func (l Layout) PublicKey(pub *ecdsa.PublicKey) ([]byte, error) {
	if pub == nil || !sm2.IsSM2PublicKey(pub) {
		return nil, gm.ErrNotSM2
	}
	w := writer{Layout: l}
	w.publicKey(pub)
	return w.b, nil
}

func (w *writer) publicKey(pub *ecdsa.PublicKey) {
	w.word(SM2Bits)
	w.number(pub.X)
	w.number(pub.Y)
}

func (w *writer) number(n *big.Int) {
	w.right(n.FillBytes(make([]byte, fieldLength)), 2*fieldLength)
}

// ParsePublicKey reads an ECCPUBLICKEYBLOB: a point of SM2's curve. Bytes
// behind it do not matter.
func (l Layout) ParsePublicKey(b []byte) (*ecdsa.PublicKey, error) {
	r := reader{Layout: l, b: b}
	pub := r.publicKey()
	return pub, r.err
}

func (r *reader) publicKey() *ecdsa.PublicKey {
	if bits := r.word(); bits != SM2Bits {
		r.fail("a key of %d bits", bits)
	}
	return r.point()
}

// point reads X and Y and checks that they are on the curve.
func (r *reader) point() *ecdsa.PublicKey {
	point := append([]byte{4}, r.number()...)
	point = append(point, r.number()...)
	if r.err != nil {
		return nil
	}
	pub, err := sm2.NewPublicKey(point)
	if err != nil {
		r.fail("no point of the curve: %v", err)
	}
	return pub
}

// PrivateKeySize is the size of an ECCPRIVATEKEYBLOB: 68 by the standard.
func (l Layout) PrivateKeySize() int { return l.ULong + 2*fieldLength }

// PrivateKey writes an ECCPRIVATEKEYBLOB. It is a secret.
func (l Layout) PrivateKey(key *sm2.PrivateKey) []byte {
	w := writer{Layout: l}
	w.word(SM2Bits)
	w.number(key.D)
	return w.b
}

// ParsePrivateKey reads an ECCPRIVATEKEYBLOB.
func (l Layout) ParsePrivateKey(b []byte) (*sm2.PrivateKey, error) {
	r := reader{Layout: l, b: b}
	if bits := r.word(); bits != SM2Bits {
		r.fail("a key of %d bits", bits)
	}
	d := r.number()
	if r.err != nil {
		return nil, r.err
	}
	return sm2.NewPrivateKey(d)
}

// signature is SM2Signature (GB/T 35276, 7.3).
type signature struct{ R, S *big.Int }

// Signature writes an ECCSIGNATUREBLOB from a DER signature.
func Signature(der []byte) ([]byte, error) {
	var s signature
	if err := unmarshal(der, &s); err != nil {
		return nil, err
	}
	w := writer{Layout: Standard}
	for _, n := range []*big.Int{s.R, s.S} {
		if !inField(n) {
			return nil, fmt.Errorf("%w: a signature's number out of bounds", ErrLayout)
		}
		w.number(n)
	}
	return w.b, nil
}

// ParseSignature reads an ECCSIGNATUREBLOB into a DER signature; it does not
// tell whether it is one of anything.
func ParseSignature(b []byte) ([]byte, error) {
	r := reader{Layout: Standard, b: b}
	s := signature{new(big.Int).SetBytes(r.number()), new(big.Int).SetBytes(r.number())}
	if s.R.Sign() == 0 || s.S.Sign() == 0 {
		r.fail("a signature of zero")
	}
	if r.err != nil {
		return nil, r.err
	}
	return asn1.Marshal(s)
}

// sm2Cipher is SM2Cipher (GB/T 35276, 7.2).
type sm2Cipher struct {
	X, Y       *big.Int
	Hash       []byte
	CipherText []byte
}

// Cipher writes an ECCCIPHERBLOB from an SM2Cipher.
func (l Layout) Cipher(der []byte) ([]byte, error) {
	var c sm2Cipher
	if err := unmarshal(der, &c); err != nil {
		return nil, err
	}
	w := writer{Layout: l}
	return w.b, w.cipher(c)
}

func (w *writer) cipher(c sm2Cipher) error {
	if !inField(c.X) || !inField(c.Y) || len(c.Hash) != fieldLength || len(c.CipherText) > MaxCipher {
		return fmt.Errorf("%w: an SM2Cipher out of bounds", ErrLayout)
	}
	w.number(c.X)
	w.number(c.Y)
	w.bytes(c.Hash)
	w.word(uint32(len(c.CipherText)))
	w.bytes(c.CipherText)
	return nil
}

// ParseCipher reads an ECCCIPHERBLOB into an SM2Cipher. Bytes behind it do not
// matter.
func (l Layout) ParseCipher(b []byte) ([]byte, error) {
	r := reader{Layout: l, b: b}
	c := r.cipher()
	if r.err != nil {
		return nil, r.err
	}
	return asn1.Marshal(c)
}

func (r *reader) cipher() sm2Cipher {
	c := sm2Cipher{X: new(big.Int), Y: new(big.Int)}
	if p := r.point(); p != nil {
		c.X, c.Y = p.X, p.Y
	}
	c.Hash = r.bytes(fieldLength)
	n := r.word()
	if n == 0 || n > MaxCipher {
		r.fail("a ciphertext of %d bytes", n)
		n = 0
	}
	c.CipherText = r.bytes(int(n))
	return c
}

func inField(n *big.Int) bool { return n.Sign() > 0 && n.BitLen() <= 8*fieldLength }

func unmarshal(der []byte, v any) error {
	rest, err := asn1.Unmarshal(der, v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLayout, err)
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: bytes behind it", ErrLayout)
	}
	return nil
}
