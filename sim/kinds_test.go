package sim

import (
	"hash/crc32"
	"slices"
	"testing"

	"github.com/certhall/certhall"
)

// TestSingleCertificates tries single certificates of P-256 and RSA keys: with
// P-256, in a renewal, every fault at every command to the key, order and
// message; the rest, the repair, and RSA, whose keys take long to make, by a
// seeded part.
func TestSingleCertificates(t *testing.T) {
	tmpl := template(t)
	renew, repair, rsa := Schedule{Service: certhall.Renew, Key: P256}, Schedule{Service: certhall.Repair, Key: P256}, Schedule{Service: certhall.Renew, Key: RSA}
	near, far := split(singles(renew, cleanly(t, tmpl, renew)), cleanly(t, tmpl, renew), KeyCommand, Order, Message)
	atKey, _ := split(singles(rsa, cleanly(t, tmpl, rsa)), cleanly(t, tmpl, rsa), KeyCommand)
	run(t, tmpl, slices.Concat(near, part(far, 4), part(singles(repair, cleanly(t, tmpl, repair)), 8), part(atKey, 4)))
}

// cleanly are the boundaries of a run without faults, which must end in done.
func cleanly(t *testing.T, tmpl *Template, base Schedule) []Point {
	t.Helper()
	b := tmpl.Bench()
	defer b.Close()
	r := b.Run(base)
	if r.Violation != nil || r.End != "done" {
		t.Fatalf("%s ends as %q without any fault:\n%s", base, r.End, r)
	}
	return r.Trace[:r.Journey]
}

// split parts the schedules of one fault at boundaries of these kinds from the others.
func split(all []Schedule, clean []Point, near ...Kind) (at, elsewhere []Schedule) {
	for _, s := range all {
		if slices.Contains(near, clean[s.Faults[0].At-1].Kind) {
			at = append(at, s)
		} else {
			elsewhere = append(elsewhere, s)
		}
	}
	return at, elsewhere
}

// part is one of n of the schedules.
func part(all []Schedule, n uint32) []Schedule {
	return slices.DeleteFunc(slices.Clone(all), func(s Schedule) bool { return !drawn(s, n) })
}

// drawn tells whether a schedule is among the one of n that is tried: always
// the same ones.
func drawn(s Schedule, n uint32) bool { return crc32.ChecksumIEEE([]byte(s.String()))%n == 0 }
