package skf

import (
	"bytes"
	"fmt"
	"strings"
)

// Names writes a list of names: each with a NUL behind it, and one more at the
// end. An empty list is two of them.
func Names(names []string) []byte {
	if len(names) == 0 {
		return []byte{0, 0}
	}
	return []byte(strings.Join(names, "\x00") + "\x00\x00")
}

// ParseNames reads a list of names. It ends at the first empty name or where
// the bytes end: some libraries count one NUL less.
func ParseNames(b []byte) ([]string, error) {
	if len(b) > MaxNames {
		return nil, fmt.Errorf("%w: a list of %d bytes", ErrLayout, len(b))
	}
	var names []string
	for len(b) > 0 {
		name, rest, _ := bytes.Cut(b, []byte{0})
		if len(name) == 0 {
			break
		}
		names = append(names, string(name))
		b = rest
	}
	return names, nil
}
