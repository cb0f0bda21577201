package catalog

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/certhall/certhall"
)

// document is the file form of a catalogue (TOML).
type document struct {
	Version  int64       `toml:"version"`
	Projects []Project   `toml:"project"`
	Brands   []Brand     `toml:"brand"`
	Types    []Type      `toml:"type"`
	Offers   []offerForm `toml:"offer"`
}

type offerForm struct {
	Project string `toml:"project"`
	Brand   string `toml:"brand"`
	Policy
	Products []productForm `toml:"product"`
}

type productForm struct {
	Type    string           `toml:"type"`
	Service certhall.Service `toml:"service"`
	Price   price            `toml:"price"`
	Years   []int            `toml:"years"`
}

// price is money as people write it, read later so that all that are wrong are
// told at once.
type price struct{ text string }

// UnmarshalTOML implements toml.Unmarshaler.
func (p *price) UnmarshalTOML(v any) error {
	p.text = fmt.Sprint(v)
	if _, quoted := v.(string); !quoted {
		p.text += " (without quotes)"
	}
	return nil
}

// Parse reads the file form. It finds what cannot be read, not what makes no
// sense: that is for Check.
func Parse(text []byte) (*Catalog, error) {
	c, f := parse(text)
	return c, f.found.sorted()
}

func parse(text []byte) (*Catalog, *faults) {
	f := &faults{lines: entries(text)}
	var d document
	read, err := toml.Decode(string(text), &d)
	if err != nil {
		f.found = append(f.found, unreadable(err))
		return &Catalog{}, f
	}
	told := map[string]bool{}
	for _, key := range read.Undecoded() {
		if name := key.String(); !told[name] {
			told[name] = true
			f.found = append(f.found, Fault{Line: keyLine(text, key[len(key)-1]), Where: name, What: "key-unknown"})
		}
	}
	c := &Catalog{Version: d.Version, Projects: d.Projects, Brands: d.Brands, Types: d.Types}
	for i, o := range d.Offers {
		offer := Offer{Project: o.Project, Brand: o.Brand, Policy: o.Policy}
		for j, p := range o.Products {
			money, ok := certhall.ParseMoney(p.Price.text)
			if !ok {
				f.at(place{"offer", i + 1, j + 1}, o.Project+" / "+o.Brand, "price", "price-unreadable", "value", p.Price.text)
			}
			offer.Products = append(offer.Products, Product{Type: p.Type, Service: p.Service, Price: money, Years: p.Years})
		}
		c.Offers = append(c.Offers, offer)
	}
	return c, f
}

// misfit is how the library tells of a value of another kind than the key takes.
var misfit = regexp.MustCompile(`^toml: line (\d+) \(last key "(.*?)"\): (.*)`)

func unreadable(err error) Fault {
	fault := Fault{What: "unreadable", Params: map[string]string{"cause": err.Error()}}
	if at, ok := err.(toml.ParseError); ok {
		fault.Line, fault.Params["cause"] = at.Position.Line, at.Message
	} else if m := misfit.FindStringSubmatch(err.Error()); m != nil {
		fault.Line, _ = strconv.Atoi(m[1])
		fault.Where, fault.Params["cause"] = m[2], m[3]
	}
	return fault
}

var header = regexp.MustCompile(`^\s*\[\[\s*(project|brand|type|offer)\s*(\.\s*product\s*)?\]\]`)

// entries are the lines in which the entries of a file begin.
func entries(text []byte) map[place]int {
	lines, count, products := map[place]int{}, map[string]int{}, 0
	for i, line := range strings.Split(string(text), "\n") {
		m := header.FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[2] != "":
			products++
			lines[place{"offer", count["offer"], products}] = i + 1
		default:
			count[m[1]]++
			products = 0
			lines[place{m[1], count[m[1]], 0}] = i + 1
		}
	}
	return lines
}

// keyLine is the first line that sets a key, 0 if none is found.
func keyLine(text []byte, key string) int {
	sets := regexp.MustCompile(`^\s*(\[+\s*)?([\w"'.-]+\.)?["']?` + regexp.QuoteMeta(key) + `["']?\s*[=\].]`)
	for i, line := range strings.Split(string(text), "\n") {
		if sets.MatchString(line) {
			return i + 1
		}
	}
	return 0
}
