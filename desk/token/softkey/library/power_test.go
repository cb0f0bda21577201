package library

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
)

// walk is a client's way through every function that writes, on a key where a
// container "old" holds a pair that works. It ends at the first error.
func walk(l *Library) error {
	var dev, app, con, session Handle
	var public, blob []byte
	secret, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	question, answer := make([]byte, 16), Out{Buffer: make([]byte, 16)}
	steps := []func() error{
		func() (err error) { dev, err = l.ConnectDev(plugged); return },
		func() error { return l.GenRandom(dev, question) },
		func() (err error) { session, err = l.SetSymmKey(dev, make([]byte, 16), uint32(skf.SM4ECB)); return },
		func() error { return l.EncryptInit(session, standard.BlockCipherParam(skf.BlockCipherParam{})) },
		func() error { return l.Encrypt(session, question, &answer) },
		func() error { return l.DevAuth(dev, answer.Buffer) },
		func() error { return l.SetLabel(dev, "label") },
		func() error { return l.ChangeDevAuthKey(dev, make([]byte, 16)) },
		func() (err error) {
			_, err = l.CreateApplication(dev, NewApplication{Name: "second", PIN: pin, AdminPIN: adminPIN, FileRights: uint32(skf.ByUser)})
			return
		},
		func() error { return l.DeleteApplication(dev, "second") },
		func() (err error) { app, err = l.OpenApplication(dev, name); return },
		func() (err error) { _, err = l.VerifyPIN(app, uint32(skf.User), pin); return },
		func() (err error) { _, err = l.ChangePIN(app, uint32(skf.User), pin, "Another-1"); return },
		func() (err error) { _, err = l.UnblockPIN(app, adminPIN, pin); return },
		func() (err error) { _, err = l.ChangePIN(app, uint32(skf.Admin), adminPIN, adminPIN); return },
		func() (err error) { _, err = l.VerifyPIN(app, uint32(skf.Admin), adminPIN); return },
		func() (err error) { _, err = l.VerifyPIN(app, uint32(skf.User), pin); return },
		func() error { return l.CreateFile(app, "notes", 10, uint32(skf.ByAnyone), uint32(skf.ByUser)) },
		func() error { return l.WriteFile(app, "notes", 0, []byte("0123456789")) },
		func() error { return l.DeleteFile(app, "notes") },
		func() (err error) { con, err = l.CreateContainer(app, "new"); return },
		func() (err error) { public, err = l.GenECCKeyPair(con, uint32(skf.SM2Sign)); return },
		func() error { return l.ImportCertificate(con, true, []byte("signing certificate")) },
		func() error {
			to, err := standard.ParsePublicKey(public)
			if err != nil {
				return err
			}
			der, err := gm.EnvelopeKey(rand.Reader, to, secret)
			if err != nil {
				return err
			}
			blob, err = standard.EnvelopedKey(der, skf.AtEnd)
			return err
		},
		func() error { return l.ImportECCKeyPair(con, blob) },
		func() error { return l.ImportCertificate(con, false, []byte("encryption certificate")) },
		func() (err error) { _, err = l.ECCSignData(con, make([]byte, 32)); return },
		func() error { return l.DeleteContainer(app, "new") },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// TestPowerCuts cuts the power at every write of a client's way, in every
// manner: the call answers that the device was removed, the pair that was there
// works afterwards, under the old PIN or the new, and the way can be gone anew.
func TestPowerCuts(t *testing.T) {
	dir := t.TempDir() // where the key seems to lie: it is kept in memory
	if err := os.WriteFile(filepath.Join(dir, deviceFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fresh, writes := format(t), 0
	for cut := softkey.Before; cut <= softkey.Torn; cut++ {
		for at := 1; ; at++ {
			m, happened := fresh.Clone(), ""
			l := New(Options{Folder: softkey.Folder(dir), Iterations: 1, Open: func(string) (*softkey.Device, error) {
				return softkey.UseDevice(m, rand.Reader, func(n int, what string) softkey.Cut {
					if n != at {
						return softkey.None
					}
					happened = what
					return cut
				})
			}})
			err := walk(l)
			if happened == "" {
				if err != nil {
					t.Fatal("without a cut:", err)
				}
				writes = at - 1
				break
			}
			if CodeOf(err) != skf.DeviceRemoved {
				t.Errorf("cut %d at write %d (%s): %v", cut, at, happened, err)
			}
			survived(t, fmt.Sprintf("cut %d at write %d (%s)", cut, at, happened), m)
		}
	}
	if writes < 25 {
		t.Errorf("only %d writes", writes)
	}
}

// format makes a key with a pair that works in the container "old".
func format(t *testing.T) *softkey.Memory {
	t.Helper()
	ctx := context.Background()
	m := softkey.NewMemory()
	if err := softkey.Format(m, softkey.Options{Serial: "HT-1", PIN: pin, AdminPIN: adminPIN, Room: 3, Tries: 3, Iterations: 1}); err != nil {
		t.Fatal(err)
	}
	k := must[*softkey.Key](t)(softkey.Use(m, rand.Reader, nil))
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	c := must[token.Container](t)(k.Create(ctx, "old"))
	if _, err := c.GenerateSigningKey(ctx, gm.SM2); err != nil {
		t.Fatal(err)
	}
	return m
}

// survived plugs the key in again.
func survived(t *testing.T, when string, m softkey.Medium) {
	t.Helper()
	ctx := context.Background()
	k, err := softkey.Use(m, rand.Reader, nil)
	if err != nil {
		t.Errorf("%s: %v", when, err)
		return
	}
	if err := k.Login(ctx, pin); err != nil {
		if err := k.Login(ctx, "Another-1"); err != nil {
			t.Errorf("%s: neither PIN: %v", when, err)
			return
		}
	}
	c, err := k.Container(ctx, "old")
	if err != nil {
		t.Errorf("%s: %v", when, err)
		return
	}
	if _, err := c.Sign(ctx, []byte("x")); err != nil {
		t.Errorf("%s: the old pair: %v", when, err)
	}
}
