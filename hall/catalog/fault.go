package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/certhall/certhall"
)

// ErrWrong says that a catalogue cannot be taken as it is; Faults say why.
var ErrWrong = certhall.NewError("catalog-wrong", certhall.Invalid)

// Fault is one thing that is wrong with a catalogue.
type Fault struct {
	Line   int               // of the file, where the entry begins; 0: not known
	Where  string            // the entry and its key, in the file's own words
	What   string            // what is wrong; package locale has the words under "catalog.fault." and this
	Params map[string]string // for the words
}

// Faults are all that is wrong with a catalogue, in the order of the file.
type Faults []Fault

// Error implements error.
func (f Faults) Error() string {
	text := fmt.Sprintf("%d faults", len(f))
	for _, x := range f {
		text += fmt.Sprintf("; %d: %s: %s %v", x.Line, x.Where, x.What, x.Params)
	}
	return text
}

// Unwrap makes them an ErrWrong.
func (f Faults) Unwrap() error { return ErrWrong.With("count", strconv.Itoa(len(f))) }

// sorted are the faults in the order of the file; nil if there are none.
func (f Faults) sorted() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return f
}

// place is an entry of a catalogue, counted from 1.
type place struct {
	table   string // project, brand, type, offer; "" is the catalogue itself
	n       int
	product int // of an offer
}

// faults gathers what is wrong.
type faults struct {
	lines map[place]int
	found Faults
}

// at tells of a fault; params are pairs of name and value.
func (f *faults) at(p place, name, key, what string, params ...string) {
	where := ""
	if p.table != "" {
		where = fmt.Sprintf("[[%s]] %d", p.table, p.n)
	}
	if name != "" {
		where += " (" + name + ")"
	}
	if p.product > 0 {
		where += fmt.Sprintf(", [[offer.product]] %d", p.product)
	}
	if key != "" && where != "" {
		where += ": "
	}
	values := map[string]string{}
	for i := 0; i+1 < len(params); i += 2 {
		values[params[i]] = params[i+1]
	}
	f.found = append(f.found, Fault{Line: f.lines[p], Where: where + key, What: what, Params: values})
}
