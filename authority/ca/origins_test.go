package ca_test

import (
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// portals of the office.
var portals = []proof.Portal{{Origin: "https://hall.example", Name: "测试机构"}}

// origins asks for the list and checks it as an agent does, which knows
// nothing but the root: one signature, by a certificate that says it signs
// origin lists, directly under that root.
func (o *office) origins() proof.OriginList {
	o.t.Helper()
	signed, err := o.Origins(o.t.Context())
	must(o.t, err)
	if len(signed.Signatures) != 1 {
		o.t.Fatalf("%d signatures", len(signed.Signatures))
	}
	signer, err := gm.ParseCertificate(signed.Signatures[0].Certificate)
	must(o.t, err)
	must(o.t, signer.CheckSignatureFrom(o.founded.Root.Certificate))
	if signer.IsCA || !slices.ContainsFunc(signer.UnknownExtKeyUsage, func(id asn1.ObjectIdentifier) bool { return id.Equal(proof.OIDOriginList) }) {
		o.t.Errorf("usages %v", signer.UnknownExtKeyUsage)
	}
	key, err := gm.CertificateKey(signer)
	must(o.t, err)
	list, err := proof.VerifyKey[proof.OriginList](signed, key)
	must(o.t, err)
	if list.Authority != "test" || !reflect.DeepEqual(list.Portals, portals) {
		o.t.Errorf("list %+v", list)
	}
	return list
}

// TestOriginList is signed once, and anew at half of its life.
func TestOriginList(t *testing.T) {
	o := newOffice(t)
	first := o.origins()
	now := o.clock.Now()
	if first.Number != now.UnixMilli() || first.NotBefore.After(now) || !first.Expiry.Equal(now.Add(365*day)) {
		t.Errorf("number %d, from %v to %v at %v", first.Number, first.NotBefore, first.Expiry, now)
	}
	o.clock.advance(365*day/2 - time.Second)
	if again := o.origins(); again.Number != first.Number {
		t.Error("signed anew before half of its life")
	}
	o.clock.advance(time.Second)
	if next := o.origins(); next.Number <= first.Number || !next.Expiry.After(first.Expiry) {
		t.Errorf("number %d after %d, to %v", next.Number, first.Number, next.Expiry)
	}
}

// TestOriginListAfterUnsealing is signed by the keys at hand, and by none
// while they are away.
func TestOriginListAfterUnsealing(t *testing.T) {
	o := newOffice(t)
	first := o.origins()
	o.Seal()
	if _, err := o.Origins(t.Context()); !errors.Is(err, authority.ErrSealed) {
		t.Errorf("sealed: %v", err)
	}
	o.clock.advance(time.Second)
	must(t, o.Unseal(t.Context(), o.founded.Keys(rand.Reader)))
	if next := o.origins(); next.Number <= first.Number {
		t.Errorf("number %d after %d", next.Number, first.Number)
	}
}

// TestOriginListEndsWithItsSigner: no list outlives the certificate that proves it.
func TestOriginListEndsWithItsSigner(t *testing.T) {
	o := newOffice(t)
	end := o.founded.Origins.Certificate.NotAfter
	o.clock.advance(end.Sub(o.clock.Now()) - 100*day)
	if list := o.origins(); !list.Expiry.Equal(end) {
		t.Errorf("ends %v, its signer %v", list.Expiry, end)
	}
}
