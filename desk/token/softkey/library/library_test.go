package library

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
)

const (
	pin      = "Bright-1"
	adminPIN = "Admin-Bright-1"
	plugged  = "HT-1" // the file, and so the device, is called so
	name     = "certhall"
)

// plug makes a key in a folder of its own.
func plug(t *testing.T) (*Library, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, deviceFile)
	if err := softkey.Create(path, softkey.Options{
		Serial: "HT-2026-0001", Label: "海泰KEY", PIN: pin, AdminPIN: adminPIN, Room: 3, Tries: 3, Iterations: 1,
	}); err != nil {
		t.Fatal(err)
	}
	return New(Options{Folder: softkey.Folder(dir), Iterations: 1}), path
}

const deviceFile = plugged + softkey.Extension

// wants fails unless an error has the code.
func wants(t *testing.T, what string, err error, code skf.Code) {
	t.Helper()
	if got := CodeOf(err); got != code {
		t.Errorf("%s: %v (%v), want %v", what, got, err, code)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err, errors.Unwrap(err))
		}
		return v
	}
}

// connect opens device and application, with the user's PIN verified.
func connect(t *testing.T, l *Library) (dev, app Handle) {
	t.Helper()
	dev = must[Handle](t)(l.ConnectDev(plugged))
	app = must[Handle](t)(l.OpenApplication(dev, name))
	must[uint32](t)(l.VerifyPIN(app, uint32(skf.User), pin))
	return dev, app
}

// list reads a list of names as a client does: the length first.
func list(t *testing.T, enum func(*Out) error) []string {
	t.Helper()
	var o Out
	if err := enum(&o); err != nil {
		t.Fatal(err)
	}
	o = Out{Buffer: make([]byte, o.Length)}
	if err := enum(&o); err != nil {
		t.Fatal(err)
	}
	return must[[]string](t)(skf.ParseNames(o.Buffer))
}

// read calls a function that fills a buffer: first for the length, then with
// one byte too few, then rightly.
func read(t *testing.T, f func(*Out) error) []byte {
	t.Helper()
	var o Out
	if err := f(&o); err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	small := Out{Buffer: make([]byte, o.Length-1)}
	wants(t, "a buffer that is too small", f(&small), skf.BufferTooSmall)
	if small.Length != o.Length {
		t.Errorf("too small a buffer: %d wanted, not %d", small.Length, o.Length)
	}
	o.Buffer = make([]byte, o.Length)
	if err := f(&o); err != nil {
		t.Fatal(err)
	}
	return o.Buffer[:o.Length]
}

