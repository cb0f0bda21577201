package sim

import "iter"

// actor is one who acts in a world: a tab with its PC. Actors are coroutines,
// so that two of them can be interleaved at any boundary and yet the world is
// never entered by two at once.
type actor struct {
	name       string
	resume     func() (struct{}, bool)
	stop       func()
	yield      func(struct{}) bool
	serving    bool // it is inside a call to the server
	serverLife int  // the life of the server it called
	pcLife     int  // the life of its PC; 0 where it has none
	listing    bool // it reads what lies on the keys: who wants to work there waits for that
}

// spawn adds an actor, who begins at its first turn.
func (w *World) spawn(name string, play func(*actor)) *actor {
	a := &actor{name: name}
	a.resume, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		defer func() {
			if p := recover(); p != nil && !w.ending {
				panic(p)
			}
		}()
		play(a)
	})
	w.actors = append(w.actors, a)
	return a
}

// turn lets the next actor go on. With one actor it does nothing.
func (w *World) turn() {
	if len(w.actors) < 2 || w.actor == nil || w.actor.listing {
		return
	}
	if !w.actor.yield(struct{}{}) {
		panic(death{}) // the world ends
	}
}

// play runs the actors to their ends, one boundary each in turn; by the
// schedule's seed where it has one.
func (w *World) play() {
	w.ending = false
	defer func() {
		w.ending = true
		for _, a := range w.actors {
			a.stop()
		}
		w.actors, w.actor = nil, nil
	}()
	for i := 0; len(w.actors) > 0; i++ {
		if w.sched.Seed != 0 {
			i = w.dice.IntN(len(w.actors))
		}
		i %= len(w.actors)
		w.actor = w.actors[i]
		if _, more := w.actor.resume(); !more {
			w.actors = append(w.actors[:i], w.actors[i+1:]...)
			i--
		}
	}
}
