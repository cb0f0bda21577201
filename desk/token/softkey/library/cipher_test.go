package library

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"testing"

	gmcipher "github.com/emmansun/gmsm/cipher"
	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
)

// key is a session key with a stream in both directions.
func key(t *testing.T, l *Library, dev Handle, secret []byte, a skf.Algorithm, p skf.BlockCipherParam) Handle {
	t.Helper()
	h := must[Handle](t)(l.SetSymmKey(dev, secret, uint32(a)))
	wants(t, "begin", l.EncryptInit(h, standard.BlockCipherParam(p)), skf.OK)
	wants(t, "begin", l.DecryptInit(h, standard.BlockCipherParam(p)), skf.OK)
	return h
}

// filled calls a function that fills a buffer of so many bytes.
func filled(t *testing.T, n int, f func(*Out) error) []byte {
	t.Helper()
	o := Out{Buffer: make([]byte, n)}
	if err := f(&o); err != nil {
		t.Fatal(err)
	}
	return o.Buffer[:o.Length]
}

// TestSM4 encrypts the example of GB/T 32907, annex A.
func TestSM4(t *testing.T) {
	l, _ := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	block := must[[]byte](t)(hex.DecodeString("0123456789abcdeffedcba9876543210"))
	h := key(t, l, dev, block, skf.SM4ECB, skf.BlockCipherParam{})
	if got := hex.EncodeToString(filled(t, 16, func(o *Out) error { return l.Encrypt(h, block, o) })); got != "681edf34d206965e86b3e94f536e4246" {
		t.Error(got)
	}
}

// TestStreams: whatever pieces a text comes in, in every mode, with padding and
// without, the same comes out, and it decrypts.
func TestStreams(t *testing.T) {
	l, _ := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	text := bytes.Repeat([]byte("0123456789abcdef"), 5)
	iv := []byte("fedcba9876543210")
	for _, a := range []skf.Algorithm{skf.SM4ECB, skf.SM4CBC, skf.SM4CFB, skf.SM4OFB} {
		for padding := range uint32(2) {
			if padding == 1 && (a == skf.SM4CFB || a == skf.SM4OFB) {
				continue
			}
			text := text[:len(text)-7*int(padding)]
			h := key(t, l, dev, iv, a, skf.BlockCipherParam{IV: iv, Padding: padding})
			whole := filled(t, 99, func(o *Out) error { return l.Encrypt(h, text, o) })
			again := read(t, func(o *Out) error { return l.Encrypt(h, text, o) })
			if !bytes.Equal(whole, again) {
				t.Errorf("%#x: a second text begins otherwise", a)
			}
			for _, piece := range []int{1, 15, 16, 17, 40} {
				pieces := func(in []byte, update func(Handle, []byte, *Out) error, final func(Handle, *Out) error) (out []byte) {
					for len(in) > 0 {
						n := min(piece, len(in))
						out = append(out, filled(t, 99, func(o *Out) error { return update(h, in[:n], o) })...)
						in = in[n:]
					}
					return append(out, filled(t, 99, func(o *Out) error { return final(h, o) })...)
				}
				if got := pieces(text, l.EncryptUpdate, l.EncryptFinal); !bytes.Equal(got, whole) {
					t.Errorf("%#x, pieces of %d: %x, want %x", a, piece, got, whole)
				}
				if got := pieces(whole, l.DecryptUpdate, l.DecryptFinal); !bytes.Equal(got, text) {
					t.Errorf("%#x, pieces of %d: %q", a, piece, got)
				}
			}
		}
	}
}

// TestPadding: what is not padded rightly, or not whole blocks, is refused; a
// buffer too small for a padded text may be followed by a larger one.
func TestPadding(t *testing.T) {
	l, _ := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	iv := make([]byte, 16)
	h := key(t, l, dev, iv, skf.SM4CBC, skf.BlockCipherParam{IV: iv, Padding: 1})
	whole := filled(t, 99, func(o *Out) error { return l.Encrypt(h, []byte("twenty bytes of text"), o) })
	wants(t, "garbled", l.Decrypt(h, append(bytes.Clone(whole[:31]), whole[31]^1), &Out{Buffer: make([]byte, 99)}), skf.DecryptPadding)
	wants(t, "cut off", l.Decrypt(h, whole[:31], &Out{Buffer: make([]byte, 99)}), skf.InputLength)
	wants(t, "nothing", l.Decrypt(h, nil, &Out{Buffer: make([]byte, 99)}), skf.InputLength)
	for range 2 {
		small := Out{Buffer: make([]byte, 19)}
		wants(t, "too small", l.Decrypt(h, whole, &small), skf.BufferTooSmall)
		if small.Length != 20 {
			t.Error(small.Length)
		}
	}
	head := filled(t, 99, func(o *Out) error { return l.DecryptUpdate(h, whole, o) })
	for range 2 {
		wants(t, "too small", l.DecryptFinal(h, &Out{Buffer: make([]byte, 3)}), skf.BufferTooSmall)
	}
	tail := filled(t, 4, func(o *Out) error { return l.DecryptFinal(h, o) })
	if string(head)+string(tail) != "twenty bytes of text" {
		t.Errorf("%q %q", head, tail)
	}
}

