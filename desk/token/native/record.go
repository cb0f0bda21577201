package native

import (
	"fmt"
	"io"
)

// Record is a library whose calls are written to w under a name. What cannot be
// written is not recorded; the library's user notices nothing.
func Record(l Library, name string, w io.Writer) Library {
	return &recorder{Library: l, name: name, w: w, asked: map[string]bool{}}
}

type recorder struct {
	Library
	name  string
	w     io.Writer
	names names
	asked map[string]bool
}

func (r *recorder) write(e event) {
	e.Library = r.name
	_, _ = r.w.Write(append(line(e), '\n')) // one write a line: several children share the file
}

func (r *recorder) Has(fn string) bool {
	has := r.Library.Has(fn)
	if !r.asked[fn] {
		r.asked[fn] = true
		r.write(event{Has: fn, Answer: has})
	}
	return has
}

func (r *recorder) Call(fn string, args ...Arg) uint32 {
	r.write(event{Call: fn, Args: r.names.begun(args)})
	code := r.Library.Call(fn, args...)
	r.write(event{Code: fmt.Sprintf("%#x", code), Answers: r.names.returned(args)})
	return code
}
