package pkcs11_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/native/nativetest"
	"github.com/certhall/certhall/desk/token/pkcs11"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
	"github.com/certhall/certhall/proof"
)

// Numbers of one maker's.
const (
	keyTypeSM2                                    = 0x80000004
	genSM2, signSM2, decryptSM2, unwrapSM2 uint64 = 0x80008001, 0x80008102, 0x80008200, 0x80000040
)

// thing is an object: its attributes, and its private key if it has one.
type thing struct {
	attributes map[uint64][]byte
	key        *sm2.PrivateKey
}

// chinese is a library that does SM2 alone, as its maker likes it.
type chinese struct {
	profile  pkcs11.Profile
	things   map[native.Ref]*thing
	next     native.Ref
	loggedIn bool
	found    []native.Ref
	acting   *thing
}

func newChinese(p pkcs11.Profile) *chinese {
	return &chinese{profile: p, things: map[native.Ref]*thing{}, next: 1000}
}

func (c *chinese) number(n uint64) []byte {
	return binary.LittleEndian.AppendUint64(nil, n)[:c.profile.ULong]
}

func (c *chinese) add(t *thing, of []native.Attribute) native.Ref {
	t.attributes = map[uint64][]byte{}
	for _, a := range of {
		t.attributes[a.Type] = bytes.Clone(a.Value)
	}
	c.next++
	c.things[c.next] = t
	return c.next
}

func (t *thing) can(a uint64) bool { return bytes.Equal(t.attributes[a], []byte{1}) }

func (t *thing) publish(pub *sm2.PrivateKey, form string) {
	b := append([]byte{4}, pub.X.FillBytes(make([]byte, 32))...)
	b = append(b, pub.Y.FillBytes(make([]byte, 32))...)
	switch form {
	case "xy":
		b = b[1:]
	case "", "octets":
		b, _ = asn1.Marshal(b)
	}
	t.attributes[0x181] = b
	t.attributes[0x180] = nil
}