// TestMac is the last block of CBC.
func TestMac(t *testing.T) {
	l, _ := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	secret, iv, text := []byte("0123456789abcdef"), []byte("fedcba9876543210"), bytes.Repeat([]byte("x"), 48)
	want := make([]byte, len(text))
	block, err := sm4.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(want, text)
	k := must[Handle](t)(l.SetSymmKey(dev, secret, uint32(skf.SM4MAC)))
	h := must[Handle](t)(l.MacInit(k, standard.BlockCipherParam(skf.BlockCipherParam{IV: iv})))
	for range 2 {
		if got := read(t, func(o *Out) error { return l.Mac(h, text, o) }); !bytes.Equal(got, want[32:]) {
			t.Errorf("%x", got)
		}
	}
	for _, b := range text {
		wants(t, "update", l.MacUpdate(h, []byte{b}), skf.OK)
	}
	if got := read(t, func(o *Out) error { return l.MacFinal(h, o) }); !bytes.Equal(got, want[32:]) {
		t.Errorf("%x", got)
	}
	wants(t, "no whole block", l.Mac(h, text[:17], &Out{Buffer: make([]byte, 16)}), skf.InputLength)
}

// TestDigests: SM3 alone, with Z, and SHA-256, whole and in pieces.
func TestDigests(t *testing.T) {
	l, _ := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	h := must[Handle](t)(l.DigestInit(dev, uint32(skf.SM3), nil, nil))
	if got := read(t, func(o *Out) error { return l.Digest(h, []byte("abc"), o) }); !bytes.Equal(got, gm.SM3([]byte("abc"))) {
		t.Errorf("%x", got)
	}
	wants(t, "update", l.DigestUpdate(h, []byte("a")), skf.OK)
	wants(t, "update", l.DigestUpdate(h, []byte("bc")), skf.OK)
	if got := read(t, func(o *Out) error { return l.DigestFinal(h, o) }); !bytes.Equal(got, gm.SM3([]byte("abc"))) {
		t.Errorf("%x", got)
	}
	h = must[Handle](t)(l.DigestInit(dev, uint32(skf.SHA256), nil, nil))
	want := sha256.Sum256([]byte("abc"))
	if got := read(t, func(o *Out) error { return l.Digest(h, []byte("abc"), o) }); !bytes.Equal(got, want[:]) {
		t.Errorf("%x", got)
	}
	_, err := l.DigestInit(dev, 77, nil, nil)
	wants(t, "unknown", err, skf.NotSupported)
}

// TestRSA: a signing pair is made, an encryption pair comes enveloped.
func TestRSA(t *testing.T) {
	l, _ := plug(t)
	dev, app := connect(t, l)
	con := must[Handle](t)(l.CreateContainer(app, "rsa"))
	_, err := l.GenRSAKeyPair(con, 1024)
	wants(t, "a short key", err, skf.RSAModulusLength)
	public := must[[]byte](t)(l.GenRSAKeyPair(con, 2048))
	signature := filled(t, 256, func(o *Out) error { return l.RSASignData(con, []byte("a digest"), o) })
	wants(t, "verify", l.RSAVerify(dev, public, []byte("a digest"), signature), skf.OK)
	wants(t, "verify another", l.RSAVerify(dev, public, []byte("another"), signature), skf.HashNotEqual)
	wants(t, "too long", l.RSASignData(con, make([]byte, 246), &Out{}), skf.InputLength)

	escrowed := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	der := x509.MarshalPKCS1PrivateKey(escrowed)
	session := []byte("0123456789abcdef")
	to := must[*rsa.PublicKey](t)(standard.ParseRSAPublicKey(public))
	wrapped := must[[]byte](t)(rsa.EncryptPKCS1v15(rand.Reader, to, session))
	block, err := sm4.NewCipher(session)
	if err != nil {
		t.Fatal(err)
	}
	padded := append(der, make([]byte, 16-len(der)%16)...)
	gmcipher.NewECBEncrypter(block).CryptBlocks(padded, padded)
	wants(t, "import", l.ImportRSAKeyPair(con, uint32(skf.SM4ECB), wrapped, padded), skf.OK)
	wants(t, "import by CBC", l.ImportRSAKeyPair(con, uint32(skf.SM4CBC), wrapped, padded), skf.NotSupported)
	wants(t, "import garbage", l.ImportRSAKeyPair(con, uint32(skf.SM4ECB), wrapped, make([]byte, 64)), skf.InputData)
	got := read(t, func(o *Out) error { return l.ExportPublicKey(con, false, o) })
	if !bytes.Equal(got, must[[]byte](t)(standard.RSAPublicKey(&escrowed.PublicKey))) {
		t.Error("another key was imported")
	}

	out := Out{Buffer: make([]byte, 256)}
	one := must[Handle](t)(l.RSAExportSessionKey(con, uint32(skf.SM4ECB), got, &out))
	two := must[Handle](t)(l.ImportSessionKey(con, uint32(skf.SM4ECB), out.Buffer))
	none := standard.BlockCipherParam(skf.BlockCipherParam{})
	wants(t, "begin", l.EncryptInit(one, none), skf.OK)
	wants(t, "begin", l.DecryptInit(two, none), skf.OK)
	sealed := filled(t, 16, func(o *Out) error { return l.Encrypt(one, session, o) })
	if plain := filled(t, 16, func(o *Out) error { return l.Decrypt(two, sealed, o) }); !bytes.Equal(plain, session) {
		t.Error("the session key is another")
	}
	_, err = l.ECCSignData(con, make([]byte, 32))
	wants(t, "SM2 by an RSA key", err, skf.KeyUsage)
}
