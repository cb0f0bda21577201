package status

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// OCSPStatus is an OCSPResponseStatus (RFC 6960, 4.2.1).
type OCSPStatus byte

// The statuses that are given.
const (
	OCSPSuccessful       OCSPStatus = 0
	OCSPMalformedRequest OCSPStatus = 1
	OCSPInternalError    OCSPStatus = 2
	OCSPTryLater         OCSPStatus = 3
	OCSPUnauthorized     OCSPStatus = 6
)

// String is the status' name in RFC 6960.
func (s OCSPStatus) String() string {
	switch s {
	case OCSPSuccessful:
		return "successful"
	case OCSPMalformedRequest:
		return "malformedRequest"
	case OCSPTryLater:
		return "tryLater"
	case OCSPUnauthorized:
		return "unauthorized"
	}
	return "internalError"
}

// OCSPAnswer is an OCSPResponse with what its carrier has to know. It is
// shared: nobody may change it.
type OCSPAnswer struct {
	Status OCSPStatus
	DER    []byte
	// Public says that anybody who asks may be given this answer by a cache:
	// it is about one certificate, which is good, and carries no nonce.
	Public                 bool
	Tag                    string    // of a public answer: differs when the bytes do
	ThisUpdate, NextUpdate time.Time // of a successful one
}

// refusals are the answers that carry a status alone.
var refusals = func() (all [OCSPUnauthorized + 1]*OCSPAnswer) {
	for s := range all {
		all[s] = &OCSPAnswer{Status: OCSPStatus(s), DER: []byte{0x30, 3, 0x0a, 1, byte(s)}}
	}
	return all
}()

// Refusal is the answer of a status alone, unsigned as RFC 6960 (2.3) has it.
func Refusal(s OCSPStatus) *OCSPAnswer { return refusals[s] }

// oidBasic is id-pkix-ocsp-basic as an element.
var oidBasic = []byte{0x06, 0x09, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01}

// sign makes the answer to a request from what stands of each entry
// (BasicOCSPResponse, RFC 6960, 4.2.1).
func (s *speaker) sign(q request, standings []Standing, produced, this, next time.Time) (*OCSPAnswer, error) {
	singles := make([]byte, 0, 160*len(q.entries))
	for k, e := range q.entries {
		singles = appendSingle(singles, e.id, standings[k], this, next)
	}
	var extensions []byte
	if q.nonce != nil {
		extensions = element(0xa1, element(sequenceTag, element(sequenceTag, element(0x06, oidNonce), element(0x04, q.nonce))))
	}
	tbs := element(sequenceTag, s.id, appendInstant(nil, produced), element(sequenceTag, singles), extensions)
	signature, err := s.Responder.Sign(tbs)
	if err != nil {
		return nil, err
	}
	basic := element(sequenceTag, tbs, s.algorithm, element(bitStringTag, []byte{0}, signature), s.certificates)
	a := &OCSPAnswer{
		DER:        element(sequenceTag, []byte{0x0a, 1, byte(OCSPSuccessful)}, element(0xa0, element(sequenceTag, oidBasic, element(0x04, basic)))),
		ThisUpdate: this, NextUpdate: next,
	}
	if q.plain() && standings[0].Known && !standings[0].Revoked {
		sum := sha256.Sum256(a.DER)
		a.Public, a.Tag = true, hex.EncodeToString(sum[:16])
	}
	return a, nil
}

// appendSingle writes a SingleResponse.
func appendSingle(to, id []byte, s Standing, this, next time.Time) []byte {
	var standing []byte
	switch {
	case !s.Known:
		standing = []byte{0x82, 0}
	case !s.Revoked:
		standing = []byte{0x80, 0}
	default:
		var reason []byte
		if s.Reason != ReasonUnspecified { // which is better left out (RFC 5280, 5.3.1)
			reason = []byte{0xa0, 3, 0x0a, 1, byte(s.Reason)}
		}
		standing = element(0xa1, appendInstant(nil, s.RevokedAt), reason)
	}
	var times [2 * timeLength]byte
	whole := appendInstant(times[:0], this)
	whole = append(whole, 0xa0, timeLength)
	whole = appendInstant(whole, next)
	return appendElement(to, sequenceTag, id, standing, whole)
}

// timeLength is how long a GeneralizedTime is as an element.
const timeLength = 17

// appendInstant writes a GeneralizedTime, as everything in OCSP is.
func appendInstant(to []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(append(to, generalizedTimeTag, timeLength-2), "20060102150405Z")
}

// element is a DER element whose content is the parts, one after the other.
func element(tag byte, parts ...[]byte) []byte { return appendElement(nil, tag, parts...) }

func appendElement(to []byte, tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if to == nil {
		to = make([]byte, 0, n+6)
	}
	to = appendHeader(to, tag, int64(n))
	for _, p := range parts {
		to = append(to, p...)
	}
	return to
}
