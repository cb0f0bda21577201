package takeover

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
)

// Report writes findings as a table that spreadsheets open: UTF-8 with a byte
// order mark. It never repeats phone numbers.
type Report struct {
	csv   *csv.Writer
	words Words
}

// Words are what a report is written with.
type Words struct {
	Headings         []string // row, column, serial, what, reason, what to do
	Refused, Warning string
	Of               func(*certhall.Error) (message, hint string)
}

// NewReport begins a report.
func NewReport(w io.Writer, words Words) (*Report, error) {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return nil, err
	}
	r := &Report{csv.NewWriter(w), words}
	return r, r.write(words.Headings)
}

// Add writes one finding.
func (r *Report) Add(f Finding) error {
	row, what := "", r.words.Refused
	if f.Row > 0 {
		row = strconv.Itoa(f.Row)
	}
	if f.Warning {
		what = r.words.Warning
	}
	message, hint := r.words.Of(f.Reason)
	return r.write([]string{row, f.Column, f.Serial, what, message, hint})
}

// write keeps spreadsheets from taking a cell for a formula, and every line for
// itself: a run may end at any moment.
func (r *Report) write(cells []string) error {
	safe := make([]string, len(cells))
	for i, c := range cells {
		if c != "" && strings.ContainsRune("=+-@\t", rune(c[0])) {
			c = "'" + c
		}
		safe[i] = c
	}
	if err := r.csv.Write(safe); err != nil {
		return err
	}
	r.csv.Flush()
	return r.csv.Error()
}
