package sim

import (
	"math/rand/v2"
	"slices"

	"github.com/certhall/certhall"
)

// bothServices that the simulation drives.
var bothServices = []certhall.Service{certhall.Renew, certhall.Repair}

// keyKinds are those with SM2 pairs on a soft key in memory; every fault is tried with the first two at
// every boundary, pairs of faults with all.
var keyKinds = []string{Roomy, Tight, Tidy, Aged}

// singles are all schedules of one fault over a clean run's points: every k,
// every fault that makes sense there. Where a pair costs something, what has
// nothing to do with money is tried where money moves, and a little around it:
// beyond, the run is the same as one without a price.
func singles(base Schedule, clean []Point) []Schedule {
	var all []Schedule
	paying := clean
	if base.Priced {
		paying = whereMoneyMoves(clean)
	}
	for _, what := range faultNames() {
		if what == Dup || what == Late || !base.Priced && slices.Contains(aboutMoney, what) {
			continue
		}
		if !kinds[base.Key].suffers(what) {
			continue
		}
		points := paying
		if slices.Contains(aboutMoney, what) {
			points = clean
		}
		for _, p := range points {
			if Fits(what, p) {
				all = append(all, base.with(Fault{At: p.N, What: what}))
			}
		}
	}
	return all
}

// delays are all schedules in which the message of one point arrives (again,
// or only then) at each later message point.
func delays(base Schedule, clean []Point) []Schedule {
	var all []Schedule
	from := clean
	if base.Priced {
		from = whereMoneyMoves(clean)
	}
	for _, p := range from {
		for _, what := range []string{Dup, Late} {
			if !Fits(what, p) {
				continue
			}
			for _, q := range clean[p.N:] {
				if q.Kind == Message || q.Kind == Order || q.Kind == Call {
					all = append(all, base.with(Fault{At: p.N, What: what, To: q.N}))
				}
			}
		}
	}
	return all
}

// whereMoneyMoves are the points from a little before the first call of the bank
// to a little after the last that has to do with it.
func whereMoneyMoves(clean []Point) []Point {
	const around = 12
	money := func(p Point) bool { return p.Kind == Money || p.Name == "Notice" }
	first, last := slices.IndexFunc(clean, money), 0
	for i, p := range clean {
		if money(p) {
			last = i
		}
	}
	return clean[max(first-around, 0):min(last+around, len(clean))]
}

// pair is the seed's schedule of two faults (a third in one of four). The
// points of the second need not exist in the run that the first one bends.
func pair(seed uint64, clean map[string][]Point) Schedule {
	dice := rand.New(rand.NewPCG(seed, 0x63657274))
	s := Schedule{Service: bothServices[dice.IntN(len(bothServices))], Key: keyKinds[dice.IntN(len(keyKinds))], Seed: seed}
	s.Priced = s.Key == Roomy && seed%2 == 0
	points := clean[s.String0()]
	names := faultNames()
	n := 2
	if dice.IntN(4) == 0 {
		n = 3
	}
	for len(s.Faults) < n {
		p := points[dice.IntN(len(points))]
		f := Fault{At: p.N, What: names[dice.IntN(len(names))]}
		if !Fits(f.What, p) {
			continue
		}
		if len(s.Faults) > 0 { // the first fault makes the run longer
			f.At += dice.IntN(40)
		}
		if f.What == Dup || f.What == Late {
			f.To = f.At + 1 + dice.IntN(len(points))
		}
		s.Faults = append(s.Faults, f)
	}
	s.File = seed%16 == 0
	return s
}

// with is the schedule with one more fault.
func (s Schedule) with(f Fault) Schedule {
	s.Faults = append(append([]Fault(nil), s.Faults...), f)
	return s
}

// String0 is the schedule without seed and faults: what a clean run depends on.
func (s Schedule) String0() string {
	s.Seed, s.Faults = 0, nil
	return s.String()
}
