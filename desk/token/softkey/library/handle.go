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
	last    Handle
	objects map[Handle]object
	closed  map[Handle]kind // what was closed, so that it may be closed twice
}

// kind tells the handles apart that have functions of their own to close them.
type kind int

const (
	connections kind = iota
	applications
	containers
	others
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

// The first handle, and the distance to the next: far from what stands in
// memory that was not set, and within 32 bits.
const (
	firstHandle = 0x05EE0000
	nextHandle  = 8
)

func newTable() table {
	return table{last: firstHandle, objects: map[Handle]object{}, closed: map[Handle]kind{}}
}

// add gives an object its handle: InvalidHandle if what it lies under was
// closed meanwhile.
func (l *Library) add(o object) (Handle, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if up := o.under(); up != 0 && l.handles.objects[up] == nil {
		return 0, refuse(skf.InvalidHandle)
	}
	l.handles.last += nextHandle
	l.handles.objects[l.handles.last] = o
	return l.handles.last, nil
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
	o, open := l.handles.objects[h]
	before, closed := l.handles.closed[h]
	switch {
	case open && kindOf(o) == k:
		l.handles.close(h)
		return nil
	case closed && before == k:
		return nil
	}
	return refuse(skf.InvalidHandle)
}

func (t *table) close(h Handle) {
	t.closed[h] = kindOf(t.objects[h])
	delete(t.objects, h)
	for below, o := range t.objects {
		if o.under() == h {
			t.close(below)
		}
	}
}

// CloseHandle closes a key, a digest or a MAC.
func (l *Library) CloseHandle(h Handle) error { return l.remove(h, others) }
