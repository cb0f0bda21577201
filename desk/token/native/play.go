package native

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Codes that a recording answers for the library that is not there.
const (
	Unrecorded uint32 = 0xCE000003 // no such call was recorded
	Unreturned uint32 = 0xCE000004 // the library did not return from it
)

// Play is what stands in for the library of that name in a recording. A call
// is answered as the next one of its function with these arguments was, counted
// from the call before it, or where none comes any more, the last one; if it
// never came with these arguments (what is random differs from time to time),
// as the next one of its function.
func Play(recording io.Reader, name string) (Library, error) {
	p := &player{has: map[string]bool{}}
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
			p.calls = append(p.calls, played{fn: e.Call, args: string(line(e.Args)), code: Unreturned})
		case e.Code != "" && len(p.calls) > 0:
			code, err := strconv.ParseUint(e.Code, 0, 32)
			if err != nil {
				return nil, fmt.Errorf("native: line %d of the recording: %w", n, err)
			}
			last := &p.calls[len(p.calls)-1]
			last.code, last.answers = uint32(code), e.Answers
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
	calls []played // in their order
	next  int      // behind the one that was answered last
}

// played is a recorded call.
type played struct {
	fn, args string
	code     uint32
	answers  []json.RawMessage
}

func (p *player) Has(fn string) bool {
	if has, asked := p.has[fn]; asked {
		return has
	}
	return p.find(0, func(c played) bool { return c.fn == fn }) >= 0
}

func (p *player) Close() error { return nil }

func (p *player) Call(fn string, args ...Arg) uint32 {
	at := p.choose(fn, string(line((&names{given: true}).begun(args))))
	if at < 0 {
		if p.Has(fn) {
			return Unrecorded
		}
		return Missing
	}
	call := p.calls[at]
	p.next = max(p.next, at+1)
	for i, a := range args {
		if i < len(call.answers) {
			if err := p.fill(a, call.answers[i]); err != nil {
				return Unrecorded
			}
		}
	}
	return call.code
}

// choose finds the recorded call that answers this one; -1 if there is none.
func (p *player) choose(fn, args string) int {
	same := func(c played) bool { return c.fn == fn && c.args == args }
	alike := func(c played) bool { return c.fn == fn }
	for _, fits := range []func(played) bool{same, alike} {
		if at := p.find(p.next, fits); at >= 0 {
			return at
		}
		for at := p.next - 1; at >= 0; at-- {
			if fits(p.calls[at]) {
				return at
			}
		}
	}
	return -1
}

func (p *player) find(from int, fits func(played) bool) int {
	if i := slices.IndexFunc(p.calls[from:], fits); i >= 0 {
		return from + i
	}
	return -1
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
