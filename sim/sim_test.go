package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/certhall/certhall"
)

var (
	seeds = flag.Int("seeds", 200, "pairs of faults to try, by seed")
	first = flag.Bool("first", false, "stop at the first violation")
	only  = flag.String("only", "", "try only these faults, separated by commas")
	line  = flag.String("replay", "", "one schedule to run, as a failing run prints it")
)

// TestMain lets garbage lie longer: a run makes little that outlives it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

func template(t *testing.T) *Template {
	t.Helper()
	tmpl, err := NewTemplate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// bases are the clean schedules that every fault is tried upon.
func bases(keys []string) (all []Schedule) {
	for _, s := range bothServices {
		for _, k := range keys {
			all = append(all, Schedule{Service: s, Key: k})
		}
	}
	return all
}

// priced are those in which the pair costs something; which key it is on is
// nothing to that.
func priced() (all []Schedule) {
	for _, s := range bothServices {
		all = append(all, Schedule{Service: s, Key: Roomy, Priced: true})
	}
	return all
}

// clean runs the bases without faults, which must end in done.
func clean(t *testing.T, tmpl *Template) map[string][]Point {
	t.Helper()
	b := tmpl.Bench()
	defer b.Close()
	points := map[string][]Point{}
	for _, s := range append(bases(keyKinds), priced()...) {
		r := b.Run(s)
		if r.Violation != nil || r.End != "done" {
			t.Fatalf("%s ends as %q without any fault:\n%s", s, r.End, r)
		}
		points[s.String()] = r.Trace[:r.Journey]
	}
	return points
}

func run(t *testing.T, tmpl *Template, all []Schedule) {
	t.Helper()
	all = slices.DeleteFunc(all, func(s Schedule) bool {
		return *only != "" && !slices.Contains(strings.Split(*only, ","), s.Faults[0].What)
	})
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] }) // what is wrong shows early
	tally := RunAll(tmpl, len(all), func(i int) Schedule { return all[i] }, *first, os.Stderr)
	for _, r := range tally.Failures {
		t.Errorf("%s", r)
	}
	t.Log(tally)
}

// TestReplay runs the schedule of -replay and prints its trace.
func TestReplay(t *testing.T) {
	s, err := ParseSchedule(*line)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := template
	if kinds[s.Key].library != "" {
		tmpl = realTemplate
	}
	b := tmpl(t).Bench()
	defer b.Close()
	r := b.Run(s)
	if r.Violation != nil {
		t.Fatal(r)
	}
	if *line != "" {
		t.Log(r)
	}
}

// TestDeterministic: the same schedule passes the same boundaries.
func TestDeterministic(t *testing.T) {
	tmpl := template(t)
	b := tmpl.Bench()
	defer b.Close()
	points := clean(t, tmpl)
	for seed := range uint64(20) {
		s := pair(seed+1, points)
		one, two := b.Run(s), b.Run(s)
		if !slices.Equal(one.Trace, two.Trace) {
			t.Errorf("%s passes other boundaries the second time", s)
		}
	}
}

// TestSingle tries every fault at every boundary.
func TestSingle(t *testing.T) {
	tmpl := template(t)
	points := clean(t, tmpl)
	var all []Schedule
	for _, s := range append(bases(keyKinds[:2]), Schedule{Service: certhall.Renew, Key: Aged}) {
		all = append(all, singles(s, points[s.String()])...)
	}
	run(t, tmpl, all)
}

// TestDelays delivers the bytes of every message at every later point.
func TestDelays(t *testing.T) {
	tmpl := template(t)
	points := clean(t, tmpl)
	var all []Schedule
	for _, s := range bases(keyKinds[:2]) {
		all = append(all, delays(s, points[s.String()])...)
	}
	run(t, tmpl, all)
}

// TestMoney tries every fault where money moves, and delivers the bytes of every
// message there at every later point.
func TestMoney(t *testing.T) {
	tmpl := template(t)
	points := clean(t, tmpl)
	var all []Schedule
	for _, s := range priced() {
		all = append(all, singles(s, points[s.String()])...)
		all = append(all, delays(s, points[s.String()])...)
	}
	run(t, tmpl, all)
}

// TestFiles tries what matters to databases in files: the server dies at every
// boundary and the next one finds what lies on the disk; another node joins.
func TestFiles(t *testing.T) {
	tmpl := template(t)
	points := clean(t, tmpl)
	var all []Schedule
	for _, s := range []Schedule{{Service: "renew", Key: Roomy}, {Service: "repair", Key: Tight}, priced()[0]} {
		for _, f := range singles(s, points[s.String()]) {
			f.File = true
			switch f.Faults[0].What {
			case Lost, CrashBefore, CrashAfter, Node:
				all = append(all, f)
			}
		}
	}
	run(t, tmpl, all)
}

// TestPairs tries pairs of faults by seed.
func TestPairs(t *testing.T) {
	tmpl := template(t)
	points := clean(t, tmpl)
	tally := RunAll(tmpl, *seeds, func(i int) Schedule { return pair(uint64(i+1), points) }, *first, os.Stderr)
	for _, r := range tally.Failures {
		t.Errorf("%s", r)
	}
	t.Log(tally)
}

func BenchmarkRun(b *testing.B) {
	tmpl, err := NewTemplate(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	bench := tmpl.Bench()
	for b.Loop() {
		if r := bench.Run(Schedule{Service: "renew", Key: Roomy}); r.Violation != nil {
			b.Fatal(fmt.Sprint(r))
		}
	}
}