// library is what the driver calls.
func (c *chinese) library() native.Library {
	fine := func([]native.Arg) uint32 { return 0 }
	return nativetest.Fake{
		"C_Initialize": fine, "C_Finalize": fine, "C_CloseSession": fine, "C_FindObjectsFinal": fine,
		"C_GetSlotList": func(a []native.Arg) uint32 {
			if *a[2].Number = 1; a[1].Numbers != nil {
				a[1].Numbers[0] = 7
			}
			return 0
		},
		"C_GetTokenInfo": func(a []native.Arg) uint32 {
			b := a[1].Bytes
			copy(b, bytes.Repeat([]byte{' '}, 96))
			copy(b, "国密KEY")
			copy(b[80:], "CN1")
			copy(b[96:], c.number(1<<10))
			for i, n := range map[int]uint64{5: 16, 6: 4, 7: 64 << 10, 8: 20 << 10, 9: 64 << 10, 10: 7 << 10} {
				copy(b[96+i*c.profile.ULong:], c.number(n))
			}
			return 0
		},
		"C_OpenSession": func(a []native.Arg) uint32 { *a[4].Ref = 1; return 0 },
		"C_GetSessionInfo": func(a []native.Arg) uint32 {
			state := uint64(2)
			if c.loggedIn {
				state = 3
			}
			copy(a[1].Bytes[c.profile.ULong:], c.number(state))
			return 0
		},
		"C_Login": func(a []native.Arg) uint32 {
			if string(a[2].Bytes) != pin {
				return 0xA0
			}
			c.loggedIn = true
			return 0
		},
		"C_Logout": func([]native.Arg) uint32 { c.loggedIn = false; return 0 },
		"C_FindObjectsInit": func(a []native.Arg) uint32 {
			c.found = nil
			for ref, t := range c.things {
				matches := c.loggedIn || !t.can(0x2)
				for _, want := range a[1].Attributes {
					matches = matches && bytes.Equal(t.attributes[want.Type], want.Value)
				}
				if matches {
					c.found = append(c.found, ref)
				}
			}
			return 0
		},
		"C_FindObjects": func(a []native.Arg) uint32 {
			n := copy(a[1].Refs[:1], c.found) // one at a time
			c.found, *a[3].Number = c.found[n:], uint64(n)
			return 0
		},
		"C_GetAttributeValue": func(a []native.Arg) (code uint32) {
			for i := range a[2].Attributes {
				asked := &a[2].Attributes[i]
				if v, has := c.things[native.Ref(a[1].Word)].attributes[asked.Type]; has && asked.Type != 0x11 || has && len(v) > 40 {
					asked.Length = int64(copy(asked.Value, v))
				} else {
					asked.Length, code = -1, 0x12
				}
			}
			return code
		},
		"C_CreateObject": func(a []native.Arg) uint32 {
			t := &thing{}
			ref := c.add(t, a[1].Attributes)
			if d := t.attributes[0x11]; bytes.Equal(t.attributes[0], c.number(3)) {
				if c.profile.SM2.Import != "create" || !a[1].Attributes[len(a[1].Attributes)-1].Secret {
					return 0xD1
				}
				t.key, _ = sm2.NewPrivateKey(d)
			}
			*a[3].Ref = ref
			return 0
		},
		"C_DestroyObject": func(a []native.Arg) uint32 { delete(c.things, native.Ref(a[1].Word)); return 0 },
		"C_GenerateKeyPair": func(a []native.Arg) uint32 {
			if !c.loggedIn {
				return 0x101
			}
			if a[1].Attributes[0].Type != genSM2 {
				return 0x70
			}
			key, err := sm2.GenerateKey(rand.Reader)
			if err != nil {
				return 5
			}
			public, private := &thing{}, &thing{key: key}
			*a[6].Ref, *a[7].Ref = c.add(public, a[2].Attributes), c.add(private, a[4].Attributes)
			public.publish(key, c.profile.SM2.Point)
			if !private.can(0x103) || private.can(0x162) || !private.can(0x2) {
				return 0xD1
			}
			return 0
		},
		"C_SignInit":    c.begin(signSM2, 0x108),
		"C_DecryptInit": c.begin(decryptSM2, 0x105),
		"C_Sign": func(a []native.Arg) uint32 {
			var signature []byte
			if c.profile.SM2.Hashes {
				signature, _ = c.acting.key.Sign(rand.Reader, a[1].Bytes, sm2.DefaultSM2SignerOpts)
			} else if len(a[1].Bytes) == 32 {
				signature, _ = sm2.SignASN1(rand.Reader, c.acting.key, a[1].Bytes, nil)
			} else {
				return 0x21
			}
			if c.profile.SM2.Signature != "der" {
				var s struct{ R, S *big.Int }
				_, _ = asn1.Unmarshal(signature, &s)
				signature = append(s.R.FillBytes(make([]byte, 32)), s.S.FillBytes(make([]byte, 32))...)
			}
			return nativetest.Fill(a[3], a[4], signature, 0x150)
		},
		"C_Decrypt": func(a []native.Arg) uint32 {
			cipher := a[1].Bytes
			if (c.profile.SM2.Cipher == "" || c.profile.SM2.Cipher == "der") != (cipher[0] == 0x30) {
				return 0x40
			}
			opts := sm2.NewPlainDecrypterOpts(sm2.C1C3C2)
			if c.profile.SM2.Cipher == "c1c2c3" {
				opts = sm2.NewPlainDecrypterOpts(sm2.C1C2C3)
			}
			if cipher[0] == 0x30 {
				opts = sm2.ASN1DecrypterOpts
			}
			plain, err := c.acting.key.Decrypt(nil, cipher, opts)
			if err != nil {
				return 0x40
			}
			return nativetest.Fill(a[3], a[4], plain, 0x150)
		},
		"C_UnwrapKey": func(a []native.Arg) uint32 {
			by := c.things[native.Ref(a[2].Word)]
			if c.profile.SM2.Import != "unwrap" || a[1].Attributes[0].Type != unwrapSM2 {
				return 0x70
			}
			if !by.can(0x107) {
				return 0x68
			}
			envelope := a[3].Bytes
			var err error
			if c.profile.SM2.Envelope == "skf" {
				if envelope, err = skf.Standard.ParseEnvelopedKey(envelope); err != nil {
					return 0x110
				}
			}
			key, err := gm.OpenEnvelopedKey(by.key, envelope)
			if err != nil {
				return 0x110
			}
			*a[7].Ref = c.add(&thing{key: key}, a[5].Attributes)
			return 0
		},
	}
}

