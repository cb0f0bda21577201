package predecessors

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// ErrList says that bytes are no complete CRL of the predecessor.
var ErrList = certhall.NewError("predecessor-list-wrong", certhall.Invalid)

// Object identifiers of CRL extensions (RFC 5280, 5.2 and 5.3), their content.
const (
	oidNumber      = "\x55\x1d\x14"
	oidIssuingPart = "\x55\x1d\x1c"
	oidReason      = "\x55\x1d\x15"
	oidAKI         = "\x55\x1d\x23"
)

// Reasons that matter here (CRLReason, RFC 5280, 5.3.1).
const (
	reasonHold   = 6
	reasonRemove = 8
)

// crl is a CRL that was read (RFC 5280, 5.1): only what it says of serials is
// kept of its entries.
type crl struct {
	thisUpdate, nextUpdate time.Time
	number                 string
	revoked                map[string]byte // serial's bytes → reason
	parts                  []string        // addresses of the part it is, where it says that it is one
}

// parseList reads a CRL of the issuer and checks its signature. It must be
// complete: no delta, not by somebody else, not for some reasons or CAs only.
func parseList(der []byte, issuer *smx509.Certificate) (c *crl, err error) {
	defer func() {
		if p := recover(); p != nil {
			c, err = nil, ErrList.Becausef("a parser gave up: %v", p)
		}
	}()
	var whole, tbs, algorithm, inner, name, raw cryptobyte.String
	var signature []byte
	input := cryptobyte.String(der)
	if len(der) > MaxList || !input.ReadASN1(&whole, asn1.SEQUENCE) || !input.Empty() ||
		!whole.ReadASN1Element(&tbs, asn1.SEQUENCE) || !whole.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !whole.ReadASN1BitStringAsBytes(&signature) || !whole.Empty() {
		return nil, ErrList.Becausef("not a CertificateList")
	}
	raw = tbs
	c = &crl{revoked: map[string]byte{}}
	if !tbs.ReadASN1(&inner, asn1.SEQUENCE) || !inner.SkipOptionalASN1(asn1.INTEGER) || // the version
		!inner.SkipASN1(asn1.SEQUENCE) || !inner.ReadASN1Element(&name, asn1.SEQUENCE) || !readTime(&inner, &c.thisUpdate) {
		return nil, ErrList.Becausef("not a TBSCertList")
	}
	if !bytes.Equal(name, issuer.RawSubject) {
		return nil, ErrList.Becausef("of another issuer")
	}
	if err := gm.SignedAs(algorithm, issuer.PublicKey, raw, signature); err != nil {
		return nil, ErrList.Because(err)
	}
	if !inner.PeekASN1Tag(asn1.UTCTime) && !inner.PeekASN1Tag(asn1.GeneralizedTime) {
		return nil, ErrList.Becausef("no nextUpdate: nobody could tell when it is over")
	}
	if !readTime(&inner, &c.nextUpdate) {
		return nil, ErrList.Becausef("nextUpdate")
	}
	if inner.PeekASN1Tag(asn1.SEQUENCE) {
		var entries cryptobyte.String
		if !inner.ReadASN1(&entries, asn1.SEQUENCE) {
			return nil, ErrList.Becausef("revokedCertificates")
		}
		if err := c.readEntries(entries); err != nil {
			return nil, err
		}
	}
	return c, c.readExtensions(inner)
}

func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(asn1.UTCTime) {
		return s.ReadASN1UTCTime(t)
	}
	return s.ReadASN1GeneralizedTime(t)
}

func (c *crl) readEntries(entries cryptobyte.String) error {
	for !entries.Empty() {
		var one, extensions cryptobyte.String
		serial, at := new(big.Int), time.Time{}
		if !entries.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1Integer(serial) || !readTime(&one, &at) {
			return ErrList.Becausef("entry %d", len(c.revoked)+1)
		}
		reason := byte(0)
		if one.ReadASN1(&extensions, asn1.SEQUENCE) {
			for !extensions.Empty() {
				id, critical, value, ok := readExtension(&extensions)
				var code cryptobyte.String
				switch {
				case !ok:
					return ErrList.Becausef("entry %x: extensions", serial)
				case id == oidReason:
					if !value.ReadASN1(&code, asn1.ENUM) || len(code) != 1 {
						return ErrList.Becausef("entry %x: reason", serial)
					}
					reason = code[0]
				case critical: // certificateIssuer: an indirect CRL
					return ErrList.Becausef("entry %x: a critical extension", serial)
				}
			}
		}
		if reason != reasonRemove {
			c.revoked[string(serial.Bytes())] = reason
		}
	}
	return nil
}

