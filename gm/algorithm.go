package gm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// Algorithm is a kind of key with the one signature algorithm that is used with it.
type Algorithm int

// The algorithms.
const (
	SM2   Algorithm = iota + 1 // SM2 with SM3 (GM/T 0009, GM/T 0015)
	RSA                        // RSA of 2048 bits or more, PKCS #1 v1.5 with SHA-256 (RFC 4055)
	ECDSA                      // ECDSA on P-256 with SHA-256 (RFC 5758)
)

// names are the algorithms' names in files and on the command line.
var names = map[Algorithm]string{SM2: "sm2", RSA: "rsa", ECDSA: "p256"}

// String is the algorithm's name: sm2, rsa, p256.
func (a Algorithm) String() string { return names[a] }

// MarshalText writes the algorithm's name.
func (a Algorithm) MarshalText() ([]byte, error) {
	if names[a] == "" {
		return nil, ErrAlgorithm
	}
	return []byte(names[a]), nil
}

// UnmarshalText reads an algorithm's name.
func (a *Algorithm) UnmarshalText(text []byte) error {
	for known, name := range names {
		if name == string(text) {
			*a = known
			return nil
		}
	}
	return fmt.Errorf("%.20q is none of sm2, rsa, p256", text)
}

// GenerateKey makes a key; bits counts for RSA alone.
func (a Algorithm) GenerateKey(random io.Reader, bits int) (crypto.Signer, error) {
	switch a {
	case SM2:
		return sm2.GenerateKey(random)
	case ECDSA:
		return ecdsa.GenerateKey(elliptic.P256(), random)
	case RSA:
		return rsa.GenerateKey(random, bits)
	}
	return nil, ErrAlgorithm
}

// KeyID is a key identifier for certificates: the leftmost 160 bits of the
// algorithm's digest over the SubjectPublicKeyInfo (RFC 7093, method 4, with
// SM3 for SM2).
func (a Algorithm) KeyID(spki []byte) []byte { return a.Digest(spki)[:20] }

// ErrAlgorithm says that a key is of no kind that is used here.
var ErrAlgorithm = errors.New("gm: a key of no kind that is used here")

// minRSABits and maxRSABits bound RSA keys: shorter ones are weak, longer ones
// cost whoever verifies.
const minRSABits, maxRSABits = 2048, 4096

// AlgorithmOf tells a public key's algorithm.
func AlgorithmOf(pub crypto.PublicKey) (Algorithm, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		if k == nil || k.X == nil {
			break
		}
		if sm2.IsSM2PublicKey(k) {
			return SM2, nil
		}
		if k.Curve == elliptic.P256() {
			return ECDSA, nil
		}
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			break
		}
		if bits := k.N.BitLen(); bits >= minRSABits && bits <= maxRSABits && k.E > 2 {
			return RSA, nil
		}
	}
	return 0, ErrAlgorithm
}

var identifiers = map[Algorithm][]byte{
	SM2:   identifier(OIDSM2WithSM3, false),
	RSA:   identifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, true),
	ECDSA: identifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, false),
}

// identifier is an AlgorithmIdentifier; with RSA its parameters are NULL
// (RFC 4055, 5), with the others absent.
func identifier(oid asn1.ObjectIdentifier, null bool) []byte {
	var a struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	a.Algorithm = oid
	if null {
		a.Parameters = asn1.NullRawValue
	}
	der, err := asn1.Marshal(a)
	if err != nil {
		panic("gm: " + err.Error())
	}
	return der
}

// Identifier is the signature's AlgorithmIdentifier (RFC 5280, 4.1.1.2), DER.
func (a Algorithm) Identifier() []byte { return bytes.Clone(identifiers[a]) }

// Signature is the algorithm's name in package smx509.
func (a Algorithm) Signature() smx509.SignatureAlgorithm {
	return map[Algorithm]smx509.SignatureAlgorithm{SM2: smx509.SM2WithSM3, RSA: smx509.SHA256WithRSA, ECDSA: smx509.ECDSAWithSHA256}[a]
}

// sha256Info is a DigestInfo up to its digest (RFC 8017, 9.2, note 1).
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// DigestInfo is what RSA signs of a SHA-256 digest.
func DigestInfo(digest []byte) []byte { return slices.Concat(sha256Info, digest) }

// Digest is the digest that goes with the algorithm: SM3 or SHA-256, 32 bytes either.
func (a Algorithm) Digest(parts ...[]byte) []byte {
	if a == SM2 {
		return SM3(parts...)
	}
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// SignAny signs a message (not a digest) by the algorithm of the key.
func SignAny(random io.Reader, key crypto.Signer, message []byte) ([]byte, error) {
	if k, ok := key.(*sm2.PrivateKey); ok {
		return Sign(random, k, message)
	}
	a, err := AlgorithmOf(key.Public())
	if err != nil {
		return nil, err
	}
	return key.Sign(random, a.Digest(message), crypto.SHA256)
}

// NewHash begins the digest of a message that is to be signed by the key's
// algorithm: SHA-256, or SM3 over Z and the message (GB/T 32918.2, 5.5).
func NewHash(pub crypto.PublicKey) (hash.Hash, error) {
	a, err := AlgorithmOf(pub)
	if err != nil {
		return nil, err
	}
	if a == SM2 {
		return sm2.NewHash(pub.(*ecdsa.PublicKey))
	}
	return sha256.New(), nil
}

// SignDigest signs what NewHash has summed. It is how a message is signed that
// is too long to be held at once.
func SignDigest(random io.Reader, key crypto.Signer, digest []byte) ([]byte, error) {
	a, err := AlgorithmOf(key.Public())
	if err != nil {
		return nil, err
	}
	if a == SM2 {
		return key.Sign(random, digest, nil) // without its own options gmsm takes a digest
	}
	return key.Sign(random, digest, crypto.SHA256)
}

// VerifyAny checks a signature over a message by the algorithm of the key.
func VerifyAny(pub crypto.PublicKey, message, signature []byte) error {
	h, err := NewHash(pub)
	if err != nil {
		return err
	}
	h.Write(message)
	return VerifyDigest(pub, h.Sum(nil), signature)
}

// VerifyDigest checks a signature over what NewHash has summed.
func VerifyDigest(pub crypto.PublicKey, digest, signature []byte) error {
	a, err := AlgorithmOf(pub)
	if err != nil {
		return err
	}
	ok := false
	switch k := pub.(type) {
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(k, crypto.SHA256, digest, signature) == nil
	case *ecdsa.PublicKey:
		verify := ecdsa.VerifyASN1
		if a == SM2 {
			verify = sm2.VerifyASN1
		}
		ok = len(signature) <= 128 && verify(k, digest, signature)
	}
	if !ok {
		return fmt.Errorf("%w (algorithm %d)", ErrSignature, a)
	}
	return nil
}
