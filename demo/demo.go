// Package demo makes a small working world out of the real parts: an authority
// with officers and a reviewer, a handler with five certificates on a soft
// key, and the folder all of it lives in. Everything goes through the code that
// production uses: the same ceremony, decisions signed by the reviewer's key,
// the agent's operations; only the clock is set back where a certificate has
// to look old. `certhall demo` shows it; simulation, benchmarks and end-to-end
// tests start from it.
package demo

import (
	"sync"
	"time"

	"github.com/certhall/certhall"
)

// Clock is a clock that can be set: at the time given, or the machine's while
// that is zero.
type Clock struct {
	mu  sync.Mutex
	set time.Time
}

// Now tells the time that was set, or the machine's.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set.IsZero() {
		return certhall.SystemClock{}.Now()
	}
	return c.set
}

// Set stops the clock at t; the zero time lets it go on with the machine's.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = t
}
