package main

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/term"

	"github.com/certhall/certhall/desk/courier"
)

// patience waits for keys that other programs use, and shows how long it still
// does: counting down on a terminal, said once elsewhere.
func (s *shell) patience() courier.Patience {
	said := false
	return courier.Patience{Time: s.Wait, Wait: courier.Sleep, Tell: func(left time.Duration) {
		switch {
		case s.JSON:
			if !said && left > 0 {
				s.line(map[string]any{"event": "key-busy", "left_s": int(left.Seconds())})
			}
		case onTerminal(s.err):
			if left == 0 {
				fmt.Fprintln(s.err)
			} else {
				fmt.Fprintf(s.err, "\r%s ", s.text("cli.busy.waiting", "left", clockface(left)))
			}
		case !said:
			s.note("cli.busy.waiting", "left", clockface(left))
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
