package status

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/certhall/certhall"
)

var errNotList = errors.New("status: not a CRL of version 2 with a number")

// ReadCRL reads a CRL's number and calls f for every serial on it. It does not
// check the signature: whoever has the issuer's certificate does.
func ReadCRL(der []byte, f func(certhall.Serial)) (number int64, err error) {
	whole := cryptobyte.String(der)
	var list, tbs, extensions cryptobyte.String
	if !whole.ReadASN1(&list, cryptobyteasn1.SEQUENCE) || !whole.Empty() || !list.ReadASN1(&tbs, cryptobyteasn1.SEQUENCE) {
		return 0, errNotList
	}
	ok := tbs.SkipASN1(cryptobyteasn1.INTEGER) && tbs.SkipASN1(cryptobyteasn1.SEQUENCE) && tbs.SkipASN1(cryptobyteasn1.SEQUENCE)
	for range 2 { // thisUpdate, nextUpdate
		ok = ok && (tbs.SkipOptionalASN1(cryptobyteasn1.UTCTime) && tbs.SkipOptionalASN1(cryptobyteasn1.GeneralizedTime))
	}
	var entries cryptobyte.String
	var listed bool
	if !ok || !tbs.ReadOptionalASN1(&entries, &listed, cryptobyteasn1.SEQUENCE) {
		return 0, errNotList
	}
	for !entries.Empty() {
		var entry cryptobyte.String
		var serial []byte // an integer that is not negative
		if !entries.ReadASN1(&entry, cryptobyteasn1.SEQUENCE) || !entry.ReadASN1Integer(&serial) {
			return 0, errNotList
		}
		f(certhall.Serial(hex.EncodeToString(serial)))
	}
	if !tbs.ReadASN1(&extensions, cryptobyteasn1.Tag(0).ContextSpecific().Constructed()) || !extensions.ReadASN1(&extensions, cryptobyteasn1.SEQUENCE) {
		return 0, errNotList
	}
	for !extensions.Empty() {
		var extension, value cryptobyte.String
		var id asn1.ObjectIdentifier
		if !extensions.ReadASN1(&extension, cryptobyteasn1.SEQUENCE) || !extension.ReadASN1ObjectIdentifier(&id) ||
			!extension.SkipOptionalASN1(cryptobyteasn1.BOOLEAN) || !extension.ReadASN1(&value, cryptobyteasn1.OCTET_STRING) {
			return 0, errNotList
		}
		if id.Equal(oidCRLNumber) && value.ReadASN1Integer(&number) {
			return number, nil
		}
	}
	return 0, errNotList
}
