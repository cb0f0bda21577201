package library

import (
	"github.com/certhall/certhall/gm/skf"
)

// Handle names an opened object. Handles are drawn once and never again, so
// that a stale one is never mistaken for another's.
type Handle uintptr

// object is what a handle stands for.
type object interface {
	// under is the handle whose closing closes this one too; 0 for devices.
	under() Handle
}

type table struct {
	last    [kinds]Handle // drawn last, of each kind
	objects map[Handle]object
}

// kind tells the handles apart that have functions of their own to close them.
type kind int

const (
	connections kind = iota
	applications
	containers
	others
	kinds
)

func kindOf(o object) kind {
	switch o.(type) {
	case *connection:
		return connections
	case *application:
		return applications
	case *container:
		return containers
	}
	return others
}

// The first handle, far from what stands in memory that was not set, and within
// 32 bits; the distance of the kinds, and of a kind's handles.
const (
	firstHandle = 0x05EE0000
	nextKind    = 8
	nextHandle  = nextKind * Handle(kinds)
)

func newTable() table {
	t := table{objects: map[Handle]object{}}
	for k := range t.last {
		t.last[k] = before(kind(k))
	}
	return t
}

// before is the number before the first handle of a kind.
func before(k kind) Handle { return firstHandle + nextKind*Handle(k) }

// drawn tells whether a handle is, or was, one of the kind.
func (t *table) drawn(h Handle, k kind) bool {
	return h > before(k) && h <= t.last[k] && (h-before(k))%nextHandle == 0
}

// add gives an object its handle: InvalidHandle if what it lies under was
// closed meanwhile.
func (l *Library) add(o object) (Handle, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if up := o.under(); up != 0 && l.handles.objects[up] == nil {
		return 0, refuse(skf.InvalidHandle)
	}
	last := &l.handles.last[kindOf(o)]
	*last += nextHandle
	l.handles.objects[*last] = o
	return *last, nil
}

// find gives the object of a handle, if it is of the kind that is asked for.
func find[T object](l *Library, h Handle) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, ok := l.handles.objects[h].(T)
	if !ok {
		return o, refuse(skf.InvalidHandle)
	}
	return o, nil
}

// remove closes a handle and all under it. What was closed before may be
// closed again, as clients do that close a container after its application.
func (l *Library) remove(h Handle, k kind) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.handles.drawn(h, k) {
		return refuse(skf.InvalidHandle)
	}
	l.handles.close(h)
	return nil
}

func (t *table) close(h Handle) {
	if t.objects[h] == nil {
		return // it was closed
	}
	delete(t.objects, h)
	for below, o := range t.objects {
		if o.under() == h {
			t.close(below)
		}
	}
}

// CloseHandle closes a key, a digest or a MAC.
func (l *Library) CloseHandle(h Handle) error { return l.remove(h, others) }
