package catalog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/locale"
)

// Limits are what policies and products can only stay within.
type Limits struct {
	RenewBefore int // days, as the authority has them
	RepairAfter int
	Grace       int
	Years       int // of a certificate at most
}

// Protocol are the limits of the protocol, as an authority has them by default.
var Protocol = Limits{RenewBefore: 90, RepairAfter: 365, Grace: 30, Years: 5}

// What a catalogue may hold at most.
const (
	longestName  = 60  // characters
	longestAbout = 300 // characters
	longestCode  = 64  // bytes, as in certificates
	dearest      = certhall.Money(100_000_00)
	most         = 500 // entries of a kind
	mostHistory  = 100
)

// sold are the services that have a price.
var sold = []certhall.Service{certhall.Renew, certhall.Repair}

var plainCode = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// check finds all that makes no sense in a catalogue.
func check(c *Catalog, l Limits, f *faults) {
	k := checker{c, l, f}
	if max(len(c.Projects), len(c.Brands), len(c.Types), len(c.Offers)) > most {
		f.at(place{}, "", "", "too-many", "limit", strconv.Itoa(most))
		return // what else is wrong would be told without end
	}
	k.projects()
	k.brands()
	k.types()
	k.offers()
}

type checker struct {
	*Catalog
	limits Limits
	*faults
}

func (k checker) projects() {
	seen := map[string]bool{}
	for i, p := range k.Projects {
		at := place{"project", i + 1, 0}
		k.code(at, p.Code, seen, isText(p.Code, longestCode))
		k.names(at, p.Code, "name", p.Names, longestName, true)
		k.names(at, p.Code, "about", p.About, longestAbout, false)
		k.picture(at, p.Code, p.Picture)
		if p.Brand == "" {
			continue
		}
		if _, ok := k.brand(p.Brand); !ok {
			k.at(at, p.Code, "brand", "reference-unknown", "value", p.Brand)
		} else if _, ok := k.offer(p.Code, p.Brand); !ok {
			k.at(at, p.Code, "brand", "brand-not-offered", "value", p.Brand)
		}
	}
}

func (k checker) brands() {
	seen := map[string]bool{}
	type beginning struct{ number, brand string }
	var taken []beginning
	for i, b := range k.Brands {
		at := place{"brand", i + 1, 0}
		k.code(at, b.Code, seen, plainCode.MatchString(b.Code))
		k.names(at, b.Code, "name", b.Names, longestName, true)
		k.picture(at, b.Code, b.Picture)
		for _, n := range b.KeyNumbers {
			if !isText(n, longestCode) {
				k.at(at, b.Code, "key_numbers", "key-number-wrong", "value", n)
				continue
			}
			for _, t := range taken {
				if strings.HasPrefix(n, t.number) || strings.HasPrefix(t.number, n) {
					k.at(at, b.Code, "key_numbers", "key-numbers-overlap", "value", n, "other", t.number, "brand", t.brand)
				}
			}
			taken = append(taken, beginning{n, b.Code})
		}
	}
}

func (k checker) types() {
	seen, holders := map[string]bool{}, map[string]bool{}
	for i, t := range k.Types {
		at := place{"type", i + 1, 0}
		k.code(at, t.Code, seen, plainCode.MatchString(t.Code))
		k.names(at, t.Code, "name", t.Names, longestName, true)
		switch {
		case t.Holder != Organisation && t.Holder != Person:
			k.at(at, t.Code, "holder", "holder-wrong", "value", t.Holder)
		case holders[t.Holder]:
			k.at(at, t.Code, "holder", "holder-twice", "value", t.Holder)
		}
		holders[t.Holder] = true
	}
}