// TestLife walks through what a certificate's client does, from an empty key to
// two pairs that work.
func TestLife(t *testing.T) {
	l, _ := plug(t)
	if names := list(t, l.EnumDev); len(names) != 1 || names[0] != plugged {
		t.Fatal(names)
	}
	dev, app := connect(t, l)
	info := must[skf.DeviceInfo](t)(standard.ParseDeviceInfo(must[[]byte](t)(l.GetDevInfo(dev))))
	if info.Serial != "HT-2026-0001" || info.Label != "海泰KEY" || info.AuthAlgorithm != skf.SM4ECB {
		t.Errorf("%+v", info)
	}
	con := must[Handle](t)(l.CreateContainer(app, "one"))
	if k, err := l.GetContainerType(con); err != nil || k != skf.Empty {
		t.Error(k, err)
	}
	var none Out
	wants(t, "no key", l.ExportPublicKey(con, true, &none), skf.KeyNotFound)
	wants(t, "no certificate", l.ExportCertificate(con, true, &none), skf.CertificateNotFound)

	public := must[[]byte](t)(l.GenECCKeyPair(con, uint32(skf.SM2SignPrinted)))
	if got := read(t, func(o *Out) error { return l.ExportPublicKey(con, true, o) }); string(got) != string(public) {
		t.Error("the public key is another")
	}
	signing := must[*ecdsa.PublicKey](t)(standard.ParsePublicKey(public))
	e := make([]byte, 32)
	e[0] = 7
	signature := must[[]byte](t)(l.ECCSignData(con, e))
	wants(t, "verify", l.ECCVerify(dev, public, e, signature), skf.OK)
	e[0] = 8
	wants(t, "verify another", l.ECCVerify(dev, public, e, signature), skf.HashNotEqual)
	_, err := l.ECCSignData(con, e[:31])
	wants(t, "sign 31 bytes", err, skf.InputLength)

	wants(t, "certificate", l.ImportCertificate(con, true, []byte("a certificate")), skf.OK)
	if got := read(t, func(o *Out) error { return l.ExportCertificate(con, true, o) }); string(got) != "a certificate" {
		t.Errorf("%q", got)
	}

	secret := must[*sm2.PrivateKey](t)(sm2.GenerateKey(rand.Reader))
	der := must[[]byte](t)(gm.EnvelopeKey(rand.Reader, signing, secret))
	blob := must[[]byte](t)(standard.EnvelopedKey(der, skf.AtEnd))
	wants(t, "envelope", l.ImportECCKeyPair(con, blob), skf.OK)
	if k, err := l.GetContainerType(con); err != nil || k != skf.ECCContainer {
		t.Error(k, err)
	}
	encryption := read(t, func(o *Out) error { return l.ExportPublicKey(con, false, o) })
	sealed := must[[]byte](t)(l.ExtECCEncrypt(dev, encryption, []byte("hello")))
	if got := read(t, func(o *Out) error { return l.ECCDecrypt(con, EncryptionSpec, sealed, o) }); string(got) != "hello" {
		t.Errorf("%q", got)
	}
	wants(t, "decrypt by the other pair", l.ECCDecrypt(con, SigningSpec, sealed, &Out{Buffer: make([]byte, 99)}), skf.InputData)

	// a session key to the encryption pair, and back into the container
	wrapped, one, err := l.ECCExportSessionKey(con, uint32(skf.SM4CBC), encryption)
	if err != nil {
		t.Fatal(err)
	}
	two := must[Handle](t)(l.ImportSessionKey(con, uint32(skf.SM4CBC), wrapped))
	param := standard.BlockCipherParam(skf.BlockCipherParam{IV: make([]byte, 16), Padding: 1})
	wants(t, "encrypt without beginning", l.Encrypt(one, nil, &none), skf.NotInitialized)
	wants(t, "begin", l.EncryptInit(one, param), skf.OK)
	wants(t, "begin", l.DecryptInit(two, param), skf.OK)
	secretText := read(t, func(o *Out) error { return l.Encrypt(one, []byte("a text of any length"), o) })
	plain := Out{Buffer: make([]byte, len(secretText))}
	wants(t, "decrypt", l.Decrypt(two, secretText, &plain), skf.OK)
	if got := string(plain.Buffer[:plain.Length]); got != "a text of any length" {
		t.Errorf("%q", got)
	}

	// clients close the container after its application
	wants(t, "close", l.CloseApplication(app), skf.OK)
	wants(t, "close", l.CloseContainer(con), skf.OK)
	wants(t, "close again", l.CloseContainer(con), skf.OK)
	_, err = l.ECCSignData(con, e)
	wants(t, "a stale handle", err, skf.InvalidHandle)
	wants(t, "disconnect", l.DisConnectDev(dev), skf.OK)
	wants(t, "disconnect again", l.DisConnectDev(dev), skf.OK)
	wants(t, "a key of a closed device", l.EncryptInit(one, param), skf.InvalidHandle)
	wants(t, "a handle never given", l.DisConnectDev(99), skf.InvalidHandle)
}

// TestGenerateDestroys: as real keys do, GenECCKeyPair in a used container takes
// the old pair away and leaves its certificate.
func TestGenerateDestroys(t *testing.T) {
	l, _ := plug(t)
	dev, app := connect(t, l)
	con := must[Handle](t)(l.CreateContainer(app, "one"))
	old := must[[]byte](t)(l.GenECCKeyPair(con, uint32(skf.SM2Sign)))
	wants(t, "certificate", l.ImportCertificate(con, true, []byte("of the old key")), skf.OK)
	must[[]byte](t)(l.GenECCKeyPair(con, uint32(skf.SM2Sign)))
	signature := must[[]byte](t)(l.ECCSignData(con, make([]byte, 32)))
	wants(t, "verify by the old key", l.ECCVerify(dev, old, make([]byte, 32), signature), skf.HashNotEqual)
	if got := read(t, func(o *Out) error { return l.ExportCertificate(con, true, o) }); string(got) != "of the old key" {
		t.Errorf("%q", got)
	}
}

