package ca

import (
	"crypto"
	"encoding/asn1"
	"fmt"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/smx509"
)

// Object identifiers of the extensions (RFC 5280, 4.2).
var (
	oidSKI         = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidKeyUsage    = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasic       = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidCRLDP       = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidPolicies    = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidAKI         = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidAIA         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
	oidOCSP        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1}
	oidCAIssuers   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 2}
)

// Object identifiers of a Name's attributes (X.520).
var (
	oidCommonName  = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidCountryName = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidUnitName    = asn1.ObjectIdentifier{2, 5, 4, 11}
)

// extension is Extension of RFC 5280, 4.1.
type extension struct {
	ID       asn1.ObjectIdentifier
	Critical bool `asn1:"optional"`
	Value    []byte
}

// tbsCertificate is TBSCertificate of RFC 5280, 4.1.
type tbsCertificate struct {
	Version    int `asn1:"explicit,tag:0"`
	Serial     asn1.RawValue
	Algorithm  asn1.RawValue // of the issuer's signature
	Issuer     asn1.RawValue
	Validity   validity
	Subject    asn1.RawValue
	PublicKey  asn1.RawValue
	Extensions []extension `asn1:"explicit,tag:3"`
}

type validity struct{ NotBefore, NotAfter time.Time }

type certificate struct {
	TBS       asn1.RawValue
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

// content is what one certificate is about; everything else comes from the
// profile and the issuer.
type content struct {
	Serial              certhall.Serial
	Subject             []byte // Name, DER
	Identity            []byte // SEQUENCE OF Extension, DER; nil for none
	Key                 crypto.PublicKey
	NotBefore, NotAfter time.Time
	Profile             Profile
	Half                Half
}

// buildTBS makes the to-be-signed bytes of a certificate. They are linted as
// they are and stored before the real key signs them.
func (ca *CA) buildTBS(by issuer, c content) ([]byte, error) {
	spki, err := gm.MarshalPublicKey(c.Key)
	if err != nil {
		return nil, err
	}
	serial, err := asn1.Marshal(c.Serial.Big())
	if err != nil {
		return nil, err
	}
	exts, err := ca.extensions(by, spki, c)
	if err != nil {
		return nil, err
	}
	algorithm, err := by.algorithm()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(tbsCertificate{
		Version:    2, // v3
		Serial:     asn1.RawValue{FullBytes: serial},
		Algorithm:  algorithm,
		Issuer:     asn1.RawValue{FullBytes: by.Certificate.RawSubject},
		Validity:   validity{c.NotBefore.UTC(), c.NotAfter.UTC()},
		Subject:    asn1.RawValue{FullBytes: c.Subject},
		PublicKey:  asn1.RawValue{FullBytes: spki},
		Extensions: exts,
	})
}

// algorithm is the AlgorithmIdentifier of the issuer's signatures.
func (i issuer) algorithm() (asn1.RawValue, error) {
	a, err := gm.AlgorithmOf(i.Certificate.PublicKey)
	return asn1.RawValue{FullBytes: a.Identifier()}, err
}

func (ca *CA) extensions(by issuer, spki []byte, c content) ([]extension, error) {
	fixed, err := ca.fixedExtensions(by.name, c.Profile, c.Half)
	if err != nil {
		return nil, err
	}
	aki, err := asn1.Marshal(struct {
		ID []byte `asn1:"tag:0"`
	}{by.Certificate.SubjectKeyId})
	if err != nil {
		return nil, fmt.Errorf("ca: authority key identifier: %w", err)
	}
	ski, err := asn1.Marshal(c.Profile.Algorithm.KeyID(spki))
	if err != nil {
		return nil, fmt.Errorf("ca: subject key identifier: %w", err)
	}
	exts := append([]extension{{oidAKI, false, aki}, {oidSKI, false, ski}}, fixed...)
	if len(c.Identity) > 0 {
		var identity []extension
		if rest, err := asn1.Unmarshal(c.Identity, &identity); err != nil || len(rest) != 0 {
			return nil, fmt.Errorf("ca: identity extensions malformed: %v", err)
		}
		exts = append(exts, identity...)
	}
	return exts, nil
}

// fixedExtensions are those that every certificate of a profile's half has
// alike under an issuing CA. They are encoded once: encoding is dear beside signing.
func (ca *CA) fixedExtensions(issuer string, p Profile, h Half) ([]extension, error) {
	key := issuer + "/" + p.Name + "/" + strings.Join(h.KeyUsage, ",") + "/" + strings.Join(h.ExtKeyUsage, ",")
	if known, ok := ca.fixed.Load(key); ok {
		return known.([]extension), nil
	}
	usage, err := h.keyUsage()
	if err != nil {
		return nil, err
	}
	var exts []extension
	var failed error
	add := func(id asn1.ObjectIdentifier, critical bool, value any) {
		der, err := asn1.Marshal(value)
		if err != nil {
			failed = fmt.Errorf("ca: extension %v: %w", id, err)
		}
		exts = append(exts, extension{id, critical, der})
	}
	add(oidKeyUsage, true, keyUsageBitString(usage))
	add(oidBasic, true, struct{}{}) // cA FALSE by default
	if len(h.ExtKeyUsage) > 0 {
		oids, err := parseOIDs(h.ExtKeyUsage)
		if err != nil {
			return nil, err
		}
		add(oidExtKeyUsage, false, oids)
	}
	if len(p.Policies) > 0 {
		oids, err := parseOIDs(p.Policies)
		if err != nil {
			return nil, err
		}
		policies := make([]struct{ ID asn1.ObjectIdentifier }, len(oids))
		for i, oid := range oids {
			policies[i].ID = oid
		}
		add(oidPolicies, false, policies)
	}
	add(oidCRLDP, false, distributionPoints(ca.opt.Addresses.CRL(issuer)))
	add(oidAIA, false, []accessDescription{
		{oidOCSP, uri(ca.opt.Addresses.OCSP())},
		{oidCAIssuers, uri(ca.opt.Addresses.Issuer(issuer))},
	})
	if failed != nil {
		return nil, failed
	}
	ca.fixed.Store(key, exts)
	return exts, nil
}

type accessDescription struct {
	Method   asn1.ObjectIdentifier
	Location asn1.RawValue
}

// uri is a GeneralName uniformResourceIdentifier [6] IA5String.
func uri(address string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(address)}
}

type distributionPoint struct {
	Name struct {
		FullName []asn1.RawValue `asn1:"tag:0"`
	} `asn1:"tag:0"`
}

func distributionPoints(address string) []distributionPoint {
	var p distributionPoint
	p.Name.FullName = []asn1.RawValue{uri(address)}
	return []distributionPoint{p}
}

// keyUsageBitString writes the named bits, most significant bit first, without
// trailing zero bits (X.690, 11.2.2).
func keyUsageBitString(u smx509.KeyUsage) asn1.BitString {
	var b [2]byte
	last := 0
	for i := range 9 {
		if u&(1<<i) != 0 {
			b[i/8] |= 0x80 >> (i % 8)
			last = i
		}
	}
	return asn1.BitString{Bytes: b[:last/8+1], BitLength: last + 1}
}

// assemble joins to-be-signed bytes and signature into a certificate.
func assemble(by issuer, tbs, signature []byte) ([]byte, error) {
	algorithm, err := by.algorithm()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(certificate{
		TBS:       asn1.RawValue{FullBytes: tbs},
		Algorithm: algorithm,
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
}
