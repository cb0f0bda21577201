package gm

import (
	"crypto"
	"errors"
	"math/big"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// errIssuer says that bytes are no certificate of a CA.
var errIssuer = errors.New("gm: not the certificate of a CA")

// ParseIssuer parses the certificate of somebody else's CA, as far as it takes
// to check what that CA signed. Real ones break rules that do not matter for
// this (e-mail addresses that are no IA5String, odd serial numbers), which
// ParseCertificate refuses; then only Raw, RawTBSCertificate, RawSubject,
// RawIssuer, RawSubjectPublicKeyInfo, PublicKey, SerialNumber and the times are
// set. The key must be of a kind that is used here.
func ParseIssuer(der []byte) (*smx509.Certificate, error) {
	if c, err := ParseCertificate(der); err == nil {
		if !c.BasicConstraintsValid || !c.IsCA {
			return nil, errIssuer
		}
		_, err := AlgorithmOf(c.PublicKey)
		return c, err
	}
	c, err := readIssuer(der)
	if err != nil {
		return nil, err
	}
	c.PublicKey, err = ParseAnyPublicKey(c.RawSubjectPublicKeyInfo)
	return c, err
}

// readIssuer reads the frame of a certificate (RFC 5280, 4.1) and that it is a CA's.
func readIssuer(der []byte) (*smx509.Certificate, error) {
	if len(der) > MaxCertificate {
		return nil, errIssuer
	}
	c := &smx509.Certificate{Raw: der, SerialNumber: new(big.Int)}
	var whole, raw, tbs, validity, extensions, list cryptobyte.String
	input := cryptobyte.String(der)
	element := func(into *[]byte) bool {
		return tbs.ReadASN1Element((*cryptobyte.String)(into), asn1.SEQUENCE)
	}
	var algorithm []byte
	ok := input.ReadASN1(&whole, asn1.SEQUENCE) && input.Empty() &&
		whole.ReadASN1Element(&raw, asn1.SEQUENCE) &&
		func() bool { c.RawTBSCertificate = raw; return raw.ReadASN1(&tbs, asn1.SEQUENCE) }() &&
		tbs.SkipOptionalASN1(asn1.Tag(0).ContextSpecific().Constructed()) &&
		tbs.ReadASN1Integer(c.SerialNumber) && element(&algorithm) && element(&c.RawIssuer) &&
		tbs.ReadASN1(&validity, asn1.SEQUENCE) && element(&c.RawSubject) && element(&c.RawSubjectPublicKeyInfo) &&
		tbs.SkipOptionalASN1(asn1.Tag(1).ContextSpecific()) && tbs.SkipOptionalASN1(asn1.Tag(2).ContextSpecific()) &&
		tbs.ReadASN1(&extensions, asn1.Tag(3).ContextSpecific().Constructed()) && extensions.ReadASN1(&list, asn1.SEQUENCE)
	for ok && !list.Empty() {
		var one, id, value cryptobyte.String
		ok = list.ReadASN1(&one, asn1.SEQUENCE) && one.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) &&
			one.SkipOptionalASN1(asn1.BOOLEAN) && one.ReadASN1(&value, asn1.OCTET_STRING)
		if ok && string(id) == "\x55\x1d\x13" { // basicConstraints
			var constraints cryptobyte.String
			ok = value.ReadASN1(&constraints, asn1.SEQUENCE) && constraints.PeekASN1Tag(asn1.BOOLEAN) && constraints.ReadASN1Boolean(&c.IsCA)
		}
	}
	if !ok || !c.IsCA {
		return nil, errIssuer
	}
	return c, nil
}

// SignedBy checks that a certificate's signature is by this key. Algorithms that
// are broken (MD5, SHA-1) do not pass.
func SignedBy(c *smx509.Certificate, key crypto.PublicKey) error {
	switch c.SignatureAlgorithm {
	case smx509.SHA1WithRSA, smx509.ECDSAWithSHA1: // CheckSignature would take them
		return smx509.InsecureAlgorithmError(c.SignatureAlgorithm)
	}
	holder := &smx509.Certificate{PublicKey: key}
	return holder.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
}

// SignedAs checks the signature of somebody else's CRL or OCSP answer by the
// AlgorithmIdentifier (DER) beside it: its parameters do not matter, broken or
// unknown algorithms do not pass.
func SignedAs(identifier []byte, key crypto.PublicKey, message, signature []byte) error {
	var inner, oid cryptobyte.String
	input := cryptobyte.String(identifier)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return ErrSignature
	}
	return SignedBy(&smx509.Certificate{SignatureAlgorithm: signatures[string(oid)], RawTBSCertificate: message, Signature: signature}, key)
}

// signatures are the algorithms by the content of their object identifiers.
var signatures = map[string]smx509.SignatureAlgorithm{
	"\x2a\x81\x1c\xcf\x55\x01\x83\x75":     smx509.SM2WithSM3,
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b": smx509.SHA256WithRSA,
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c": smx509.SHA384WithRSA,
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d": smx509.SHA512WithRSA,
	"\x2a\x86\x48\xce\x3d\x04\x03\x02":     smx509.ECDSAWithSHA256,
}
