package native

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"runtime"

	"github.com/ebitengine/purego"
)

// Open loads an SKF library.
func Open(path string, o Options) (Library, error) {
	if o.ULong == 0 {
		o.ULong = 4
	}
	l, err := start(path, layout{ulong: o.ULong, handle: pointer}, o)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// library is one in this process. Every call runs on one thread of the system:
// libraries keep what they know of their caller in it.
type library struct {
	layout
	overruns bool
	module   uintptr
	table    map[string]uintptr // of PKCS#11's function list
	found    map[string]uintptr
	byValue  map[string]func(args []reflect.Value) []reflect.Value // functions that take structs
	work     chan func()
}

// start loads the file on the thread that will call it.
func start(path string, lay layout, o Options) (*library, error) {
	if o.ULong != 4 && o.ULong != 8 {
		return nil, fmt.Errorf("native: a ULONG of %d bytes", o.ULong)
	}
	l := &library{
		layout: lay, overruns: o.Overruns, work: make(chan func()),
		found: map[string]uintptr{}, byValue: map[string]func([]reflect.Value) []reflect.Value{},
	}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the library
		for do := range l.work {
			do()
		}
	}()
	var err error
	l.do(func() { l.module, err = load(path) })
	if err != nil {
		close(l.work)
		return nil, err
	}
	return l, nil
}

// do runs f on the library's thread.
func (l *library) do(f func()) {
	done := make(chan struct{})
	l.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// Has tells whether the library has the function.
func (l *library) Has(fn string) bool {
	_, err := l.function(fn)
	return err == nil
}

var errMissing = errors.New("native: no such function")

func (l *library) function(fn string) (uintptr, error) {
	if l.table != nil {
		if at := l.table[fn]; at != 0 {
			return at, nil
		}
		return 0, errMissing
	}
	if at, known := l.found[fn]; known {
		if at == 0 {
			return 0, errMissing
		}
		return at, nil
	}
	at, err := symbol(l.module, fn)
	if err != nil {
		at = 0
	}
	l.found[fn] = at
	return at, err
}

// Call calls the function.
func (l *library) Call(fn string, args ...Arg) uint32 {
	at, err := l.function(fn)
	if err != nil {
		return Missing
	}
	f := frame{layout: l.layout}
	var code uint32
	l.do(func() { code = l.call(fn, at, &f, args) })
	if !f.done() && !l.overruns {
		return Overrun
	}
	return code
}

func (l *library) call(fn string, at uintptr, f *frame, args []Arg) uint32 {
	words, structs := make([]uintptr, 0, len(args)), false
	for _, a := range args {
		if a.Kind != KindStruct {
			words = append(words, f.place(a))
			continue
		}
		structs = true
		if runtime.GOARCH == "386" { // a struct by value lies among the arguments
			for b := a.Bytes; len(b) >= 4; b = b[4:] {
				words = append(words, uintptr(binary.LittleEndian.Uint32(b)))
			}
		}
	}
	if structs && runtime.GOARCH != "386" {
		return l.callByValue(fn, at, words, args)
	}
	code, _, _ := purego.SyscallN(at, words...)
	return uint32(code)
}

// callByValue calls a function among whose arguments is a struct: how it is
// passed differs by platform, which purego learns from the function's type.
func (l *library) callByValue(fn string, at uintptr, words []uintptr, args []Arg) uint32 {
	in := make([]reflect.Value, len(args))
	types := make([]reflect.Type, len(args))
	for i, a := range args {
		if a.Kind != KindStruct {
			in[i], words = reflect.ValueOf(words[0]), words[1:]
		} else {
			in[i] = structure(a.Bytes)
		}
		types[i] = in[i].Type()
	}
	call := l.byValue[fn]
	if call == nil {
		made := reflect.New(reflect.FuncOf(types, []reflect.Type{reflect.TypeFor[uint32]()}, false))
		purego.RegisterFunc(made.Interface(), at)
		call = made.Elem().Call
		l.byValue[fn] = call
	}
	return uint32(call(in)[0].Uint())
}

// structure is a Go struct that lies in memory as b does.
func structure(b []byte) reflect.Value {
	field := reflect.StructField{Name: "Words", Type: reflect.ArrayOf(len(b)/4, reflect.TypeFor[uint32]())}
	v := reflect.New(reflect.StructOf([]reflect.StructField{field})).Elem()
	for i := range len(b) / 4 {
		v.Field(0).Index(i).SetUint(uint64(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return v
}

// Close ends the library's thread. The library stays loaded until the process
// ends: many cannot be unloaded, those written in Go among them.
func (l *library) Close() error {
	close(l.work)
	return nil
}
