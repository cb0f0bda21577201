// Package ocsp is the asking side of OCSP (RFC 6960) for SM2, RSA and ECDSA:
// it makes requests and reads answers as a relying party has to, signature and
// times included. The answering side is authority/status.
package ocsp

import (
	"crypto/sha1"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/emmansun/gmsm/smx509"
)

// MaxAnswer bounds what is read as an answer, in bytes.
const MaxAnswer = 1 << 20

// What an answer can fail by.
var (
	// ErrMalformed says that the bytes are no OCSPResponse.
	ErrMalformed = errors.New("ocsp: malformed answer")
	// ErrRefused says that the responder answered, but not about certificates
	// (tryLater, unauthorized, …: RFC 6960, 4.2.1).
	ErrRefused = errors.New("ocsp: the responder refuses")
	// ErrUntrusted says that the answer is not signed by the issuer, nor by a
	// certificate that the issuer made for this (RFC 6960, 4.2.2.2).
	ErrUntrusted = errors.New("ocsp: not signed by whom the issuer trusts")
	// ErrNonce says that the answer is not to this request.
	ErrNonce = errors.New("ocsp: another nonce")
	// ErrStale says that the answer is too old, or not of this time yet.
	ErrStale = errors.New("ocsp: not of this time")
)

// Standing of a certificate, as the responder tells it.
type Standing int

// The standings (RFC 6960, 4.2.1).
const (
	Good Standing = iota
	Revoked
	Unknown
)

// Answer is what is said of one certificate.
type Answer struct {
	Serial                 *big.Int
	Standing               Standing
	RevokedAt              time.Time // if revoked
	Reason                 int       // CRLReason (RFC 5280, 5.3.1) if revoked
	ThisUpdate, NextUpdate time.Time // NextUpdate may be zero: newer is always there
}

// Object identifiers (RFC 6960, 4.2.1 and 4.4.1; RFC 3279).
var (
	oidBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidSHA1  = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
)

type algorithm struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// certID is CertID (RFC 6960, 4.1.1).
type certID struct {
	Hash     algorithm
	NameHash []byte
	KeyHash  []byte
	Serial   *big.Int
}

// idOf names a certificate by SHA-1, which every responder must know
// (RFC 5019, 2.1.1); it is no signature and needs no strength.
func idOf(issuer *smx509.Certificate, serial *big.Int) (certID, error) {
	var spki struct {
		Algorithm algorithm
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &spki); err != nil {
		return certID{}, fmt.Errorf("ocsp: issuer's key: %w", err)
	}
	name, key := sha1.Sum(issuer.RawSubject), sha1.Sum(spki.Key.Bytes)
	return certID{algorithm{oidSHA1, asn1.NullRawValue}, name[:], key[:], serial}, nil
}

type extension struct {
	ID       asn1.ObjectIdentifier
	Critical bool `asn1:"optional"`
	Value    []byte
}

type question struct{ ID certID }

type tbsRequest struct {
	Questions  []question
	Extensions []extension `asn1:"optional,explicit,tag:2,omitempty"`
}

// Request makes an OCSPRequest about serials of one issuer. With a nonce
// (RFC 9654: at most 32 octets here) only a fresh answer fits.
func Request(issuer *smx509.Certificate, nonce []byte, serials ...*big.Int) ([]byte, error) {
	var r struct{ TBS tbsRequest }
	for _, serial := range serials {
		id, err := idOf(issuer, serial)
		if err != nil {
			return nil, err
		}
		r.TBS.Questions = append(r.TBS.Questions, question{id})
	}
	if len(nonce) > 0 {
		value, err := asn1.Marshal(nonce)
		if err != nil {
			return nil, err
		}
		r.TBS.Extensions = []extension{{ID: oidNonce, Value: value}}
	}
	return asn1.Marshal(r)
}
