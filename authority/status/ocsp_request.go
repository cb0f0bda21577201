package status

import (
	"bytes"
	encoding "encoding/asn1"
	"encoding/hex"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certhall/certhall"
)

// Limits on one request: what is larger is malformed.
const (
	MaxOCSPRequest = 32 << 10 // bytes
	MaxOCSPEntries = 100
)

// maxNonce is the longest nonce in octets (RFC 9654, 2.1; RFC 8954 had 32).
const maxNonce = 128

// request is an OCSPRequest (RFC 6960, 4.1.1) as far as it is obeyed. A
// signature, the requestor's name and the service locator say nothing that
// would change an answer; they are read and passed over. The slices lie in the
// request's bytes.
type request struct {
	entries []entry
	nonce   []byte // extnValue of the nonce, a DER OCTET STRING; nil without one
}

// plain tells whether the answer depends on nothing but one CertID, so that it
// can be given again.
func (q request) plain() bool { return len(q.entries) == 1 && q.nonce == nil }

// entry asks for one certificate.
type entry struct {
	id     []byte          // CertID, DER: repeated in the answer as it came
	about  issuerKey       // zero where the digest is none that is known here
	serial certhall.Serial // "" where no certificate could have it
}

// digest is how a CertID names its issuer.
type digest byte

const (
	bySHA1 digest = iota + 1
	bySHA256
	bySM3
)

// digests are the algorithms by the content of their object identifiers.
var digests = []struct {
	oid []byte
	digest
}{
	{[]byte{0x2b, 0x0e, 0x03, 0x02, 0x1a}, bySHA1},
	{[]byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}, bySHA256},
	{[]byte{0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x11}, bySM3},
}

// Extensions that a request may carry even if they are critical: the nonce
// (RFC 6960, 4.4.1) is repeated; acceptable response types (4.4.3) always
// include the basic one; a service locator (4.4.6) is passed over because this
// responder forwards nothing; preferred signature algorithms (4.4.7) cannot be
// chosen from, each issuer has one.
var (
	oidNonce = []byte{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02}
	passed   = [][]byte{
		{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x04},
		{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x07},
		{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x08},
	}
)

var (
	tag0 = asn1.Tag(0).ContextSpecific().Constructed()
	tag1 = asn1.Tag(1).ContextSpecific().Constructed()
	tag2 = asn1.Tag(2).ContextSpecific().Constructed()
)

// parseRequest reads an OCSPRequest; false if it is malformed.
func parseRequest(der []byte) (q request, ok bool) {
	if len(der) > MaxOCSPRequest {
		return q, false
	}
	in := cryptobyte.String(der)
	var outer, tbs, list cryptobyte.String
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!passOver(&outer, tag0, asn1.SEQUENCE) || !outer.Empty() {
		return q, false
	}
	if !readVersion(&tbs) || !passOver(&tbs, tag1, 0) || !tbs.ReadASN1(&list, asn1.SEQUENCE) || list.Empty() {
		return q, false
	}
	q.entries = make([]entry, 0, 1)
	for !list.Empty() {
		e, ok := readEntry(&list)
		if !ok || len(q.entries) == MaxOCSPEntries {
			return q, false
		}
		q.entries = append(q.entries, e)
	}
	q.nonce, ok = readExtensions(&tbs, tag2)
	if !ok || !tbs.Empty() || q.nonce != nil && !validNonce(q.nonce) {
		return q, false
	}
	return q, true
}

// passOver reads an optional explicitly tagged element with one inside: of the
// wanted tag, or of any if that is 0.
func passOver(s *cryptobyte.String, outer, inner asn1.Tag) bool {
	var in, content cryptobyte.String
	var present bool
	var found asn1.Tag
	if !s.ReadOptionalASN1(&in, &present, outer) || !present {
		return !present
	}
	return in.ReadAnyASN1(&content, &found) && in.Empty() && (inner == 0 || found == inner)
}

// readVersion takes v1 alone, written or not.
func readVersion(tbs *cryptobyte.String) bool {
	var explicit cryptobyte.String
	var present bool
	var version int
	if !tbs.ReadOptionalASN1(&explicit, &present, tag0) || !present {
		return !present
	}
	return explicit.ReadASN1Integer(&version) && version == 0 && explicit.Empty()
}

