package certhall

import (
	"errors"
	"fmt"
	"testing"
)

func TestCauseText(t *testing.T) {
	inner := ErrInternal.Because(fmt.Errorf("reading: %w", errors.New("disk")))
	for want, err := range map[string]error{
		"":                                 nil,
		"internal: reading: disk: disk":    inner,
		"internal: reading: disk: disk; b": errors.Join(inner, errors.New("b")),
		"x internal; b: internal: reading: disk: disk; b": fmt.Errorf("x %w", errors.Join(inner, errors.New("b"))),
	} {
		if got := CauseText(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
