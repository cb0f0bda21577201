package main

import (
	"encoding/json"
	"fmt"

	"github.com/certhall/certhall/locale"
)

// text is a text of the command line in the person's language.
func (s *shell) text(key string, params ...string) string {
	m := map[string]string{}
	for i := 0; i+1 < len(params); i += 2 {
		m[params[i]] = params[i+1]
	}
	return locale.Text(s.Lang, key, m)
}

// say writes a line for people; with --json only objects are written.
func (s *shell) say(key string, params ...string) {
	if !s.JSON {
		fmt.Fprintln(s.out, s.text(key, params...))
	}
}

// note writes a line beside the results.
func (s *shell) note(key string, params ...string) {
	if !s.JSON {
		fmt.Fprintln(s.err, s.text(key, params...))
	}
}

// line writes a JSON object as one line.
func (s *shell) line(v any) {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		fmt.Fprintln(s.err, err)
	}
}

// done says what was done: as a line, or with --json as an object.
func (s *shell) done(key string, params ...string) {
	if s.JSON {
		m := map[string]string{"event": "done"}
		for i := 0; i+1 < len(params); i += 2 {
			m[params[i]] = params[i+1]
		}
		s.line(m)
		return
	}
	s.say(key, params...)
}
