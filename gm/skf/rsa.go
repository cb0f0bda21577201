package skf

import (
	"crypto/rsa"
	"fmt"
	"math/big"
)

// maxRSA is the longest modulus, in bytes.
const maxRSA = 256

// RSAPublicKey writes an RSAPUBLICKEYBLOB: 268 bytes by the standard.
func (l Layout) RSAPublicKey(pub *rsa.PublicKey) ([]byte, error) {
	if pub == nil || pub.N == nil || pub.N.BitLen() > 8*maxRSA || pub.E <= 0 || int64(pub.E) > 1<<32-1 {
		return nil, fmt.Errorf("%w: an RSA key out of bounds", ErrLayout)
	}
	w := writer{Layout: l}
	w.word(uint32(RSA))
	w.word(uint32(pub.N.BitLen()))
	w.right(pub.N.Bytes(), maxRSA)
	w.right(big.NewInt(int64(pub.E)).Bytes(), 4)
	w.pad()
	return w.b, nil
}

// RSAPublicKeySize is the size of an RSAPUBLICKEYBLOB.
func (l Layout) RSAPublicKeySize() int {
	b, err := l.RSAPublicKey(&rsa.PublicKey{N: big.NewInt(3), E: 3})
	if err != nil {
		panic(err)
	}
	return len(b)
}

// ParseRSAPublicKey reads an RSAPUBLICKEYBLOB. Modulus and exponent belong at
// the end of their fields, big-endian; some libraries write them at the
// beginning.
func (l Layout) ParseRSAPublicKey(b []byte) (*rsa.PublicKey, error) {
	r := reader{Layout: l, b: b}
	r.word() // the algorithm: SGD_RSA, or with some libraries nothing
	bits := int(r.word())
	field, e := r.bytes(maxRSA), r.bytes(4)
	if bits < 8 || bits > 8*maxRSA {
		r.fail("a key of %d bits", bits)
	}
	if r.err != nil {
		return nil, r.err
	}
	length := (bits + 7) / 8
	modulus := field[maxRSA-length:]
	if zero(modulus[:1]) && zero(field[length:]) {
		modulus = field[:length]
	}
	n := new(big.Int).SetBytes(modulus)
	if n.BitLen() != bits {
		return nil, fmt.Errorf("%w: a modulus of %d bits, not %d", ErrLayout, n.BitLen(), bits)
	}
	for e[3] == 0 && !zero(e) { // at the beginning
		e = append([]byte{0}, e[:3]...)
	}
	exponent := new(big.Int).SetBytes(e).Int64()
	if exponent < 3 || exponent&1 == 0 || exponent > 1<<31-1 {
		return nil, fmt.Errorf("%w: an exponent of %d", ErrLayout, exponent)
	}
	return &rsa.PublicKey{N: n, E: int(exponent)}, nil
}