// readExtensions reads crlExtensions [0].
func (c *crl) readExtensions(rest cryptobyte.String) error {
	if rest.Empty() {
		return nil
	}
	var tagged, list cryptobyte.String
	if !rest.ReadASN1(&tagged, asn1.Tag(0).ContextSpecific().Constructed()) || !rest.Empty() || !tagged.ReadASN1(&list, asn1.SEQUENCE) {
		return ErrList.Becausef("crlExtensions")
	}
	for !list.Empty() {
		id, critical, value, ok := readExtension(&list)
		switch {
		case !ok:
			return ErrList.Becausef("crlExtensions")
		case id == oidNumber:
			number := new(big.Int)
			if !value.ReadASN1Integer(number) || number.Sign() < 0 {
				return ErrList.Becausef("cRLNumber")
			}
			c.number = hex.EncodeToString(number.Bytes())
		case id == oidIssuingPart:
			if err := c.readPart(value); err != nil {
				return err
			}
		case id == oidAKI:
		case critical:
			return ErrList.Becausef("a critical extension: %x", id)
		}
	}
	return nil
}

// readPart reads IssuingDistributionPoint (RFC 5280, 5.2.5).
func (c *crl) readPart(value cryptobyte.String) error {
	var point, part, full cryptobyte.String
	if !value.ReadASN1(&point, asn1.SEQUENCE) {
		return ErrList.Becausef("issuingDistributionPoint")
	}
	if point.PeekASN1Tag(asn1.Tag(0).ContextSpecific().Constructed()) {
		if !point.ReadASN1(&part, asn1.Tag(0).ContextSpecific().Constructed()) || !part.ReadASN1(&full, asn1.Tag(0).ContextSpecific().Constructed()) {
			return ErrList.Becausef("issuingDistributionPoint: not by address")
		}
		for !full.Empty() {
			var name cryptobyte.String
			var tag asn1.Tag
			if !full.ReadAnyASN1(&name, &tag) {
				return ErrList.Becausef("issuingDistributionPoint")
			}
			c.parts = append(c.parts, string(name))
		}
	}
	point.SkipOptionalASN1(asn1.Tag(1).ContextSpecific()) // for end entities only
	if !point.Empty() {
		return ErrList.Becausef("a CRL for some certificates or reasons only")
	}
	return nil
}

func readExtension(list *cryptobyte.String) (id string, critical bool, value cryptobyte.String, ok bool) {
	var one, oid cryptobyte.String
	ok = list.ReadASN1(&one, asn1.SEQUENCE) && one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER)
	if ok && one.PeekASN1Tag(asn1.BOOLEAN) {
		ok = one.ReadASN1Boolean(&critical)
	}
	ok = ok && one.ReadASN1(&value, asn1.OCTET_STRING)
	return string(oid), critical, value, ok
}

var errAnotherPart = errors.New("predecessors: the list is another part than the certificate's")

// covers tells whether the list is about this certificate: where it is one of
// several parts, the certificate names its address.
func (c *crl) covers(of *smx509.Certificate) error {
	if len(c.parts) == 0 || slices.ContainsFunc(c.parts, func(p string) bool { return slices.Contains(of.CRLDistributionPoints, p) }) {
		return nil
	}
	return errAnotherPart
}

// head is what is kept of a list beside its bytes.
func (c *crl) head(predecessor string, der []byte) List {
	return List{Predecessor: predecessor, Digest: gm.SM3(der), Number: c.number, ThisUpdate: c.thisUpdate.UTC(), NextUpdate: c.nextUpdate.UTC(), Bytes: der}
}

// Read reads a predecessor's CRL, DER or PEM, as it is to be kept. One that is
// not of its time yet is refused.
func Read(data []byte, p *smx509.Certificate, name string, now time.Time) (List, error) {
	der := gm.FromPEM(data)
	c, err := parseList(der, p)
	if err != nil {
		return List{}, err
	}
	if now.Add(skew).Before(c.thisUpdate) {
		return List{}, ErrList.Because(fmt.Errorf("made at %v, which is to come", c.thisUpdate))
	}
	return c.head(name, der), nil
}
