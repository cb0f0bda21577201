package catalog

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
)

// Change is what one key of a catalogue was and becomes; "" is nothing.
type Change struct{ Where, Was, Is string }

// Diff lists what differs between two catalogues, in the order of the new one;
// what is gone stands at the end.
func Diff(was, is *Catalog) []Change {
	old, now := flat(was), flat(is)
	before := map[string]string{}
	for _, v := range old {
		before[v.where] = v.value
	}
	var changes []Change
	for _, v := range now {
		if before[v.where] != v.value {
			changes = append(changes, Change{v.where, before[v.where], v.value})
		}
		delete(before, v.where)
	}
	for _, v := range old {
		if _, gone := before[v.where]; gone {
			changes = append(changes, Change{Where: v.where, Was: v.value})
		}
	}
	if len(changes) == 0 && !same(was, is) {
		changes = append(changes, Change{Where: "order"})
	}
	return changes
}

// same tells whether two catalogues say the same in the same order.
func same(a, b *Catalog) bool {
	x, y := *a, *b
	x.Version, y.Version = 0, 0
	return bytes.Equal(Write(&x), Write(&y)) && maps.Equal(x.Pictures, y.Pictures)
}

// value is a key of a catalogue, named by codes and not by numbers: what stands
// elsewhere has not changed for that.
type value struct{ where, value string }

// flat is all that a catalogue says; what is empty is not said.
func flat(c *Catalog) (all []value) {
	say := func(where, key, v string) {
		if v != "" && v != "0" && v != "false" {
			all = append(all, value{where + " " + key, v})
		}
	}
	names := func(where, key string, n Names) {
		for _, lang := range n.languages() {
			say(where, key+"."+lang, n[lang])
		}
	}
	picture := func(where, name string) {
		if name != "" {
			say(where, "picture", fmt.Sprintf("%s %.8s", name, c.Pictures[name]))
		}
	}
	for _, p := range c.Projects {
		at := "project " + p.Code
		names(at, "name", p.Names)
		names(at, "about", p.About)
		picture(at, p.Picture)
		say(at, "brand", p.Brand)
	}
	for _, b := range c.Brands {
		at := "brand " + b.Code
		names(at, "name", b.Names)
		picture(at, b.Picture)
		say(at, "key_numbers", strings.Join(b.KeyNumbers, ", "))
	}
	for _, t := range c.Types {
		at := "type " + t.Code
		names(at, "name", t.Names)
		say(at, "holder", t.Holder)
	}
	for _, o := range c.Offers {
		at := "offer " + o.Project + " / " + o.Brand
		all = append(all, value{at, "+"})
		say(at, "renew_before", fmt.Sprint(o.Policy.RenewBefore))
		say(at, "repair_after", fmt.Sprint(o.Policy.RepairAfter))
		say(at, "grace", fmt.Sprint(o.Policy.Grace))
		say(at, "disposal", string(o.Policy.Disposal))
		say(at, "any_phone", fmt.Sprint(o.Policy.AnyPhone))
		say(at, "history", fmt.Sprint(o.Policy.History))
		for _, p := range o.Products {
			product := strings.TrimSpace(at + ", " + string(p.Service) + " " + p.Type)
			say(product, "price", p.Price.String())
			say(product, "years", strings.Trim(fmt.Sprint(p.Years), "[]"))
		}
	}
	return all
}