func (k checker) offers() {
	seen := map[[2]string]bool{}
	for i, o := range k.Offers {
		at, name := place{"offer", i + 1, 0}, o.Project+" / "+o.Brand
		if _, ok := k.project(o.Project); !ok {
			k.at(at, name, "project", "reference-unknown", "value", o.Project)
		}
		if _, ok := k.brand(o.Brand); !ok {
			k.at(at, name, "brand", "reference-unknown", "value", o.Brand)
		}
		if key := [2]string{o.Project, o.Brand}; seen[key] {
			k.at(at, name, "", "offer-twice")
		} else {
			seen[key] = true
		}
		k.policy(at, name, o.Policy)
		if len(o.Products) == 0 {
			k.at(at, name, "", "products-missing")
		}
		k.products(at, name, o.Products)
	}
}

func (k checker) policy(at place, name string, p Policy) {
	for _, n := range []struct {
		key          string
		value, limit int
	}{
		{"renew_before", p.RenewBefore, k.limits.RenewBefore}, {"repair_after", p.RepairAfter, k.limits.RepairAfter},
		{"grace", p.Grace, k.limits.Grace}, {"history", p.History, mostHistory},
	} {
		if n.value < 0 || n.value > n.limit {
			k.at(at, name, n.key, "number-wrong", "value", strconv.Itoa(n.value), "limit", strconv.Itoa(n.limit))
		}
	}
	if p.Disposal != "" && p.Disposal != certhall.Keep && p.Disposal != certhall.Delete {
		k.at(at, name, "disposal", "disposal-wrong", "value", string(p.Disposal))
	}
}

func (k checker) products(at place, name string, all []Product) {
	seen := map[[2]string]bool{}
	for i, p := range all {
		at.product = i + 1
		if !slices.Contains(sold, p.Service) {
			k.at(at, name, "service", "service-wrong", "value", string(p.Service))
		}
		if _, ok := find(k.Types, func(t Type) bool { return t.Code == p.Type }); p.Type != "" && !ok {
			k.at(at, name, "type", "reference-unknown", "value", p.Type)
		}
		if key := [2]string{p.Type, string(p.Service)}; seen[key] {
			k.at(at, name, "", "product-twice")
		} else {
			seen[key] = true
		}
		if p.Price < 0 || p.Price > dearest {
			k.at(at, name, "price", "price-wrong", "value", p.Price.String(), "limit", dearest.String())
		}
		if len(p.Years) == 0 {
			k.at(at, name, "years", "years-missing")
		}
		for j, y := range p.Years {
			if y < 1 || y > k.limits.Years {
				k.at(at, name, "years", "years-wrong", "value", strconv.Itoa(y), "limit", strconv.Itoa(k.limits.Years))
			} else if slices.Contains(p.Years[:j], y) {
				k.at(at, name, "years", "years-twice", "value", strconv.Itoa(y))
			}
		}
	}
}

func (k checker) code(at place, code string, seen map[string]bool, good bool) {
	switch {
	case code == "":
		k.at(at, "", "code", "code-missing")
	case !good:
		k.at(at, code, "code", "code-wrong", "value", code)
	case seen[code]:
		k.at(at, code, "code", "code-twice", "value", code)
	}
	seen[code] = true
}

// names wants a text in every language there is, or where it may be left out,
// in none.
func (k checker) names(at place, name, key string, n Names, longest int, needed bool) {
	for _, lang := range []string{locale.Chinese, locale.English} {
		if (needed || len(n) > 0) && strings.TrimSpace(n[lang]) == "" {
			k.at(at, name, key+"."+lang, "name-missing")
		}
	}
	for _, lang := range n.languages() {
		switch {
		case lang != locale.Chinese && lang != locale.English:
			k.at(at, name, key+"."+lang, "language-unknown")
		case n[lang] != "" && !isText(n[lang], 4*longest) || utf8.RuneCountInString(n[lang]) > longest:
			k.at(at, name, key+"."+lang, "name-wrong", "limit", strconv.Itoa(longest))
		}
	}
}

func (k checker) picture(at place, name, picture string) {
	if picture != "" && k.Pictures[picture] == "" {
		k.at(at, name, "picture", "picture-missing", "value", picture)
	}
}

// isText tells whether s can be kept and shown: not empty, not too many bytes,
// no characters that cannot be seen or that reorder others, no space around it.
func isText(s string, longest int) bool {
	return s != "" && len(s) <= longest && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) })
}
