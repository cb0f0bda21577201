package softkey

import (
	"os"
	"slices"
	"testing"

	"github.com/certhall/certhall/desk/token"
)

// TestFormat2 opens a key that was made when format 2 was new: what later
// releases add to the format must leave it readable.
func TestFormat2(t *testing.T) {
	ctx := t.Context()
	data, err := os.ReadFile("testdata/format2" + Extension)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMemory()
	if err := m.Save(data); err != nil {
		t.Fatal(err)
	}
	d := device(t, m, nil)
	if names, err := d.Applications(ctx); err != nil || !slices.Equal(names, []string{DefaultApplication, second1.Name}) {
		t.Error(names, err)
	}
	if all, free, err := d.Room(ctx); err != nil || all != 5 || free != 4 || d.Info().Label != "测试" {
		t.Error(all, free, err, d.Info())
	}
	k := reopen(t, m, nil)
	if user, keeper := k.mustTries(t); user != 3 || keeper != 3 {
		t.Error(user, keeper)
	}
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"mine": "secret", "open": "secr"} {
		if got, err := k.ReadFile(ctx, name, 0, 6); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	c, err := k.Container(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []token.Usage{token.Signing, token.Encryption} {
		if _, err := c.(*Container).Private(ctx, u); err != nil {
			t.Error(u, err)
		}
		if _, err := c.Certificate(ctx, u); err != nil {
			t.Error(u, err)
		}
	}
	opens(t, m, pin, admin)
	other, err := d.Application(ctx, second1.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Unblock(ctx, newKeep, pin); err != nil {
		t.Error(err)
	}
}
