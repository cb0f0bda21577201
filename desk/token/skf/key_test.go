package skf_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/skf"
	"github.com/certhall/certhall/gm"
	gmskf "github.com/certhall/certhall/gm/skf"
)

func serials(t *testing.T, m *skf.Module) (s []string) {
	t.Helper()
	infos, err := m.List(background)
	ok(t, err)
	for _, i := range infos {
		s = append(s, i.Serial)
	}
	return s
}

// TestList: each application of each device is a key; one that cannot be used
// says why, and hides no other.
func TestList(t *testing.T) {
	l := newLibrary("SN1", "SN2", "SN3")
	l.application(l.devices[0], "second")
	l.devices[1].apps = nil
	m := l.module(t, skf.Profile{})
	if s := serials(t, m); !slices.Equal(s, []string{"SN1", "SN1/second", "SN2", "SN3"}) {
		t.Errorf("%q", s)
	}
	infos, err := m.List(background)
	ok(t, err)
	if i := infos[0]; i.Label != "label" || i.Manufacturer != "maker" || i.Driver != "skf" || i.Trouble != nil {
		t.Errorf("%+v", i)
	}
	want(t, infos[2].Trouble, token.ErrUninitialised)
	if l.connected != 0 {
		t.Error("it stays connected")
	}
	two := open1(t, m, "SN1/second")
	if two.Info().Serial != "SN1/second" {
		t.Errorf("%+v", two.Info())
	}
	ok(t, two.Login(background, userPIN))
	create(t, two, "CH-a")
	one := open1(t, m, "SN1")
	if names, err := one.Containers(background); err != nil || len(names) != 0 {
		t.Errorf("%q, %v", names, err)
	}
	if one.LoggedIn() {
		t.Error("a PIN opens two applications")
	}
	_, err = m.Open(background, "SN9")
	want(t, err, token.ErrRemoved)

	on(l, "SKF_GetDevInfo", func(d *stick, a []native.Arg) gmskf.Code {
		if d.info.Serial == "SN3" {
			return gmskf.UnknownError
		}
		copy(a[0].Bytes, l.layout.DeviceInfo(d.info))
		return gmskf.OK
	})
	infos, err = m.List(background)
	ok(t, err)
	want(t, infos[3].Trouble, token.ErrDriverWrong)
	if infos[3].Label != "dev-SN3" || infos[3].Trouble.Params["call"] != "SKF_GetDevInfo" || infos[3].Trouble.Params["code"] != "0x0A000002 SAR_UNKNOWNERR" {
		t.Errorf("%+v", infos[3])
	}
	_, err = m.Open(background, "SN3")
	want(t, err, token.ErrDriverWrong)
	for _, k := range []token.Key{one, two} {
		ok(t, k.Close())
	}
	if l.connected != 0 {
		t.Error("it stays connected after the keys are closed")
	}
	for _, d := range l.devices {
		d.pull()
	}
	l.replace("SKF_EnumDev", func(func([]native.Arg) uint32, []native.Arg) uint32 { return uint32(gmskf.DeviceRemoved) })
	if s := serials(t, m); len(s) != 0 {
		t.Errorf("none is plugged in: %q", s)
	}
	_, err = one.Containers(background)
	want(t, err, token.ErrRemoved)
}

// TestTwoKeys: two at once, each with its own session, while the list is read.
func TestTwoKeys(t *testing.T) {
	for _, p := range []skf.Profile{{}, {LastOnly: true}} {
		l := newLibrary("SN1", "SN2")
		m := l.module(t, p)
		var keys []token.Key
		for _, s := range []string{"SN1", "SN2"} {
			k := open1(t, m, s)
			keys = append(keys, k)
		}
		for i, k := range keys {
			ok(t, k.Login(background, userPIN))
			c := create(t, k, fmt.Sprintf("CH-%d", i))
			serials(t, m)
			_, err := c.GenerateSigningKey(background, gm.SM2)
			ok(t, err)
		}
		for i, k := range keys {
			names, err := k.Containers(background)
			ok(t, err)
			if !slices.Equal(names, []string{fmt.Sprintf("CH-%d", i)}) {
				t.Errorf("%q", names)
			}
			if k.LoggedIn() == p.LastOnly {
				t.Errorf("logged in: %v", k.LoggedIn())
			}
		}
	}
}

