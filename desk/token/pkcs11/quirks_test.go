package pkcs11_test

import (
	"context"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/pkcs11"
	"github.com/certhall/certhall/gm"
)

// script answers some functions in a library's stead; call carries them out.
type script struct {
	native.Library
	parts map[string]func(call func() uint32, args []native.Arg) uint32
}

func (s *script) Call(fn string, args ...native.Arg) uint32 {
	call := func() uint32 { return s.Library.Call(fn, args...) }
	if part := s.parts[fn]; part != nil {
		return part(call, args)
	}
	return call()
}

// plugScripted plugs the key in with a script before the library.
func (s *soft) plugScripted() *script {
	s.Helper()
	q := &script{parts: map[string]func(func() uint32, []native.Arg) uint32{}}
	s.plug(func(lib native.Library) native.Library { q.Library = lib; return q })
	return q
}

// always answers a code.
func always(code uint32) func(func() uint32, []native.Arg) uint32 {
	return func(func() uint32, []native.Arg) uint32 { return code }
}

// TestLockedPIN: SoftHSM never locks, so that a counter before it does, as
// tokens do: by flags alone.
func TestLockedPIN(t *testing.T) {
	s := newSoft(t, "one")
	q := s.plugScripted()
	wrong := map[uint64]int{} // by user: 0 officer, 1 user
	q.parts["C_GetTokenInfo"] = func(call func() uint32, args []native.Arg) uint32 {
		code := call()
		flags := args[1].Bytes[96:]
		flags[2] = 0
		for user, shift := range map[uint64]int{1: 0, 0: 4} {
			switch n := wrong[user]; {
			case n >= 3:
				flags[2] |= 4 << shift
			case n == 2:
				flags[2] |= 3 << shift // low, and the final try
			case n == 1:
				flags[2] |= 1 << shift
			}
		}
		return code
	}
	q.parts["C_Login"] = func(call func() uint32, args []native.Arg) uint32 {
		user := args[1].Word
		if wrong[user] >= 3 {
			return 0xA4
		}
		code := call()
		if code == 0xA0 {
			wrong[user]++
		} else if code == 0 {
			wrong[user] = 0
		}
		return code
	}
	q.parts["C_InitPIN"] = func(call func() uint32, _ []native.Arg) uint32 {
		wrong[1] = 0
		return call()
	}
	k := s.open("one")
	for _, x := range []struct {
		err   error
		state token.PINState
	}{
		{token.ErrPINWrong, token.PINState{Tries: -1, Low: true}},
		{token.ErrPINWrong, token.PINState{Tries: -1, Low: true, Final: true}},
		{token.ErrPINLocked, token.PINState{Tries: -1, Locked: true}}, // said to be wrong, but that was the last
		{token.ErrPINLocked, token.PINState{Tries: -1, Locked: true}},
	} {
		err := k.Login(s.ctx, "Bright-2")
		s.refused(err, x.err)
		if state, err := k.PINState(s.ctx); err != nil || state != x.state {
			t.Fatalf("%+v, %v, want %+v", state, err, x.state)
		}
	}
	s.refused(k.Login(s.ctx, pin), token.ErrPINLocked)
	s.refused(k.ChangePIN(s.ctx, pin, "Brighter"), token.ErrPINLocked)
	s.refused(k.Unblock(s.ctx, "Officer-2", "Brighter"), token.ErrAdminPINWrong)
	if state, err := k.AdminPINState(s.ctx); err != nil || state != (token.PINState{Tries: -1, Low: true}) {
		t.Fatalf("%+v, %v", state, err)
	}
	s.must(k.Unblock(s.ctx, admin, "Brighter"))
	s.must(k.Login(s.ctx, "Brighter"))
	for range 3 {
		err := k.ChangeAdminPIN(s.ctx, "Officer-2", "Officer-3")
		if !errors.Is(err, token.ErrAdminPINWrong) && !errors.Is(err, token.ErrAdminPINLocked) {
			t.Fatal(err)
		}
	}
	s.refused(k.Unblock(s.ctx, admin, pin), token.ErrAdminPINLocked)
	s.must(k.Login(s.ctx, "Brighter"))
}

