package pkcs11_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// bare is the library itself with a session of its own in which somebody is
// logged in: other programs at the same key.
type bare struct {
	*soft
	lib     native.Library
	session native.Ref
}

// others plugs the key in and opens it twice: as the driver does, and bare.
func (s *soft) others(label string) (token.Key, *bare) {
	s.Helper()
	b := &bare{soft: s}
	s.plug(func(lib native.Library) native.Library { b.lib = lib; return lib })
	k := s.open(label)
	s.must(k.Login(s.ctx, pin))
	var n uint64 = 8
	slots := make([]uint64, n)
	b.ok(b.lib.Call("C_GetSlotList", native.Word(1), native.ULongs(slots), native.ULong(&n)))
	b.ok(b.lib.Call("C_OpenSession", native.Word(slots[0]), native.Word(6), native.In(nil), native.In(nil), native.Handle(&b.session)))
	return k, b
}

func (b *bare) ok(code uint32) {
	b.Helper()
	if code != 0 {
		b.Fatalf("0x%X", code)
	}
}

// Attributes and classes, as in PKCS #11.
const (
	class, onToken, private, label, value, certType, subject, keyType, id = 0x0, 0x1, 0x2, 0x3, 0x11, 0x80, 0x101, 0x100, 0x102
	signs, verifies, params                                               = 0x108, 0x10A, 0x180
)

func is(t uint64, v []byte) native.Attribute     { return native.Attribute{Type: t, Value: v} }
func number(t uint64, n uint64) native.Attribute { return is(t, []byte{byte(n), 0, 0, 0, 0, 0, 0, 0}) }
func yes(t uint64) native.Attribute              { return is(t, []byte{1}) }

func (b *bare) create(of ...native.Attribute) {
	b.Helper()
	var ref native.Ref
	b.ok(b.lib.Call("C_CreateObject", native.Use(b.session), native.Attributes(of), native.Word(uint64(len(of))), native.Handle(&ref)))
}

// certificate lays one down.
func (b *bare) certificate(c *smx509.Certificate, of ...native.Attribute) {
	b.Helper()
	b.create(append(of, number(class, 1), yes(onToken), is(private, []byte{0}), number(certType, 0), is(subject, c.RawSubject), is(value, c.Raw))...)
}

// pair makes one on a curve.
func (b *bare) pair(curve string, of ...native.Attribute) {
	b.Helper()
	point, err := hex.DecodeString(curve)
	b.must(err)
	public := append([]native.Attribute{yes(onToken), yes(verifies), is(private, []byte{0}), is(params, point)}, of...)
	secret := append([]native.Attribute{yes(onToken), yes(signs), yes(private)}, of...)
	var x, y native.Ref
	b.ok(b.lib.Call("C_GenerateKeyPair", native.Use(b.session), native.Mechanism(0x1040, nil), native.Attributes(public), native.Word(uint64(len(public))),
		native.Attributes(secret), native.Word(uint64(len(secret))), native.Handle(&x), native.Handle(&y)))
}

// destroy takes away all objects of a class.
func (b *bare) destroy(of uint64) {
	b.Helper()
	found := []native.Attribute{number(class, of)}
	b.ok(b.lib.Call("C_FindObjectsInit", native.Use(b.session), native.Attributes(found), native.Word(1)))
	var n uint64
	refs := make([]native.Ref, 64)
	b.ok(b.lib.Call("C_FindObjects", native.Use(b.session), native.Handles(refs), native.Word(uint64(len(refs))), native.ULong(&n)))
	b.ok(b.lib.Call("C_FindObjectsFinal", native.Use(b.session)))
	for _, r := range refs[:n] {
		b.ok(b.lib.Call("C_DestroyObject", native.Use(b.session), native.Use(r)))
	}
	if n == 0 {
		b.Fatal("there was none")
	}
}

const (
	p256 = "06082a8648ce3d030107"
	p384 = "06052b81040022"
)