func (c *chinese) begin(mechanism, permission uint64) func([]native.Arg) uint32 {
	return func(a []native.Arg) uint32 {
		c.acting = c.things[native.Ref(a[2].Word)]
		switch {
		case a[1].Attributes[0].Type != mechanism:
			return 0x70
		case c.acting == nil || c.acting.key == nil:
			return 0x60
		case !c.acting.can(permission):
			return 0x68
		}
		return 0
	}
}

// TestSM2 renews an SM2 pair through libraries of several makers' habits.
func TestSM2(t *testing.T) {
	for name, p := range map[string]pkcs11.Profile{
		"unwraps, digests itself": {ULong: 8, SM2: &pkcs11.SM2{Hashes: true, Signature: "der", Import: "unwrap", Cipher: "der", Envelope: "der"}},
		"packed, raw, blobs":      {ULong: 4, SM2: &pkcs11.SM2{Point: "xy", Signature: "raw", Import: "unwrap", Cipher: "c1c3c2", Envelope: "skf", Params: "none"}},
		"creates":                 {ULong: 8, SM2: &pkcs11.SM2{Point: "raw", Import: "create", Cipher: "c1c2c3"}},
	} {
		p.SM2.KeyType, p.SM2.Generate, p.SM2.Sign, p.SM2.Decrypt, p.SM2.Unwrap = keyTypeSM2, genSM2, signSM2, decryptSM2, unwrapSM2
		t.Run(name, func(t *testing.T) {
			lib := newChinese(p)
			m, err := pkcs11.Open(lib.library(), p)
			if err != nil {
				t.Fatal(err)
			}
			key, err := m.Open(t.Context(), "CN1")
			if err != nil {
				t.Fatal(err)
			}
			if room, err := key.Room(t.Context()); err != nil || room != 2 || key.Info().Label != "国密KEY" {
				t.Fatal(room, err, key.Info())
			}
			auth := desktest.New(t, "ra")
			env := token.Env{
				Trust: token.NewTrust(auth.Roots()), Random: rand.Reader,
				Unlock:  func(ctx context.Context) error { return key.Login(ctx, pin) },
				Consent: func(context.Context, token.Terms) (bool, error) { return true, nil },
			}
			r := desktest.Renewal{Authority: auth, Subject: "测试医院", Key: func() token.Key { return key }, Env: env}
			r.Case, r.Kind = "c0", gm.SM2
			old := r.Run(t)
			r.Case, r.Old = "c1", &old
			made := r.Run(t)
			if made.EncSerial() == "" {
				t.Fatal("a single certificate")
			}
			if err := key.Logout(t.Context()); err != nil {
				t.Fatal(err)
			}
			all, err := token.Look(t.Context(), key)
			if err != nil || len(all) != 1 || !all[0].Whole() || all[0].Enc == nil {
				t.Fatalf("%+v, %v", all, err)
			}
			if n := len(lib.things); n != 6 { // two pairs, two certificates
				t.Errorf("%d objects are left", n)
			}
		})
	}
}

