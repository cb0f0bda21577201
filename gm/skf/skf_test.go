package skf

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/gm"
)

func newKey(t testing.TB) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSizes: the sizes of GM/T 0016 with pack(1) and ULONG of 4 bytes.
func TestSizes(t *testing.T) {
	l, key := Standard, newKey(t)
	for name, c := range map[string]struct{ got, want int }{
		"DEVINFO":           {l.DeviceInfoSize(), 294},
		"ECCPUBLICKEYBLOB":  {len(must(l.PublicKey(&key.PublicKey))), 132},
		"ECCPRIVATEKEYBLOB": {len(l.PrivateKey(key)), 68},
		"ECCSIGNATUREBLOB":  {SignatureSize, 128},
		"ECCCIPHERBLOB":     {l.CipherSize(16), 164 + 16},
		"ENVELOPEDKEYBLOB":  {l.EnvelopedKeySize(16), 388},
		"BLOCKCIPHERPARAM":  {len(l.BlockCipherParam(BlockCipherParam{})), 44},
		"FILEATTRIBUTE":     {len(l.FileAttribute(FileAttribute{})), 44},
		"RSAPUBLICKEYBLOB":  {l.RSAPublicKeySize(), 268},
		"aligned DEVINFO":   {Layouts[1].DeviceInfoSize(), 296},
		"wide DEVINFO":      {Layouts[2].DeviceInfoSize(), 326},
		"both":              {Layouts[3].DeviceInfoSize(), 328},
		"wide public key":   {Layouts[2].PublicKeySize(), 136},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, c.got, c.want)
		}
	}
}

// TestDeviceInfo: every field lies where the standard has it.
func TestDeviceInfo(t *testing.T) {
	d := DeviceInfo{
		Version: Version{1, 2}, Manufacturer: "maker", Issuer: "issuer", Label: strings.Repeat("l", 32), Serial: "SN1",
		Hardware: Version{3, 4}, Firmware: Version{5, 6}, Symmetric: 7, Asymmetric: 8, Hash: 9, AuthAlgorithm: SM4ECB,
		TotalSpace: 1 << 16, FreeSpace: 1 << 15, MaxECCBuffer: 10, MaxBuffer: 11,
	}
	b := Standard.DeviceInfo(d)
	for at, want := range map[int]string{
		0: "\x01\x02", 2: "maker\x00", 66: "issuer\x00", 130: strings.Repeat("l", 32) + "SN1\x00", 194: "\x03\x04", 196: "\x05\x06",
		198: "\x07\x00\x00\x00", 202: "\x08\x00", 206: "\x09\x00", 210: "\x01\x04\x00\x00", 214: "\x00\x00\x01\x00", 218: "\x00\x80\x00\x00",
		222: "\x0a\x00", 226: "\x0b\x00\x00\x00\x00",
	} {
		if !bytes.HasPrefix(b[at:], []byte(want)) {
			t.Errorf("at %d: %x, want %x", at, b[at:at+len(want)], want)
		}
	}
	for _, l := range Layouts {
		if got, err := l.ParseDeviceInfo(l.DeviceInfo(d)); err != nil || got != d {
			t.Errorf("%+v: %+v, %v", l, got, err)
		}
		if _, err := l.ParseDeviceInfo(l.DeviceInfo(d)[:l.DeviceInfoSize()-1]); !errors.Is(err, ErrLayout) {
			t.Errorf("cut off: %v", err)
		}
	}
}

func TestPublicKey(t *testing.T) {
	key := newKey(t)
	for _, l := range Layouts {
		b := must(l.PublicKey(&key.PublicKey))
		if pub, err := l.ParsePublicKey(append(b, 1, 2, 3)); err != nil || !pub.Equal(&key.PublicKey) {
			t.Errorf("%+v: %v", l, err)
		}
		at := l.ULong
		if !zero(b[at:at+32]) || new32(b[at+32:]) != new32(key.X.FillBytes(make([]byte, 32))) {
			t.Errorf("%+v: X is not right-aligned", l)
		}
		left := bytes.Clone(b)
		for _, f := range [][]byte{left[at : at+64], left[at+64 : at+128]} {
			copy(f, f[32:])
			clear(f[32:])
		}
		if pub, err := l.ParsePublicKey(left); err != nil || !pub.Equal(&key.PublicKey) {
			t.Errorf("%+v, left-aligned: %v", l, err)
		}
		both := bytes.Clone(b)
		copy(both[at:], both[at+32:at+64])
		off := bytes.Clone(b)
		off[len(off)-1] ^= 1
		for name, bad := range map[string][]byte{"cut off": b[:len(b)-1], "nothing": nil, "zeros": make([]byte, len(b)), "512 bits": both, "no point": off} {
			if _, err := l.ParsePublicKey(bad); !errors.Is(err, ErrLayout) {
				t.Errorf("%+v, %s: %v", l, name, err)
			}
		}
		if got, err := l.ParsePrivateKey(l.PrivateKey(key)); err != nil || !got.Equal(key) {
			t.Errorf("%+v: %v", l, err)
		}
	}
	if _, err := Standard.PublicKey(nil); err == nil {
		t.Error("no key is written")
	}
}