// TestTwoHandles: what is closed or logged out by one handle of a key logs no
// other out, and the last one leaves nobody logged in.
func TestTwoHandles(t *testing.T) {
	l := newLibrary("SN1")
	m := l.module(t, skf.Profile{})
	var keys []token.Key
	for range 3 {
		keys = append(keys, open1(t, m, "SN1"))
	}
	one, two, three := keys[0], keys[1], keys[2]
	ok(t, one.Login(background, userPIN))
	if two.LoggedIn() {
		t.Error("a PIN opens another handle")
	}
	ok(t, two.Login(background, userPIN))
	ok(t, two.Close())
	create(t, one, "CH-a")
	ok(t, three.Login(background, userPIN))
	ok(t, three.Logout(background))
	_, err := three.Create(background, "CH-b")
	want(t, err, token.ErrPINNeeded)
	create(t, one, "CH-b")
	ok(t, three.Login(background, userPIN))
	ok(t, three.ChangePIN(background, userPIN, "another1"))
	if one.LoggedIn() || three.LoggedIn() {
		t.Error("logged in by a PIN that was changed")
	}
	ok(t, one.Login(background, "another1"))
	ok(t, three.Close())
	ok(t, one.Close())
	if l.devices[0].apps[0].loggedIn || l.connected != 0 {
		t.Error("somebody is left logged in, or the device connected")
	}
}

// TestLastOnly: a library that works on what was opened last is never let to
// work on another key than the one that is meant.
func TestLastOnly(t *testing.T) {
	l := newLibrary("SN1", "SN2")
	var last *application
	l.replace("SKF_OpenApplication", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
		code := before(a)
		last, _ = use[*application](l, native.Use(*a[2].Ref))
		return code
	})
	l.replace("SKF_EnumContainer", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
		return before(append([]native.Arg{native.Use(l.hand(last, last.of))}, a[1:]...))
	})
	l.devices[0].apps[0].boxes = []*box{{of: l.devices[0].apps[0], name: "first's"}}
	m := l.module(t, skf.Profile{LastOnly: true})
	one, two := open1(t, m, "SN1"), open1(t, m, "SN2")
	for range 2 {
		for k, n := range map[token.Key]int{one: 1, two: 0} {
			if names, err := k.Containers(background); err != nil || len(names) != n {
				t.Errorf("%s: %q, %v", k.Info().Serial, names, err)
			}
		}
	}
}

// TestPIN: tries are told exactly, and none is spent by asking.
func TestPIN(t *testing.T) {
	l := newLibrary("SN1")
	k := open1(t, l.module(t, skf.Profile{}), "SN1")
	state := func(want token.PINState) {
		t.Helper()
		for range 2 {
			if s, err := k.PINState(background); err != nil || s != want {
				t.Errorf("%+v, %v; want %+v", s, err, want)
			}
		}
	}
	tries := func(err error, is *certhall.Error, n string) {
		t.Helper()
		want(t, err, is)
		if got := certhall.AsError(err).Params["tries"]; got != n {
			t.Errorf("%s tries, want %s", got, n)
		}
	}
	state(token.PINState{Tries: 6})
	tries(k.Login(background, "wrong1"), token.ErrPINWrong, "5")
	tries(k.Login(background, "abc"), token.ErrPINWrong, "5") // too short to be looked at
	want(t, k.Login(background, ""), token.ErrPINRefused)
	want(t, k.Login(background, "12\x00345678"), token.ErrPINRefused)
	state(token.PINState{Tries: 5, Low: true})
	_, err := k.Create(background, "x")
	want(t, err, token.ErrPINNeeded)
	tries(k.ChangePIN(background, "wrong1", "newpin1"), token.ErrPINWrong, "4")
	ok(t, k.Login(background, userPIN))
	if state(token.PINState{Tries: 6}); !k.LoggedIn() {
		t.Error("not logged in")
	}
	ok(t, k.Logout(background))
	ok(t, k.Logout(background)) // the library says that nobody is
	want(t, k.ChangePIN(background, userPIN, "abc"), token.ErrPINRefused)
	ok(t, k.Login(background, userPIN))
	ok(t, k.ChangePIN(background, userPIN, "newpin1"))
	if k.LoggedIn() || l.devices[0].apps[0].loggedIn {
		t.Error("still logged in")
	}
	ok(t, k.Login(background, "newpin1"))
	for n := 5; n > 0; n-- {
		tries(k.Login(background, userPIN), token.ErrPINWrong, fmt.Sprint(n))
	}
	state(token.PINState{Tries: 1, Low: true, Final: true})
	want(t, k.Login(background, userPIN), token.ErrPINLocked)
	state(token.PINState{Low: true, Locked: true})
	want(t, k.Login(background, "newpin1"), token.ErrPINLocked)
	want(t, k.ChangePIN(background, "newpin1", userPIN), token.ErrPINLocked)

	tries(k.Unblock(background, "wrong1", userPIN), token.ErrAdminPINWrong, "5")
	want(t, k.Unblock(background, adminPIN, "abc"), token.ErrPINRefused)
	tries(k.Unblock(background, "abc", userPIN), token.ErrAdminPINWrong, "6") // of a form that no PIN has: the new one is not to blame
	tries(k.ChangeAdminPIN(background, "abc", "newadmin"), token.ErrAdminPINWrong, "6")
	want(t, k.ChangeAdminPIN(background, adminPIN, "abc"), token.ErrPINRefused)
	ok(t, k.Unblock(background, adminPIN, userPIN))
	state(token.PINState{Tries: 6})
	ok(t, k.Login(background, userPIN))
	ok(t, k.ChangeAdminPIN(background, adminPIN, "newadmin"))
	for n := 5; n > 0; n-- {
		tries(k.ChangeAdminPIN(background, adminPIN, "x"), token.ErrAdminPINWrong, fmt.Sprint(n))
	}
	if s, err := k.AdminPINState(background); err != nil || !s.Final {
		t.Errorf("%+v, %v", s, err)
	}
	want(t, k.Unblock(background, adminPIN, userPIN), token.ErrAdminPINLocked)
	want(t, k.Unblock(background, "newadmin", userPIN), token.ErrAdminPINLocked)
}