// TestOfficerBesideReaders: a session for reading, of whomever, forbids the
// officer's log-in; all are ended then.
func TestOfficerBesideReaders(t *testing.T) {
	s := newSoft(t, "one")
	k, b := s.others("one")
	var reader native.Ref
	var n uint64 = 8
	slots := make([]uint64, n)
	b.ok(b.lib.Call("C_GetSlotList", native.Word(1), native.ULongs(slots), native.ULong(&n)))
	b.ok(b.lib.Call("C_OpenSession", native.Word(slots[0]), native.Word(4), native.In(nil), native.In(nil), native.Handle(&reader)))
	s.must(k.Unblock(s.ctx, admin, "Brighter"))
	s.must(k.Login(s.ctx, "Brighter"))
}

// TestCodes: what libraries answer becomes what keys answer.
func TestCodes(t *testing.T) {
	s := newSoft(t, "one")
	q := s.plugScripted()
	for _, x := range []struct {
		code uint32
		fn   string
		do   func(k token.Key, c token.Container) error
		want error
	}{
		{0x32, "C_FindObjectsInit", containers, token.ErrRemoved},
		{0xE0, "C_GetTokenInfo", pinState, token.ErrRemoved},
		{0xB3, "C_GetSessionInfo", pinState, token.ErrRemoved},
		{0x03, "C_GetTokenInfo", pinState, token.ErrRemoved},
		{0x30, "C_FindObjectsInit", containers, token.ErrDriverWrong},
		{0x05, "C_FindObjectsInit", containers, token.ErrDriverWrong},
		{0x80000123, "C_FindObjects", containers, token.ErrDriverWrong},
		{native.Missing, "C_GetAttributeValue", containers, token.ErrUnsupported},
		{native.Overrun, "C_GetAttributeValue", containers, token.ErrDriverWrong},
		{0x101, "C_GenerateKeyPair", generate, token.ErrPINNeeded},
		{0x31, "C_GenerateKeyPair", generate, token.ErrKeyFull},
		{0x32, "C_GenerateKeyPair", generate, token.ErrRemoved},
		{0x70, "C_GenerateKeyPair", generate, token.ErrAlgorithmUnsupported},
		{0x140, "C_GenerateKeyPair", generate, token.ErrAlgorithmUnsupported},
		{0xE2, "C_GenerateKeyPair", generate, token.ErrUnsupported},
		{0x13, "C_GenerateKeyPair", generate, token.ErrUnsupported},
		{0x60, "C_SignInit", sign, token.ErrKeyPairBroken},
		{0x68, "C_SignInit", sign, token.ErrKeyPairBroken},
		{0x70, "C_SignInit", sign, token.ErrAlgorithmUnsupported},
		{0x101, "C_Sign", sign, token.ErrUnsupported}, // wants its PIN each time
		{0x32, "C_Sign", sign, token.ErrRemoved},
		{0x05, "C_Sign", sign, token.ErrDriverWrong},
		{0xA2, "C_Login", login, token.ErrPINWrong},
		{0xA1, "C_Login", login, token.ErrPINWrong},
		{0xA3, "C_Login", login, pkcs11.ErrPINExpired},
		{0xA4, "C_Login", login, token.ErrPINLocked},
		{0x102, "C_Login", login, token.ErrUninitialised},
		{0x54, "C_Login", login, token.ErrUnsupported},
		{0x104, "C_Login", login, token.ErrKeyBusy},
		{0x54, "C_InitPIN", unblock, token.ErrUnsupported},
		{0x1B8, "C_InitPIN", unblock, token.ErrPINRefused},
		{0xA2, "C_InitPIN", unblock, token.ErrPINRefused},
		{0x31, "C_DestroyObject", remove, token.ErrKeyFull},
		{0x82, "C_DestroyObject", remove, nil}, // gone already
	} {
		clear(q.parts)
		k := s.open("one")
		s.must(k.Login(s.ctx, pin))
		_ = k.Delete(s.ctx, "x")
		c, err := k.Create(s.ctx, "x")
		s.must(err)
		if x.fn != "C_GenerateKeyPair" {
			_, err = c.GenerateSigningKey(s.ctx, gm.ECDSA)
			s.must(err)
		}
		q.parts[x.fn] = always(x.code)
		err = x.do(k, c)
		if !errors.Is(err, x.want) {
			t.Errorf("%s answers 0x%X: %v (%s), want %v", x.fn, x.code, err, certhall.CauseText(err), x.want)
		}
		clear(q.parts)
		s.must(k.Login(s.ctx, pin)) // some of these log out
		s.must(k.Delete(s.ctx, "x"))
		s.must(k.Close())
	}
}

