package driverhost

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func entry(t Table, name string) Entry {
	for _, e := range t {
		if e.Name == name {
			return e
		}
	}
	return Entry{}
}

func TestKnownLibraries(t *testing.T) {
	table, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"softkey", "softhsm2"} {
		if e := entry(table, name); e.Kind == "" || e.OnRequest == nil || !*e.OnRequest {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestConfigurationExtends: a file adds entries, replaces what it gives and
// takes away.
func TestConfigurationExtends(t *testing.T) {
	first := write(t, "first.toml", `
[[library]]
name = "acme"
kind = "pkcs11"
overruns = true
paths.linux = ["/opt/acme/libacme.so"]
environment.A = "1"
[library.profile]
ulong = 4
spare_slot = true
`)
	second := write(t, "second.toml", `
[[library]]
name = "acme"
environment.B = "2"
profile.ulong = 8
[[library]]
name = "softkey"
off = true
`)
	table, err := Known(first, second)
	if err != nil {
		t.Fatal(err)
	}
	acme := entry(table, "acme")
	if acme.Kind != PKCS11 || len(acme.Paths["linux"]) != 1 || !reflect.DeepEqual(acme.Environment, map[string]string{"A": "1", "B": "2"}) {
		t.Errorf("%+v", acme)
	}
	q, err := acme.quirks()
	if err != nil || q.Options != (native.Options{ULong: 8, Overruns: true}) || string(q.Profile) != `{"spare_slot":true,"ulong":8}` {
		t.Errorf("%+v %s, %v", q.Options, q.Profile, err)
	}
	if entry(table, "softkey").Name != "" {
		t.Error("an entry that is off is there")
	}
}

func TestConfigurationRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no TOML":         `[[library`,
		"unknown word":    "[[library]]\nname='a'\nkind='skf'\npath='/a'",
		"no kind":         "[[library]]\nname='a'",
		"no name":         "[[library]]\nkind='skf'",
		"name of a kind":  "[[library]]\nname='skf'\nkind='skf'",
		"twice":           "[[library]]\nname='a'\nkind='skf'\n[[library]]\nname='a'\nkind='skf'",
		"platform":        "[[library]]\nname='a'\nkind='skf'\npaths.plan9=['/a']",
		"relative":        "[[library]]\nname='a'\nkind='skf'\npaths.linux=['lib/a.so']",
		"pattern":         "[[library]]\nname='a'\nkind='skf'\npaths.linux=['/lib/[a.so']",
		"ULONG":           "[[library]]\nname='a'\nkind='skf'\nprofile.ulong=5",
		"variable's name": "[[library]]\nname='a'\nkind='skf'\nenvironment.'A=B'='1'",
	} {
		if _, err := Known(write(t, "bad.toml", text)); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Known(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, ErrTable) {
		t.Error(err)
	}
}

// elfFile is the beginning of a library for linux on a machine.
func elfFile(class, machine byte) string {
	h := make([]byte, 64)
	copy(h, "\x7fELF")
	h[4], h[5], h[6], h[16], h[18], h[20] = class, 1, 1, 3, machine, 1
	if class == 2 {
		h[52], h[54], h[58] = 64, 56, 64
	} else {
		h[40], h[42], h[46] = 52, 32, 40
	}
	return string(h)
}

const (
	for386   = 3
	forAMD64 = 62
)

// TestFind: the first file that fits is used; one that does not is named with
// both architectures.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"v1/lib.so": elfFile(2, forAMD64), "v2/lib.so": elfFile(2, forAMD64),
		"old/lib.so": elfFile(1, for386), "bare.so": elfFile(2, forAMD64), "garbage.so": "no library",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := place{os: "linux", arch: "amd64", beside: dir, env: func(name string) string { return map[string]string{"HERE": dir}[name] }}
	for name, c := range map[string]struct {
		paths map[string][]string
		want  string
		err   error
	}{
		"newest":           {map[string][]string{"linux": {dir + "/v*/lib.so"}}, "v2/lib.so", nil},
		"beside":           {map[string][]string{"linux": {"bare.so"}}, "bare.so", nil},
		"variable":         {map[string][]string{"linux": {"${HERE}/bare.so"}}, "bare.so", nil},
		"exact platform":   {map[string][]string{"linux": {"bare.so"}, "linux/amd64": {"${HERE}/v1/lib.so"}}, "v1/lib.so", nil},
		"after one unfit":  {map[string][]string{"linux": {dir + "/old/lib.so", "bare.so"}}, "bare.so", nil},
		"unfit":            {map[string][]string{"linux": {dir + "/old/lib.so"}}, "old/lib.so", token.ErrDriverUnfit},
		"garbage":          {map[string][]string{"linux": {"garbage.so"}}, "garbage.so", token.ErrDriverMissing},
		"nowhere":          {map[string][]string{"linux": {"none.so"}}, "", token.ErrDriverMissing},
		"another platform": {map[string][]string{"windows": {"bare.so"}}, "", token.ErrDriverMissing},
	} {
		l := p.find(Entry{Name: "acme", Kind: SKF, Paths: c.paths})
		if want := filepath.Join(dir, c.want); c.want != "" && l.Path != want || c.want == "" && l.Path != "" || !errors.Is(l.unfit, c.err) {
			t.Errorf("%s: %s, %v", name, l.Path, l.unfit)
		}
		if name == "unfit" && !strings.Contains(l.unfit.Error(), "linux/386") {
			t.Errorf("the architecture is not named: %v", l.unfit)
		}
	}
}

func TestNamed(t *testing.T) {
	table, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		"skf:/a/libsoftkey.so": "softkey", "softkey:/a/renamed.so": "softkey", "skf:/a/libother.so": "libother",
		"pkcs11:/a/libsoftkey.so": "libsoftkey", "softhsm2": "softhsm2",
	} {
		l, err := table.Named(s)
		if err != nil || l.Name != want || !l.Explicit || l.Kind == "" {
			t.Errorf("%s: %+v, %v", s, l, err)
		}
	}
	for _, s := range []string{"", "skf", "skf:", "/a/b.so", "csp:/a"} {
		if _, err := table.Named(s); !errors.Is(err, ErrTable) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestRegistered: libraries that Windows was told of are used like those of the
// table, once each, with the quirks of the entry in which their file stands.
func TestRegistered(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"mtoken_gm3000.dll", "SKFAPI20777.dll", "Maker (2) SKF.dll", "libsoftkey.so"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(elfFile(2, forAMD64)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	p := place{os: "linux", arch: "amd64", beside: dir, env: os.Getenv}
	already := []Library{{Entry: entry(table, "longmai-gm3000-skf"), Path: filepath.Join(dir, "MTOKEN_gm3000.dll")}}
	t.Setenv("MAKER", dir)
	values := []string{`"%MAKER%/mtoken_gm3000.dll"`, "skfapi20777.dll", "SKFAPI20777.dll", "%MAKER%/Maker (2) SKF.dll", "%MAKER%/libsoftkey.so", "%MAKER%/none.dll", "", "a/b.dll", "*.dll"}
	found := table.register(already, files(values), p)
	var names []string
	for _, l := range found {
		names = append(names, l.Name+" "+base(l.Path))
		if err := l.check(); err != nil {
			t.Error(err)
		}
	}
	if want := "[longmai-gm3000-skf MTOKEN_gm3000.dll haitai SKFAPI20777.dll maker-2-skf Maker (2) SKF.dll]"; !strings.EqualFold(fmt.Sprint(names), want) { // Windows opens a file by a name in whatever case
		t.Errorf("%v, want %s", names, want)
	}
}