// TestPINUntold: what a library does not tell is not made up.
func TestPINUntold(t *testing.T) {
	l := newLibrary("SN1")
	delete(l.Fake, "SKF_GetPINInfo")
	delete(l.Fake, "SKF_UnblockPIN")
	k := open1(t, l.module(t, skf.Profile{}), "SN1")
	if s, err := k.PINState(background); err != nil || s != (token.PINState{Tries: -1}) {
		t.Errorf("%+v, %v", s, err)
	}
	want(t, k.Unblock(background, adminPIN, userPIN), token.ErrUnsupported)
	err := k.Login(background, "wrong1")
	if want(t, err, token.ErrPINWrong); certhall.AsError(err).Params["tries"] != "5" { // VerifyPIN tells
		t.Error(err)
	}
	on(l, "SKF_VerifyPIN", func(*application, []native.Arg) gmskf.Code { return gmskf.PINIncorrect })
	if err := k.Login(background, "wrong1"); certhall.AsError(err).Params["tries"] != "-1" {
		t.Error(err)
	}
	on(l, "SKF_VerifyPIN", func(*application, []native.Arg) gmskf.Code { return gmskf.AlreadyLoggedIn })
	if want(t, k.Login(background, "wrong1"), token.ErrDriverWrong); k.LoggedIn() {
		t.Error("a PIN that was not looked at logs in")
	}
	on(l, "SKF_GetPINInfo", func(_ *application, a []native.Arg) gmskf.Code { *a[2].Number = 1 << 20; return 0 })
	_, err = k.PINState(background)
	want(t, err, token.ErrDriverWrong)
}

