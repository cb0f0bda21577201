package pkcs11_test

import (
	"crypto/rand"
	"testing"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// TestContainer is the whole life of a container.
func TestContainer(t *testing.T) {
	for _, kind := range []gm.Algorithm{gm.RSA, gm.ECDSA} {
		t.Run(kind.String(), func(t *testing.T) {
			s := newSoft(t, "one")
			s.plug(nil)
			k := s.open("one")
			auth := desktest.NewOf(t, kind, "ra")
			const name = "ch-ra-c1-1"

			if i := k.Info(); i.Driver != "pkcs11" || i.Label != "one" || i.Serial == "" || i.Manufacturer != "SoftHSM project" {
				t.Fatalf("%+v", i)
			}
			s.names(k)
			_, err := k.Container(s.ctx, name)
			s.refused(err, token.ErrNoContainer)
			_, err = k.Create(s.ctx, name)
			s.refused(err, token.ErrPINNeeded)
			if room, err := k.Room(s.ctx); err != nil || room != -1 {
				t.Fatal(room, err)
			}

			s.must(k.Login(s.ctx, pin))
			c, err := k.Create(s.ctx, name)
			s.must(err)
			_, err = k.Create(s.ctx, name)
			s.refused(err, token.ErrContainerExists)
			s.names(k, name)
			_, err = c.PublicKey(s.ctx, token.Signing)
			s.refused(err, token.ErrNoKey)
			_, err = c.Sign(s.ctx, []byte("x"))
			s.refused(err, token.ErrNoKey)

			_, err = c.GenerateSigningKey(s.ctx, gm.SM2)
			s.refused(err, token.ErrAlgorithmUnsupported)
			pub, err := c.GenerateSigningKey(s.ctx, kind)
			s.must(err)
			if a, err := gm.AlgorithmOf(pub); err != nil || a != kind {
				t.Fatal(a, err)
			}
			_, err = c.GenerateSigningKey(s.ctx, kind)
			s.refused(err, token.ErrContainerExists)
			_, err = c.Certificate(s.ctx, token.Signing)
			s.refused(err, token.ErrNoCertificate)
			_, err = c.PublicKey(s.ctx, token.Encryption)
			s.refused(err, token.ErrNoKey)
			_, err = c.Decrypt(s.ctx, []byte{0x30, 0})
			s.refused(err, token.ErrNoKey)
			s.refused(c.ImportEncryptionKey(s.ctx, []byte{0x30, 0}), token.ErrUnsupported)

			first := auth.End("first", pub, smx509.KeyUsageDigitalSignature, 1)
			second := auth.End("second", pub, smx509.KeyUsageDigitalSignature|smx509.KeyUsageKeyEncipherment, 2)
			s.refused(c.ImportCertificate(s.ctx, token.Encryption, first.Raw), token.ErrUnsupported)
			s.refused(c.ImportCertificate(s.ctx, token.Signing, []byte("no certificate")), token.ErrBundle)
			for _, cert := range []*smx509.Certificate{first, second, second} {
				s.must(c.ImportCertificate(s.ctx, token.Signing, cert.Raw))
				der, err := c.Certificate(s.ctx, token.Signing)
				s.must(err)
				if string(der) != string(cert.Raw) {
					t.Fatal("another certificate is read than was written")
				}
			}
			message := []byte("a message")
			signature, err := c.Sign(s.ctx, message)
			s.must(err)
			s.must(gm.VerifyAny(pub, message, signature))

			// Another PC: everything but the private key is read without a log-in.
			s.plug(nil)
			k = s.open("one")
			s.names(k, name)
			c, err = k.Container(s.ctx, name)
			s.must(err)
			again, err := c.PublicKey(s.ctx, token.Signing)
			s.must(err)
			if !gm.SameKey(pub, again) {
				t.Fatal("another public key")
			}
			h, err := token.Look(s.ctx, k)
			s.must(err)
			if len(h) != 1 || !h[0].Whole() || !h[0].Single() || string(h[0].Sign.Raw) != string(second.Raw) {
				t.Fatalf("%+v", h)
			}
			_, err = c.Sign(s.ctx, message)
			s.refused(err, token.ErrPINNeeded)
			s.refused(c.ImportCertificate(s.ctx, token.Signing, second.Raw), token.ErrPINNeeded)
			_, err = c.GenerateSigningKey(s.ctx, kind)
			s.refused(err, token.ErrPINNeeded)
			s.refused(k.Delete(s.ctx, name), token.ErrPINNeeded)
			s.must(k.Login(s.ctx, pin))
			if untestable, err := token.TestPair(s.ctx, h[0], rand.Reader); err != nil || untestable {
				t.Fatal(untestable, err)
			}
			s.must(k.Delete(s.ctx, name))
			s.names(k)
			s.refused(k.Delete(s.ctx, name), token.ErrNoContainer)
			_, err = c.PublicKey(s.ctx, token.Signing)
			s.refused(err, token.ErrNoKey)

			s.must(k.Close())
			s.must(k.Close())
			_, err = k.Containers(s.ctx)
			s.refused(err, token.ErrRemoved)
			_, err = k.PINState(s.ctx)
			s.refused(err, token.ErrRemoved)
			if k.LoggedIn() {
				t.Error("closed and logged in")
			}
		})
	}
}

// TestPINs: right and wrong ones, changed ones, and the officer's.
func TestPINs(t *testing.T) {
	s := newSoft(t, "one")
	s.plug(nil)
	k := s.open("one")
	state := func(want token.PINState) {
		t.Helper()
		if got, err := k.PINState(s.ctx); err != nil || got != want {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
	}
	in := func(want bool) {
		t.Helper()
		if k.LoggedIn() != want {
			t.Fatalf("logged in: %v", !want)
		}
	}
	state(token.PINState{Tries: -1})
	in(false)
	s.refused(k.Login(s.ctx, ""), token.ErrPINWrong)
	s.refused(k.Login(s.ctx, "Bright-2"), token.ErrPINWrong)
	in(false)
	state(token.PINState{Tries: -1, Low: true})
	s.must(k.Login(s.ctx, pin))
	in(true)
	state(token.PINState{Tries: -1})
	s.must(k.Login(s.ctx, pin))
	s.refused(k.Login(s.ctx, "Bright-2"), token.ErrPINWrong)
	in(false)
	s.must(k.Logout(s.ctx))

	s.refused(k.ChangePIN(s.ctx, "Bright-2", "Brighter"), token.ErrPINWrong)
	s.refused(k.ChangePIN(s.ctx, pin, "abc"), token.ErrPINRefused)
	s.refused(k.ChangePIN(s.ctx, pin, string(make([]byte, 300))), token.ErrPINRefused)
	s.must(k.ChangePIN(s.ctx, pin, "Brighter"))
	in(false)
	s.refused(k.Login(s.ctx, pin), token.ErrPINWrong)
	s.must(k.Login(s.ctx, "Brighter"))

	s.refused(k.Unblock(s.ctx, "Officer-2", pin), token.ErrAdminPINWrong)
	if a, err := k.AdminPINState(s.ctx); err != nil || !a.Low || a.Locked || a.Tries != -1 {
		t.Fatalf("%+v, %v", a, err)
	}
	s.refused(k.Unblock(s.ctx, admin, "abc"), token.ErrPINRefused)
	s.must(k.Unblock(s.ctx, admin, pin))
	in(false)
	s.must(k.Login(s.ctx, pin))
	s.refused(k.ChangeAdminPIN(s.ctx, "Officer-2", "Officer-3"), token.ErrAdminPINWrong)
	s.must(k.ChangeAdminPIN(s.ctx, admin, "Officer-3"))
	in(false)
	s.refused(k.Unblock(s.ctx, admin, pin), token.ErrAdminPINWrong)
	s.must(k.Unblock(s.ctx, "Officer-3", pin))
	s.must(k.Login(s.ctx, pin))
	in(true)
	s.must(k.Logout(s.ctx))
	in(false)
}

// TestTwoTokens: what is done to one is not done to the other.
func TestTwoTokens(t *testing.T) {
	s := newSoft(t, "one", "two")
	s.plug(nil)
	one, two := s.open("one"), s.open("two")
	s.must(one.Login(s.ctx, pin))
	if two.LoggedIn() {
		t.Fatal("logged in to the other")
	}
	s.must(two.Login(s.ctx, pin))
	for k, kind := range map[token.Key]gm.Algorithm{one: gm.RSA, two: gm.ECDSA} {
		c, err := k.Create(s.ctx, "ch-ra-c1-1")
		s.must(err)
		_, err = c.GenerateSigningKey(s.ctx, kind)
		s.must(err)
	}
	s.must(one.Delete(s.ctx, "ch-ra-c1-1"))
	s.names(one)
	s.names(two, "ch-ra-c1-1")
	s.must(one.Close())
	c, err := two.Container(s.ctx, "ch-ra-c1-1")
	s.must(err)
	_, err = c.Sign(s.ctx, []byte("x"))
	s.must(err)
	_, err = s.module.Open(s.ctx, "nobody's")
	s.refused(err, token.ErrRemoved)
}