func readEntry(list *cryptobyte.String) (e entry, ok bool) {
	var one, id, algorithm, oid, name, key cryptobyte.String
	if !list.ReadASN1(&one, asn1.SEQUENCE) {
		return e, false
	}
	before := one
	if !one.ReadASN1(&id, asn1.SEQUENCE) {
		return e, false
	}
	e.id = before[:len(before)-len(one)]
	if !id.ReadASN1(&algorithm, asn1.SEQUENCE) || !id.ReadASN1(&name, asn1.OCTET_STRING) || !id.ReadASN1(&key, asn1.OCTET_STRING) {
		return e, false
	}
	before = algorithm
	if !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !readNull(&algorithm) {
		return e, false
	}
	var by digest
	for _, d := range digests {
		if bytes.Equal(oid, d.oid) {
			by = d.digest
		}
	}
	if by == 0 && !validOID(before) {
		return e, false // it would be repeated in the answer
	}
	e.about = keyOf(by, name, key)
	if e.serial, ok = readSerial(&id); !ok || !id.Empty() {
		return e, false
	}
	_, ok = readExtensions(&one, tag0)
	return e, ok && one.Empty()
}

func validOID(element cryptobyte.String) bool {
	var oid encoding.ObjectIdentifier
	return element.ReadASN1ObjectIdentifier(&oid)
}

// readNull reads the parameters of a digest: absent or NULL.
func readNull(algorithm *cryptobyte.String) bool {
	var null cryptobyte.String
	return algorithm.Empty() || algorithm.ReadASN1(&null, asn1.NULL) && null.Empty() && algorithm.Empty()
}

// readSerial reads a CertificateSerialNumber. Numbers that RFC 5280 (4.1.2.2)
// allows no CA to give are well-formed, but nobody's.
func readSerial(id *cryptobyte.String) (certhall.Serial, bool) {
	var n cryptobyte.String
	if !id.ReadASN1(&n, asn1.INTEGER) || len(n) == 0 ||
		len(n) > 1 && (n[0] == 0 && n[1] < 0x80 || n[0] == 0xff && n[1] >= 0x80) {
		return "", false
	}
	if n[0] >= 0x80 {
		return "", true
	}
	if n[0] == 0 {
		n = n[1:]
	}
	if len(n) > 20 {
		return "", true
	}
	return certhall.Serial(hex.EncodeToString(n)), true
}

// readExtensions reads optional Extensions and gives the nonce among them.
// None may come twice (RFC 5280, 4.2); a critical one must be known.
func readExtensions(s *cryptobyte.String, tag asn1.Tag) (nonce []byte, ok bool) {
	var explicit, list cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&explicit, &present, tag) || !present {
		return nil, !present
	}
	if !explicit.ReadASN1(&list, asn1.SEQUENCE) || !explicit.Empty() || list.Empty() {
		return nil, false
	}
	var seen [][]byte
	for !list.Empty() {
		var one, oid, value cryptobyte.String
		var critical bool
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			one.PeekASN1Tag(asn1.BOOLEAN) && !one.ReadASN1Boolean(&critical) ||
			!one.ReadASN1(&value, asn1.OCTET_STRING) || !one.Empty() || contains(seen, oid) {
			return nil, false
		}
		seen = append(seen, oid)
		switch {
		case bytes.Equal(oid, oidNonce):
			nonce = value
			if nonce == nil {
				nonce = []byte{}
			}
		case critical && !contains(passed, oid):
			return nil, false
		}
	}
	return nonce, true
}

func contains(list [][]byte, b []byte) bool {
	for _, x := range list {
		if bytes.Equal(x, b) {
			return true
		}
	}
	return false
}

// validNonce wants an OCTET STRING of 1 to maxNonce octets: shorter or longer
// ones are refused (RFC 9654, 2.1).
func validNonce(value cryptobyte.String) bool {
	var nonce cryptobyte.String
	return value.ReadASN1(&nonce, asn1.OCTET_STRING) && value.Empty() && len(nonce) >= 1 && len(nonce) <= maxNonce
}
