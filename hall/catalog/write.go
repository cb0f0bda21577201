package catalog

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// guide stands at the head of every file.
const guide = `# What the hall offers: projects, brands of USB keys, types of certificates, and
# for each project and brand the services with their prices and the policy.
#
# version   the version this file was written from; an import makes the next one
#           and is refused if another came between
# name.*    in zh-CN and en, both
# picture   a PNG or JPEG file beside this one, at most 256 KiB
# price     yuan for a year, in quotes: "200.00"; "0.00" is free of charge
# years     to choose from; the first is chosen at the beginning
# type      of an offer's product: for this type of certificates alone
# policy    renew_before, repair_after, grace: days; disposal: keep or delete;
#           any_phone: whoever has the key may prove any phone; history: old
#           containers on a key at most. What is left out is left to the authority.
`

// Write gives the file form of a catalogue: Parse reads the same one back.
func Write(c *Catalog) []byte {
	w := &writer{}
	w.WriteString(guide)
	fmt.Fprintf(w, "version = %d\n", c.Version)
	for _, p := range c.Projects {
		w.WriteString("\n[[project]]\n")
		w.text("code", p.Code)
		w.names("name", p.Names)
		w.names("about", p.About)
		w.text("picture", p.Picture)
		w.text("brand", p.Brand)
	}
	for _, b := range c.Brands {
		w.WriteString("\n[[brand]]\n")
		w.text("code", b.Code)
		w.names("name", b.Names)
		w.text("picture", b.Picture)
		w.list("key_numbers", len(b.KeyNumbers), func(i int) string { return quote(b.KeyNumbers[i]) })
	}
	for _, t := range c.Types {
		w.WriteString("\n[[type]]\n")
		w.text("code", t.Code)
		w.names("name", t.Names)
		w.text("holder", t.Holder)
	}
	for _, o := range c.Offers {
		w.offer(o)
	}
	return w.Bytes()
}

var versionLine = regexp.MustCompile(`(?m)^version\s*=\s*\d+`)

// Renumber makes a file name another version that it was written from, and
// leaves all else as it is.
func Renumber(text []byte, version int64) []byte {
	line := fmt.Appendf(nil, "version = %d", version)
	if at := versionLine.FindIndex(text); at != nil {
		return slices.Concat(text[:at[0]], line, text[at[1]:])
	}
	return slices.Concat(line, []byte("\n"), text)
}

// writer writes keys that are not empty.
type writer struct{ bytes.Buffer }

func (w *writer) offer(o Offer) {
	w.WriteString("\n[[offer]]\n")
	w.text("project", o.Project)
	w.text("brand", o.Brand)
	w.number("renew_before", o.Policy.RenewBefore)
	w.number("repair_after", o.Policy.RepairAfter)
	w.number("grace", o.Policy.Grace)
	w.text("disposal", string(o.Policy.Disposal))
	if o.Policy.AnyPhone {
		w.WriteString("any_phone = true\n")
	}
	w.number("history", o.Policy.History)
	for _, p := range o.Products {
		w.WriteString("\n  [[offer.product]]\n")
		for _, line := range [][2]string{{"type", p.Type}, {"service", string(p.Service)}, {"price", p.Price.String()}} {
			if line[1] != "" {
				fmt.Fprintf(w, "  %s = %s\n", line[0], quote(line[1]))
			}
		}
		w.WriteString("  ")
		w.list("years", len(p.Years), func(i int) string { return fmt.Sprint(p.Years[i]) })
	}
}

func (w *writer) text(key, value string) {
	if value != "" {
		fmt.Fprintf(w, "%s = %s\n", key, quote(value))
	}
}

func (w *writer) number(key string, value int) {
	if value != 0 {
		fmt.Fprintf(w, "%s = %d\n", key, value)
	}
}

func (w *writer) names(key string, n Names) {
	for _, lang := range n.languages() {
		fmt.Fprintf(w, "%s.%s = %s\n", key, lang, quote(n[lang]))
	}
}

func (w *writer) list(key string, n int, item func(int) string) {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	fmt.Fprintf(w, "%s = [%s]\n", key, strings.Join(items, ", "))
}

// quote writes a text as a TOML string.
func quote(s string) string {
	line, err := toml.Marshal(map[string]string{"s": s})
	if err != nil {
		panic("catalog: " + err.Error()) // a text can always be written
	}
	return strings.TrimSpace(strings.TrimPrefix(string(line), "s = "))
}
