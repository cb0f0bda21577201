package library

import (
	"slices"
	"sync"

	"github.com/certhall/certhall/gm/skf"
)

// The events of WaitForDevEvent.
const (
	PluggedIn = 1
	TakenOut  = 2
)

// watch is what those who wait for events know.
type watch struct {
	mu     sync.Mutex
	begun  bool
	known  []string // the devices as last told
	cancel chan struct{}
}

// WaitForDevEvent waits until a device is plugged in or taken out, since the
// last event that was told or, the first time, from now on: NoEvent if it was
// cancelled. An event whose name does not fit stays for the next call.
func (l *Library) WaitForDevEvent(name *Out) (event uint32, err error) {
	w := &l.watch
	w.mu.Lock()
	if w.cancel == nil {
		w.cancel = make(chan struct{})
	}
	cancel := w.cancel
	w.mu.Unlock()
	for {
		event, err := l.event(name)
		if event != 0 || err != nil {
			return event, err
		}
		select {
		case <-cancel:
			return 0, refuse(skf.NoEvent)
		default:
		}
		l.Pause(cancel)
	}
}

// event tells the next one; 0 if nothing has changed.
func (l *Library) event(name *Out) (uint32, error) {
	names, err := l.names()
	if err != nil {
		return 0, err
	}
	w := &l.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.begun {
		w.begun, w.known = true, names
	}
	for _, was := range w.known {
		if !slices.Contains(names, was) {
			err := name.put(append([]byte(was), 0))
			if err == nil {
				w.known = slices.DeleteFunc(slices.Clone(w.known), func(n string) bool { return n == was })
			}
			return TakenOut, err
		}
	}
	for _, is := range names {
		if !slices.Contains(w.known, is) {
			err := name.put(append([]byte(is), 0))
			if err == nil {
				w.known = append(slices.Clone(w.known), is)
			}
			return PluggedIn, err
		}
	}
	return 0, nil
}

// CancelWaitForDevEvent ends the waiting of all who wait now.
func (l *Library) CancelWaitForDevEvent() error {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	if l.watch.cancel != nil {
		close(l.watch.cancel)
		l.watch.cancel = nil
	}
	return nil
}
