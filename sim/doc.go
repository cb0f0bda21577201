// Package sim proves the safe renewal (docs/how-a-renewal-works.md) by playing
// it over and over with something going wrong at every point. A World is the
// whole product without its edges: two databases, server nodes with CA and
// counters over them, a key (kinds.go), a PC with the agent, the command line's
// courier and a person, all on one virtual clock and one seed, one goroutine
// at a time. Every call that crosses a border of a process or a device is a
// boundary (boundary.go): key commands, orders to the agent, messages to the
// hall, the hall's calls to the authority, transactions. A Schedule says what
// goes wrong at which boundary (fault.go); the same schedule passes the same
// boundaries, so that a failing run prints the line that replays it.
//
// After the faults have stopped the run is driven to its end (agree.go:
// another PC, suspensions lifted, the authority unsealed, a person who tries
// again), and the invariants are checked on the key and on both databases,
// past all wrappers (final.go, and store/fsck). What must hold at every moment
// is checked after every boundary that may have changed anything, and every
// dangerous command to the key is judged before it is carried out (watch.go).
// Papers that contradict each other are noticed as they appear (book.go).
//
// What a run may end in, beside done:
//
//	fault                                  allowed ends
//	revoke                                 refused; no pair of the lineage lives
//	close, close-hall, lapse, grace, rival done, by a case opened anew
//	expiry                                 done in the same case once a ticket was given; before it
//	                                       renewal is refused and repair ends in done
//	remake, wipe, spoil, overwrite         done; after the acknowledgement was signed needs-reissue
//	suspend, seal, stall                   done, after they have ended
//	everything else                        done
//
// The mutation check (sim/mutants) switches every rule of the protocol off in
// a copy of the source and expects the simulation to notice.
package sim