// TestSM2Without: what a library cannot do is said so.
func TestSM2Without(t *testing.T) {
	p := pkcs11.Profile{ULong: 8, SM2: &pkcs11.SM2{KeyType: keyTypeSM2, Generate: genSM2, Sign: signSM2}}
	lib := newChinese(p)
	m, err := pkcs11.Open(lib.library(), p)
	if err != nil {
		t.Fatal(err)
	}
	s := &soft{TB: t, ctx: t.Context(), module: m}
	key, err := m.Open(t.Context(), "CN1")
	s.must(err)
	s.must(key.Login(t.Context(), pin))
	c, err := key.Create(t.Context(), "x")
	s.must(err)
	pub, err := c.GenerateSigningKey(t.Context(), gm.SM2)
	s.must(err)
	pair := desktest.New(t, "ra").Issue("c1", 1, "", "x", pub, 1)
	s.refused(c.ImportEncryptionKey(t.Context(), pair.Bundle.Envelope), token.ErrUnsupported)

	for what, bad := range map[string]*pkcs11.SM2{
		"point": {Point: "compressed"}, "signature": {Signature: "DER"}, "cipher": {Cipher: "c3"},
		"import": {Import: "magic"}, "envelope": {Envelope: "pem"}, "params": {Params: "xyz"},
	} {
		if _, err := pkcs11.Open(lib.library(), pkcs11.Profile{SM2: bad}); err == nil {
			t.Errorf("%s: any word is taken", what)
		}
	}
}

// TestSM2Faults: an import that was cut short is made again; an envelope to
// another key is refused; without a way to decrypt, a pair is untestable.
func TestSM2Faults(t *testing.T) {
	for _, way := range []string{"unwrap", "create"} {
		p := pkcs11.Profile{ULong: 8, SM2: &pkcs11.SM2{
			KeyType: keyTypeSM2, Generate: genSM2, Sign: signSM2, Decrypt: decryptSM2, Unwrap: unwrapSM2, Import: way,
		}}
		lib := newChinese(p)
		fake := lib.library().(nativetest.Fake)
		m, err := pkcs11.Open(fake, p)
		if err != nil {
			t.Fatal(err)
		}
		s := &soft{TB: t, ctx: t.Context(), module: m}
		key, err := m.Open(t.Context(), "CN1")
		s.must(err)
		s.must(key.Login(t.Context(), pin))
		c, err := key.Create(t.Context(), "x")
		s.must(err)
		pub, err := c.GenerateSigningKey(t.Context(), gm.SM2)
		s.must(err)
		auth := desktest.New(t, "ra")
		pair := auth.Issue("c1", 1, "", "x", pub, 1)
		stranger, err := sm2.GenerateKey(rand.Reader)
		s.must(err)
		other := auth.Issue("c1", 1, "", "x", &stranger.PublicKey, 1)
		err = c.ImportEncryptionKey(t.Context(), other.Bundle.Envelope)
		if code := certhall.AsError(err).Code; code != "envelope-wrong" && code != "ciphertext-wrong" {
			t.Errorf("%s: %v", way, err)
		}
		create, left := fake["C_CreateObject"], 1
		if way == "create" {
			left = 2
		}
		fake["C_CreateObject"] = func(a []native.Arg) uint32 { // the public half does not get there
			if left--; left == 0 {
				return 0x32
			}
			return create(a)
		}
		s.refused(c.ImportEncryptionKey(t.Context(), pair.Bundle.Envelope), token.ErrRemoved)
		_, err = c.PublicKey(t.Context(), token.Encryption)
		s.refused(err, token.ErrNoKey)
		s.must(c.ImportEncryptionKey(t.Context(), pair.Bundle.Envelope))
		if n := len(lib.things); n != 4 {
			t.Errorf("%s: %d objects", way, n)
		}
		sealed, err := gm.Seal(rand.Reader, &pair.Enc.PublicKey, make([]byte, proof.NonceLength))
		s.must(err)
		_, err = c.Decrypt(t.Context(), sealed)
		s.must(err)
		_, err = c.Decrypt(t.Context(), other.Bundle.SealedNonce)
		s.refused(err, token.ErrCiphertext)
		fake["C_DecryptInit"] = func([]native.Arg) uint32 { return 0x70 }
		_, err = c.Decrypt(t.Context(), sealed)
		s.refused(err, token.ErrUntestable)
	}
}