// TestEnvelopes: the encrypted key is found at either end of its field, under
// SM1's identifier too; one that does not fit its public half is refused and
// changes nothing.
func TestEnvelopes(t *testing.T) {
	l, _ := plug(t)
	_, app := connect(t, l)
	con := must[Handle](t)(l.CreateContainer(app, "one"))
	signing := must[*ecdsa.PublicKey](t)(standard.ParsePublicKey(must[[]byte](t)(l.GenECCKeyPair(con, uint32(skf.SM2Sign)))))
	secret := must[*sm2.PrivateKey](t)(sm2.GenerateKey(rand.Reader))
	der := must[[]byte](t)(gm.EnvelopeKey(rand.Reader, signing, secret))
	atEnd := must[[]byte](t)(standard.EnvelopedKey(der, skf.AtEnd))

	wrong := append([]byte(nil), atEnd...)
	wrong[12+63] ^= 1
	wants(t, "d·G is another", l.ImportECCKeyPair(con, wrong), skf.InputData)
	var none Out
	wants(t, "nothing was written", l.ExportPublicKey(con, false, &none), skf.KeyNotFound)
	wants(t, "cut off", l.ImportECCKeyPair(con, atEnd[:200]), skf.InputLength)

	garbage := must[[]byte](t)(standard.EnvelopedKey(der, skf.AtStart))
	garbage[12+40] = 9 // what is not the key need not be zero
	sm1 := append([]byte(nil), atEnd...)
	binary.LittleEndian.PutUint32(sm1[4:], uint32(skf.SM1ECB))
	for what, blob := range map[string][]byte{
		"at the end": atEnd, "at the beginning": must[[]byte](t)(standard.EnvelopedKey(der, skf.AtStart)),
		"at the beginning, garbage at the end": garbage, "SM1": sm1,
	} {
		wants(t, what, l.ImportECCKeyPair(con, blob), skf.OK)
	}
	got := read(t, func(o *Out) error { return l.ExportPublicKey(con, false, o) })
	if string(got) != string(must[[]byte](t)(standard.PublicKey(&secret.PublicKey))) {
		t.Error("another key was imported")
	}
}

// authenticate proves the device's key as clients do: random numbers of so many
// bytes, padded with zeros, under the key.
func authenticate(t *testing.T, l *Library, dev Handle, key []byte, a skf.Algorithm, n int) error {
	t.Helper()
	question := make([]byte, sm4.BlockSize)
	wants(t, "random", l.GenRandom(dev, question[:n]), skf.OK)
	h := must[Handle](t)(l.SetSymmKey(dev, key, uint32(a)))
	wants(t, "begin", l.EncryptInit(h, standard.BlockCipherParam(skf.BlockCipherParam{})), skf.OK)
	answer := Out{Buffer: make([]byte, sm4.BlockSize)}
	wants(t, "encrypt", l.Encrypt(h, question, &answer), skf.OK)
	wants(t, "close", l.CloseHandle(h), skf.OK)
	return l.DevAuth(dev, answer.Buffer)
}

