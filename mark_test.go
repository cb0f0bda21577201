package certhall

import (
	"testing"
	"time"
)

// TestMark: a mark names the row that it was made of, to the millisecond that rows
// are kept to; what is no mark begins at the start.
func TestMark(t *testing.T) {
	row := Mark{At: time.Date(2026, 11, 23, 4, 5, 6, 789e6, time.UTC), ID: "0a-1"}
	if got := ParseMark(row.String()); got != row {
		t.Errorf("%q is %+v, want %+v", row, got, row)
	}
	for _, text := range []string{"", "-", "-a", "nonsense!", "0-a", "-1-a", "zzzzzzzzzzzzzzzz-a"} {
		if got := ParseMark(text); got != (Mark{}) {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
