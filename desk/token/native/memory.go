package native

import (
	"encoding/binary"
	"runtime"
	"unsafe"
)

// guard is how many bytes behind every buffer show whether they were written to.
const (
	guard     = 64
	guardByte = 0xA5
)

// layout is how numbers and handles lie in a library's memory.
type layout struct {
	ulong  int  // bytes of a ULONG
	handle int  // bytes of a handle
	packed bool // structs without padding (PKCS#11 on Windows)
}

// frame is the memory of one call. The library gets copies: it can keep or
// spoil nothing of the caller's.
type frame struct {
	layout
	pin    runtime.Pinner
	blocks [][]byte // each with its guard
	after  []func() // copy back what the library wrote
}

// block is n bytes of memory with a guard behind them.
func (f *frame) block(n int) []byte {
	b := make([]byte, n+guard)
	for i := n; i < len(b); i++ {
		b[i] = guardByte
	}
	f.pin.Pin(&b[0])
	f.blocks = append(f.blocks, b)
	return b[:n]
}

// address of a block; a block of no bytes has one too.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// place lays an argument out and gives the word to pass for it.
func (f *frame) place(a Arg) uintptr {
	switch a.Kind {
	case KindIn, KindSecret, KindOut, KindHidden:
		if a.Bytes == nil {
			return 0
		}
		b := f.block(len(a.Bytes))
		if copy(b, a.Bytes); a.Kind == KindOut || a.Kind == KindHidden {
			f.after = append(f.after, func() { copy(a.Bytes, b) })
		}
		return address(b)
	case KindULong:
		if a.Number == nil {
			return 0
		}
		b := f.block(8)
		binary.LittleEndian.PutUint64(b, *a.Number)
		f.after = append(f.after, func() { *a.Number = number(b, f.ulong) })
		return address(b)
	case KindULongs:
		if a.Numbers == nil {
			return 0
		}
		return f.array(len(a.Numbers), f.ulong, func(i int, n uint64) { a.Numbers[i] = n })
	case KindHandle:
		return f.array(1, f.handle, func(_ int, n uint64) { *a.Ref = Ref(n) })
	case KindHandles:
		return f.array(len(a.Refs), f.handle, func(i int, n uint64) { a.Refs[i] = Ref(n) })
	case KindAttributes, KindAnswers:
		return f.attributes(a)
	}
	return uintptr(a.Word)
}

// array is room for n numbers to fill, of size bytes each.
func (f *frame) array(n, size int, set func(int, uint64)) uintptr {
	b := f.block(max(n*size, 8))
	f.after = append(f.after, func() {
		for i := range n {
			set(i, number(b[i*size:], size))
		}
	})
	return address(b)
}

// attributes lays out CK_ATTRIBUTEs: type, pointer, length. On Windows they are
// packed, elsewhere each field lies at a multiple of a pointer's size.
func (f *frame) attributes(a Arg) uintptr {
	at, length, size := pointer, 2*pointer, 3*pointer
	if f.packed {
		at, length, size = f.ulong, f.ulong+pointer, f.ulong+pointer+f.ulong
	}
	b := f.block(size * len(a.Attributes))
	for i := range a.Attributes {
		t := &a.Attributes[i]
		entry := b[i*size : (i+1)*size]
		put(entry, t.Type, f.ulong)
		var value []byte
		if len(t.Value) > 0 {
			value = f.block(len(t.Value))
			copy(value, t.Value)
			put(entry[at:], uint64(address(value)), pointer)
		}
		put(entry[length:], uint64(len(t.Value)), f.ulong)
		if a.Kind == KindAnswers {
			f.after = append(f.after, func() {
				copy(t.Value, value)
				t.Length = int64(number(entry[length:], f.ulong))
				if f.ulong == 4 {
					t.Length = int64(int32(t.Length)) // CK_UNAVAILABLE_INFORMATION is all ones
				}
			})
		}
	}
	return address(b)
}

// done copies back what the library wrote, wipes the memory and tells whether
// it kept within it.
func (f *frame) done() (within bool) {
	for _, copyBack := range f.after {
		copyBack()
	}
	within = true
	for _, b := range f.blocks {
		for _, g := range b[len(b)-guard:] {
			within = within && g == guardByte
		}
		clear(b)
	}
	f.pin.Unpin()
	return within
}

// All platforms of these libraries store the low byte first.
func number(b []byte, size int) uint64 {
	if size == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func put(b []byte, n uint64, size int) {
	if size == 4 {
		binary.LittleEndian.PutUint32(b, uint32(n))
	} else {
		binary.LittleEndian.PutUint64(b, n)
	}
}
