package main

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/term"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/token"
)

// patience waits for keys that other programs use, and libraries that have not
// answered yet, and shows how long it still does: counting down on a terminal, said once elsewhere.
func (s *shell) patience() courier.Patience {
	said := false
	return courier.Patience{Time: s.Wait, Wait: courier.Sleep, Tell: func(why error, left time.Duration) {
		waiting := func() string {
			if e := certhall.AsError(why); e.Is(token.ErrDriverSlow) {
				return s.text("cli.slow.waiting", "library", e.Params["library"], "left", clockface(left))
			}
			return s.text("cli.busy.waiting", "left", clockface(left))
		}
		switch {
		case s.JSON:
			if !said && left > 0 {
				s.line(map[string]any{"event": certhall.AsError(why).Code, "left_s": int(left.Seconds())})
			}
		case onTerminal(s.err):
			if left == 0 {
				fmt.Fprintln(s.err)
			} else {
				fmt.Fprintf(s.err, "\r%s ", waiting())
			}
		case !said:
			fmt.Fprintln(s.err, waiting())
		}
		said = left > 0
	}}
}

// clockface writes a time that runs out as 1:05.
func clockface(left time.Duration) string {
	left = left.Round(time.Second)
	return fmt.Sprintf("%d:%02d", left/time.Minute, left%time.Minute/time.Second)
}

func onTerminal(w io.Writer) bool {
	out, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(out.Fd()))
}
