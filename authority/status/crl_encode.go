package status

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
)

// Entry is one certificate on a CRL.
type Entry struct {
	Serial certhall.Serial
	At     time.Time // of the revocation; of a suspension: since when
	Reason int       // CRLReason (RFC 5280, 5.3.1); what that does not know counts as unspecified
}

// Head is what a CRL says of itself (RFC 5280, 5.1.2, 5.2.3). Times count by seconds.
type Head struct {
	Number                 int64
	ThisUpdate, NextUpdate time.Time
}

// Draft gathers the entries of a CRL, however many there are: beyond some
// megabytes they lie in a temporary file. Whoever drafts closes.
type Draft struct {
	body    spool
	entries int64
	buffer  []byte
}

// List is a signed CRL.
type List struct {
	Head
	Entries    int64
	head, tail []byte
	body       *spool
}

var errSerial = errors.New("status: not a serial number of 1 to 20 octets")

// Add appends an entry.
func (d *Draft) Add(e Entry) (err error) {
	d.buffer, err = appendEntry(d.buffer[:0], e)
	if err != nil {
		return fmt.Errorf("%w: %.64q", err, e.Serial)
	}
	d.entries++
	_, err = d.body.Write(d.buffer)
	return err
}

// Close forgets the entries. A list that was signed of them cannot be read any more.
func (d *Draft) Close() error { return d.body.Close() }

// Sign makes the CRL: of version 2, with authority key identifier and number
// (RFC 5280, 5.1). The entries are read once to be digested, since the lengths
// before them are known only now, and again by whoever reads the list.
func (d *Draft) Sign(issuer ca.Signer, h Head) (*List, error) {
	algorithm, err := gm.AlgorithmOf(issuer.Certificate.PublicKey)
	if err != nil {
		return nil, err
	}
	if issuer.Certificate.KeyUsage&smx509.KeyUsageCRLSign == 0 || len(issuer.Certificate.SubjectKeyId) == 0 {
		return nil, errors.New("status: the issuer's certificate is none to sign CRLs with")
	}
	before, err := marshalHead(issuer.Certificate, algorithm, h)
	if err != nil {
		return nil, err
	}
	after, err := marshalExtensions(issuer.Certificate, h.Number)
	if err != nil {
		return nil, err
	}
	if d.body.size > 0 { // "MUST be absent" when empty (RFC 5280, 5.1.2.6)
		before = appendHeader(before, sequenceTag, d.body.size)
	}
	tbs := int64(len(before)) + d.body.size + int64(len(after))
	l := &List{Head: h, Entries: d.entries, body: &d.body, tail: after}
	l.head = append(appendHeader(nil, sequenceTag, tbs), before...)

	digest, err := gm.NewHash(issuer.Certificate.PublicKey)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(digest, l.Reader()); err != nil {
		return nil, err
	}
	sum := digest.Sum(nil)
	signature, err := issuer.SignDigest(sum)
	if err != nil {
		return nil, err
	}
	// What is published stays for days: a fault of the key's device is found here.
	if err := gm.VerifyDigest(issuer.Certificate.PublicKey, sum, signature); err != nil {
		return nil, err
	}
	l.tail = append(l.tail, algorithm.Identifier()...)
	l.tail = appendHeader(l.tail, bitStringTag, int64(len(signature)+1))
	l.tail = append(append(l.tail, 0), signature...)
	l.head = append(appendHeader(nil, sequenceTag, l.Size()), l.head...)
	return l, nil
}

// Size is how many bytes the list has.
func (l *List) Size() int64 { return int64(len(l.head)) + l.body.size + int64(len(l.tail)) }

// Reader reads the whole list, DER.
func (l *List) Reader() io.Reader {
	return io.MultiReader(bytes.NewReader(l.head), l.body.Reader(), bytes.NewReader(l.tail))
}

// Bytes is the whole list in memory: for short ones.
func (l *List) Bytes() ([]byte, error) { return io.ReadAll(l.Reader()) }

