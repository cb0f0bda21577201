package ca

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
)

// What a list of administrators' PINs is not read for. ErrKeyList: it is no such
// list; the others are about one line (parameters line, key).
var (
	ErrKeyList      = certhall.NewError("key-list-unreadable", certhall.Invalid)
	ErrKeyListTwice = certhall.NewError("key-list-twice", certhall.Invalid)
)

// LineFault is what is wrong with one line of a list.
type LineFault struct {
	Line int
	Err  *certhall.Error
}

// ReadAdminPINs reads a maker's list: CSV, UTF-8, with a head that names the
// columns serial and admin_pin; others are passed over. It tells every fault, so
// that a list is corrected once; no fault quotes a PIN.
func ReadAdminPINs(list io.Reader) (all []NewAdminPIN, faults []LineFault, err error) {
	text, err := io.ReadAll(list)
	if err != nil {
		return nil, nil, ErrKeyList.Because(err)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	head, err := r.Read()
	if err != nil {
		return nil, nil, ErrKeyList.Becausef("no head line") // the reader's own words quote the line
	}
	named := func(name string) int {
		return slices.IndexFunc(head, func(cell string) bool { return strings.EqualFold(strings.TrimSpace(cell), name) })
	}
	serial, pin := named("serial"), named("admin_pin")
	if serial < 0 || pin < 0 {
		return nil, nil, ErrKeyList.Becausef("no columns serial and admin_pin")
	}
	seen := map[string]bool{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, faults, nil
		}
		if broken := (*csv.ParseError)(nil); errors.As(err, &broken) {
			return nil, nil, ErrKeyList.Becausef("line %d is no CSV", broken.Line)
		}
		line, _ := r.FieldPos(0)
		var n NewAdminPIN
		if len(row) > max(serial, pin) {
			n = NewAdminPIN{strings.TrimSpace(row[serial]), []byte(strings.TrimSpace(row[pin]))}
		}
		err = CheckAdminPIN(n)
		if err == nil && seen[n.KeySerial] {
			err = ErrKeyListTwice.With("key", n.KeySerial)
		}
		if err != nil {
			faults = append(faults, LineFault{line, certhall.AsError(err).With("line", strconv.Itoa(line))})
			continue
		}
		seen[n.KeySerial] = true
		all = append(all, n)
	}
}