// TestDeviceAuthentication: applications are made by those who know the
// device's key, which is zeros at first.
func TestDeviceAuthentication(t *testing.T) {
	l, _ := plug(t)
	dev, _ := connect(t, l)
	second := NewApplication{Name: "second", PIN: pin, AdminPIN: adminPIN, Tries: 5, AdminTries: 5, FileRights: uint32(skf.ByUser)}
	_, err := l.CreateApplication(dev, second)
	wants(t, "not authenticated", err, skf.NotLoggedIn)
	wants(t, "not authenticated", l.DeleteApplication(dev, name), skf.NotLoggedIn)
	wants(t, "not authenticated", l.ChangeDevAuthKey(dev, make([]byte, 16)), skf.NotLoggedIn)

	zeros, ones := make([]byte, 16), []byte("1111111111111111")
	wants(t, "no question", l.DevAuth(dev, zeros), skf.Fail)
	wants(t, "another key", authenticate(t, l, dev, ones, skf.SM4ECB, 16), skf.Fail)
	wants(t, "eight bytes, SM1", authenticate(t, l, dev, zeros, skf.SM1ECB, 8), skf.OK)
	wants(t, "sixteen bytes", authenticate(t, l, dev, zeros, skf.SM4ECB, 16), skf.OK)
	wants(t, "the question once more", l.DevAuth(dev, zeros), skf.Fail)

	wants(t, "change", l.ChangeDevAuthKey(dev, ones), skf.OK)
	wants(t, "the old key", authenticate(t, l, dev, zeros, skf.SM4ECB, 16), skf.Fail)
	wants(t, "the new key", authenticate(t, l, dev, ones, skf.SM4ECB, 8), skf.OK)

	app := must[Handle](t)(l.CreateApplication(dev, second))
	if names := list(t, func(o *Out) error { return l.EnumApplication(dev, o) }); len(names) != 2 {
		t.Error(names)
	}
	_, err = l.CreateApplication(dev, second)
	wants(t, "again", err, skf.ApplicationExists)
	must[uint32](t)(l.VerifyPIN(app, uint32(skf.User), pin))
	wants(t, "delete", l.DeleteApplication(dev, "second"), skf.OK)
	_, err = l.CreateContainer(app, "x")
	wants(t, "in a deleted application", err, skf.ApplicationMissing)
	_, err = l.OpenApplication(dev, "second")
	wants(t, "open a deleted application", err, skf.ApplicationMissing)
	// under the same name, nobody is logged in
	again := must[Handle](t)(l.CreateApplication(dev, second))
	_, err = l.CreateContainer(again, "x")
	wants(t, "without a PIN", err, skf.NotLoggedIn)
}

// TestPINs: the codes, and the tries that are told.
func TestPINs(t *testing.T) {
	l, _ := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	app := must[Handle](t)(l.OpenApplication(dev, name))
	user, admin := uint32(skf.User), uint32(skf.Admin)
	verify := func(kind uint32, p string, code skf.Code, left uint32) {
		t.Helper()
		tries, err := l.VerifyPIN(app, kind, p)
		wants(t, p, err, code)
		if tries != left {
			t.Errorf("%s: %d tries left, want %d", p, tries, left)
		}
	}
	verify(user, "12345", skf.PINLength, 3)
	verify(user, "wrong-1", skf.PINIncorrect, 2)
	if i, err := l.GetPINInfo(app, user); err != nil || i != (PINInfo{3, 2}) {
		t.Error(i, err)
	}
	verify(user, pin, skf.OK, 3)
	verify(user, pin, skf.OK, 3) // logged in already
	_, err := l.VerifyPIN(app, 7, pin)
	wants(t, "whose?", err, skf.UserTypeInvalid)

	tries, err := l.ChangePIN(app, user, "wrong-1", "Bright-2")
	wants(t, "change by a wrong one", err, skf.PINIncorrect)
	if tries != 2 {
		t.Error(tries)
	}
	verify(user, pin, skf.OK, 3)
	_, err = l.ChangePIN(app, user, pin, "Bright-2")
	wants(t, "change", err, skf.OK)
	must[Handle](t)(l.CreateContainer(app, "still logged in"))
	wants(t, "log out", l.ClearSecureState(app), skf.OK)
	_, err = l.CreateContainer(app, "logged out")
	wants(t, "logged out", err, skf.NotLoggedIn)

	verify(user, "wrong-1", skf.PINIncorrect, 2)
	verify(user, "wrong-1", skf.PINIncorrect, 1)
	verify(user, "wrong-1", skf.PINLocked, 0)
	verify(user, "Bright-2", skf.PINLocked, 0)
	tries, err = l.UnblockPIN(app, "wrong-admin", "Bright-3")
	wants(t, "unblock", err, skf.PINIncorrect)
	if tries != softkey.DefaultTries-1 {
		t.Error(tries)
	}
	_, err = l.UnblockPIN(app, adminPIN, "Bright-3")
	wants(t, "unblock", err, skf.OK)
	verify(user, "Bright-3", skf.OK, 3)
	verify(admin, adminPIN, skf.OK, softkey.DefaultTries)
	_, err = l.ChangePIN(app, admin, adminPIN, "Admin-2")
	wants(t, "change the administrator's", err, skf.OK)
	verify(admin, "Admin-2", skf.OK, softkey.DefaultTries)
}

