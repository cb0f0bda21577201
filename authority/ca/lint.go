package ca

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/certhall/certhall/gm"
)

// lint reads to-be-signed bytes as a stranger would and compares them with
// what was meant. It shares no code with buildTBS beyond the profile, so that
// a mistake there does not pass here. It runs before the real key signs.
func (ca *CA) lint(tbs []byte, by issuer, want content) error {
	issuer := by.Certificate
	t, err := readTBS(tbs)
	if err != nil {
		return err
	}
	serial := want.Serial.Big()
	wantSerial, _ := asn1.Marshal(serial)
	key, keyErr := gm.ParseKey(t.PublicKey.FullBytes)
	checks := []struct {
		ok   bool
		what string
	}{
		{t.Version == 2, "version is not v3"},
		{serial.Sign() > 0 && serial.BitLen() >= 64 && len(serial.Bytes()) <= 20, "serial is not positive, of 64 bits and at most 20 octets (RFC 5280, 4.1.2.2)"},
		{bytes.Equal(t.Serial.FullBytes, wantSerial), "serial is another"},
		{bytes.Equal(t.Algorithm.FullBytes, signatureAlgorithms[want.Profile.Algorithm]), "algorithm is not the profile's"},
		{algorithmIs(issuer.PublicKey, want.Profile.Algorithm), "issuer is of another algorithm"},
		{bytes.Equal(t.Issuer.FullBytes, issuer.RawSubject), "issuer is not the issuer's subject"},
		{t.Validity.NotBefore.Equal(want.NotBefore) && t.Validity.NotAfter.Equal(want.NotAfter), "validity is another"},
		{t.Validity.NotBefore.Before(t.Validity.NotAfter), "validity ends before it begins"},
		{!t.Validity.NotAfter.After(issuer.NotAfter), "outlives the issuer"},
		{!t.Validity.NotBefore.Before(issuer.NotBefore), "begins before the issuer"},
		{bytes.Equal(t.Subject.FullBytes, want.Subject), "subject is another"},
		{keyErr == nil && gm.SameKey(key, want.Key), "public key is not the key asked for"},
		{algorithmIs(key, want.Profile.Algorithm), "public key is not of the profile's algorithm"},
	}
	for _, c := range checks {
		if !c.ok {
			return errors.New("lint: " + c.what)
		}
	}
	return ca.lintExtensions(t, by, want)
}

// signatureAlgorithms are the AlgorithmIdentifiers, byte for byte: parameters
// are absent with SM2 (GM/T 0015) and ECDSA (RFC 5758), NULL with RSA (RFC 4055).
var signatureAlgorithms = map[gm.Algorithm][]byte{
	gm.SM2:   {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75},
	gm.RSA:   {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00},
	gm.ECDSA: {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02},
}

func algorithmIs(key crypto.PublicKey, want gm.Algorithm) bool {
	a, err := gm.AlgorithmOf(key)
	return err == nil && a == want
}

// lintExtensions holds the extensions against a list of what must be there,
// and nothing else.
func (ca *CA) lintExtensions(t tbsCertificate, by issuer, want content) error {
	seen := map[string]extension{}
	for _, e := range t.Extensions {
		id := e.ID.String()
		if _, twice := seen[id]; twice {
			return fmt.Errorf("lint: extension %s twice (RFC 5280, 4.2)", id)
		}
		seen[id] = e
	}
	take := func(id asn1.ObjectIdentifier, critical bool) ([]byte, error) {
		e, ok := seen[id.String()]
		if !ok || e.Critical != critical {
			return nil, fmt.Errorf("lint: extension %v missing, or critical is not %v", id, critical)
		}
		delete(seen, id.String())
		return e.Value, nil
	}
	aki, err := take(oidAKI, false)
	if err != nil {
		return err
	}
	if want := append([]byte{0x30, byte(len(by.Certificate.SubjectKeyId) + 2), 0x80, byte(len(by.Certificate.SubjectKeyId))}, by.Certificate.SubjectKeyId...); !bytes.Equal(aki, want) {
		return errors.New("lint: authority key identifier is not the issuer's")
	}
	ski, err := take(oidSKI, false)
	if err != nil {
		return err
	}
	if len(ski) != 22 || !bytes.Equal(ski[2:], want.Profile.Algorithm.Digest(t.PublicKey.FullBytes)[:20]) {
		return errors.New("lint: subject key identifier is not the key's")
	}
	usage, err := take(oidKeyUsage, true)
	if err != nil {
		return err
	}
	if err := lintKeyUsage(usage, want.Half); err != nil {
		return err
	}
	basic, err := take(oidBasic, true)
	if err != nil {
		return err
	}
	if !bytes.Equal(basic, []byte{0x30, 0}) {
		return errors.New("lint: basicConstraints is not an end entity's")
	}
	if value, err := take(oidCRLDP, false); err != nil {
		return err
	} else if err := lintAddresses(value, ca.opt.Addresses.CRL(by.name)); err != nil {
		return err
	}
	if value, err := take(oidAIA, false); err != nil {
		return err
	} else if err := lintAddresses(value, ca.opt.Addresses.OCSP(), ca.opt.Addresses.Issuer(by.name)); err != nil {
		return err
	}
	if len(want.Half.ExtKeyUsage) > 0 {
		value, err := take(oidExtKeyUsage, false)
		if err != nil {
			return err
		}
		var usages []asn1.ObjectIdentifier
		if rest, err := asn1.Unmarshal(value, &usages); err != nil || len(rest) != 0 || !sameOIDs(usages, want.Half.ExtKeyUsage) {
			return fmt.Errorf("lint: extKeyUsage is not the profile's: %v", err)
		}
	}
	if len(want.Profile.Policies) > 0 {
		value, err := take(oidPolicies, false)
		if err != nil {
			return err
		}
		var policies []struct{ ID asn1.ObjectIdentifier }
		rest, err := asn1.Unmarshal(value, &policies)
		ids := make([]asn1.ObjectIdentifier, len(policies))
		for i, p := range policies {
			ids[i] = p.ID
		}
		if err != nil || len(rest) != 0 || !sameOIDs(ids, want.Profile.Policies) {
			return fmt.Errorf("lint: certificatePolicies are not the profile's: %v", err)
		}
	}
	return lintIdentity(seen, want)
}

