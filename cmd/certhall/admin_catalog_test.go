package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/locale"
)

const priceList = `version = 0 # of nothing

[[project]]
code = "gov"
name = { zh-CN = "政府采购项目", en = "Government procurement" }
picture = "pictures/gov.png"

[[brand]]
code = "haitai"
name = { zh-CN = "海泰KEY", en = "Haitai key" }
key_numbers = ["HT"]

[[offer]]
project = "gov"
brand = "haitai"
  [[offer.product]]
  service = "renew"
  price = "200.00"
  years = [1, 2]
`

// priced is a hall's database and a file of a catalogue with a picture.
type priced struct {
	t     *testing.T
	flags catalogFlags
	file  string
}

func newPriced(t *testing.T) priced {
	dir := t.TempDir()
	var drawn bytes.Buffer
	if err := errors.Join(png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 8, 8))), os.Mkdir(filepath.Join(dir, "pictures"), 0o700),
		os.WriteFile(filepath.Join(dir, "pictures", "gov.png"), drawn.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	p := priced{t, catalogFlags{officeFlags{Operator: "李四"}, "sqlite:" + filepath.Join(dir, "hall.db")}, filepath.Join(dir, "catalog.toml")}
	p.write(priceList)
	return p
}

func (p priced) write(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p priced) text() string {
	p.t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// says runs a command and gives what it prints.
func (p priced) says(want error, c interface{ Run(*environment) error }) string {
	p.t.Helper()
	var out bytes.Buffer
	env := &environment{ctx: p.t.Context(), out: &out, log: slog.New(slog.DiscardHandler), lang: locale.English, clock: certhall.SystemClock{}, random: rand.Reader}
	if err := c.Run(env); !errors.Is(err, want) {
		p.t.Fatalf("%v, want %v\n%s", err, want, out.String())
	}
	return out.String()
}

func (p priced) imports(want error, yes, force bool) string {
	p.t.Helper()
	return p.says(want, &catalogImportCmd{catalogFlags: p.flags, File: p.file, Reason: "new prices", Yes: yes, Force: force})
}

func TestCatalogImport(t *testing.T) {
	p := newPriced(t)
	if out := p.imports(errNotConfirmed, false, false); !strings.Contains(out, "200.00") || !strings.Contains(out, "Government procurement") {
		t.Error("what is asked about is not shown:", out)
	}
	if out := p.says(nil, &catalogShowCmd{catalogFlags: p.flags, tableFlags: tableFlags{"csv"}}); strings.Contains(out, "200.00") {
		t.Error("imported without a yes:", out)
	}
	p.imports(nil, true, false)
	if text := p.text(); text != strings.Replace(priceList, "version = 0", "version = 1", 1) {
		t.Error("the file after the import:", text)
	}
	if out := p.says(nil, &catalogShowCmd{catalogFlags: p.flags, tableFlags: tableFlags{"csv"}}); !strings.Contains(out, "gov,haitai,renew,,200.00,1 2") {
		t.Error(out)
	}
	if out := p.imports(nil, true, false); !strings.Contains(out, "nothing was imported") {
		t.Error(out)
	}

	p.write(strings.Replace(p.text(), "200.00", "260.00", 1))
	if out := p.imports(nil, true, false); !strings.Contains(out, "offer gov / haitai, renew price  200.00  260.00") || strings.Contains(out, "name.en") {
		t.Error("not what changes and that alone:", out)
	}
	if out := p.says(nil, &catalogShowCmd{catalogFlags: p.flags, tableFlags: tableFlags{"csv"}, Version: 1}); !strings.Contains(out, "200.00") {
		t.Error("the first version has changed:", out)
	}
	if out := p.says(nil, &catalogVersionsCmd{p.flags, tableFlags{"csv"}}); strings.Count(out, "李四,new prices") != 2 || !strings.Contains(out, "\n2,") {
		t.Error(out)
	}

	p.write(strings.Replace(priceList, "version = 0", "version = 1", 1)) // as somebody had it who did not know of the second
	p.imports(catalog.ErrMoved, true, false)
	p.imports(nil, true, true)
	if !strings.Contains(p.text(), "version = 3") {
		t.Error(p.text())
	}
}

func TestCatalogExport(t *testing.T) {
	p := newPriced(t)
	p.imports(nil, true, false)
	q := newPriced(t)
	q.file = filepath.Join(t.TempDir(), "elsewhere", "prices.toml")
	p.says(nil, &catalogExportCmd{catalogFlags: p.flags, File: q.file})
	p.says(nil, &catalogExportCmd{catalogFlags: p.flags, File: q.file}) // the same once more
	if out := p.says(nil, &catalogImportCmd{catalogFlags: p.flags, File: q.file, Reason: "again", Yes: true}); !strings.Contains(out, "nothing was imported") {
		t.Error("what was exported is not what was imported:", out)
	}
	if out := q.imports(nil, true, true); !strings.Contains(out, "gov.png") {
		t.Error("in another hall:", out)
	}
	q.write("mine")
	p.says(errCatalogThere, &catalogExportCmd{catalogFlags: p.flags, File: q.file})
	if q.text() != "mine" {
		t.Error("a file was written over")
	}
	p.says(catalog.ErrVersion, &catalogExportCmd{catalogFlags: p.flags, File: filepath.Join(t.TempDir(), "x.toml"), Version: 7})
}

func TestCatalogCheck(t *testing.T) {
	p := newPriced(t)
	if out := p.says(nil, &catalogCheckCmd{File: p.file}); !strings.Contains(out, "1 offers, 1 pictures") {
		t.Error(out)
	}
	p.write(strings.NewReplacer(`"200.00"`, "200", "[1, 2]", "[9]", `"海泰KEY"`, `""`).Replace(priceList))
	for _, c := range []interface{ Run(*environment) error }{&catalogCheckCmd{File: p.file}, &catalogImportCmd{catalogFlags: p.flags, File: p.file, Yes: true}} {
		out := p.says(catalog.ErrWrong, c)
		for _, want := range []string{"line 8: [[brand]] 1 (haitai): name.zh-CN", "line 16: [[offer]] 1 (gov / haitai), [[offer.product]] 1: price", "with the quotes", "9 years cannot be had: 1 to 5"} {
			if !strings.Contains(out, want) {
				t.Errorf("without %q:\n%s", want, out)
			}
		}
	}
	if _, err := os.Stat(strings.TrimPrefix(p.flags.HallDB, "sqlite:")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a database was made for a file with faults:", err)
	}
}

// TestCatalogLimits: what a catalogue may say is what the authority allows.
func TestCatalogLimits(t *testing.T) {
	policy, years := ca.DefaultPolicy(), 0
	for _, p := range ca.Profiles() {
		years = max(years, p.MaxYears)
	}
	days := func(d time.Duration) int { return int(d / (24 * time.Hour)) }
	want := catalog.Limits{RenewBefore: days(policy.RenewBefore), RepairAfter: days(policy.RepairAfter), Grace: days(policy.Grace), Years: years}
	if catalog.Protocol != want {
		t.Errorf("%+v, want %+v", catalog.Protocol, want)
	}
}
