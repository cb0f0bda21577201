package ca

import (
	"testing"
	"unicode/utf8"

	"github.com/certhall/certhall/gm"
)

// Subjects come from outside, within a decision.
func FuzzLintName(f *testing.F) {
	good, err := MarshalName(Attribute{oidCountry, "CN"}, Attribute{oidOrg, "单位"}, Attribute{oidName, "单位"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		name := commonName(der)
		if lintName(der) == nil && (name == "" || !utf8.ValidString(name)) {
			t.Errorf("a name passed whose common name reads %q", name)
		}
	})
}

// Identity extensions come from outside, within a decision: whatever they
// hold, nothing but the profile's own may come through.
func FuzzIdentity(f *testing.F) {
	ca, by, c := drafted(f)
	f.Add(c.Identity)
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, identity []byte) {
		c := c
		c.Identity = identity
		tbs, err := ca.draft(by, c)
		if err != nil {
			return
		}
		der, err := sealTBS(by, tbs)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gm.ParseCertificate(der); err != nil {
			t.Errorf("a certificate was drafted that does not parse: %v", err)
		}
	})
}
