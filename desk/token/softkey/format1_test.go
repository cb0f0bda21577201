package softkey

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// format1 is a copy of a key that was made when format 1 was written: an SM2
// container with all four parts, an RSA and a P-256 one, an empty one, and one
// try spent.
func format1(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("testdata/format1" + Extension)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "old"+Extension)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// whole checks that everything of the old key works.
func whole(t *testing.T, k *Key) {
	t.Helper()
	ctx := t.Context()
	if i := k.Info(); i.Serial != "SK0001" || i.Label != "测试" || i.Manufacturer != Manufacturer {
		t.Errorf("%+v", i)
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]gm.Algorithm{"sm2": gm.SM2, "rsa": gm.RSA, "p256": gm.ECDSA} {
		c, err := k.Container(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if is, err := c.(*Container).Type(ctx); err != nil || is != a {
			t.Errorf("%s: %v %v", name, is, err)
		}
		pub, err := c.PublicKey(ctx, token.Signing)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := c.Sign(ctx, []byte("old"))
		if err != nil {
			t.Fatal(err)
		}
		if err := gm.VerifyAny(pub, []byte("old"), sig); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if der, err := c.Certificate(ctx, token.Signing); err != nil || !bytes.HasSuffix(der, []byte("certificate")) {
			t.Errorf("%s: %q %v", name, der, err)
		}
	}
	c, err := k.Container(ctx, "sm2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.(*Container).Private(ctx, token.Encryption); err != nil {
		t.Error(err)
	}
	if room, err := k.Room(ctx); err != nil || room != 1 {
		t.Error(room, err)
	}
}

// TestFormat1 opens a key of format 1, which becomes one of format 2 by the
// log-in's write, wholly with the first write under the seal.
func TestFormat1(t *testing.T) {
	ctx := t.Context()
	path := format1(t)
	k, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := k.PINState(ctx); err != nil || s.Tries != 2 || !s.Low {
		t.Errorf("%+v %v", s, err)
	}
	if begins(t, path) != magic1 {
		t.Error("reading wrote")
	}
	whole(t, k)
	if begins(t, path) != magic || !k.store.image.Applications[0].Old {
		t.Error("logging in did not write format 2")
	}
	if err := k.Delete(ctx, "empty"); err != nil {
		t.Fatal(err)
	}
	if k.store.image.Applications[0].Old {
		t.Error("the seal is still of format 1")
	}
	if k, err = Open(path); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(ctx, "new"); !errors.Is(err, token.ErrPINNeeded) {
		t.Error(err)
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(ctx, "new"); err != nil {
		t.Fatal(err)
	}
	whole(t, k)
}

func begins(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data[:len(magic)])
}

// TestFormat1NoAdmin: such keys have no administrator's PIN; none can be
// guessed at, and the user's changes as on any.
func TestFormat1NoAdmin(t *testing.T) {
	ctx := t.Context()
	k, err := Open(format1(t))
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"state":   second(k.AdminPINState(ctx)),
		"login":   k.LoginAdmin(ctx, pin),
		"unblock": k.Unblock(ctx, pin, "Another-1"),
		"change":  k.ChangeAdminPIN(ctx, pin, "Another-1"),
	} {
		if !errors.Is(err, token.ErrUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := k.ChangePIN(ctx, pin, "Another-1"); err != nil {
		t.Fatal(err)
	}
	if err := k.Login(ctx, pin); !errors.Is(err, token.ErrPINWrong) {
		t.Error(err)
	}
	if err := k.Login(ctx, "Another-1"); err != nil {
		t.Error(err)
	}
}

// TestFormat1PowerCut cuts the power at every write on the way to format 2.
func TestFormat1PowerCut(t *testing.T) {
	data, err := os.ReadFile("testdata/format1" + Extension)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		for _, mode := range []Cut{Before, After, Torn} {
			m := NewMemory()
			if err := m.Save(data); err != nil {
				t.Fatal(err)
			}
			k, err := Use(m, nil, func(w int, _ string) Cut {
				if w == n {
					return mode
				}
				return None
			})
			if err != nil {
				t.Fatal(err)
			}
			err = k.Login(background, pin)
			if err == nil {
				err = k.Delete(context.Background(), "empty")
			}
			if !errors.Is(err, ErrPowerCut) {
				t.Fatalf("write %d mode %d: %v", n, mode, err)
			}
			again, err := Use(m, nil, nil)
			if err != nil {
				t.Fatalf("write %d mode %d: %v", n, mode, err)
			}
			if err := again.Login(background, pin); err != nil {
				t.Fatalf("write %d mode %d: %v", n, mode, err)
			}
			c, err := again.Container(background, "sm2")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.(*Container).Private(background, token.Signing); err != nil {
				t.Errorf("write %d mode %d: %v", n, mode, err)
			}
		}
	}
}

// TestFormat1Tampered: what was changed in a file of format 1 is noticed at
// log-in, before and after the file became one of format 2.
func TestFormat1Tampered(t *testing.T) {
	data, err := os.ReadFile("testdata/format1" + Extension)
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Replace(data[:len(data)-digest], []byte("rsa certificate"), []byte("rsb certificate"), 1)
	m := NewMemory()
	if err := m.Save(append(content, gm.SM3(content)...)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		k, err := Use(m, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Login(t.Context(), pin); !errors.Is(err, token.ErrKeyDamaged) {
			t.Errorf("logged in to a tampered key: %v", err)
		}
	}
}