var ctx = context.Background()

func containers(k token.Key, _ token.Container) error { _, err := k.Containers(ctx); return err }
func pinState(k token.Key, _ token.Container) error   { _, err := k.PINState(ctx); return err }
func login(k token.Key, _ token.Container) error      { return k.Login(ctx, pin) }
func unblock(k token.Key, _ token.Container) error    { return k.Unblock(ctx, admin, pin) }
func remove(k token.Key, _ token.Container) error     { return k.Delete(ctx, "x") }
func sign(_ token.Key, c token.Container) error       { _, err := c.Sign(ctx, []byte("x")); return err }
func generate(_ token.Key, c token.Container) error {
	_, err := c.GenerateSigningKey(ctx, gm.ECDSA)
	return err
}

// TestPulled: a device's general error is a pulled key where its slot is empty.
func TestPulled(t *testing.T) {
	s := newSoft(t, "one")
	q := s.plugScripted()
	k := s.open("one")
	q.parts["C_FindObjectsInit"], q.parts["C_GetTokenInfo"] = always(0x30), always(0xE0)
	_, err := k.Containers(s.ctx)
	s.refused(err, token.ErrRemoved)
	if infos, err := s.module.List(s.ctx); err != nil || len(infos) != 0 {
		t.Fatal(infos, err)
	}
	// Another one in its slot.
	clear(q.parts)
	q.parts["C_GetTokenInfo"] = func(call func() uint32, args []native.Arg) uint32 {
		code := call()
		copy(args[1].Bytes[80:96], "0123456789      ")
		return code
	}
	_, err = k.PINState(s.ctx)
	s.refused(err, token.ErrRemoved)
}

// TestWaysToSign: without the mechanism that digests, the driver digests; so
// too where a message is too long for the token; and what an earlier failure
// left open is in nobody's way.
func TestWaysToSign(t *testing.T) {
	for kind, tries := range map[gm.Algorithm][]int{
		gm.RSA:   {2, 4, 4 + 2 + 1}, // the token has the mechanism: the next message may be shorter; told that it has not, it is believed
		gm.ECDSA: {1, 2, 4},         // this library has none that digests
	} {
		t.Run(kind.String(), func(t *testing.T) {
			s := newSoft(t, "one")
			q := s.plugScripted()
			k := s.open("one")
			s.must(k.Login(s.ctx, pin))
			c, err := k.Create(s.ctx, "x")
			s.must(err)
			pub, err := c.GenerateSigningKey(s.ctx, kind)
			s.must(err)
			refuses, tried := uint32(0x21), 0
			q.parts["C_Sign"] = func(call func() uint32, args []native.Arg) uint32 {
				if tried++; args[2].Word > 51 { // longer than a DigestInfo
					call()
					return refuses
				}
				return call()
			}
			for _, want := range tries[:2] {
				signature, err := c.Sign(s.ctx, make([]byte, 100))
				s.must(err)
				s.must(gm.VerifyAny(pub, make([]byte, 100), signature))
				if tried != want {
					t.Errorf("%v: %d tries", kind, tried)
				}
			}
			refuses = 0x70
			for range 2 {
				_, err = c.Sign(s.ctx, make([]byte, 100))
				s.must(err)
			}
			if tried != tries[2] {
				t.Errorf("%v: %d tries", kind, tried)
			}
			open := true
			q.parts["C_SignInit"] = func(call func() uint32, _ []native.Arg) uint32 {
				if open {
					open = false
					return 0x90
				}
				return call()
			}
			_, err = c.Sign(s.ctx, []byte("x"))
			s.must(err)
			if !k.LoggedIn() {
				t.Error("the log-in went with a session")
			}
			q.parts["C_Sign"] = func(call func() uint32, args []native.Arg) uint32 {
				code := call()
				args[3].Bytes[7] ^= 1
				return code
			}
			_, err = c.Sign(s.ctx, []byte("x"))
			s.refused(err, token.ErrKeyPairBroken)
		})
	}
}

