package native_test

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/native/nativetest"
)

func open(t *testing.T, open func(string, native.Options) (native.Library, error), o native.Options) native.Library {
	t.Helper()
	l, err := open(nativetest.Compile(t, t.TempDir(), "answers"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestArgumentsArrive(t *testing.T) {
	l := open(t, native.Open, native.Options{})
	var handle native.Ref
	var number uint64 = 41
	var last [1]byte
	block := make([]byte, 44)
	for i := range 32 {
		block[i] = 1
	}
	for i, n := range []uint32{16, 1, 3} {
		binary.LittleEndian.PutUint32(block[32+4*i:], n)
	}
	for _, c := range []struct {
		name string
		fn   string
		args []native.Arg
		want uint32
	}{
		{"bytes", "sum", []native.Arg{native.In([]byte{1, 2, 3}), native.Word(3)}, 6},
		{"secret", "sum", []native.Arg{native.Secret([]byte{1, 2, 3}), native.Word(3)}, 6},
		{"text", "sum", []native.Arg{native.Text("a"), native.Word(2)}, 'a'},
		{"no bytes", "sum", []native.Arg{native.In([]byte{}), native.Word(0)}, 0},
		{"NULL", "null", []native.Arg{native.In(nil)}, 1},
		{"NULL buffer", "null", []native.Arg{native.Out(nil)}, 1},
		{"NULL number", "null", []native.Arg{native.ULong(nil)}, 1},
		{"number", "count4", []native.Arg{native.ULong(&number)}, 0},
		{"number of eight bytes", "count8", []native.Arg{native.ULong(&number)}, 0},
		{"handle out", "handle", []native.Arg{native.Handle(&handle)}, 0},
		{"handle in", "same", []native.Arg{native.Use(0x1122334455667788)}, 1},
		{"struct by value", "by_value", []native.Arg{native.Use(5), native.Struct(block)}, 5 + 32 + 16000 + 10000 + 300000},
		{"struct by value again", "by_value", []native.Arg{native.Use(6), native.Struct(block)}, 6 + 32 + 16000 + 10000 + 300000},
		{"nine", "many", []native.Arg{native.Word(1), native.Word(2), native.Word(3), native.Word(4), native.Word(5), native.Word(6), native.Word(7), native.Word(8), native.Out(last[:])}, 36},
		{"missing", "nowhere", nil, native.Missing},
	} {
		if got := l.Call(c.fn, c.args...); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
	if number != 43 || handle != 0x1122334455667788 || last[0] != 1 {
		t.Errorf("number %d, handle %#x, last %d", number, handle, last[0])
	}
	if !l.Has("sum") || l.Has("nowhere") {
		t.Error("Has is wrong")
	}
}

// TestOverruns: a library that writes past its buffer is found out, and spoils
// nothing of the caller's.
func TestOverruns(t *testing.T) {
	for _, lenient := range []bool{false, true} {
		l := open(t, native.Open, native.Options{Overruns: lenient})
		whole := bytes.Repeat([]byte{9}, 16)
		for over, want := range []uint32{0, native.Overrun, native.Overrun} {
			if lenient {
				want = 0
			}
			if got := l.Call("fill", native.Out(whole[:8]), native.Word(8), native.Word(uint64(over))); got != want {
				t.Errorf("lenient %v, %d bytes over: %#x, want %#x", lenient, over, got, want)
			}
		}
		if !bytes.Equal(whole, append(bytes.Repeat([]byte{7}, 8), bytes.Repeat([]byte{9}, 8)...)) {
			t.Errorf("the caller's memory: %x", whole)
		}
	}
}

func TestOneThread(t *testing.T) {
	l := open(t, native.Open, native.Options{})
	for range 200 {
		done := make(chan uint32)
		go func() { done <- l.Call("thread") }()
		if <-done != 1 {
			t.Fatal("called from another thread")
		}
	}
}

func TestPKCS11(t *testing.T) {
	l := open(t, native.OpenPKCS11, native.Options{})
	if !l.Has("C_FindObjects") || l.Has("C_Sign") || l.Has("sum") {
		t.Error("the functions are not those of the list")
	}
	class := binary.LittleEndian.AppendUint64(nil, 3)
	if runtime.GOOS == "windows" {
		class = class[:4] // of a long
	}
	if code := l.Call("C_FindObjectsInit", native.Use(1), native.Attributes([]native.Attribute{{Value: class}, {Type: 5, Value: []byte("abc")}}), native.Word(2)); code != 0 {
		t.Errorf("template: %#x", code)
	}
	objects := make([]native.Ref, 3)
	var n uint64
	if code := l.Call("C_FindObjects", native.Use(40), native.Handles(objects), native.Word(3), native.ULong(&n)); code != 0 || n != 3 || objects[2] != 42 {
		t.Errorf("objects: %#x %d %v", code, n, objects)
	}
	asked := []native.Attribute{{Type: 1}, {Type: 2, Value: make([]byte, 3)}, {Type: 9}}
	if code := l.Call("C_GetAttributeValue", native.Use(1), native.Use(2), native.Answers(asked), native.Word(3)); code != 0 {
		t.Errorf("answers: %#x", code)
	}
	if asked[0].Length != 3 || string(asked[1].Value) != "xyz" || asked[1].Length != 3 || asked[2].Length != -1 {
		t.Errorf("answers: %+v", asked)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := native.Open(filepath.Join(t.TempDir(), "none.so"), native.Options{}); err == nil {
		t.Error("a library that is not there was opened")
	}
	other := "libc.so.6"
	if runtime.GOOS == "windows" {
		other = "kernel32.dll"
	}
	if _, err := native.OpenPKCS11(other, native.Options{}); err == nil {
		t.Error("a library without a function list was opened")
	}
}
