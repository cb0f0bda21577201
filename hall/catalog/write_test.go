package catalog_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
)

// TestWriteThenParse: whatever a catalogue says, its file says the same.
func TestWriteThenParse(t *testing.T) {
	for seed := range uint64(500) {
		c := anyCatalog(rand.New(rand.NewPCG(seed, 0)))
		text := catalog.Write(c)
		back, err := catalog.Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if !reflect.DeepEqual(c, back) {
			t.Fatalf("seed %d\nwas %+v\nis  %+v\n%s", seed, c, back, text)
		}
	}
	c := load(t, example).Catalog
	back, err := catalog.Parse(catalog.Write(c))
	if back.Pictures = c.Pictures; err != nil || !reflect.DeepEqual(c, back) {
		t.Errorf("the example: %v\n%s", err, catalog.Write(c))
	}
}

// anyCatalog says anything, sense or not.
func anyCatalog(r *rand.Rand) *catalog.Catalog {
	text := func() string {
		letters := []rune("aZ09 -_.\"'\\#[]={}\n\t\r\x00\x7f政府🔑\u2028")
		var b strings.Builder
		for range r.IntN(9) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	names := func() catalog.Names {
		n := catalog.Names{}
		for _, lang := range []string{"zh-CN", "en"} {
			if r.IntN(3) > 0 {
				n[lang] = text()
			}
		}
		if len(n) == 0 {
			return nil
		}
		return n
	}
	c := &catalog.Catalog{Version: r.Int64N(9)}
	for range r.IntN(4) {
		c.Projects = append(c.Projects, catalog.Project{Code: text(), Names: names(), About: names(), Picture: text(), Brand: text()})
	}
	for range r.IntN(4) {
		b := catalog.Brand{Code: text(), Names: names(), Picture: text(), KeyNumbers: []string{}}
		for range r.IntN(3) {
			b.KeyNumbers = append(b.KeyNumbers, text())
		}
		c.Brands = append(c.Brands, b)
	}
	for range r.IntN(4) {
		c.Types = append(c.Types, catalog.Type{Code: text(), Names: names(), Holder: text()})
	}
	for range r.IntN(4) {
		o := catalog.Offer{Project: text(), Brand: text(), Policy: catalog.Policy{RenewBefore: r.IntN(3), RepairAfter: -r.IntN(3), Grace: r.IntN(99),
			Disposal: certhall.Disposal(text()), AnyPhone: r.IntN(2) > 0, History: r.IntN(3)}}
		for range r.IntN(3) {
			o.Products = append(o.Products, catalog.Product{Type: text(), Service: certhall.Service(text()), Price: certhall.Money(r.Int64N(1e9)), Years: r.Perm(r.IntN(4))})
		}
		c.Offers = append(c.Offers, o)
	}
	return c
}

func TestDiff(t *testing.T) {
	was := load(t, example).Catalog
	if d := catalog.Diff(was, load(t, strings.Replace(example, "version = 3", "version = 9", 1)).Catalog); len(d) > 0 {
		t.Error("nothing changed, but", d)
	}
	for _, c := range []struct{ was, is, want string }{
		{`"200.00"`, `"260.00"`, "[{offer med / minghua, repair price 200.00 260.00}]"},
		{`"12.50"`, `"0"`, "[{offer gov / haitai, renew person price 12.50 0.00}]"},
		{`"Minghua key"`, `"MH key"`, "[{brand minghua name.en Minghua key MH key}]"},
		{`any_phone = true`, ``, "[{offer gov / haitai any_phone true }]"},
		{`key_numbers = ["MH"]`, `key_numbers = ["MH", "M1"]`, "[{brand minghua key_numbers MH MH, M1}]"},
		{`"pictures/key.jpg"`, `"pictures/gov.png"`, "picture pictures/key.jpg"},
		{"[[brand]]\ncode = \"minghua\"", "[[brand]]\ncode = \"feitian\"\nname.zh-CN = \"飞天\"\nname.en = \"Feitian\"\n[[brand]]\ncode = \"minghua\"",
			"[{brand feitian name.en  Feitian} {brand feitian name.zh-CN  飞天}]"},
		{`years = [1, 2, 3]`, `years = [2, 1, 3]`, "[{offer med / minghua, repair years 1 2 3 2 1 3}]"},
	} {
		if got := fmt.Sprint(catalog.Diff(was, load(t, strings.Replace(example, c.was, c.is, 1)).Catalog)); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.is, got)
		}
	}
	turned := *was
	turned.Brands = []catalog.Brand{was.Brands[1], was.Brands[0]}
	if got := fmt.Sprint(catalog.Diff(was, &turned)); got != "[{order  }]" {
		t.Error(got)
	}
	if got := catalog.Diff(was, &catalog.Catalog{}); len(got) < 20 || got[0].Is != "" || got[0].Was == "" {
		t.Error(got)
	}
}
