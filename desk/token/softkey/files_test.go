package softkey

import (
	"bytes"
	"errors"
	"testing"

	"github.com/certhall/certhall/desk/token"
)

// files is an application with a file of every kind, made by its user.
func files(t *testing.T) *Memory {
	t.Helper()
	m := withAdmin(t)
	k := reopen(t, m, nil)
	if err := k.Login(background, pin); err != nil {
		t.Fatal(err)
	}
	for _, f := range []FileInfo{
		{"open", 8, Anyone, Anyone}, {"notice", 8, Anyone, User}, {"mine", 8, User, User}, {"keeper", 8, Admin, Admin | User}, {"stone", 8, Anyone, Never},
	} {
		if err := k.CreateFile(background, f); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestFileRights(t *testing.T) {
	ctx := t.Context()
	nobody, user, keeper := func(*Key) error { return nil }, func(k *Key) error { return k.Login(ctx, pin) }, func(k *Key) error { return k.LoginAdmin(ctx, admin) }
	for _, c := range []struct {
		who         string
		login       func(*Key) error
		read, write map[string]error
	}{
		{"nobody", nobody,
			map[string]error{"mine": token.ErrPINNeeded, "keeper": token.ErrPINNeeded},
			map[string]error{"notice": token.ErrPINNeeded, "mine": token.ErrPINNeeded, "keeper": token.ErrPINNeeded, "stone": ErrFileRights}},
		{"user", user,
			map[string]error{"keeper": token.ErrPINNeeded},
			map[string]error{"stone": ErrFileRights}},
		{"administrator", keeper,
			map[string]error{"mine": token.ErrPINNeeded},
			map[string]error{"notice": token.ErrPINNeeded, "mine": token.ErrPINNeeded, "stone": ErrFileRights}},
	} {
		for _, name := range []string{"open", "notice", "mine", "keeper", "stone"} {
			k := reopen(t, files(t), nil)
			if err := c.login(k); err != nil {
				t.Fatal(err)
			}
			if _, err := k.ReadFile(ctx, name, 0, 8); !errors.Is(err, c.read[name]) {
				t.Errorf("%s reads %s: %v", c.who, name, err)
			}
			if err := k.WriteFile(ctx, name, 0, []byte("x")); !errors.Is(err, c.write[name]) {
				t.Errorf("%s writes %s: %v", c.who, name, err)
			}
		}
		k := reopen(t, files(t), nil)
		if err := c.login(k); err != nil {
			t.Fatal(err)
		}
		want := token.ErrPINNeeded
		if c.who == "user" {
			want = nil
		}
		if err := k.CreateFile(ctx, FileInfo{"another", 1, Anyone, Anyone}); want != nil && !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s makes a file: %v", c.who, err)
		}
	}
}

func TestFileContent(t *testing.T) {
	ctx := t.Context()
	m := files(t)
	k := reopen(t, m, nil)
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{k.WriteFile(ctx, "mine", 2, []byte("secret")), k.WriteFile(ctx, "mine", 0, []byte("a"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if data, _ := m.Load(); bytes.Contains(data, []byte("secret")) {
		t.Error("what only the user may read lies open in the file")
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		offset, n int
		want      string
	}{{0, 8, "a\x00secret"}, {2, 3, "sec"}, {6, 100, "et"}, {8, 1, ""}} {
		if got, err := k.ReadFile(ctx, "mine", r.offset, r.n); err != nil || string(got) != r.want {
			t.Errorf("%d+%d: %q %v", r.offset, r.n, got, err)
		}
	}
	for what, err := range map[string]error{
		"read behind the end":  second(k.ReadFile(ctx, "mine", 9, 1)),
		"read before it":       second(k.ReadFile(ctx, "mine", -1, 1)),
		"read less than none":  second(k.ReadFile(ctx, "mine", 0, -1)),
		"write over the end":   k.WriteFile(ctx, "mine", 5, []byte("long")),
		"write behind the end": k.WriteFile(ctx, "mine", 1<<62, []byte("x")),
	} {
		if !errors.Is(err, ErrFileBounds) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := k.WriteFile(ctx, "none", 0, nil); !errors.Is(err, ErrNoFile) {
		t.Error(err)
	}
	if err := k.CreateFile(ctx, FileInfo{"mine", 1, Anyone, Anyone}); !errors.Is(err, ErrFileExists) {
		t.Error(err)
	}
	if err := k.DeleteFile(ctx, "mine"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.File(ctx, "mine"); !errors.Is(err, ErrNoFile) {
		t.Error(err)
	}
}

// TestFileWithoutLogin: in an application where anyone may make files, one
// that is to be its user's comes under the seal when he writes it.
func TestFileWithoutLogin(t *testing.T) {
	ctx := t.Context()
	m := withAdmin(t)
	d := device(t, m, nil)
	k, err := d.CreateApplication(ctx, second1)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.CreateFile(ctx, FileInfo{"mine", 6, User, User}); err != nil {
		t.Fatal(err)
	}
	if err := k.WriteFile(ctx, "mine", 0, []byte("secret")); !errors.Is(err, token.ErrPINNeeded) {
		t.Fatal(err)
	}
	if err := k.Login(ctx, newPIN); err != nil {
		t.Fatal(err)
	}
	if err := k.WriteFile(ctx, "mine", 0, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	img := load(t, m)
	a := img.application("medical")
	if len(a.Open) != 0 || len(a.Files) != 1 || bytes.Contains(a.Files[0].Content, []byte("secret")) {
		t.Errorf("%+v %+v", a.Open, a.Files)
	}
	if got, err := k.ReadFile(ctx, "mine", 0, 6); err != nil || string(got) != "secret" {
		t.Errorf("%q %v", got, err)
	}
	if err := k.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	if err := k.DeleteFile(ctx, "mine"); !errors.Is(err, token.ErrPINNeeded) {
		t.Errorf("what is sealed needs a log-in: %v", err)
	}
}

func TestFileRoom(t *testing.T) {
	ctx := t.Context()
	k := reopen(t, withAdmin(t), nil)
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	if err := k.CreateFile(ctx, FileInfo{"big", MaxFile + 1, Anyone, Anyone}); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
	n := 0
	for ; ; n++ {
		err := k.CreateFile(ctx, FileInfo{string(rune('a' + n)), MaxFile, User, User})
		if errors.Is(err, token.ErrKeyFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n != maxStored/MaxFile {
		t.Errorf("%d files", n)
	}
}

func TestFilePowerCut(t *testing.T) {
	ctx := t.Context()
	for _, act := range []struct {
		name                string
		do                  func(*Key) error
		before, after, torn string
	}{
		{"file-create", func(k *Key) error { return k.CreateFile(ctx, FileInfo{"new", 2, User, User}) }, "none", "\x00\x00", "\x00\x00"},
		{"file-write", func(k *Key) error { return k.WriteFile(ctx, "mine", 0, []byte("12345678")) }, "\x00\x00\x00\x00\x00\x00\x00\x00", "12345678", "1234\x00\x00\x00\x00"},
		{"file-delete", func(k *Key) error { return k.DeleteFile(ctx, "notice") }, "\x00\x00\x00\x00\x00\x00\x00\x00", "none", "\x00\x00\x00\x00\x00\x00\x00\x00"},
	} {
		name := map[string]string{"file-create": "new", "file-write": "mine", "file-delete": "notice"}[act.name]
		for mode, want := range map[Cut]string{Before: act.before, After: act.after, Torn: act.torn} {
			m := files(t)
			k := reopen(t, m, func(_ int, what string) Cut {
				if what == act.name {
					return mode
				}
				return None
			})
			if err := k.Login(ctx, pin); err != nil {
				t.Fatal(err)
			}
			if err := act.do(k); !errors.Is(err, ErrPowerCut) {
				t.Fatalf("%s mode %d: %v", act.name, mode, err)
			}
			k = reopen(t, m, nil)
			if err := k.Login(ctx, pin); err != nil {
				t.Fatal(err)
			}
			got, err := k.ReadFile(ctx, name, 0, 8)
			if errors.Is(err, ErrNoFile) {
				got, err = []byte("none"), nil
			}
			if err != nil || string(got) != want {
				t.Errorf("%s mode %d: %q %v, want %q", act.name, mode, got, err, want)
			}
		}
	}
}