// TestObjectsOfOthers: what other programs made is read as far as it can be,
// and stands in nobody's way.
func TestObjectsOfOthers(t *testing.T) {
	s := newSoft(t, "one")
	auth := desktest.NewOf(t, gm.ECDSA, "ra")
	k, b := s.others("one")
	b.pair(p256, is(id, []byte{1}))
	b.pair(p384, is(id, []byte{2}), is(label, []byte("another curve")))
	b.pair(p256, is(id, []byte{3}), is(label, []byte("twice")))
	b.pair(p256, is(id, []byte{4}), is(label, []byte("twice")))
	b.pair(p256, is(id, []byte{5}), is(label, []byte("王小明 的证书")))
	b.pair(p256, is(id, slices.Repeat([]byte{6}, 40)), is(label, slices.Repeat([]byte{'x'}, 65)))
	b.pair(p256, is(id, []byte{7}), is(label, []byte("line\nfeed")))
	b.pair(p256, is(label, []byte("without an id")))
	b.certificate(auth.Issuing.Certificate, is(id, []byte{8}), is(label, []byte("issuing CA")))
	b.certificate(auth.Root.Certificate, is(label, []byte("root")))
	want := []string{"id-01", "another curve", "id-03", "id-04", "王小明 的证书", "id-07"}
	names, err := k.Containers(s.ctx)
	s.must(err)
	long := slices.IndexFunc(names, func(n string) bool { return len(n) == 35 && strings.HasPrefix(n, "id-") })
	if long < 0 {
		t.Fatal(names)
	}
	s.names(k, append(want, names[long])...)

	for name, has := range map[string]error{"another curve": token.ErrNoKey, "id-01": nil, "id-04": nil, "王小明 的证书": nil, names[long]: nil} {
		c, err := k.Container(s.ctx, name)
		s.must(err)
		if _, err = c.PublicKey(s.ctx, token.Signing); has != nil {
			s.refused(err, has)
			continue
		}
		s.must(err)
		_, err = c.Sign(s.ctx, []byte("x"))
		s.must(err)
	}
	m, err := token.Identify(s.ctx, k, proof.Identify{Authority: "ra"}, token.Env{})
	s.must(err)
	if l := m.(proof.Listing); len(l.Containers) != 7 || len(proof.Encode(l)) == 0 {
		t.Fatalf("%+v", l)
	}
	// The name of the one that stays does not change with the log-in.
	s.must(k.Logout(s.ctx))
	s.names(k, append(want, names[long])...)
	// Only objects of that one container go.
	s.must(k.Login(s.ctx, pin))
	s.must(k.Delete(s.ctx, "id-04"))
	s.names(k, "id-01", "another curve", "twice", "王小明 的证书", "id-07", names[long])
}

// TestHalves: what a crash leaves is unfinished, reads as such and can be
// deleted and made anew.
func TestHalves(t *testing.T) {
	const name = "ch-ra-c1-1"
	const public, secret, certificate = 2, 3, 1
	s := newSoft(t, "one")
	auth := desktest.NewOf(t, gm.ECDSA, "ra")
	for what, h := range map[string]struct {
		lost           []uint64
		without        bool  // the certificate is not there yet
		outside        bool  // it is seen without a log-in
		outsideKey     error // what PublicKey answers then
		key, signature error // and after a log-in
	}{
		"whole":                           {outside: true},
		"certificate and private key":     {lost: []uint64{public}, outside: true},
		"certificate and public key":      {lost: []uint64{secret}, outside: true, signature: token.ErrKeyPairBroken},
		"certificate":                     {lost: []uint64{public, secret}, outside: true, key: token.ErrNoKey, signature: token.ErrNoKey},
		"public key":                      {lost: []uint64{secret}, without: true, outside: true, signature: token.ErrKeyPairBroken},
		"private key":                     {lost: []uint64{public}, without: true, key: token.ErrNoKey, signature: token.ErrNoKey},
		"public and private key":          {without: true, outside: true},
		"a whole one, its keys destroyed": {lost: []uint64{secret, public, certificate}, key: token.ErrNoContainer},
	} {
		t.Run(what, func(t *testing.T) {
			s := &soft{TB: t, ctx: t.Context(), folder: s.folder}
			t.Cleanup(s.unplug)
			k, b := s.others("one")
			c, err := k.Create(s.ctx, name)
			s.must(err)
			pub, err := c.GenerateSigningKey(s.ctx, gm.ECDSA)
			s.must(err)
			if !h.without {
				s.must(c.ImportCertificate(s.ctx, token.Signing, auth.End("x", pub, smx509.KeyUsageDigitalSignature, 1).Raw))
			}
			for _, l := range h.lost {
				b.destroy(l)
			}
			s.plug(nil)
			k = s.open("one")
			if !h.outside {
				s.names(k)
			} else {
				s.names(k, name)
				c, err = k.Container(s.ctx, name)
				s.must(err)
				_, err = c.PublicKey(s.ctx, token.Signing)
				s.refused(err, h.outsideKey)
			}
			s.must(k.Login(s.ctx, pin))
			c, err = k.Container(s.ctx, name)
			s.refused(err, only(h.key, token.ErrNoContainer))
			if err == nil {
				_, err = c.PublicKey(s.ctx, token.Signing)
				s.refused(err, h.key)
				_, err = c.Sign(s.ctx, []byte("x"))
				s.refused(err, h.signature)
				if what == "private key" { // a new one may be made at once: the old one is of no use
					_, err := c.GenerateSigningKey(s.ctx, gm.ECDSA)
					s.must(err)
					_, err = c.Sign(s.ctx, []byte("x"))
					s.must(err)
				}
				s.must(k.Delete(s.ctx, name))
			}
			c, err = k.Create(s.ctx, name)
			s.must(err)
			_, err = c.GenerateSigningKey(s.ctx, gm.ECDSA)
			s.must(err)
			s.must(k.Delete(s.ctx, name))
			s.names(k)
		})
	}
}

// only is err if it is that one.
func only(err, that error) error {
	if err == that {
		return err
	}
	return nil
}