const (
	integerTag         = 0x02
	bitStringTag       = 0x03
	utcTimeTag         = 0x17
	generalizedTimeTag = 0x18
	sequenceTag        = 0x30
)

// appendHeader writes tag and length (X.690, 8.1.3).
func appendHeader(b []byte, tag byte, length int64) []byte {
	b = append(b, tag)
	if length < 0x80 {
		return append(b, byte(length))
	}
	octets := 1
	for n := length >> 8; n > 0; n >>= 8 {
		octets++
	}
	b = append(b, 0x80|byte(octets))
	for i := octets - 1; i >= 0; i-- {
		b = append(b, byte(length>>(8*i)))
	}
	return b
}

// reasonExtension is crlEntryExtensions with a reasonCode (2.5.29.21); its last
// octet is the reason.
var reasonExtension = []byte{0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01, 0x00}

// appendEntry writes an element of revokedCertificates: always shorter than 128 octets.
func appendEntry(b []byte, e Entry) ([]byte, error) {
	start := len(b)
	b = append(b, sequenceTag, 0, integerTag, 0)
	if len(e.Serial) == 0 || len(e.Serial) > 40 {
		return b, errSerial
	}
	b, err := hex.AppendDecode(b, []byte(e.Serial))
	if err != nil {
		return b, errSerial
	}
	if b[start+4]&0x80 != 0 { // positive (X.690, 8.3.3)
		b = append(b, 0)
		copy(b[start+5:], b[start+4:])
		b[start+4] = 0
	}
	b[start+3] = byte(len(b) - start - 4)
	b = appendTime(b, e.At)
	if e.Reason > ReasonUnspecified && e.Reason <= 10 && e.Reason != 7 && e.Reason != 8 {
		b = append(b, reasonExtension...)
		b[len(b)-1] = byte(e.Reason)
	}
	b[start+1] = byte(len(b) - start - 2)
	return b, nil
}

// appendTime writes a Time: UTCTime until 2049, GeneralizedTime from then on
// (RFC 5280, 5.1.2.4).
func appendTime(b []byte, t time.Time) []byte {
	year, month, day := t.UTC().Date()
	hour, minute, second := t.UTC().Clock()
	two := func(n int) { b = append(b, '0'+byte(n/10%10), '0'+byte(n%10)) }
	if year >= 1950 && year < 2050 {
		b = append(b, utcTimeTag, 13)
	} else {
		b = append(b, generalizedTimeTag, 15)
		two(year / 100)
	}
	for _, n := range [...]int{year, int(month), day, hour, minute, second} {
		two(n)
	}
	return append(b, 'Z')
}

// marshalHead writes TBSCertList up to revokedCertificates, without its own header.
func marshalHead(issuer *smx509.Certificate, algorithm gm.Algorithm, h Head) ([]byte, error) {
	if h.NextUpdate.Unix() <= h.ThisUpdate.Unix() {
		return nil, errors.New("status: a CRL that ends before it begins")
	}
	b := []byte{integerTag, 1, 1} // v2
	b = append(b, algorithm.Identifier()...)
	b = append(b, issuer.RawSubject...)
	return appendTime(appendTime(b, h.ThisUpdate), h.NextUpdate), nil
}

// Object identifiers of a CRL's extensions (RFC 5280, 5.2.1 and 5.2.3).
var (
	oidAKI       = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCRLNumber = asn1.ObjectIdentifier{2, 5, 29, 20}
)

// marshalExtensions writes crlExtensions.
func marshalExtensions(issuer *smx509.Certificate, number int64) ([]byte, error) {
	var b cryptobyte.Builder
	extension := func(id asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation) {
		b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(id)
			b.AddASN1(cryptobyteasn1.OCTET_STRING, value)
		})
	}
	extension(oidAKI, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cryptobyteasn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(issuer.SubjectKeyId) })
		})
	})
	extension(oidCRLNumber, func(b *cryptobyte.Builder) { b.AddASN1Int64(number) })
	inner, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	list := append(appendHeader(nil, sequenceTag, int64(len(inner))), inner...)
	return append(appendHeader(nil, 0xa0, int64(len(list))), list...), nil
}
