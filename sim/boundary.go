package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/certhall/certhall"
)

// Kind sorts boundaries by who calls whom.
type Kind int

// The kinds of boundary.
const (
	KeyCommand  Kind = iota // agent → USB key
	Order                   // courier → agent, and the agent's reply
	Message                 // courier → hall, and the hall's reply
	Call                    // hall → authority
	Transaction             // a wing → its store
	Money                   // hall → channel of payment
)

var kindNames = [...]string{"key", "order", "message", "call", "tx", "money"}

// String is the kind's name in traces.
func (k Kind) String() string { return kindNames[k] }

// Point is one boundary call of a run.
type Point struct {
	N       int // from 1
	Kind    Kind
	Name    string
	Actor   string
	Writes  bool // it can change what is stored behind the boundary
	Outcome string
}

// String is the point's line in a trace; it holds no ids, so that the same
// seed gives the same text.
func (p Point) String() string {
	s := fmt.Sprintf("%4d %s %s.%s", p.N, p.Actor, p.Kind, p.Name)
	if p.Outcome != "" {
		s += "  → " + p.Outcome
	}
	return s
}

// maxBoundaries ends a run that does not end by itself.
const maxBoundaries = 30000

// step is what time a boundary takes: enough that ids sort, too little to
// matter to any limit of the protocol.
const step = 5 * time.Millisecond

// What an injected fault answers. Neither says whether the call was carried out.
var (
	errConnection = certhall.NewError("connection-lost", certhall.Unavailable)
	errDevice     = errors.New("sim: device error 0x0A000001")
	errDisk       = errors.New("sim: disk I/O error")
)

// fault's answer by the kind of boundary.
func lost(k Kind) error {
	switch k {
	case KeyCommand:
		return errDevice
	case Transaction:
		return errDisk
	default:
		return errConnection
	}
}

// death unwinds a process that ends in the middle of a call.
type death struct{ server bool }

// stop ends a run whose violation is found.
type stop struct{}

// boundary passes one call through: it counts, lets other actors go first,
// injects what the schedule holds for this point, and watches what came of it.
func (w *World) boundary(kind Kind, name string, writes bool, fn func() error) error {
	late := w.late
	w.late = nil
	w.alive()
	if w.quiet > 0 {
		return fn()
	}
	w.turn()
	w.alive()
	w.n++
	if w.n > maxBoundaries {
		w.violate("invariant 5: %d boundaries, and no end", w.n)
		panic(stop{})
	}
	w.clock.advance(step)
	w.trace = append(w.trace, Point{N: w.n, Kind: kind, Name: name, Actor: w.actor.name, Writes: writes})
	n := w.n
	do := fn
	for _, f := range w.faultsAt(n) {
		do = w.inject(f, kind, do, late)
	}
	if w.violation != nil {
		panic(stop{})
	}
	w.alive()
	err := do()
	w.trace[n-1].Outcome += outcome(err)
	w.observe()
	return err
}

// outcome is an error's code in a trace.
func outcome(err error) string {
	if err == nil {
		return ""
	}
	var e *certhall.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return err.Error()
}

// alive unwinds an actor whose server or PC died while it was waiting its turn.
func (w *World) alive() {
	a := w.actor
	if a == nil || w.quiet > 0 {
		return
	}
	if a.serving && a.serverLife != w.serverLife {
		panic(death{server: true})
	}
	if a.pcLife != 0 && a.pcLife != w.pcLife {
		panic(death{})
	}
}

// quietly runs an act of the outside world: its boundaries are not counted
// and nothing is injected into them, but what it does is watched.
func (w *World) quietly(fn func()) {
	w.quiet++
	actor := w.actor
	defer func() {
		w.quiet--
		w.actor = actor
	}()
	fn()
}