// TestMaker: whoever made the key unlocks it by question and answer; an answer
// to another question, or by another secret, does not.
func TestMaker(t *testing.T) {
	l, path := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	app := must[Handle](t)(l.OpenApplication(dev, name))
	wants(t, "a key without a maker's secret", l.GenUnlockRequest(app, &Out{Buffer: make([]byte, 99)}), skf.NotSupported)

	secret := []byte("a secret of the maker's")
	made := filepath.Join(filepath.Dir(path), "made"+softkey.Extension)
	if err := softkey.Create(made, softkey.Options{PIN: pin, Tries: 1, MakerSecret: secret, Iterations: 1}); err != nil {
		t.Fatal(err)
	}
	dev = must[Handle](t)(l.ConnectDev("made"))
	app = must[Handle](t)(l.OpenApplication(dev, name))
	_, err := l.VerifyPIN(app, uint32(skf.User), "wrong-1")
	wants(t, "lock", err, skf.PINLocked)

	ask := func() []byte { return read(t, func(o *Out) error { return l.GenUnlockRequest(app, o) }) }
	answer := func(secret, question []byte) []byte {
		return must[[]byte](t)(softkey.Answer(rand.Reader, secret, question))
	}
	unlock := func(what string, answer []byte, next string, code skf.Code) {
		t.Helper()
		_, err := l.UnlockByResponse(app, answer, next)
		wants(t, what, err, code)
	}
	unlock("no question", answer(secret, ask()), "1", skf.PINLength)
	unlock("another secret", answer([]byte("another secret, as long"), ask()), "Bright-2", skf.PINIncorrect)
	old := answer(secret, ask())
	unlock("garbage", []byte("garbage"), "Bright-2", skf.PINIncorrect)
	unlock("a question that was answered", old, "Bright-2", skf.PINIncorrect)
	ask()
	unlock("an answer to another question", old, "Bright-2", skf.PINIncorrect)
	unlock("the answer", answer(secret, ask()), "Bright-2", skf.OK)
	must[uint32](t)(l.VerifyPIN(app, uint32(skf.User), "Bright-2"))
	must[Handle](t)(l.CreateContainer(app, "one"))
}

// TestFiles: rights, bounds and names.
func TestFiles(t *testing.T) {
	l, _ := plug(t)
	_, app := connect(t, l)
	anyone, user, admin := uint32(skf.ByAnyone), uint32(skf.ByUser), uint32(skf.ByAdmin)
	wants(t, "create", l.CreateFile(app, "notes", 10, anyone, user), skf.OK)
	wants(t, "create", l.CreateFile(app, "secret", 10, admin, admin), skf.OK)
	wants(t, "create again", l.CreateFile(app, "notes", 10, anyone, user), skf.FileExists)
	wants(t, "a long name", l.CreateFile(app, "a name of more than thirty-two bytes", 10, anyone, user), skf.NameLength)
	wants(t, "too much", l.CreateFile(app, "big", 1<<30, anyone, user), skf.NoRoom)
	wants(t, "write", l.WriteFile(app, "notes", 3, []byte("hello")), skf.OK)
	wants(t, "write behind the end", l.WriteFile(app, "notes", 6, []byte("hello")), skf.InvalidParameter)
	wants(t, "write what the administrator may", l.WriteFile(app, "secret", 0, []byte("x")), skf.NotLoggedIn)
	if got := read(t, func(o *Out) error { return l.ReadFile(app, "notes", 3, 100, o) }); string(got) != "hello\x00\x00" {
		t.Errorf("%q", got)
	}
	a := must[skf.FileAttribute](t)(standard.ParseFileAttribute(must[[]byte](t)(l.GetFileInfo(app, "notes"))))
	if a != (skf.FileAttribute{Name: "notes", Size: 10, Read: skf.ByAnyone, Write: skf.ByUser}) {
		t.Errorf("%+v", a)
	}
	if names := list(t, func(o *Out) error { return l.EnumFiles(app, o) }); len(names) != 2 {
		t.Error(names)
	}
	wants(t, "delete", l.DeleteFile(app, "notes"), skf.OK)
	wants(t, "delete again", l.DeleteFile(app, "notes"), skf.FileMissing)
}

