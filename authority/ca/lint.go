package ca

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/smx509"
)

// lint reads to-be-signed bytes as a stranger would and compares them with
// what was meant. It shares no code with buildTBS beyond the profile, so that
// a mistake there does not pass here. It runs before the real key signs.
func (ca *CA) lint(tbs []byte, issuer *smx509.Certificate, want content) error {
	var t tbsCertificate
	rest, err := asn1.Unmarshal(tbs, &t)
	if err != nil || len(rest) != 0 {
		return fmt.Errorf("lint: not a TBSCertificate: %v", err)
	}
	again, err := asn1.Marshal(t)
	if err != nil || !bytes.Equal(again, tbs) {
		return errors.New("lint: not DER")
	}
	serial := want.Serial.Big()
	wantSerial, _ := asn1.Marshal(serial)
	key, keyErr := gm.ParsePublicKey(t.PublicKey.FullBytes)
	checks := []struct {
		ok   bool
		what string
	}{
		{t.Version == 2, "version is not v3"},
		{serial.Sign() > 0 && serial.BitLen() >= 64 && len(serial.Bytes()) <= 20, "serial is not positive, of 64 bits and at most 20 octets (RFC 5280, 4.1.2.2)"},
		{bytes.Equal(t.Serial.FullBytes, wantSerial), "serial is another"},
		{t.Algorithm.Algorithm.Equal(gm.OIDSM2WithSM3), "algorithm is not SM2-with-SM3"},
		{bytes.Equal(t.Issuer.FullBytes, issuer.RawSubject), "issuer is not the issuer's subject"},
		{t.Validity.NotBefore.Equal(want.NotBefore) && t.Validity.NotAfter.Equal(want.NotAfter), "validity is another"},
		{t.Validity.NotBefore.Before(t.Validity.NotAfter), "validity ends before it begins"},
		{!t.Validity.NotAfter.After(issuer.NotAfter), "outlives the issuer"},
		{!t.Validity.NotBefore.Before(issuer.NotBefore), "begins before the issuer"},
		{bytes.Equal(t.Subject.FullBytes, want.Subject), "subject is another"},
		{keyErr == nil && gm.SameKey(key, want.Key), "public key is not the SM2 key asked for"},
	}
	for _, c := range checks {
		if !c.ok {
			return errors.New("lint: " + c.what)
		}
	}
	return ca.lintExtensions(t, issuer, want)
}

// lintExtensions holds the extensions against a list of what must be there,
// byte for byte, and nothing else.
func (ca *CA) lintExtensions(t tbsCertificate, issuer *smx509.Certificate, want content) error {
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
	if want := append([]byte{0x30, byte(len(issuer.SubjectKeyId) + 2), 0x80, byte(len(issuer.SubjectKeyId))}, issuer.SubjectKeyId...); !bytes.Equal(aki, want) {
		return errors.New("lint: authority key identifier is not the issuer's")
	}
	ski, err := take(oidSKI, false)
	if err != nil {
		return err
	}
	if len(ski) != 22 || !bytes.Equal(ski[2:], gm.SM3(t.PublicKey.FullBytes)[:20]) {
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
	for _, must := range []struct {
		id      asn1.ObjectIdentifier
		address string
	}{{oidCRLDP, ca.opt.Addresses.CRL}, {oidAIA, ca.opt.Addresses.OCSP}} {
		value, err := take(must.id, false)
		if err != nil {
			return err
		}
		if must.address == "" || !bytes.Contains(value, []byte(must.address)) {
			return fmt.Errorf("lint: extension %v does not carry its address", must.id)
		}
	}
	if len(want.Half.ExtKeyUsage) > 0 {
		if _, err := take(oidExtKeyUsage, false); err != nil {
			return err
		}
	}
	if len(want.Profile.Policies) > 0 {
		if _, err := take(oidPolicies, false); err != nil {
			return err
		}
	}
	return lintIdentity(seen, want)
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
// two letters, the rest UTF8String (GB/T 20518; openssl and Bouncy Castle read
// both), no empty or overlong values, exactly one common name.
func lintName(der []byte) error {
	var rdns []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) != 0 || len(rdns) == 0 || len(der) > 1024 {
		return fmt.Errorf("lint: subject is not a Name: %v", err)
	}
	names := 0
	for _, rdn := range rdns {
		var attrs []struct {
			ID    asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if rest, err := asn1.UnmarshalWithParams(rdn.FullBytes, &attrs, "set"); err != nil || len(rest) != 0 || len(attrs) != 1 {
			return fmt.Errorf("lint: subject: not one attribute an RDN: %v", err)
		}
		a := attrs[0]
		length := utf8.RuneCount(a.Value.Bytes)
		switch country := a.ID.Equal(asn1.ObjectIdentifier{2, 5, 4, 6}); {
		case country && (a.Value.Tag != asn1.TagPrintableString || length != 2):
			return errors.New("lint: subject: C is not a PrintableString of two letters")
		case !country && a.Value.Tag != asn1.TagUTF8String:
			return fmt.Errorf("lint: subject: %v is not a UTF8String", a.ID)
		case a.Value.Class != asn1.ClassUniversal || !utf8.Valid(a.Value.Bytes) || length == 0 || length > 64:
			return fmt.Errorf("lint: subject: %v is empty, too long or not UTF-8", a.ID)
		}
		if bytes.ContainsAny(a.Value.Bytes, "\x00\r\n") {
			return fmt.Errorf("lint: subject: %v has control characters", a.ID)
		}
		if a.ID.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) {
			names++
		}
	}
	if names != 1 {
		return errors.New("lint: subject: not exactly one common name")
	}
	again, err := asn1.Marshal(rdns)
	if err != nil || !bytes.Equal(again, der) {
		return errors.New("lint: subject: not DER")
	}
	return nil
}

// whole is a time to the second, as certificates keep it.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
