package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
)

// CKA_EC_PARAMS of the curves: their object identifiers.
var (
	p256Params = object(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})
	sm2Params  = object(gm.OIDSM2Curve)
)

func object(oid asn1.ObjectIdentifier) []byte {
	b, err := asn1.Marshal(oid)
	if err != nil {
		panic("pkcs11: " + err.Error())
	}
	return b
}

// publicKey reads a public key's object; nil for a key of no kind that is used here.
func (k *key) publicKey(ref native.Ref) (crypto.PublicKey, error) {
	values, err := k.read(ref, attrKeyType)
	if err != nil || len(values[0]) != k.m.profile.ULong {
		return nil, err
	}
	kind := number(values[0], k.m.profile.ULong)
	var pub crypto.PublicKey
	switch s := k.m.profile.SM2; {
	case kind == keyRSA:
		if values, err = k.read(ref, attrModulus, attrPublicExponent); err != nil {
			return nil, err
		}
		e := new(big.Int).SetBytes(values[1])
		if e.BitLen() > 31 {
			return nil, nil
		}
		pub = &rsa.PublicKey{N: new(big.Int).SetBytes(values[0]), E: int(e.Int64())}
	case kind == keyEC, s != nil && kind == s.KeyType:
		if values, err = k.read(ref, attrECParams, attrECPoint); err != nil {
			return nil, err
		}
		var on *ecdsa.PublicKey
		if bytes.Equal(values[0], p256Params) {
			on, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), uncompressed(values[1]))
		} else if kind != keyEC || bytes.Equal(values[0], sm2Params) {
			on, err = sm2.NewPublicKey(uncompressed(values[1]))
		} else {
			return nil, nil
		}
		if err != nil {
			return nil, nil // no point of its curve
		}
		pub = on
	}
	if _, err := gm.AlgorithmOf(pub); err != nil {
		return nil, nil
	}
	return pub, nil
}

// uncompressed is the point 04‖X‖Y of whatever form a CKA_EC_POINT has: an
// OCTET STRING (the standard), the point itself, the point without its 04, and
// the OCTET STRING of that.
func uncompressed(point []byte) []byte {
	var inner []byte
	if rest, err := asn1.Unmarshal(point, &inner); err == nil && len(rest) == 0 {
		point = inner
	}
	if len(point) == 64 {
		return append([]byte{4}, point...)
	}
	return point
}

// shaped is a point in a form of Profile.
func shaped(pub *ecdsa.PublicKey, form string) ([]byte, error) {
	point := append(pub.X.FillBytes(make([]byte, 32)), pub.Y.FillBytes(make([]byte, 32))...)
	switch form {
	case xy:
		return point, nil
	case raw:
		return append([]byte{4}, point...), nil
	}
	return asn1.Marshal(append([]byte{4}, point...))
}
