package sim

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Result is what became of one run.
type Result struct {
	Schedule  Schedule
	End       string // done, closed, refused, needs-reissue
	Trace     []Point
	Journey   int   // boundaries until faults stopped
	Violation error // nil if every invariant held
}

// String is the report of a failed run: what broke, the line that replays it
// and the boundary calls up to its end.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\nreplay: go test ./sim -run Replay -args -replay '%s'\n", r.Violation, r.Schedule)
	for _, p := range r.Trace {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

// Tally counts what became of many runs.
type Tally struct {
	Runs     int
	Ends     map[string]int
	Failures []Result // at most maxFailures of them
	Failed   int
	Took     time.Duration
}

// maxFailures bounds the failing runs that are kept and printed.
const maxFailures = 20

// String is one line of counts.
func (t Tally) String() string {
	return fmt.Sprintf("%d schedules in %s: %d failed; ends %v", t.Runs, t.Took.Round(time.Second), t.Failed, t.Ends)
}

// RunAll runs schedules on all processors, each world on one goroutine.
// With firstOnly it stops at the first violation. Progress may be nil.
func RunAll(t *Template, n int, schedule func(int) Schedule, firstOnly bool, progress io.Writer) Tally {
	began := time.Now()
	tally := Tally{Ends: map[string]int{}}
	var next atomic.Int64
	var failed atomic.Bool
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			bench := t.Bench()
			defer bench.Close()
			for {
				i := int(next.Add(1)) - 1
				if i >= n || (firstOnly && failed.Load()) {
					return
				}
				r := bench.Run(schedule(i))
				mu.Lock()
				tally.Runs++
				tally.Ends[r.End]++
				if r.Violation != nil {
					failed.Store(true)
					if progress != nil {
						fmt.Fprintf(progress, "%.100v\t-replay '%s'\n", r.Violation, r.Schedule)
					}
					tally.Failed++
					if len(tally.Failures) < maxFailures {
						tally.Failures = append(tally.Failures, r)
					}
				}
				if progress != nil && tally.Runs%1000 == 0 {
					fmt.Fprintf(progress, "%d of %d schedules, %d failed, %s\n", tally.Runs, n, tally.Failed, time.Since(began).Round(time.Second))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	tally.Took = time.Since(began)
	return tally
}
