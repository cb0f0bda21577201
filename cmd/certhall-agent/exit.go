package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/locale"
)

// Exit codes, for scripts; --help tells them.
const (
	exitDone    = 0
	exitOther   = 1
	exitUsage   = 2
	exitRefused = 3
	exitPIN     = 4
	exitKey     = 5
	exitLater   = 6
)

// exit ends a command that has told everything itself.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// exitCode sorts errors by what a script can do about them.
func exitCode(e *certhall.Error) int {
	switch e.Code {
	case "pin-wrong", "pin-locked", "pin-needed", "pin-last-try", "pin-refused", "admin-pin-wrong", "admin-pin-locked", "unlock-failed", "unlock-unanswered":
		return exitPIN
	case "key-removed", "key-busy", "key-full", "key-damaged", "key-pair-broken", "wrong-key",
		"old-pair-missing", "cli-no-key", "cli-many-keys", "softkey-exists", "softkey-not-written":
		return exitKey
	case "cli-file", "authorities-folder", "softkey-options", "pin-differs", "cli-no-phone", "cli-which-authority", "cli-years", "server-address",
		"drivers-table", "recording":
		return exitUsage
	case "code-resend", "code-tries", "sms-failed", "sms-limited", "database-away", "database-full", paymentStopped, "orders-many-open", "orders-many-today":
		return exitLater // as a problem they come from the hall without their kind
	}
	if strings.HasPrefix(e.Code, "driver-") {
		return exitKey
	}
	switch e.Kind {
	case certhall.Internal:
		return exitOther
	case certhall.Unavailable, certhall.Limited:
		return exitLater
	}
	return exitRefused
}

// complain says what happened and what to do next; the code, small, at the end.
func (s *shell) complain(err error) int {
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	e := certhall.AsError(err)
	code := exitCode(e)
	message, hint := s.words(e)
	if s.JSON {
		s.line(map[string]any{"event": "error", "code": e.Code, "params": e.Params, "message": message, "hint": hint, "exit": code})
		return code
	}
	fmt.Fprintf(s.err, "%s\n%s\n[%s]\n", message, hint, e.Code)
	if code == exitOther {
		fmt.Fprintln(s.err, certhall.CauseText(err))
	}
	return code
}

var errInterrupted = certhall.NewError("cli-interrupted", certhall.Unavailable)

// words are this program's for an error, or the hall's for one it does not know.
func (s *shell) words(e *certhall.Error) (message, hint string) {
	message, hint = locale.Error(s.Lang, e)
	if message == "error."+e.Code {
		if m, h, ok := courier.Words(e); ok {
			return m, h
		}
		return locale.Error(s.Lang, certhall.ErrInternal)
	}
	return message, hint
}
