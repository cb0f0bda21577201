package ca

import (
	"encoding/asn1"
	"errors"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

var errNotTBS = errors.New("lint: not a TBSCertificate in DER")

// readTBS takes a TBSCertificate apart (RFC 5280, 4.1), strictly in DER. It
// reads with another library than the one buildTBS writes with.
func readTBS(der []byte) (t tbsCertificate, err error) {
	var inner, version, validity, extensions, list cryptobyte.String
	whole := cryptobyte.String(der)
	element := func(into *asn1.RawValue, want tag.Tag) bool {
		return inner.ReadASN1Element((*cryptobyte.String)(&into.FullBytes), want)
	}
	ok := whole.ReadASN1(&inner, tag.SEQUENCE) && whole.Empty() &&
		inner.ReadASN1(&version, tag.Tag(0).ContextSpecific().Constructed()) &&
		version.ReadASN1Integer(&t.Version) && version.Empty() &&
		element(&t.Serial, tag.INTEGER) &&
		element(&t.Algorithm, tag.SEQUENCE) &&
		element(&t.Issuer, tag.SEQUENCE) &&
		inner.ReadASN1(&validity, tag.SEQUENCE) &&
		readTime(&validity, &t.Validity.NotBefore) && readTime(&validity, &t.Validity.NotAfter) && validity.Empty() &&
		element(&t.Subject, tag.SEQUENCE) && element(&t.PublicKey, tag.SEQUENCE) &&
		inner.ReadASN1(&extensions, tag.Tag(3).ContextSpecific().Constructed()) && inner.Empty() &&
		extensions.ReadASN1(&list, tag.SEQUENCE) && extensions.Empty() && !list.Empty()
	for ok && !list.Empty() {
		var e extension
		ok = readExtension(&list, &e)
		t.Extensions = append(t.Extensions, e)
	}
	if !ok {
		return tbsCertificate{}, errNotTBS
	}
	return t, nil
}

func readExtension(list *cryptobyte.String, e *extension) bool {
	var one, value cryptobyte.String
	if !list.ReadASN1(&one, tag.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&e.ID) {
		return false
	}
	if one.PeekASN1Tag(tag.BOOLEAN) && (!one.ReadASN1Boolean(&e.Critical) || !e.Critical) {
		return false // FALSE is the default, which DER leaves out
	}
	ok := one.ReadASN1(&value, tag.OCTET_STRING) && one.Empty()
	e.Value = value
	return ok
}

// readTime wants UTCTime until 2049 and GeneralizedTime from 2050 on, both to
// the second and in UTC (RFC 5280, 4.1.2.5).
func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(tag.UTCTime) {
		var text cryptobyte.String
		ahead := *s
		return ahead.ReadASN1(&text, tag.UTCTime) && len(text) == len("YYMMDDhhmmssZ") && s.ReadASN1UTCTime(t) && t.Location() == time.UTC
	}
	return s.ReadASN1GeneralizedTime(t) && t.Location() == time.UTC && t.Year() >= 2050
}