func new32(b []byte) [32]byte { return [32]byte(b) }

func TestSignature(t *testing.T) {
	key := newKey(t)
	der := must(gm.Sign(rand.Reader, key, []byte("m")))
	b := must(Signature(der))
	back, err := ParseSignature(b)
	if err != nil || !bytes.Equal(back, der) {
		t.Errorf("%x, %v; want %x", back, err, der)
	}
	if _, err := ParseSignature(make([]byte, SignatureSize)); !errors.Is(err, ErrLayout) {
		t.Error("a signature of zero is read")
	}
	long := must(hex.DecodeString("3026022101" + strings.Repeat("00", 32) + "020101"))
	for name, bad := range map[string][]byte{"nothing": nil, "behind": append(der, 0), "negative": {0x30, 6, 2, 1, 0xff, 2, 1, 1}, "257 bits": long} {
		if _, err := Signature(bad); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCipher(t *testing.T) {
	key := newKey(t)
	der := must(gm.Seal(rand.Reader, &key.PublicKey, []byte("sixteen bytes...")))
	for _, l := range Layouts {
		b := must(l.Cipher(der))
		if len(b) != l.CipherSize(16) {
			t.Errorf("%+v: %d bytes", l, len(b))
		}
		back, err := l.ParseCipher(append(b, make([]byte, 50)...))
		if err != nil || !bytes.Equal(back, der) {
			t.Errorf("%+v: %v", l, err)
		}
		if _, err := l.ParseCipher(b[:len(b)-1]); !errors.Is(err, ErrLayout) {
			t.Errorf("%+v, cut off: %v", l, err)
		}
	}
}

// TestEnvelopedKey: both ways, with the key at either end of its field.
func TestEnvelopedKey(t *testing.T) {
	signing, enc := newKey(t), newKey(t)
	der := must(gm.EnvelopeKey(rand.Reader, &signing.PublicKey, enc))
	for _, l := range Layouts {
		for _, at := range []KeyAt{AtEnd, AtStart} {
			b := must(l.EnvelopedKey(der, at))
			if len(b) != l.EnvelopedKeySize(16) {
				t.Errorf("%d bytes", len(b))
			}
			if field := b[3*l.ULong:][:64]; zero(field[at:at+32]) || !zero(field[32-at:][:32]) {
				t.Errorf("%+v at %d: %x", l, at, field)
			}
			back, err := l.ParseEnvelopedKey(append(b, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			if opened, err := gm.OpenEnvelopedKey(signing, back); err != nil || !opened.Equal(enc) {
				t.Errorf("%+v at %d: %v", l, at, err)
			}
			for i := range 3 {
				bad := bytes.Clone(b)
				bad[i*l.ULong] ^= 3
				if _, err := l.ParseEnvelopedKey(bad); !errors.Is(err, ErrLayout) {
					t.Errorf("%+v, number %d changed: %v", l, i, err)
				}
			}
		}
	}
	if _, err := Standard.EnvelopedKey(make([]byte, gm.MaxEnvelope+1), AtEnd); !errors.Is(err, ErrLayout) {
		t.Error(err)
	}
}

func TestRSA(t *testing.T) {
	for _, bits := range []int{1024, 2048} {
		key := must(rsa.GenerateKey(rand.Reader, bits))
		for _, l := range Layouts {
			b := must(l.RSAPublicKey(&key.PublicKey))
			if pub, err := l.ParseRSAPublicKey(b); err != nil || !pub.Equal(&key.PublicKey) {
				t.Errorf("%+v, %d bits: %v", l, bits, err)
			}
			left := bytes.Clone(b)
			n := left[2*l.ULong:][:256]
			copy(n, n[256-bits/8:])
			clear(n[bits/8:])
			copy(left[2*l.ULong+256:], []byte{1, 0, 1, 0})
			if pub, err := l.ParseRSAPublicKey(left); err != nil || !pub.Equal(&key.PublicKey) {
				t.Errorf("%+v, %d bits, left-aligned: %v", l, bits, err)
			}
			if _, err := l.ParseRSAPublicKey(make([]byte, len(b))); !errors.Is(err, ErrLayout) {
				t.Error(err)
			}
		}
	}
}

func TestSmallStructures(t *testing.T) {
	a := FileAttribute{Name: "notes", Size: 300, Read: ByAnyone, Write: ByUser | ByAdmin}
	p := BlockCipherParam{IV: []byte("sixteen bytes..."), Padding: 1}
	for _, l := range Layouts {
		if got, err := l.ParseFileAttribute(l.FileAttribute(a)); err != nil || got != a {
			t.Errorf("%+v: %+v, %v", l, got, err)
		}
		got, err := l.ParseBlockCipherParam(l.BlockCipherParam(p))
		if err != nil || !bytes.Equal(got.IV, p.IV) || got.Padding != 1 {
			t.Errorf("%+v: %+v, %v", l, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string][]string{
		"\x00\x00": nil, "": nil, "a\x00bc\x00\x00": {"a", "bc"}, "a\x00bc\x00": {"a", "bc"}, "a": {"a"}, "a\x00\x00garbage": {"a"},
	} {
		if got, err := ParseNames([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
		if got, err := ParseNames(Names(want)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", want, got, err)
		}
	}
	if _, err := ParseNames(make([]byte, MaxNames+1)); !errors.Is(err, ErrLayout) {
		t.Error(err)
	}
}

func TestCodes(t *testing.T) {
	for c, want := range map[Code]string{
		OK: "0x00000000 SAR_OK", Fail: "0x0A000001 SAR_FAIL", KeyUsage: "0x0A00000A SAR_KEYUSAGEERR", InputData: "0x0A000011 SAR_INDATAERR",
		BufferTooSmall: "0x0A000020 SAR_BUFFER_TOO_SMALL", DeviceRemoved: "0x0A000023 SAR_DEVICE_REMOVED", PINIncorrect: "0x0A000024 SAR_PIN_INCORRECT",
		PINLength: "0x0A000027 SAR_PIN_LEN_RANGE", NotLoggedIn: "0x0A00002D SAR_USER_NOT_LOGGED_IN", NoRoom: "0x0A000030 SAR_NO_ROOM",
		ReachedMaxContainers: "0x0A000032 SAR_REACH_MAX_CONTAINER_COUNT", 0x0B000001: "0x0B000001",
	} {
		if c.String() != want {
			t.Errorf("%s, want %s", c, want)
		}
	}
}

// FuzzParse: whatever a library answers, it is read or refused, and what was
// read is written again as the same.
func FuzzParse(f *testing.F) {
	signing, enc := newKey(f), newKey(f)
	envelope := must(gm.EnvelopeKey(rand.Reader, &signing.PublicKey, enc))
	for i, l := range Layouts {
		f.Add(uint8(i), must(l.EnvelopedKey(envelope, AtEnd)))
		f.Add(uint8(i), must(l.PublicKey(&enc.PublicKey)))
		f.Add(uint8(i), must(l.Cipher(must(gm.Seal(rand.Reader, &enc.PublicKey, []byte("m"))))))
		f.Add(uint8(i), l.DeviceInfo(DeviceInfo{Serial: "1"}))
		f.Add(uint8(i), must(l.RSAPublicKey(&must(rsa.GenerateKey(rand.Reader, 1024)).PublicKey)))
	}
	f.Fuzz(func(t *testing.T, i uint8, b []byte) {
		l := Layouts[int(i)%len(Layouts)]
		if pub, err := l.ParsePublicKey(b); err == nil {
			if again, err := l.ParsePublicKey(must(l.PublicKey(pub))); err != nil || !again.Equal(pub) {
				t.Error(err)
			}
		}
		if der, err := l.ParseCipher(b); err == nil {
			if again, err := l.ParseCipher(must(l.Cipher(der))); err != nil || !bytes.Equal(again, der) {
				t.Error(err)
			}
		}
		if der, err := l.ParseEnvelopedKey(b); err == nil {
			if again, err := l.ParseEnvelopedKey(must(l.EnvelopedKey(der, AtEnd))); err != nil || !bytes.Equal(again, der) {
				t.Error(err)
			}
		}
		if der, err := ParseSignature(b); err == nil {
			if again, err := ParseSignature(must(Signature(der))); err != nil || !bytes.Equal(again, der) {
				t.Error(err)
			}
		}
		if pub, err := l.ParseRSAPublicKey(b); err == nil {
			if again, err := l.ParseRSAPublicKey(must(l.RSAPublicKey(pub))); err != nil || !again.Equal(pub) {
				t.Error(err)
			}
		}
		if d, err := l.ParseDeviceInfo(b); err == nil {
			if again, err := l.ParseDeviceInfo(l.DeviceInfo(d)); err != nil || again != d {
				t.Error(err)
			}
		}
		l.ParsePrivateKey(b)
		l.ParseFileAttribute(b)
		l.ParseBlockCipherParam(b)
		ParseNames(b)
		l.Cipher(b)
		l.EnvelopedKey(b, AtEnd)
		Signature(b)
	})
}
