package certhall

import (
	"strconv"
	"strings"
	"time"
)

// Mark names a row of a list, latest first, behind which the next page begins:
// its time, in milliseconds, and its id. The zero Mark is the list's start.
type Mark struct {
	At time.Time
	ID string
}

// String writes a mark as pages give and take it.
func (m Mark) String() string { return strconv.FormatInt(m.At.UnixMilli(), 36) + "-" + m.ID }

// ParseMark reads a mark; what is none begins at the start.
func ParseMark(text string) Mark {
	at, id, _ := strings.Cut(text, "-")
	ms, err := strconv.ParseInt(at, 36, 64)
	if err != nil || ms <= 0 {
		return Mark{}
	}
	return Mark{At: time.UnixMilli(ms).UTC(), ID: id}
}
