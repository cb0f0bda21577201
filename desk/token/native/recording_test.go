package native_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/native/nativetest"
)

const pin, plaintext = "135790", "a plaintext"

// token is a library with one device, whose list of names is longer the second time.
func device() native.Library {
	names := []string{"K1\x00\x00", "K1\x00K2\x00\x00"}
	listed := 0
	return nativetest.Fake{
		"Enum": func(a []native.Arg) uint32 {
			if a[0].Bytes == nil {
				listed++
			}
			return nativetest.Fill(a[0], a[1], []byte(names[min(listed, len(names))-1]), 0x20)
		},
		"Connect": func(a []native.Arg) uint32 { *a[1].Ref = 0x7f0012345678; return 0 },
		"Login": func(a []native.Arg) uint32 {
			if string(a[1].Bytes) != pin+"\x00" {
				*a[2].Number = 5
				return 0x24
			}
			return 0
		},
		"Decrypt": func(a []native.Arg) uint32 { copy(a[1].Bytes, plaintext); return 0 },
		"Slots":   func(a []native.Arg) uint32 { copy(a[0].Numbers, []uint64{3, 9}); return 0 },
		"Objects": func(a []native.Arg) uint32 { copy(a[0].Refs, []native.Ref{77, 78}); return 0 },
		"Get": func(a []native.Arg) uint32 {
			for i := range a[1].Attributes {
				t := &a[1].Attributes[i]
				t.Length = int64(copy(t.Value, "a value that is known"))
			}
			return 0
		},
		"Random": func(a []native.Arg) uint32 { copy(a[0].Bytes, "random"); return 0 },
		"Crash":  func([]native.Arg) uint32 { panic("crash") },
	}
}

// use calls as a driver does, and gives all that was answered.
func use(l native.Library, tryPIN string) string {
	var said strings.Builder
	say := func(code uint32, all ...any) {
		said.WriteString(hex.EncodeToString([]byte{byte(code >> 24), byte(code)}))
		for _, v := range all {
			switch v := v.(type) {
			case []byte:
				said.Write(v)
			case uint64:
				said.WriteByte(byte('0' + v))
			}
		}
	}
	for range 3 {
		var n uint64
		code := l.Call("Enum", native.Out(nil), native.ULong(&n))
		say(code, n)
		b := make([]byte, n)
		code = l.Call("Enum", native.Out(b), native.ULong(&n))
		say(code, n, b)
	}
	var h native.Ref
	say(l.Call("Connect", native.Text("K1"), native.Handle(&h)))
	var tries uint64
	say(l.Call("Login", native.Use(h), native.Secret([]byte(tryPIN+"\x00")), native.ULong(&tries), native.Word(uint64(len(tryPIN)))), tries)
	hidden := make([]byte, 20)
	say(l.Call("Decrypt", native.Use(h), native.Hidden(hidden)))
	slots := make([]uint64, 2)
	say(l.Call("Slots", native.ULongs(slots)), slots[0], slots[1])
	objects := make([]native.Ref, 2)
	say(l.Call("Objects", native.Handles(objects)))
	asked := []native.Attribute{{Type: 1, Value: make([]byte, 30)}, {Type: 2, Value: make([]byte, 30), Secret: true}}
	say(l.Call("Get", native.Use(objects[1]), native.Answers(asked)), uint64(asked[0].Length), asked[0].Value)
	say(l.Call("Nowhere"))
	if l.Has("Enum") && !l.Has("Nowhere") {
		say(1)
	}
	return said.String()
}

// TestRecordAndPlay: what stands in for the library answers as it did, whatever
// PIN is given.
func TestRecordAndPlay(t *testing.T) {
	var file bytes.Buffer
	recorded := use(native.Record(device(), "acme", &file), pin)
	for name, secret := range map[string]string{"the PIN": pin, "a plaintext": plaintext, "a handle": "7f0012345678", "its number": "139637976"} {
		if strings.Contains(file.String(), secret) || strings.Contains(file.String(), hex.EncodeToString([]byte(secret))) {
			t.Errorf("%s is in the recording:\n%s", name, file.String())
		}
	}
	if strings.Count(file.String(), hex.EncodeToString([]byte("a value"))) != 1 {
		t.Error("a secret attribute is in the recording, or one that is none is not")
	}
	for _, p := range []string{pin, "000000", "12345678"} {
		l, err := native.Play(bytes.NewReader(file.Bytes()), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if played := use(l, p); played != recorded {
			t.Errorf("played:   %q\nrecorded: %q", played, recorded)
		}
	}
}

// TestNoIdentityNumbers: a certificate in a recording does not tell whose it is
// by the number of an identity card, and is as long as it was.
func TestNoIdentityNumbers(t *testing.T) {
	const card, serial = "11010519491231002X", "202611269912310021"
	certificate := []byte("\x30\x24\x13\x12" + card + "1\x0b\x0c\x12" + serial + "0")
	get := func(l native.Library, name string) []byte {
		b := make([]byte, len(certificate))
		a := []native.Attribute{{Type: 1, Value: make([]byte, len(certificate))}}
		if code := l.Call("Get", native.Text(name), native.Out(b), native.Answers(a)); code != 0 || !bytes.Equal(a[0].Value, b) {
			t.Fatalf("%#x %q %q", code, b, a[0].Value)
		}
		return b
	}
	var file bytes.Buffer
	got := get(native.Record(nativetest.Fake{"Get": func(a []native.Arg) uint32 {
		a[2].Attributes[0].Length = int64(copy(a[2].Attributes[0].Value, certificate))
		copy(a[1].Bytes, certificate)
		return 0
	}}, "acme", &file), card)
	if !bytes.Equal(got, certificate) {
		t.Errorf("who records is answered %q", got)
	}
	if strings.Contains(file.String(), hex.EncodeToString([]byte(card[2:]))) {
		t.Errorf("the number is in the recording:\n%s", file.String())
	}
	l, err := native.Play(&file, "acme")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(certificate), card, "110000000000000000", 1)
	if played := get(l, card); string(played) != want {
		t.Errorf("played: %q, want %q", played, want)
	}
}

// TestPlayOtherwise: calls with other arguments, calls that were not recorded,
// and the one in which the library ended.
func TestPlayOtherwise(t *testing.T) {
	var file bytes.Buffer
	r := native.Record(device(), "acme", &file)
	b := make([]byte, 6)
	r.Call("Random", native.Out(b))
	r.Call("Connect", native.Text("K1"), native.Handle(new(native.Ref)))
	func() {
		defer func() { _ = recover() }()
		r.Call("Crash")
	}()
	l, err := native.Play(&file, "acme")
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if code := l.Call("Random", native.Out(b)); code != 0 || string(b) != "random" {
		t.Errorf("%#x %q", code, b)
	}
	var h native.Ref
	if code := l.Call("Connect", native.Text("K2"), native.Handle(&h)); code != 0 || h == 0 {
		t.Errorf("%#x %v", code, h)
	}
	if code := l.Call("Crash"); code != native.Unreturned {
		t.Errorf("%#x", code)
	}
	if code := l.Call("Random", native.Out(b[:2])); code != native.Unrecorded {
		t.Errorf("a buffer that is too small: %#x", code)
	}
	if code := l.Call("Login"); code != native.Missing {
		t.Errorf("%#x", code)
	}
}

func TestPlayRefuses(t *testing.T) {
	for name, file := range map[string]string{"garbage": "{", "another's": `{"library":"other","call":"a"}`, "code": `{"library":"acme","call":"a"}` + "\n" + `{"library":"acme","code":"x"}`} {
		if _, err := native.Play(strings.NewReader(file), "acme"); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
