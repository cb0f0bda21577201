package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/width"
)

// tableFlags say how a list is written.
type tableFlags struct {
	Format string `enum:"table,json,csv" default:"table" help:"table, json (one object a line) or csv."`
}

// table is a list for people or programs.
type table struct {
	columns []string
	rows    [][]string
}

func newTable(columns ...string) *table { return &table{columns: columns} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(env *environment, f tableFlags) error {
	switch f.Format {
	case "csv":
		w := csv.NewWriter(env.out)
		_ = w.Write(t.columns) // the first failure is told at the end
		_ = w.WriteAll(t.rows)
		return w.Error()
	case "json":
		e := json.NewEncoder(env.out)
		e.SetEscapeHTML(false)
		for _, row := range t.rows {
			object := map[string]string{}
			for i, cell := range row {
				if cell != "" {
					object[t.columns[i]] = cell
				}
			}
			if err := e.Encode(object); err != nil {
				return err
			}
		}
		return nil
	}
	head := make([]string, len(t.columns))
	for i, c := range t.columns {
		head[i] = env.text("cli.column." + c)
	}
	widths := make([]int, len(head))
	all := append([][]string{head}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-columns(cell)+2))
		}
		if _, err := fmt.Fprintln(env.out, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// columns is how wide a terminal shows a text: Chinese characters take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}