// TestImpossibleAnswers: what cannot be is named so and harms nobody.
func TestImpossibleAnswers(t *testing.T) {
	s := newSoft(t, "one")
	for what, x := range map[string]struct {
		fn   string
		part func(call func() uint32, args []native.Arg) uint32
		do   func(*soft, token.Key) error
	}{
		"slots without end": {"C_GetSlotList", func(_ func() uint32, a []native.Arg) uint32 { *a[2].Number = 1 << 40; return 0 }, list},
		"more slots than asked for": {"C_GetSlotList", func(call func() uint32, a []native.Arg) uint32 {
			code := call()
			if a[1].Numbers != nil {
				*a[2].Number = 99
			}
			return code
		}, list},
		"slots never enough": {"C_GetSlotList", func(call func() uint32, a []native.Arg) uint32 {
			if a[1].Numbers != nil {
				return 0x150
			}
			return call()
		}, list},
		"objects without end":    {"C_FindObjects", func(_ func() uint32, a []native.Arg) uint32 { *a[3].Number = 16; return 0 }, look},
		"more than asked for":    {"C_FindObjects", func(_ func() uint32, a []native.Arg) uint32 { *a[3].Number = 17; return 0 }, look},
		"longer than its room":   {"C_GetAttributeValue", func(_ func() uint32, a []native.Arg) uint32 { a[2].Attributes[0].Length = 1 << 40; return 0 }, look},
		"a signature too long":   {"C_Sign", func(_ func() uint32, a []native.Arg) uint32 { *a[4].Number = 1 << 40; return 0 }, signs1},
		"no session after all":   {"C_GetSessionInfo", always(0x07), look2},
		"a pair of another kind": {"C_GenerateKeyPair", always(0), generate2},
	} {
		t.Run(what, func(t *testing.T) {
			s := &soft{TB: t, ctx: s.ctx, folder: s.folder}
			t.Cleanup(s.unplug)
			q := s.plugScripted()
			k := s.open("one")
			s.must(k.Login(s.ctx, pin))
			_ = k.Delete(s.ctx, "x")
			c, err := k.Create(s.ctx, "x")
			s.must(err)
			_, err = c.GenerateSigningKey(s.ctx, gm.ECDSA)
			s.must(err)
			q.parts[x.fn] = x.part
			if err := x.do(s, k); !errors.Is(err, token.ErrDriverWrong) && !errors.Is(err, token.ErrNoKey) {
				t.Errorf("%v (%s)", err, certhall.CauseText(err))
			}
			clear(q.parts)
			s.must(k.Delete(s.ctx, "x"))
		})
	}
}

func list(s *soft, _ token.Key) error  { _, err := s.module.List(ctx); return err }
func look(_ *soft, k token.Key) error  { _, err := token.Look(ctx, k); return err }
func look2(_ *soft, k token.Key) error { _, err := k.PINState(ctx); return err }
func signs1(_ *soft, k token.Key) error {
	c, err := k.Container(ctx, "x")
	if err != nil {
		return err
	}
	return sign(k, c)
}
func generate2(_ *soft, k token.Key) error {
	c, err := k.Create(ctx, "y")
	if err != nil {
		return err
	}
	return generate(k, c)
}