// TestUnplugged: whenever the key is pulled out, at whatever call, and however
// the library says it, the key was removed. Plugged in again, it is found, and
// the PIN is asked for; what was written whole is there.
func TestUnplugged(t *testing.T) {
	for _, code := range []gmskf.Code{gmskf.DeviceRemoved, gmskf.InvalidHandle, gmskf.Fail, gmskf.UnknownError} {
		t.Run(code.String(), func(t *testing.T) {
			for at := 1; ; at++ {
				l := newLibrary("SN1")
				d := l.devices[0]
				m := l.module(t, skf.Profile{})
				k := open1(t, m, "SN1")
				ok(t, k.Login(background, userPIN))
				calls := 0
				for fn := range l.Fake {
					if fn == "SKF_EnumDev" {
						continue
					}
					l.answers(fn, gmskf.DeviceRemoved, code)
					l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
						if calls++; calls == at {
							d.pull()
						}
						return before(a)
					})
				}
				err := halfLife(k)
				if err == nil {
					if at < 20 {
						t.Errorf("only %d calls", at)
					}
					return
				}
				if want(t, err, token.ErrRemoved); t.Failed() {
					t.Fatalf("pulled out at call %d: %v", at, certhall.CauseText(err))
				}
				if _, err := k.Containers(background); !errors.Is(err, token.ErrRemoved) || k.LoggedIn() {
					t.Fatal(err)
				}
				d.plug()
				if again, err := m.Open(background, "SN1"); err != nil {
					t.Fatal(err)
				} else if err := again.Login(background, userPIN); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// halfLife is what TestUnplugged pulls the key out of.
func halfLife(k token.Key) error {
	c, err := k.Create(background, "CH-a")
	if err != nil {
		return err
	}
	pub, err := c.GenerateSigningKey(background, gm.SM2)
	if err != nil {
		return err
	}
	enc, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	to, err := gm.SM2Key(pub)
	if err != nil {
		return err
	}
	envelope, err := gm.EnvelopeKey(rand.Reader, to, enc)
	if err != nil {
		return err
	}
	if err := c.ImportEncryptionKey(background, envelope); err != nil {
		return err
	}
	if err := c.ImportCertificate(background, token.Encryption, []byte("certificate")); err != nil {
		return err
	}
	_, err = c.Sign(background, []byte("m"))
	return err
}

// TestPluggedInAgain: pulled out and put back between two operations, the key
// is the same one; another key in its place is not.
func TestPluggedInAgain(t *testing.T) {
	l := newLibrary("SN1")
	m := l.module(t, skf.Profile{})
	k := open1(t, m, "SN1")
	ok(t, k.Login(background, userPIN))
	create(t, k, "CH-a")
	again := func() {
		l.devices[0].pull()
		l.devices[0].plug()
	}
	again()
	if names, err := k.Containers(background); err != nil || len(names) != 1 || k.LoggedIn() {
		t.Errorf("%q, %v", names, err)
	}
	_, err := k.Create(background, "CH-b")
	want(t, err, token.ErrPINNeeded)
	again()
	ok(t, k.Login(background, userPIN)) // by new handles
	create(t, k, "CH-b")
	again()
	serials(t, m) // notices it first
	_, err = k.Create(background, "CH-c")
	want(t, err, token.ErrPINNeeded)

	l.devices[0].info.Serial = "SN9"
	again()
	_, err = k.Containers(background)
	want(t, err, token.ErrRemoved)
	l.devices[0].info.Serial = "SN1"
	_, err = k.Containers(background)
	want(t, err, token.ErrRemoved)
	ok(t, k.Close())
	_, err = k.Containers(background)
	want(t, err, token.ErrRemoved)
}

// TestBusyAndFull: what says something of the key, and what of the library.
func TestBusyAndFull(t *testing.T) {
	l := newLibrary("SN1")
	k := l.session(t, skf.Profile{Containers: 4, ContainerBytes: 12 << 10})
	for n := range 4 {
		if room, err := k.Room(background); err != nil || room != min(2, 4-n) { // of the space or of the number, whichever is less
			t.Errorf("room for %d, %v", room, err)
		}
		create(t, k, fmt.Sprintf("CH-%d", n))
	}
	_, err := k.Create(background, "CH-5")
	want(t, err, token.ErrKeyFull)
	if room, err := open1(t, l.module(t, skf.Profile{}), "SN1").Room(background); err != nil || room != -1 {
		t.Errorf("room for %d, %v", room, err)
	}
	c, err := k.Container(background, "CH-0")
	ok(t, err)
	for code, is := range map[gmskf.Code]*certhall.Error{
		gmskf.NoRoom: token.ErrKeyFull, gmskf.ReachedMaxContainers: token.ErrKeyFull, gmskf.Timeout: token.ErrKeyBusy, gmskf.NotSupported: token.ErrUnsupported,
		gmskf.WriteFileError: token.ErrDriverWrong, 0x0B00AFFE: token.ErrDriverWrong, gmskf.Code(native.Overrun): token.ErrDriverWrong,
	} {
		l.Fake["SKF_ImportCertificate"] = func([]native.Arg) uint32 { return uint32(code) }
		err := c.ImportCertificate(background, token.Signing, []byte("c"))
		told := code.String()
		if code == gmskf.Code(native.Overrun) {
			told = "0xCE000002 wrote past the end of a buffer"
		}
		if want(t, err, is); is == token.ErrDriverWrong && certhall.AsError(err).Params["code"] != told {
			t.Error(err)
		}
	}
	l.Fake["SKF_ImportCertificate"] = func([]native.Arg) uint32 { return uint32(gmskf.NotLoggedIn) }
	want(t, c.ImportCertificate(background, token.Signing, []byte("c")), token.ErrPINNeeded)
	if k.LoggedIn() {
		t.Error("still logged in")
	}
	l.devices[0].locked = true
	_, err = k.Containers(background)
	want(t, err, token.ErrKeyBusy)
	delete(l.Fake, "SKF_EnumDev")
	if _, err := skf.Open(l, skf.Profile{}); !errors.Is(err, token.ErrDriverMissing) {
		t.Error(err)
	}
}

// TestWrong: a library that says that it did what it did not, or answers what
// cannot be, is not believed.
func TestWrong(t *testing.T) {
	nothing := func([]native.Arg) uint32 { return 0 }
	huge := func(a []native.Arg) uint32 { *a[len(a)-1].Number = 1 << 31; return 0 }
	enc, err := sm2.GenerateKey(rand.Reader)
	ok(t, err)
	for fn, lie := range map[string]func([]native.Arg) uint32{
		"SKF_CreateContainer":   nothing,
		"SKF_DeleteContainer":   nothing,
		"SKF_GenECCKeyPair":     nothing,
		"SKF_ImportCertificate": nothing,
		"SKF_ImportECCKeyPair":  nothing,
		"SKF_EnumContainer":     huge,
		"SKF_ExportPublicKey":   huge,
		"SKF_ExportCertificate": huge,
		"SKF_GetDevInfo":        nothing,
	} {
		t.Run(fn, func(t *testing.T) {
			l := newLibrary("SN1")
			k := l.session(t, skf.Profile{ContainerBytes: 1})
			all := func() error {
				c, err := k.Create(background, "CH-a")
				if err != nil {
					return err
				}
				pub, err := c.GenerateSigningKey(background, gm.SM2)
				if err != nil {
					return err
				}
				to, err := gm.SM2Key(pub)
				ok(t, err)
				envelope, err := gm.EnvelopeKey(rand.Reader, to, enc)
				ok(t, err)
				_, roomErr := k.Room(background)
				if err := errors.Join(c.ImportEncryptionKey(background, envelope), c.ImportCertificate(background, token.Signing, []byte("c")), roomErr); err != nil {
					return err
				}
				return k.Delete(background, "CH-a")
			}
			ok(t, all())
			l.Fake[fn] = lie
			want(t, all(), token.ErrDriverWrong)
		})
	}

	l := newLibrary("SN1")
	c := create(t, l.session(t, skf.Profile{}), "CH-a")
	pub, err := c.GenerateSigningKey(background, gm.SM2)
	ok(t, err)
	garbage := func(a []native.Arg) uint32 {
		for _, arg := range a {
			if arg.Kind == native.KindOut || arg.Kind == native.KindHidden {
				rand.Read(arg.Bytes)
			}
		}
		return 0
	}
	sign, export := l.Fake["SKF_ECCSignData"], l.Fake["SKF_ExportPublicKey"]
	for _, bad := range []func([]native.Arg) uint32{garbage, nothing, func(a []native.Arg) uint32 { // signs something else
		a[1].Bytes = slices.Repeat([]byte{1}, 32)
		return sign(a)
	}} {
		l.Fake["SKF_ECCSignData"] = bad
		_, err = c.Sign(background, []byte("m"))
		want(t, err, token.ErrKeyPairBroken)
	}
	l.Fake["SKF_ExportPublicKey"] = garbage
	_, err = c.PublicKey(background, token.Signing)
	want(t, err, token.ErrDriverWrong)
	_, err = c.GenerateSigningKey(background, gm.SM2)
	want(t, err, token.ErrDriverWrong) // perhaps one lies there
	l.Fake["SKF_ExportPublicKey"] = func([]native.Arg) uint32 { return uint32(gmskf.Fail) }
	_, err = c.GenerateSigningKey(background, gm.SM2)
	want(t, err, token.ErrDriverWrong) // the type says that one lies there
	l.Fake["SKF_ExportPublicKey"] = export
	if again, err := c.PublicKey(background, token.Signing); err != nil || !gm.SameKey(again, pub) {
		t.Errorf("the key was destroyed: %v", err)
	}

	to, err := gm.SM2Key(pub)
	ok(t, err)
	envelope, err := gm.EnvelopeKey(rand.Reader, to, enc)
	ok(t, err)
	ok(t, c.ImportEncryptionKey(background, envelope))
	sealed, err := gm.Seal(rand.Reader, &enc.PublicKey, []byte("nonce"))
	ok(t, err)
	_, err = c.Decrypt(background, sealed)
	ok(t, err)
	other, err := gm.Seal(rand.Reader, to, []byte("nonce"))
	ok(t, err)
	for _, bad := range [][]byte{other, []byte("x"), nil} {
		_, err = c.Decrypt(background, bad)
		want(t, err, token.ErrCiphertext)
	}
	l.devices[0].apps[0].boxes[0].keys[token.Encryption] = nil
	alien, err := gm.EnvelopeKey(rand.Reader, &enc.PublicKey, enc)
	ok(t, err)
	l.Fake["SKF_ImportECCKeyPair"] = func([]native.Arg) uint32 { return uint32(gmskf.InputData) }
	want(t, c.ImportEncryptionKey(background, alien), token.ErrEnvelope)
	want(t, c.ImportEncryptionKey(background, []byte("x")), token.ErrEnvelope)
}

// TestBrokenEncryptionKey: the private half that lies there is not the public
// one's.
func TestBrokenEncryptionKey(t *testing.T) {
	l := newLibrary("SN1")
	k := l.session(t, skf.Profile{})
	c := create(t, k, "CH-a")
	_, err := c.GenerateSigningKey(background, gm.SM2)
	ok(t, err)
	enc, err := sm2.GenerateKey(rand.Reader)
	ok(t, err)
	b := l.devices[0].apps[0].boxes[0]
	b.keys[token.Encryption] = b.keys[token.Signing]
	l.replace("SKF_ExportPublicKey", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
		if a[1].Word == 0 {
			return uint32(fill(a[2:], l.blob(&enc.PublicKey)))
		}
		return before(a)
	})
	sealed, err := gm.Seal(rand.Reader, &enc.PublicKey, []byte("nonce"))
	ok(t, err)
	_, err = c.Decrypt(background, sealed)
	want(t, err, token.ErrKeyPairBroken)
}

// sha256Info goes before a SHA-256 digest in a DigestInfo (RFC 8017, 9.2, note 1).
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// TestRSA: single RSA certificates, with libraries that pad what they get and
// with such as take the bare digest.
func TestRSA(t *testing.T) {
	for _, bare := range []bool{false, true} {
		l := newLibrary("SN1")
		if bare {
			l.replace("SKF_RSASignData", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
				if len(a[1].Bytes) != 32 {
					return uint32(gmskf.InputLength)
				}
				a[1].Bytes = slices.Concat(sha256Info, a[1].Bytes)
				return before(a)
			})
		}
		k := l.session(t, skf.Profile{})
		c := create(t, k, "CH-a")
		pub, err := c.GenerateSigningKey(background, gm.RSA)
		ok(t, err)
		if r, ok := pub.(*rsa.PublicKey); !ok || r.N.BitLen() != token.RSABits {
			t.Errorf("%T", pub)
		}
		for range 2 {
			signature, err := c.Sign(background, []byte("m"))
			ok(t, err)
			ok(t, gm.VerifyAny(pub, []byte("m"), signature))
		}
		if n := l.calls["SKF_RSASignData"]; bare && n != 3 || !bare && n != 2 {
			t.Errorf("%d calls", n)
		}
		enc, err := sm2.GenerateKey(rand.Reader)
		ok(t, err)
		envelope, err := gm.EnvelopeKey(rand.Reader, &enc.PublicKey, enc)
		ok(t, err)
		want(t, c.ImportEncryptionKey(background, envelope), token.ErrEnvelope)
		_, err = c.GenerateSigningKey(background, gm.ECDSA)
		want(t, err, token.ErrAlgorithmUnsupported)
	}
	l := newLibrary("SN1")
	l.Fake["SKF_GenRSAKeyPair"] = func([]native.Arg) uint32 { return uint32(gmskf.NotSupported) }
	c := create(t, l.session(t, skf.Profile{}), "CH-a")
	_, err := c.GenerateSigningKey(background, gm.RSA)
	if want(t, err, token.ErrAlgorithmUnsupported); certhall.AsError(err).Params["algorithm"] != "rsa" {
		t.Error(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	ok(t, err)
	l.devices[0].apps[0].boxes[0].keys[token.Signing] = weak // of another program
	_, err = c.PublicKey(background, token.Signing)
	want(t, err, token.ErrNoKey)
	_, err = c.GenerateSigningKey(background, gm.SM2)
	want(t, err, token.ErrContainerExists)
}

// TestChallenge: the maker's question and answer, where the profile names them.
func TestChallenge(t *testing.T) {
	l := newLibrary("SN1")
	on(l, "Maker_Ask", func(_ *application, a []native.Arg) gmskf.Code { return fill(a, []byte("question")) })
	on(l, "Maker_Answer", func(app *application, a []native.Arg) gmskf.Code {
		if string(a[0].Bytes) != "answer" || a[1].Word != 6 {
			return gmskf.InputData
		}
		app.pins[gmskf.User], app.tries[gmskf.User] = cString(a[2]), most
		return gmskf.OK
	})
	if _, can := open1(t, l.module(t, skf.Profile{}), "SN1").(token.Challenger); can {
		t.Error("a challenger without a profile")
	}
	k := open1(t, l.module(t, skf.Profile{Challenge: "Maker_Ask", Respond: "Maker_Answer"}), "SN1")
	c, can := k.(token.Challenger)
	if !can {
		t.Fatal("no challenger")
	}
	if q, err := c.Challenge(background); err != nil || string(q) != "question" {
		t.Errorf("%q, %v", q, err)
	}
	want(t, c.Respond(background, []byte("x"), "newpin1"), token.ErrAdminPINWrong)
	want(t, c.Respond(background, nil, "newpin1"), token.ErrAdminPINWrong)
	ok(t, c.Respond(background, []byte("answer"), "newpin1"))
	ok(t, k.Login(background, "newpin1"))
}

// TestAuthentication: a device that does not know the key in the profile says so.
func TestAuthentication(t *testing.T) {
	l := newLibrary("SN1")
	l.authKey = make([]byte, 16)
	infos, err := l.module(t, skf.Profile{AuthKey: strings.Repeat("01", 16)}).List(background)
	ok(t, err)
	if want(t, infos[0].Trouble, token.ErrDriverWrong); infos[0].Trouble.Params["call"] != "SKF_DevAuth" {
		t.Errorf("%+v", infos[0].Trouble)
	}
}

// TestProfile: what cannot be is refused when the library is opened.
func TestProfile(t *testing.T) {
	for _, p := range []skf.Profile{
		{ULong: 5}, {AuthKey: "00"}, {AuthKey: "x"}, {Challenge: "a"}, {Respond: "a"}, {Codes: map[string]string{"a": "1"}}, {Codes: map[string]string{"1": "0x100000000"}},
	} {
		if _, err := skf.Open(newLibrary(), p); err == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}

// TestDeviceInfo: DEVINFO is read rightly in every layout, told or not.
func TestDeviceInfo(t *testing.T) {
	for _, layout := range gmskf.Layouts {
		for _, ulong := range []int{0, layout.ULong} {
			l := newLibrary("SN1")
			l.layout, l.authKey = layout, make([]byte, 16)
			k := open1(t, l.module(t, skf.Profile{ULong: ulong, ContainerBytes: 16 << 10, AuthKey: strings.Repeat("00", 16)}), "SN1")
			if room, err := k.Room(background); err != nil || room != 2 {
				t.Errorf("%+v: room for %d, %v", layout, room, err)
			}
		}
	}
}

// TestPluggedInMeanwhile: a list grows between the question for its size and
// the one for itself.
func TestPluggedInMeanwhile(t *testing.T) {
	l := newLibrary("SN1", "SN2", "SN3")
	for _, d := range l.devices[1:] {
		d.name = strings.Repeat(d.name, 600)
		d.pull()
	}
	l.replace("SKF_EnumDev", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
		code := before(a)
		l.devices[1].out, l.devices[2].out = false, false
		return code
	})
	if s := serials(t, l.module(t, skf.Profile{})); len(s) != 3 {
		t.Errorf("%q", s)
	}
}
