package catalog_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/locale"
)

// tooWide is made once: it is large.
var tooWide = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 2001, 2001))); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// faultsOf are what is found in the example with one text put for another.
func faultsOf(t *testing.T, was, is string) catalog.Faults {
	t.Helper()
	if !strings.Contains(example, was) {
		t.Fatalf("the example lacks %q", was)
	}
	files := folder(t, strings.Replace(example, was, is, 1))
	files["hall/pictures/large.png"] = files["hall/pictures/gov.png"]
	large := *files["hall/pictures/gov.png"]
	large.Data = append(slices.Clone(large.Data), make([]byte, 256<<10)...)
	files["hall/pictures/large.png"] = &large
	wide := large
	wide.Data = tooWide()
	files["hall/pictures/wide.png"] = &wide
	broken := large
	broken.Data = picture(t, "png", 64)[:60]
	files["hall/pictures/broken.png"] = &broken
	drawing := large
	drawing.Data = []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)
	files["hall/pictures/drawing.svg"] = &drawing
	_, err := catalog.Load(files, "hall/catalog.toml", limits)
	var found catalog.Faults
	if err != nil && !errors.As(err, &found) {
		t.Fatal(err)
	}
	return found
}

// TestEveryFault puts one thing wrong at a time.
func TestEveryFault(t *testing.T) {
	many := strings.Repeat("[[type]]\n", 501)
	for _, c := range []struct{ what, was, is, where string }{
		{"unreadable", `version = 3`, `version = `, ""},
		{"unreadable", `years = [1]`, `years = "1"`, "offer.product.years"},
		{"key-unknown", `grace = 7`, `grase = 7`, "offer.grase"},
		{"key-unknown", `service = "repair"`, "service = \"repair\"\n  currency = \"CNY\"", "offer.product.currency"},
		{"too-many", "[[type]]\n", many + "[[type]]\n", ""},
		{"code-missing", `code = "minghua"`, ``, "[[brand]] 2: code"},
		{"code-wrong", `code = "minghua"`, `code = "Ming Hua"`, "[[brand]] 2 (Ming Hua): code"},
		{"code-wrong", `code = "med"`, `code = "med "`, "[[project]] 2 (med ): code"},
		{"code-wrong", `code = "unit"`, `code = "单位"`, "[[type]] 1 (单位): code"},
		{"code-twice", `code = "med"`, `code = "gov"`, "[[project]] 2 (gov): code"},
		{"code-twice", `code = "minghua"`, `code = "haitai"`, "[[brand]] 2 (haitai): code"},
		{"code-twice", `code = "person"`, `code = "unit"`, "[[type]] 2 (unit): code"},
		{"name-missing", `name.en = "Minghua key"`, ``, "[[brand]] 2 (minghua): name.en"},
		{"name-missing", `zh-CN = "政府采购项目"`, `zh-CN = "  "`, "[[project]] 1 (gov): name.zh-CN"},
		{"name-missing", `about.en = "For tenders"`, ``, "[[project]] 1 (gov): about.en"},
		{"name-wrong", `"单位证书"`, `"单位\n证书"`, "[[type]] 1 (unit): name.zh-CN"},
		{"name-wrong", `"For tenders"`, `"` + strings.Repeat("x", 301) + `"`, "[[project]] 1 (gov): about.en"},
		{"language-unknown", `name.en = "Minghua key"`, "name.en = \"Minghua key\"\nname.fr = \"Clé\"", "[[brand]] 2 (minghua): name.fr"},
		{"picture-missing", `"pictures/gov.png"`, `"pictures/none.png"`, "[[project]] 1 (gov): picture"},
		{"picture-path", `"pictures/gov.png"`, `"../pictures/gov.png"`, "[[project]] 1 (gov): picture"},
		{"picture-path", `"pictures/gov.png"`, `"/etc/passwd"`, "[[project]] 1 (gov): picture"},
		{"picture-large", `"pictures/gov.png"`, `"pictures/large.png"`, "[[project]] 1 (gov): picture"},
		{"picture-wide", `"pictures/gov.png"`, `"pictures/wide.png"`, "[[project]] 1 (gov): picture"},
		{"picture-broken", `"pictures/key.jpg"`, `"pictures/broken.png"`, "[[brand]] 1 (haitai): picture"},
		{"picture-kind", `"pictures/key.jpg"`, `"pictures/drawing.svg"`, "[[brand]] 1 (haitai): picture"},
		{"reference-unknown", `brand = "haitai"`, `brand = "feitian"`, "[[project]] 1 (gov): brand"},
		{"reference-unknown", `project = "med"`, `project = "tax"`, "[[offer]] 2 (tax / minghua): project"},
		{"reference-unknown", `brand = "minghua"`, `brand = "feitian"`, "[[offer]] 2 (med / feitian): brand"},
		{"reference-unknown", `type = "person"`, `type = "server"`, "[[offer]] 1 (gov / haitai), [[offer.product]] 2: type"},
		{"brand-not-offered", `brand = "haitai"`, `brand = "minghua"`, "[[project]] 1 (gov): brand"},
		{"key-number-wrong", `["MH"]`, `[""]`, "[[brand]] 2 (minghua): key_numbers"},
		{"key-numbers-overlap", `["MH"]`, `["HT"]`, "[[brand]] 2 (minghua): key_numbers"},
		{"key-numbers-overlap", `["MH"]`, `["H"]`, "[[brand]] 2 (minghua): key_numbers"},
		{"key-numbers-overlap", `["MH"]`, `["HT-2"]`, "[[brand]] 2 (minghua): key_numbers"},
		{"holder-wrong", `holder = "person"`, `holder = "server"`, "[[type]] 2 (person): holder"},
		{"holder-twice", `holder = "person"`, `holder = "organisation"`, "[[type]] 2 (person): holder"},
		{"offer-twice", "project = \"med\"\nbrand = \"minghua\"", "project = \"gov\"\nbrand = \"haitai\"", "[[offer]] 2 (gov / haitai)"},
		{"products-missing", "[[offer]]\nproject = \"med\"", "[[offer]]\nproject = \"med\"\nbrand = \"haitai\"\n[[offer]]\nproject = \"med\"", "[[offer]] 2 (med / haitai)"},
		{"product-twice", `type = "person"`, ``, "[[offer]] 1 (gov / haitai), [[offer.product]] 2"},
		{"service-wrong", `service = "repair"`, `service = "revoke"`, "[[offer]] 2 (med / minghua), [[offer.product]] 1: service"},
		{"price-unreadable", `"200.00"`, `200.00`, "[[offer]] 2 (med / minghua), [[offer.product]] 1: price"},
		{"price-unreadable", `"200.00"`, `"-1.00"`, "[[offer]] 2 (med / minghua), [[offer.product]] 1: price"},
		{"price-unreadable", `price = "200.00"`, ``, "[[offer]] 2 (med / minghua), [[offer.product]] 1: price"},
		{"price-wrong", `"200.00"`, `"100000.01"`, "[[offer]] 2 (med / minghua), [[offer.product]] 1: price"},
		{"years-missing", `years = [1, 2, 3]`, ``, "[[offer]] 2 (med / minghua), [[offer.product]] 1: years"},
		{"years-wrong", `years = [1, 2, 3]`, `years = [0]`, "[[offer]] 2 (med / minghua), [[offer.product]] 1: years"},
		{"years-wrong", `years = [1, 2, 3]`, `years = [6]`, "[[offer]] 2 (med / minghua), [[offer.product]] 1: years"},
		{"years-twice", `years = [1, 2, 3]`, `years = [1, 1]`, "[[offer]] 2 (med / minghua), [[offer.product]] 1: years"},
		{"number-wrong", `renew_before = 60`, `renew_before = 91`, "[[offer]] 1 (gov / haitai): renew_before"},
		{"number-wrong", `repair_after = 180`, `repair_after = 366`, "[[offer]] 1 (gov / haitai): repair_after"},
		{"number-wrong", `grace = 7`, `grace = 31`, "[[offer]] 1 (gov / haitai): grace"},
		{"number-wrong", `history = 3`, `history = -1`, "[[offer]] 1 (gov / haitai): history"},
		{"disposal-wrong", `"keep"`, `"burn"`, "[[offer]] 1 (gov / haitai): disposal"},
	} {
		t.Run(c.what+" "+c.is, func(t *testing.T) {
			found := faultsOf(t, c.was, c.is)
			i := slices.IndexFunc(found, func(f catalog.Fault) bool { return f.What == c.what && f.Where == c.where })
			if i < 0 {
				t.Fatalf("found %v", found)
			}
			if found[i].Line == 0 && c.what != "too-many" {
				t.Error("without a line")
			}
			for _, lang := range []string{locale.Chinese, locale.English} {
				if text := locale.Text(lang, "catalog.fault."+c.what, found[i].Params); strings.HasPrefix(text, "catalog.") || strings.ContainsAny(text, "{}") {
					t.Errorf("in %s: %s", lang, text)
				}
			}
		})
	}
}

// TestAllFaultsAtOnce, in the order of the file, each with its line.
func TestAllFaultsAtOnce(t *testing.T) {
	text := strings.NewReplacer(`"政府采购项目"`, `""`, `"pictures/key.jpg"`, `"none"`, `holder = "person"`, `holder = "x"`, `"12.50"`, `12`, `years = [1, 2, 3]`, `years = [9]`).Replace(example)
	_, err := catalog.Load(folder(t, text), "hall/catalog.toml", limits)
	var found catalog.Faults
	if !errors.As(err, &found) || !errors.Is(err, catalog.ErrWrong) || certhall.AsError(err).Params["count"] != "5" {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	var got []string
	for _, f := range found {
		got = append(got, f.What)
		if l := lines[f.Line-1]; !strings.Contains(l, "[[") {
			t.Errorf("%s is told at line %d: %s", f.What, f.Line, l)
		}
	}
	if fmt.Sprint(got) != "[name-missing picture-missing holder-wrong price-unreadable years-wrong]" {
		t.Error(got)
	}
}
