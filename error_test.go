package certhall

import (
	"errors"
	"fmt"
	"testing"
)

func TestCauseText(t *testing.T) {
	inner := ErrInternal.Because(fmt.Errorf("reading: %w", errors.New("disk")))
	for want, err := range map[string]error{
		"":                              nil,
		"internal: reading: disk":       inner,
		"internal: reading: disk; b":    errors.Join(inner, errors.New("b")),
		"x internal: reading: disk; b":  fmt.Errorf("x %w", errors.Join(inner, errors.New("b"))),
		"(disk) reading: disk":          because{"(disk) reading", errors.New("disk")},
		"ramdisk: disk":                 because{"ramdisk", errors.New("disk")}, // not its cause's words
		"lines; of two: internal: a; b": fmt.Errorf("lines\nof two: %w", ErrInternal.Because(errors.New("a\nb"))),
	} {
		if got := CauseText(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// because is an error that does not say its cause.
type because struct {
	text  string
	cause error
}

func (b because) Error() string { return b.text }
func (b because) Unwrap() error { return b.cause }
