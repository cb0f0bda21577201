package demo

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/catalog"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

const base = "http://127.0.0.1:8083"

func TestMain(m *testing.M) {
	iterations = 1
	os.Exit(m.Run())
}

func TestMake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	// What a start that was killed left behind is no hindrance.
	if err := os.MkdirAll(filepath.Join(dir+".making", "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Make(t.Context(), dir, base, true, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + ".making"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder it was made in is still there: %v", err)
	}
	public, err := ceremony.ReadPublic(filepath.Join(dir, "authority"))
	if err != nil || !public.Demo {
		t.Fatalf("demo authority %v, %v", public.Demo, err)
	}
	desk, err := handler.agent(dir, public.Root, certhall.SystemClock{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := desk.List(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	var left []int
	now := time.Now()
	for _, c := range keys[0].Containers {
		left = append(left, int(c.Sign.NotAfter.Sub(now).Round(day)/day))
	}
	want := map[int]bool{-40: true, 20: true, 35: true, 50: true, 300: true}
	for _, days := range left {
		if !want[days] {
			t.Errorf("a certificate has %d days left", days)
		}
		delete(want, days)
	}
	if len(want) > 0 {
		t.Errorf("no certificate with %v days left: %v", want, left)
	}
	tender, err := os.ReadFile(filepath.Join(dir, TenderFile))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := desk.Decrypt(t.Context(), HandlerSerial, tender); err != nil || string(plain) != Tender {
		t.Errorf("the tender says %q, %v", plain, err)
	}
	for _, name := range []string{"passphrase", "root-passphrase", "handler.pin", "reviewer.pin", "officer-1.pin",
		filepath.Join(HandlerKeys, "handler"+softkey.Extension), "hall.db", "authority.db"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}

	wantPeople(t, filepath.Join(dir, "hall.db"))
	wantCatalog(t, filepath.Join(dir, "hall.db"))

	mark := read(t, filepath.Join(dir, Mark))
	if err := Make(t.Context(), dir, base, true, rand.Reader); err != nil || read(t, filepath.Join(dir, Mark)) != mark {
		t.Errorf("a second start made it anew: %v", err)
	}
	if err := Reset(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after reset: %v", err)
	}
}

// wantCatalog wants the demo's catalogue to count.
func wantCatalog(t *testing.T, file string) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), "sqlite:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	desk := catalog.Desk{Archive: hallstore.New(db, nil).Catalogs()}
	draft, err := Catalog()
	if err != nil {
		t.Fatal(err)
	}
	counts, err := desk.Version(t.Context(), 0)
	if err != nil || counts.Version != 1 || len(catalog.Diff(counts, draft.Catalog)) > 0 {
		t.Errorf("version %d counts, %v", counts.Version, err)
	}
}

// wantPeople wants the handler with all five certificates, and somebody else
// with none; neither has a password yet.
func wantPeople(t *testing.T, file string) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), "sqlite:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = hallstore.New(db, nil).Accounts().Read(t.Context(), func(r accounts.Reader) error {
		for phone, want := range map[string]struct {
			name     string
			lineages int
		}{Phone: {UserName, 5}, OtherPhone: {"", 0}} {
			a, err := r.AccountOfPhone(phone)
			if err != nil || a == nil || a.UserName != want.name || a.Password != "" {
				t.Fatalf("%+v, %v", a, err)
			}
			if lineages, err := r.LineagesOf(a.ID); err != nil || len(lineages) != want.lineages {
				t.Errorf("%s handles %v, %v", phone, lineages, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestForeignFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(file, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Make(t.Context(), dir, base, true, rand.Reader); !errors.Is(err, ErrFolder) {
		t.Errorf("made in a foreign folder: %v", err)
	}
	if err := Reset(dir); !errors.Is(err, ErrFolder) {
		t.Errorf("reset of a foreign folder: %v", err)
	}
	if read(t, file) != "years of work" {
		t.Error("the file changed")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A running demo's state is not taken away under it.
func TestResetWhileRunning(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, Mark), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Reset(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("reset while running: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Reset(dir); err != nil {
		t.Error(err)
	}
}