// TestSlots: tokens of one serial are told apart, those that nobody initialised
// are named as such, and names that are no text do no harm.
func TestSlots(t *testing.T) {
	s := newSoft(t, "one", "two", "two", "three")
	q := s.plugScripted()
	spare := false
	q.parts["C_GetTokenInfo"] = func(call func() uint32, args []native.Arg) uint32 {
		code := call()
		b := args[1].Bytes
		label := strings.TrimRight(string(b[:32]), " ")
		switch {
		case label == "two":
			copy(b[80:96], "S1              ")
		case label == "one":
			copy(b[80:96], "S1\x00garbage       ")
		case label == "three":
			copy(b[80:96], "\xff\x01              ")
			copy(b[:32], strings.Repeat(" ", 32))
		case spare:
			copy(b[80:96], "S9              ")
		}
		return code
	}
	serials := func(want ...string) []token.Info {
		t.Helper()
		infos, err := s.module.List(s.ctx)
		s.must(err)
		seen := map[string]bool{}
		for _, i := range infos {
			seen[i.Serial] = true
		}
		for _, w := range want {
			if !seen[w] {
				t.Errorf("no %q in %+v", w, infos)
			}
		}
		if len(infos) != len(want) {
			t.Errorf("%d keys, want %d: %+v", len(infos), len(want), infos)
		}
		return infos
	}
	infos, err := s.module.List(s.ctx)
	s.must(err)
	if len(infos) != 4 {
		t.Fatalf("%+v", infos)
	}
	seen := map[string]token.Info{}
	for _, i := range infos {
		if i.Trouble != nil || seen[i.Serial].Serial != "" {
			t.Errorf("%+v", i)
		}
		seen[i.Serial] = i
		k, err := s.module.Open(s.ctx, i.Serial)
		s.must(err)
		if k.Info() != i {
			t.Errorf("opened %+v, asked for %+v", k.Info(), i)
		}
		s.must(k.Login(s.ctx, pin))
		s.must(k.Logout(s.ctx))
	}
	if seen["S1"].Serial == "" || seen["ff01"].Label == "" {
		t.Errorf("%+v", infos)
	}
	spare = true
	all := make([]string, 0, 5)
	for serial := range seen {
		all = append(all, serial)
	}
	serials(append(all, "S9")...)
	_, err = s.module.Open(s.ctx, "S9")
	s.refused(err, token.ErrUninitialised)
}

// TestForms: points without their OCTET STRING and signatures in DER are taken
// as well.
func TestForms(t *testing.T) {
	s := newSoft(t, "one")
	q := s.plugScripted()
	k := s.open("one")
	s.must(k.Login(s.ctx, pin))
	c, err := k.Create(s.ctx, "x")
	s.must(err)
	pub, err := c.GenerateSigningKey(s.ctx, gm.ECDSA)
	s.must(err)
	for _, cut := range []int{2, 3} { // the OCTET STRING's head, and the 04 too
		q.parts["C_GetAttributeValue"] = func(call func() uint32, args []native.Arg) uint32 {
			code := call()
			for i := range args[2].Attributes {
				if a := &args[2].Attributes[i]; a.Type == 0x181 && a.Length == 67 {
					a.Length = int64(copy(a.Value, a.Value[cut:67]))
				}
			}
			return code
		}
		again, err := c.PublicKey(s.ctx, token.Signing)
		s.must(err)
		if !gm.SameKey(pub, again) {
			t.Errorf("without %d bytes: another key", cut)
		}
	}
	q.parts["C_Sign"] = func(call func() uint32, args []native.Arg) uint32 {
		code := call()
		n := int(*args[4].Number)
		signature, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(args[3].Bytes[:n/2]), new(big.Int).SetBytes(args[3].Bytes[n/2 : n])})
		s.must(err)
		*args[4].Number = uint64(copy(args[3].Bytes, signature))
		return code
	}
	_, err = c.Sign(s.ctx, []byte("x"))
	s.must(err)
}
