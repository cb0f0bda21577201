package sim

import (
	"slices"

	"github.com/certhall/certhall/desk/token/softkey"
)

// faultsAt are the schedule's faults for a boundary, and what arrives late.
func (w *World) faultsAt(n int) []Fault {
	for _, arrive := range w.arrivals[n] {
		w.quietly(arrive)
	}
	delete(w.arrivals, n)
	if w.calm {
		return nil
	}
	var at []Fault
	for _, f := range w.sched.Faults {
		if f.At == n {
			at = append(at, f)
		}
	}
	return at
}

// after does something a number of boundaries from now; or when faults stop.
func (w *World) after(boundaries int, do func()) {
	n := w.n + boundaries
	w.arrivals[n] = append(w.arrivals[n], do)
}

// inject does an act, or bends the call; a fault that does not fit the point
// (the run was bent before) does nothing.
func (w *World) inject(f Fault, kind Kind, do func() error, late func()) func() error {
	p := &w.trace[w.n-1]
	if acts[f.What] == nil && !slices.Contains(callFaults[f.What], kind) {
		return do
	}
	p.Outcome += "[" + f.What + "] "
	if act := acts[f.What]; act != nil {
		w.quietly(func() { act(w) })
		return do
	}
	none := func() error { return lost(kind) }
	switch f.What {
	case Fail:
		return none
	case Lost:
		return func() error {
			_ = do()
			return lost(kind)
		}
	case Twice:
		return func() error {
			_ = do()
			return do()
		}
	case Dup, Late:
		arrive := late
		if arrive == nil {
			arrive = func() { _ = do() }
		}
		w.after(f.To-w.n, arrive)
		if f.What == Late {
			return none
		}
		return do
	case Unplug:
		return func() error {
			w.medium.unplug()
			return lost(kind)
		}
	case CutBefore:
		return func() error { return w.powerCut() }
	case CutAfter:
		return func() error {
			_ = do()
			return w.powerCut()
		}
	case Torn, Torn2, CutWrite:
		return func() error {
			write, cut := 1, softkey.Torn
			if f.What == Torn2 {
				write = 2
			}
			if f.What == CutWrite {
				cut = softkey.Before
			}
			w.armed = func() softkey.Cut {
				write--
				if write == 0 {
					return cut
				}
				return softkey.None
			}
			_ = do()
			w.armed = nil
			return w.powerCut()
		}
	case CrashBefore:
		return func() error { return w.crash() }
	case CrashAfter:
		return func() error {
			_ = do()
			return w.crash()
		}
	}
	return do
}

// powerCut ends the PC: agent, tabs and all that they had in memory. Another
// one is started with the same key.
func (w *World) powerCut() error {
	w.pcLife++
	w.medium.powerCut()
	w.pc = w.newPC()
	panic(death{})
}

// crash ends the server's process and starts another on the same databases.
func (w *World) crash() error {
	w.serverLife++
	w.restartServer()
	if !w.actor.serving {
		return errConnection // the caller is not the server's: it lives on
	}
	panic(death{server: true})
}
