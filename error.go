package certhall

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Kind sorts errors by what the other side can do about them. Over HTTP kinds
// are statuses, on the command line exit codes.
type Kind int

// The kinds of error.
const (
	Internal        Kind = iota // our fault: nothing the caller can mend
	Invalid                     // the input is malformed or contradicts itself
	Denied                      // not proved, not allowed
	NotFound                    // not there, or not for this caller
	Conflict                    // contradicts what is stored; asking "what next?" resolves it
	Limited                     // too many tries; later
	Unavailable                 // not now (sealed, busy, no connection): the same call may succeed later
	Unauthenticated             // nobody has logged in, or the log-in has ended
)

// Status is the kind as an HTTP status (RFC 9110, 15).
func (k Kind) Status() int {
	switch k {
	case Invalid:
		return http.StatusUnprocessableEntity
	case Denied:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Conflict:
		return http.StatusConflict
	case Limited:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	case Unauthenticated:
		return http.StatusUnauthorized
	}
	return http.StatusInternalServerError
}

// Error is what a caller may know: a code, under which the locale files hold
// the text and the hint ("what to do next") for people, and the values the
// text names. The cause is for the log alone and never shown.
type Error struct {
	Code   string            // stable, lower-case, words joined by hyphens
	Kind   Kind              // what the caller can do about it
	Params map[string]string // values for the text; never secrets
	cause  error
}

// NewError declares an error; packages keep theirs in variables.
func NewError(code string, kind Kind) *Error { return &Error{Code: code, Kind: kind} }

// Error returns the code and the parameters, never the cause.
func (e *Error) Error() string {
	if len(e.Params) == 0 {
		return e.Code
	}
	return fmt.Sprintf("%s %v", e.Code, e.Params)
}

// Unwrap gives the cause, for logs and errors.Is.
func (e *Error) Unwrap() error { return e.cause }

// Is makes copies of a declared error match it by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Because returns a copy that carries the cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Becausef is Because with a formatted cause.
func (e *Error) Becausef(format string, args ...any) *Error {
	return e.Because(fmt.Errorf(format, args...))
}

// With returns a copy with one more parameter for the text.
func (e *Error) With(name, value string) *Error {
	c := *e
	c.Params = make(map[string]string, len(e.Params)+1)
	for k, v := range e.Params {
		c.Params[k] = v
	}
	c.Params[name] = value
	return &c
}

// ErrInternal is what a caller is told of an error without a code.
var ErrInternal = NewError("internal", Internal)

// AsError finds the Error in err's chain; anything else becomes ErrInternal
// with err as its cause.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return ErrInternal.Because(err)
}

// CauseText is the whole chain of causes on one line, for logs only; errors
// that were joined follow each other.
func CauseText(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var texts []string
		for _, e := range joined.Unwrap() {
			texts = append(texts, CauseText(e))
		}
		return strings.Join(texts, "; ")
	}
	if err == nil {
		return ""
	}
	line := func(s string) string { return strings.ReplaceAll(s, "\n", "; ") }
	cause := errors.Unwrap(err)
	if cause == nil {
		return line(err.Error())
	}
	// Most errors end with what their cause says: it is said once.
	if own, found := strings.CutSuffix(err.Error(), cause.Error()); found && (own == "" || strings.HasSuffix(own, " ")) {
		return line(own) + CauseText(cause)
	}
	return line(err.Error()) + ": " + CauseText(cause)
}