// TestFull: a full key says so and loses nothing.
func TestFull(t *testing.T) {
	l, _ := plug(t)
	_, app := connect(t, l)
	for _, name := range []string{"a", "b", "c"} {
		must[Handle](t)(l.CreateContainer(app, name))
	}
	_, err := l.CreateContainer(app, "d")
	wants(t, "full", err, skf.NoRoom)
	_, err = l.CreateContainer(app, "a")
	wants(t, "again", err, skf.FileExists)
	wants(t, "delete", l.DeleteContainer(app, "b"), skf.OK)
	wants(t, "delete again", l.DeleteContainer(app, "b"), skf.FileMissing)
	if names := list(t, func(o *Out) error { return l.EnumContainer(app, o) }); len(names) != 2 {
		t.Error(names)
	}
}

// TestRemoved: a file that is taken away is a device taken out, for every
// handle, and a new one when it comes back.
func TestRemoved(t *testing.T) {
	l, path := plug(t)
	dev, app := connect(t, l)
	con := must[Handle](t)(l.CreateContainer(app, "one"))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	_, err := l.GenECCKeyPair(con, uint32(skf.SM2Sign))
	wants(t, "generate", err, skf.DeviceRemoved)
	wants(t, "random", l.GenRandom(dev, make([]byte, 8)), skf.DeviceRemoved)
	_, err = l.ConnectDev(plugged)
	wants(t, "connect", err, skf.DeviceRemoved)
	if s, err := l.GetDevState(plugged); err != nil || s != Absent {
		t.Error(s, err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	_, err = l.ECCSignData(con, make([]byte, 32))
	wants(t, "an old handle", err, skf.DeviceRemoved)
	again := must[Handle](t)(l.ConnectDev(plugged))
	app = must[Handle](t)(l.OpenApplication(again, name))
	_, err = l.CreateContainer(app, "two")
	wants(t, "logged out by being taken out", err, skf.NotLoggedIn)
}

// TestDamaged: a file that is no key any more is a file error, and no device.
func TestDamaged(t *testing.T) {
	l, path := plug(t)
	_, app := connect(t, l)
	raw := must[[]byte](t)(os.ReadFile(path))
	if err := os.WriteFile(path, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := l.CreateContainer(app, "one")
	wants(t, "cut off", err, skf.FileError)
	if names := list(t, l.EnumDev); len(names) != 0 {
		t.Error(names)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	must[Handle](t)(l.CreateContainer(app, "one"))
}

// TestMadeAnew: another program makes the key, or the application, anew under
// the old name.
func TestMadeAnew(t *testing.T) {
	l, path := plug(t)
	dev, app := connect(t, l)
	other := must[*softkey.Device](t)(softkey.OpenDevice(path))
	remove := func() {
		if err := other.DeleteApplication(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	again := func(pin string) {
		must[*softkey.Key](t)(other.CreateApplication(t.Context(), softkey.Application{Name: name, PIN: pin, Iterations: 1}))
	}
	remove()
	again(pin)
	_, err := l.CreateContainer(app, "one")
	wants(t, "made anew behind a login", err, skf.NotLoggedIn)
	must[uint32](t)(l.VerifyPIN(app, uint32(skf.User), pin))
	remove()
	_, err = l.CreateContainer(app, "one")
	wants(t, "deleted", err, skf.ApplicationMissing)
	again("Another-1")
	_, err = l.CreateContainer(app, "one")
	wants(t, "made anew", err, skf.NotLoggedIn)
	_, err = l.VerifyPIN(app, uint32(skf.User), pin)
	wants(t, "the old PIN", err, skf.PINIncorrect)

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := softkey.Create(path, softkey.Options{Serial: "OTHER", PIN: pin, Iterations: 1}); err != nil {
		t.Fatal(err)
	}
	wants(t, "another key in its place", l.GenRandom(dev, make([]byte, 8)), skf.DeviceRemoved)
}

// TestClosedHandlesTakeNoMemory: programs run for days, and close what they open.
func TestClosedHandlesTakeNoMemory(t *testing.T) {
	l, _ := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const rounds, each = 100_000, 4 // bytes that one handle may leave behind
	for range rounds {
		wants(t, "close", l.CloseHandle(must[Handle](t)(l.SetSymmKey(dev, make([]byte, KeyLength), uint32(skf.SM4ECB)))), skf.OK)
	}
	if after := heap(); after > before+rounds*each {
		t.Errorf("%d bytes, were %d", after, before)
	}
	runtime.KeepAlive(l)
}
