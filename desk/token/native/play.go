package native

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Codes that a recording answers for the library that is not there.
const (
	Unrecorded uint32 = 0xCE000003 // no such call was recorded
	Unreturned uint32 = 0xCE000004 // the library did not return from it
)

// Play is what stands in for the library of that name in a recording. A call
// is answered as the next one with these arguments was, the last one again and
// again; one that came with others (what is secret or random differs from time
// to time) as the next one of its function.
func Play(recording io.Reader, name string) (Library, error) {
	p := &player{has: map[string]bool{}, calls: map[string][]*played{}}
	var open *played
	lines := bufio.NewScanner(recording)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("native: line %d of the recording: %w", n, err)
		}
		switch {
		case e.Library != name:
		case e.Has != "":
			p.has[e.Has] = e.Answer
		case e.Call != "":
			open = &played{args: string(line(e.Args)), code: Unreturned}
			p.calls[e.Call] = append(p.calls[e.Call], open)
		case e.Code != "" && open != nil:
			code, err := strconv.ParseUint(e.Code, 0, 32)
			if err != nil {
				return nil, fmt.Errorf("native: line %d of the recording: %w", n, err)
			}
			open.code, open.answers = uint32(code), e.Answers
		}
	}
	if len(p.calls) == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("native: nothing of %q is in the recording", name)
	}
	return p, lines.Err()
}

// maxLine bounds a line of a recording, in bytes.
const maxLine = 8 << 20

type player struct {
	has   map[string]bool
	calls map[string][]*played // by function
}

// played is a recorded call.
type played struct {
	args    string
	code    uint32
	answers []json.RawMessage
	done    bool
}

func (p *player) Has(fn string) bool {
	if has, asked := p.has[fn]; asked {
		return has
	}
	return len(p.calls[fn]) > 0
}

func (p *player) Close() error { return nil }

func (p *player) Call(fn string, args ...Arg) uint32 {
	call := p.choose(fn, string(line((&names{given: true}).begun(args))))
	if call == nil {
		if p.Has(fn) {
			return Unrecorded
		}
		return Missing
	}
	call.done = true
	for i, a := range args {
		if i < len(call.answers) {
			if err := p.fill(a, call.answers[i]); err != nil {
				return Unrecorded
			}
		}
	}
	return call.code
}

// choose finds the call that answers this one.
func (p *player) choose(fn, args string) (call *played) {
	for _, same := range []bool{true, false} {
		for _, c := range p.calls[fn] {
			if same && c.args != args {
				continue
			}
			if call = c; !c.done {
				return c
			}
		}
		if call != nil {
			return call
		}
	}
	return nil
}

var errAnswer = errors.New("native: the recorded answer does not fit")

// fill answers into an argument.
func (p *player) fill(a Arg, answer json.RawMessage) error {
	switch {
	case a.Kind == KindOut && a.Bytes != nil:
		var b octets
		if err := json.Unmarshal(answer, &b); err != nil || len(b) > len(a.Bytes) {
			return errAnswer
		}
		clear(a.Bytes)
		copy(a.Bytes, b)
	case a.Kind == KindULong && a.Number != nil:
		return json.Unmarshal(answer, a.Number)
	case a.Kind == KindULongs && a.Numbers != nil:
		var n []uint64
		if err := json.Unmarshal(answer, &n); err != nil {
			return err
		}
		copy(a.Numbers, n)
	case a.Kind == KindHandle:
		var name string
		if err := json.Unmarshal(answer, &name); err != nil {
			return err
		}
		*a.Ref = named(name)
	case a.Kind == KindHandles:
		var all []string
		if err := json.Unmarshal(answer, &all); err != nil {
			return err
		}
		for i := range min(len(all), len(a.Refs)) {
			a.Refs[i] = named(all[i])
		}
	case a.Kind == KindAnswers:
		var all []answered
		if err := json.Unmarshal(answer, &all); err != nil || len(all) != len(a.Attributes) {
			return errAnswer
		}
		for i := range all {
			t := &a.Attributes[i]
			clear(t.Value)
			copy(t.Value, all[i].Value)
			t.Length = all[i].Length
		}
	}
	return nil
}