// lintAddresses wants each address in an extension as a whole
// uniformResourceIdentifier, IA5String (RFC 5280, 4.2.1.13 and 4.2.2.1).
func lintAddresses(value []byte, addresses ...string) error {
	for _, a := range addresses {
		der := append([]byte{0x86, byte(len(a))}, a...)
		if len(a) == 0 || len(a) > 127 || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r > '~' }) || !bytes.Contains(value, der) {
			return fmt.Errorf("lint: address %.200q is missing or malformed", a)
		}
	}
	return nil
}

func sameOIDs(ids []asn1.ObjectIdentifier, names []string) bool {
	return slices.EqualFunc(ids, names, func(id asn1.ObjectIdentifier, name string) bool { return id.String() == name })
}

// lintKeyUsage reads the named bits one by one (RFC 5280, 4.2.1.3).
func lintKeyUsage(value []byte, half Half) error {
	var bits asn1.BitString
	if rest, err := asn1.Unmarshal(value, &bits); err != nil || len(rest) != 0 {
		return fmt.Errorf("lint: keyUsage malformed: %v", err)
	}
	names := []string{"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"}
	meant := map[string]bool{}
	for _, n := range half.KeyUsage {
		meant[n] = true
	}
	for i, n := range names {
		if (bits.At(i) == 1) != meant[n] {
			return fmt.Errorf("lint: keyUsage %s is %d", n, bits.At(i))
		}
	}
	return nil
}

// maxIdentity is the longest value of an identity extension, in bytes.
const maxIdentity = 256

// lintIdentity lets through exactly the identity extensions meant, none of
// them critical, none outside the profile.
func lintIdentity(left map[string]extension, want content) error {
	var meant []extension
	if len(want.Identity) > 0 {
		if rest, err := asn1.Unmarshal(want.Identity, &meant); err != nil || len(rest) != 0 {
			return fmt.Errorf("lint: identity extensions malformed: %v", err)
		}
	}
	allowed := map[string]bool{}
	for _, id := range want.Profile.Identity {
		allowed[id] = true
	}
	for _, m := range meant {
		id := m.ID.String()
		e, ok := left[id]
		var value asn1.RawValue
		if rest, err := asn1.Unmarshal(m.Value, &value); err != nil || len(rest) != 0 || len(m.Value) > maxIdentity {
			return fmt.Errorf("lint: identity extension %s is not one short DER value: %v", id, err)
		}
		if !ok || e.Critical || !allowed[id] || !bytes.Equal(e.Value, m.Value) {
			return fmt.Errorf("lint: identity extension %s is missing, critical or not of this profile", id)
		}
		delete(left, id)
	}
	for id := range left {
		return fmt.Errorf("lint: extension %s does not belong here", id)
	}
	return nil
}

// lintName checks a subject that a decision brings: C as PrintableString of
// two capitals, the rest UTF8String (GB/T 20518; openssl and Bouncy Castle read
// both), one attribute an RDN, no empty or overlong values, exactly one common
// name. Only the exact bytes that MarshalName gives pass.
func lintName(der []byte) error {
	var rdns []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) != 0 || len(rdns) == 0 || len(der) > 1024 {
		return fmt.Errorf("lint: subject is not a Name: %v", err)
	}
	names := 0
	var attributes []Attribute
	for _, rdn := range rdns {
		var attrs []struct {
			ID    asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if rest, err := asn1.UnmarshalWithParams(rdn.FullBytes, &attrs, "set"); err != nil || len(rest) != 0 || len(attrs) != 1 {
			return fmt.Errorf("lint: subject: not one attribute an RDN: %v", err)
		}
		id, value := attrs[0].ID, string(attrs[0].Value.Bytes)
		if length := utf8.RuneCountInString(value); length == 0 || length > 64 || !isText(value) {
			return fmt.Errorf("lint: subject: %v is empty, too long or no text", id)
		}
		switch {
		case id.Equal(oidCountryName) && !(len(value) == 2 && 'A' <= min(value[0], value[1]) && max(value[0], value[1]) <= 'Z'):
			return errors.New("lint: subject: C is not two capitals")
		case id.Equal(oidCommonName):
			names++
		}
		attributes = append(attributes, Attribute{id, value})
	}
	if names != 1 {
		return errors.New("lint: subject: not exactly one common name")
	}
	again, err := MarshalName(attributes...)
	if err != nil || !bytes.Equal(again, der) {
		return errors.New("lint: subject: another string type, or not DER")
	}
	return nil
}

// whole is a time to the second, as certificates keep it.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
