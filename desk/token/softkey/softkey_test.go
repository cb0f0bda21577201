package softkey

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

const pin = "Bright-1"

var background = context.Background()

var quick = Options{Serial: "SK0001", Label: "测试", PIN: pin, Room: 3, Tries: 3, Iterations: 1}

func newKey(t *testing.T, cut Switch) (*Key, *Memory) {
	t.Helper()
	m := NewMemory()
	if err := Format(m, quick); err != nil {
		t.Fatal(err)
	}
	k, err := Use(m, rand.Reader, cut)
	if err != nil {
		t.Fatal(err)
	}
	return k, m
}

func TestLife(t *testing.T) {
	k, m := newKey(t, nil)
	if err := life(k); err != nil {
		t.Fatal(err)
	}
	again, err := Use(m, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	if names, err := again.Containers(t.Context()); err != nil || len(names) != 1 || names[0] != "b" {
		t.Fatalf("%v, %v", names, err)
	}
}

// life uses a key from its first login to the deletion of a container.
func life(k *Key) error {
	ctx := background
	if err := k.Login(ctx, pin); err != nil {
		return err
	}
	for _, name := range []string{"a", "b"} {
		c, err := k.Create(ctx, name)
		if err != nil {
			return err
		}
		if err := fill(ctx, c); err != nil {
			return err
		}
	}
	return k.Delete(ctx, "a")
}

// fill writes all four parts of a container and uses them.
func fill(ctx context.Context, c token.Container) error {
	pub, err := c.GenerateSigningKey(ctx, gm.SM2)
	if err != nil {
		return err
	}
	sig, err := c.Sign(ctx, []byte("hello"))
	if err != nil {
		return err
	}
	if err := gm.VerifyAny(pub, []byte("hello"), sig); err != nil {
		return err
	}
	if err := c.ImportCertificate(ctx, token.Signing, []byte("signing certificate")); err != nil {
		return err
	}
	secret, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	to, err := gm.SM2Key(pub)
	if err != nil {
		return err
	}
	envelope, err := gm.EnvelopeKey(rand.Reader, to, secret)
	if err != nil {
		return err
	}
	if err := c.ImportEncryptionKey(ctx, envelope); err != nil {
		return err
	}
	if err := c.ImportCertificate(ctx, token.Encryption, []byte("encryption certificate")); err != nil {
		return err
	}
	sealed, err := gm.Seal(rand.Reader, &secret.PublicKey, []byte("nonce"))
	if err != nil {
		return err
	}
	plain, err := c.Decrypt(ctx, sealed)
	if err != nil {
		return err
	}
	if string(plain) != "nonce" {
		return errors.New("decrypts to something else")
	}
	return nil
}

func TestNothingWithoutPIN(t *testing.T) {
	ctx := t.Context()
	k, _ := newKey(t, nil)
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	c, err := k.Create(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := k.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"generate":    second(c.GenerateSigningKey(ctx, gm.SM2)),
		"certificate": c.ImportCertificate(ctx, token.Signing, []byte("x")),
		"encryption":  c.ImportEncryptionKey(ctx, []byte("x")),
		"sign":        second(c.Sign(ctx, []byte("x"))),
		"decrypt":     second(c.Decrypt(ctx, []byte("x"))),
		"create":      second(k.Create(ctx, "b")),
		"delete":      k.Delete(ctx, "a"),
	} {
		if !errors.Is(err, token.ErrPINNeeded) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if der, err := c.Certificate(ctx, token.Signing); err != nil || string(der) != "signing certificate" {
		t.Errorf("reading needs no PIN: %q, %v", der, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestPINLock(t *testing.T) {
	ctx := t.Context()
	k, m := newKey(t, nil)
	for _, want := range []error{token.ErrPINWrong.With("tries", "2"), token.ErrPINWrong.With("tries", "1"), token.ErrPINLocked, token.ErrPINLocked} {
		if err := k.Login(ctx, "wrong-pin"); err == nil || err.Error() != want.Error() {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
	if err := k.Login(ctx, pin); !errors.Is(err, token.ErrPINLocked) {
		t.Errorf("the right PIN opens a locked key: %v", err)
	}
	again, err := Use(m, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := again.PINState(ctx); err != nil || !s.Locked {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestRightPINGivesTriesBack(t *testing.T) {
	ctx := t.Context()
	k, _ := newKey(t, nil)
	_ = k.Login(ctx, "wrong-pin")
	_ = k.Login(ctx, "wrong-pin")
	if s, _ := k.PINState(ctx); !s.Final || !s.Low || s.Tries != 1 {
		t.Fatalf("%+v", s)
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	if s, _ := k.PINState(ctx); s.Tries != 3 || s.Low {
		t.Fatalf("%+v", s)
	}
}

// TestPowerCutGivesNoFreeTry cuts the power in the middle of every guess.
func TestPowerCutGivesNoFreeTry(t *testing.T) {
	_, m := newKey(t, nil)
	for range 3 {
		k, err := Use(m, rand.Reader, func(int, string) Cut { return After })
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Login(t.Context(), "wrong-pin"); !errors.Is(err, ErrPowerCut) {
			t.Fatal(err)
		}
	}
	k, err := Use(m, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(t.Context(), pin); !errors.Is(err, token.ErrPINLocked) {
		t.Errorf("three guesses cost nothing: %v", err)
	}
}

// TestPowerCut cuts the power at every write of a full life, in every way.
// After it the key opens, knows its PIN, and a new life begins on what is left.
func TestPowerCut(t *testing.T) {
	ctx := t.Context()
	writes := 0
	k, _ := newKey(t, func(n int, _ string) Cut { writes = n; return None })
	if err := life(k); err != nil {
		t.Fatal(err)
	}
	if writes != 2+5*2+1 {
		t.Fatalf("a life has %d writes", writes)
	}
	for n := 1; n <= writes; n++ {
		for _, mode := range []Cut{Before, After, Torn} {
			at := ""
			k, m := newKey(t, func(w int, what string) Cut {
				if w == n {
					at = what
					return mode
				}
				return None
			})
			if err := life(k); !errors.Is(err, ErrPowerCut) {
				t.Fatalf("write %d (%s) mode %d: %v", n, at, mode, err)
			}
			if _, err := k.Containers(ctx); !errors.Is(err, token.ErrRemoved) || k.LoggedIn() {
				t.Fatalf("write %d: the key answers without power: %v", n, err)
			}
			k, err := Use(m, rand.Reader, nil)
			if err != nil {
				t.Fatalf("write %d (%s) mode %d: %v", n, at, mode, err)
			}
			if err := k.Login(ctx, pin); err != nil {
				t.Fatalf("write %d (%s) mode %d: %v", n, at, mode, err)
			}
			if mode == Torn {
				left(t, k, at)
			}
			names, err := k.Containers(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if err := k.Delete(ctx, name); err != nil {
					t.Fatal(err)
				}
			}
			if err := life(k); err != nil {
				t.Fatalf("write %d (%s) mode %d: a new life: %v", n, at, mode, err)
			}
		}
	}
}

// left checks what a torn write leaves in the container it hit.
func left(t *testing.T, k *Key, what string) {
	t.Helper()
	ctx := t.Context()
	names, err := k.Containers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if what == "login" || what == "login-done" {
		return
	}
	name := names[len(names)-1]
	if what == "delete" {
		name = "a"
	}
	c, err := k.Container(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	pub, _ := c.PublicKey(ctx, token.Signing)
	sign, _ := c.Certificate(ctx, token.Signing)
	enc, _ := c.Certificate(ctx, token.Encryption)
	switch what {
	case "create":
		if pub != nil || sign != nil {
			t.Error("create: not empty")
		}
	case "generate":
		if _, err := c.Sign(ctx, nil); pub == nil || !errors.Is(err, token.ErrKeyPairBroken) {
			t.Errorf("generate: %v %v", pub, err)
		}
	case "sign-certificate":
		if !bytes.Equal(sign, []byte("signing certificate")[:9]) {
			t.Errorf("certificate: %q", sign)
		}
	case "encryption-key":
		encPub, _ := c.PublicKey(ctx, token.Encryption)
		if _, err := c.Decrypt(ctx, nil); encPub == nil || !errors.Is(err, token.ErrKeyPairBroken) {
			t.Errorf("encryption key: %v %v", encPub, err)
		}
	case "encryption-certificate":
		if len(enc) == 0 || len(enc) == len("encryption certificate") {
			t.Errorf("encryption certificate: %q", enc)
		}
	case "delete":
		if pub != nil || sign == nil {
			t.Errorf("delete: %v %q", pub, sign)
		}
	}
}

func TestRoom(t *testing.T) {
	ctx := t.Context()
	k, _ := newKey(t, nil)
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		if _, err := k.Create(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Create(ctx, "c"); !errors.Is(err, token.ErrContainerExists) {
		t.Error(err)
	}
	if _, err := k.Create(ctx, "d"); !errors.Is(err, token.ErrKeyFull) {
		t.Error(err)
	}
	if err := k.Delete(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	if err := k.Delete(ctx, "b"); !errors.Is(err, token.ErrNoContainer) {
		t.Error(err)
	}
	if _, err := k.Create(ctx, "d"); err != nil {
		t.Error(err)
	}
}

// TestTamperedFile changes what the digest does not protect: an attacker makes
// a new digest, but no new seal.
func TestTamperedFile(t *testing.T) {
	k, m := newKey(t, nil)
	if err := life(k); err != nil {
		t.Fatal(err)
	}
	data, err := m.Load()
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Replace(data[:len(data)-digest], []byte("signing certificate"), []byte("another certificate")[:19], 1)
	if err := m.Save(append(content, gm.SM3(content)...)); err != nil {
		t.Fatal(err)
	}
	again, err := Use(m, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Login(t.Context(), pin); !errors.Is(err, token.ErrKeyDamaged) {
		t.Errorf("logged in to a tampered key: %v", err)
	}
}

func TestGarbledFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.softkey")
	if _, err := Open(path); !errors.Is(err, token.ErrRemoved) {
		t.Errorf("no file: %v", err)
	}
	if err := Create(path, quick); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, quick); !errors.Is(err, ErrExists) {
		t.Errorf("written over: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := decode(data[:n]); err == nil {
			t.Fatalf("opens cut off at %d", n)
		}
		flipped := bytes.Clone(data)
		flipped[n] ^= 1
		if _, err := decode(flipped); err == nil {
			t.Fatalf("opens with byte %d changed", n)
		}
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, token.ErrKeyDamaged) {
		t.Errorf("half a file: %v", err)
	}
}

func TestRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.softkey")
	if err := Create(path, quick); err != nil {
		t.Fatal(err)
	}
	k, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(t.Context(), "a"); !errors.Is(err, token.ErrRemoved) || k.LoggedIn() {
		t.Errorf("%v, logged in %v", err, k.LoggedIn())
	}
}

// full is a medium without room.
type full struct{ Medium }

func (full) Save([]byte) error { return errors.New("no space left on device") }

func TestDiskFull(t *testing.T) {
	_, m := newKey(t, nil)
	before, _ := m.Load()
	k, err := Use(full{m}, rand.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(t.Context(), pin); !errors.Is(err, ErrNotWritten) {
		t.Error(err)
	}
	if after, _ := m.Load(); !bytes.Equal(before, after) {
		t.Error("the old content is gone")
	}
}

func TestFolder(t *testing.T) {
	dir := Folder(t.TempDir())
	o := quick
	for _, serial := range []string{"SK2", "SK1"} {
		o.Serial = serial
		if err := Create(filepath.Join(string(dir), serial+Extension), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(string(dir), "bad"+Extension), []byte("bad"), 0o600); err != nil {
		t.Fatal(err)
	}
	infos, err := dir.List(t.Context())
	if err != nil || len(infos) != 3 || !errors.Is(infos[0].Trouble, token.ErrKeyDamaged) || infos[1].Serial != "SK1" {
		t.Fatalf("%+v, %v", infos, err)
	}
	if k, err := dir.Open(t.Context(), "SK2"); err != nil || k.Info().Serial != "SK2" {
		t.Error(err)
	}
	if _, err := dir.Open(t.Context(), "SK3"); !errors.Is(err, token.ErrRemoved) {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	m := NewMemory()
	if err := Format(m, quick); err != nil {
		f.Fatal(err)
	}
	good, _ := m.Load()
	f.Add(good[len(magic) : len(good)-digest])
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, der []byte) { // the digest is made right, so that the fuzzer gets behind it
		content := append([]byte(magic), der...)
		img, err := decode(append(content, gm.SM3(content)...))
		if err != nil {
			return
		}
		if _, err := img.encode(); err != nil {
			t.Errorf("decodes but does not encode: %v", err)
		}
	})
}
