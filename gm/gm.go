// Package gm holds the small helpers over gmsm that every zone uses: SM3
// digests, SM2 signatures over messages, careful parsing of what comes from
// outside, and the enveloped encryption key of GB/T 35276. It adds no
// cryptography of its own.
package gm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
)

// Limits on what is parsed at all, in bytes.
const (
	MaxCertificate    = 16 << 10
	MaxRequest        = 16 << 10
	MaxEnvelope       = 4 << 10
	MaxCiphertext     = 4 << 10
	MaxRevocationList = 1 << 20
)

// Object identifiers (GM/T 0006).
var (
	OIDSM2WithSM3 = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 501}
	OIDSM2Curve   = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}
)

// ErrNotSM2 says that a key is on another curve or of another algorithm.
var ErrNotSM2 = errors.New("gm: not an SM2 key")

// ErrSignature says that a signature does not verify.
var ErrSignature = errors.New("gm: signature does not verify")

// SM3 is the digest of the parts, one after the other (GB/T 32905).
func SM3(parts ...[]byte) []byte {
	h := sm3.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Sign signs a message (not a digest) with SM2 and the default distinguishing
// id 1234567812345678 (GB/T 32918.2, GM/T 0009). The signature is DER.
func Sign(random io.Reader, key *sm2.PrivateKey, message []byte) ([]byte, error) {
	return key.Sign(random, message, sm2.DefaultSM2SignerOpts)
}

// Verify checks a signature made by Sign.
func Verify(pub *ecdsa.PublicKey, message, signature []byte) error {
	if pub == nil || !sm2.IsSM2PublicKey(pub) {
		return ErrNotSM2
	}
	if len(signature) > 128 || !sm2.VerifyASN1WithSM2(pub, nil, message, signature) {
		return ErrSignature
	}
	return nil
}

// FromPEM is the DER in a file that holds DER, or the first block of PEM (RFC 7468).
func FromPEM(file []byte) []byte {
	if block, _ := pem.Decode(file); block != nil {
		return block.Bytes
	}
	return file
}

// ParseCertificate parses one DER certificate of bounded size with nothing
// behind it; a panic of a parser below becomes an error.
func ParseCertificate(der []byte) (c *smx509.Certificate, err error) {
	if len(der) > MaxCertificate {
		return nil, fmt.Errorf("gm: certificate of %d bytes", len(der))
	}
	defer recovered(&err)
	return smx509.ParseCertificate(der)
}

// ParseRevocationList parses one DER CRL of bounded size: not for the long ones
// of issuing CAs.
func ParseRevocationList(der []byte) (l *smx509.RevocationList, err error) {
	if len(der) > MaxRevocationList {
		return nil, fmt.Errorf("gm: CRL of %d bytes", len(der))
	}
	defer recovered(&err)
	return smx509.ParseRevocationList(der)
}

// CertificateKey is the certificate's public key, of a kind that is used here
// (AlgorithmOf).
func CertificateKey(c *smx509.Certificate) (crypto.PublicKey, error) {
	_, err := AlgorithmOf(c.PublicKey)
	return c.PublicKey, err
}

// SM2Key is a public key that must be an SM2 one.
func SM2Key(pub crypto.PublicKey) (*ecdsa.PublicKey, error) {
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok || !sm2.IsSM2PublicKey(k) {
		return nil, ErrNotSM2
	}
	return k, nil
}

// ParseRequest parses a PKCS#10 request (RFC 2986, to which GB/T 20518 refers),
// and checks that its key is strong and of a kind that is used here, that it is
// signed by the key's one algorithm, and rightly. It returns the key and the
// digest of the CertificationRequestInfo: the P10's own signature changes each
// time, the info does not.
func ParseRequest(der []byte) (pub crypto.PublicKey, digest []byte, err error) {
	if len(der) > MaxRequest {
		return nil, nil, fmt.Errorf("gm: request of %d bytes", len(der))
	}
	defer recovered(&err)
	req, err := smx509.ParseCertificateRequest(der)
	if err != nil {
		return nil, nil, err
	}
	if err := CheckKey(req.PublicKey); err != nil {
		return nil, nil, err
	}
	a, err := AlgorithmOf(req.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	if req.SignatureAlgorithm != a.Signature() {
		return nil, nil, fmt.Errorf("gm: request signed with %v", req.SignatureAlgorithm)
	}
	if err := VerifyAny(req.PublicKey, req.RawTBSCertificateRequest, req.Signature); err != nil {
		return nil, nil, err
	}
	return req.PublicKey, a.Digest(req.RawTBSCertificateRequest), nil
}

// MarshalPublicKey writes the SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
func MarshalPublicKey(pub crypto.PublicKey) ([]byte, error) {
	return smx509.MarshalPKIXPublicKey(pub)
}

// ParseKey reads a SubjectPublicKeyInfo.
func ParseKey(spki []byte) (pub crypto.PublicKey, err error) {
	defer recovered(&err)
	return smx509.ParsePKIXPublicKey(spki)
}

// ParsePublicKey reads a SubjectPublicKeyInfo that must hold an SM2 key.
func ParsePublicKey(spki []byte) (pub *ecdsa.PublicKey, err error) {
	k, err := ParseKey(spki)
	if err != nil {
		return nil, err
	}
	return SM2Key(k)
}

// ParseAnyPublicKey reads a SubjectPublicKeyInfo of any kind that is used here
// (AlgorithmOf).
func ParseAnyPublicKey(spki []byte) (pub crypto.PublicKey, err error) {
	if len(spki) > MaxCertificate {
		return nil, fmt.Errorf("gm: public key of %d bytes", len(spki))
	}
	defer recovered(&err)
	if pub, err = smx509.ParsePKIXPublicKey(spki); err != nil {
		return nil, err
	}
	_, err = AlgorithmOf(pub)
	return pub, err
}

// KeyDigest is the digest over a key's SubjectPublicKeyInfo: SM3 with SM2,
// SHA-256 with RSA and ECDSA.
func KeyDigest(pub crypto.PublicKey) ([]byte, error) {
	a, err := AlgorithmOf(pub)
	if err != nil {
		return nil, err
	}
	spki, err := MarshalPublicKey(pub)
	if err != nil {
		return nil, err
	}
	return a.Digest(spki), nil
}

// Seal encrypts a short message to an SM2 key (GB/T 32918.4, SM2Cipher DER).
func Seal(random io.Reader, pub *ecdsa.PublicKey, message []byte) ([]byte, error) {
	return sm2.EncryptASN1(random, pub, message)
}

// Open decrypts what Seal made.
func Open(key *sm2.PrivateKey, ciphertext []byte) (message []byte, err error) {
	if len(ciphertext) > MaxCiphertext {
		return nil, fmt.Errorf("gm: ciphertext of %d bytes", len(ciphertext))
	}
	defer recovered(&err)
	return sm2.Decrypt(key, ciphertext)
}

// EnvelopeKey wraps an encryption key to a signing public key
// (SM2EnvelopedKey, GB/T 35276-2017 clause 7.4, GM/T 0009).
func EnvelopeKey(random io.Reader, to *ecdsa.PublicKey, key *sm2.PrivateKey) ([]byte, error) {
	return sm2.MarshalEnvelopedPrivateKey(random, to, key)
}

// envelopedKey is SM2EnvelopedKey as far as its lengths must be checked.
type envelopedKey struct {
	Algorithm asn1.RawValue
	Cipher    asn1.RawValue
	PublicKey asn1.BitString
	Key       asn1.BitString
}

// OpenEnvelopedKey unwraps an SM2EnvelopedKey with the signing key. It checks
// the lengths first (gmsm panics on a ciphertext that is no multiple of the
// block) and that the key fits its own public half.
func OpenEnvelopedKey(signing *sm2.PrivateKey, der []byte) (key *sm2.PrivateKey, err error) {
	if _, err := EnvelopedPublicKey(der); err != nil {
		return nil, err
	}
	defer recovered(&err)
	return sm2.ParseEnvelopedPrivateKey(signing, der)
}

// EnvelopedPublicKey reads the public half from an SM2EnvelopedKey.
func EnvelopedPublicKey(der []byte) (pub *ecdsa.PublicKey, err error) {
	if len(der) > MaxEnvelope {
		return nil, fmt.Errorf("gm: enveloped key of %d bytes", len(der))
	}
	var e envelopedKey
	rest, err := asn1.Unmarshal(der, &e)
	if err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("gm: malformed enveloped key: %w", errors.Join(err, trailing(rest)))
	}
	if len(e.Key.Bytes) != 32 || e.Key.BitLength != 256 {
		return nil, errors.New("gm: enveloped key is not of 32 bytes")
	}
	defer recovered(&err)
	return sm2.NewPublicKey(e.PublicKey.Bytes)
}

// SameKey tells whether two public keys, of whatever algorithm that is used
// here, are the same.
func SameKey(a, b crypto.PublicKey) bool {
	for _, k := range []crypto.PublicKey{a, b} {
		if _, err := AlgorithmOf(k); err != nil {
			return false
		}
	}
	x, errX := MarshalPublicKey(a)
	y, errY := MarshalPublicKey(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func trailing(rest []byte) error {
	if len(rest) != 0 {
		return errors.New("bytes behind the structure")
	}
	return nil
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("gm: parser gave up: %v", p)
	}
}
