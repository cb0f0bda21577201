package sqldb

import (
	"strconv"
	"strings"
)

// Where gathers the conditions of a search, with their placeholders in order.
type Where struct {
	Args       []any
	conditions []string
}

// And adds a condition in which each ? stands for a value.
func (w *Where) And(condition string, values ...any) {
	for _, v := range values {
		w.Args = append(w.Args, v)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(w.Args)), 1)
	}
	w.conditions = append(w.conditions, condition)
}

// Arg adds a value that stands behind the conditions, and gives its placeholder.
func (w *Where) Arg(value any) string {
	w.Args = append(w.Args, value)
	return "$" + strconv.Itoa(len(w.Args))
}

// String is all conditions, joined by AND.
func (w *Where) String() string { return strings.Join(w.conditions, " AND ") }
