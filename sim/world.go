package sim

import (
	"context"
	"crypto"
	"fmt"
	"hash/crc64"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/payment/sandbox"
	"github.com/certhall/certhall/proof"
)

// World is one run: two databases, one USB key, one or two server nodes, one
// PC at a time, a clock that only the run moves. One actor at a time lives in it.
type World struct {
	t      *kit
	sched  Schedule
	clock  *clock
	random io.Reader
	dice   *rand.Rand

	data     *databases
	medium   medium
	bareKey  token.Key
	nodes    [2]*node // the second one stands where the schedule starts it
	outside  *ca.CA   // see freshCA
	requests int      // alternates the nodes
	pc       *pc
	book     *book

	bank     *sandbox.Bank
	letters  []letter                   // on their way from the bank
	billed   map[certhall.OrderID]bool  // orders that the bank was asked to take money for
	returned map[certhall.RefundID]bool // refunds that it was asked for

	actors     []*actor
	ending     bool // the world ends: actors are only to unwind
	actor      *actor
	quiet      int
	serverLife int
	pcLife     int
	n          int
	trace      []Point
	arrivals   map[int][]func()
	late       func() // of the boundary that begins now
	armed      func() softkey.Cut
	tidied     time.Time
	worked     int // what the workers found to do
	journey    int // boundaries until faults stopped

	// What was done to the run, and what may therefore be excused.
	calm          bool // faults have stopped
	suspended     bool
	held          map[certhall.PairID]authority.State // as the pairs were when the lineage was suspended
	revoked       bool
	closed        bool           // by an act, or by time
	tampered      map[string]int // containers that other software touched, and when
	orderBegan    int            // when the agent was last given an order
	sealed        bool
	consented     bool // the person agreed to make room
	shuffled      bool
	stalledUntil  int
	lastSeq       int64 // the highest number the hall was shown
	withheld, old []authority.Event
	rivals        []func() // close what rivals opened

	cases            []certhall.CaseID // in the order they were opened
	token            string            // of the last one, as the last tab holds it
	triedCode        string
	states           map[certhall.PairID]authority.State
	tested           map[string]error // what trouble found, until the key changes
	authorityChanged bool
	keyChanged       bool
	end              string
	violation        error
}

func newWorld(k *kit, s Schedule, data *databases, m medium) *World {
	w := &World{
		t: k, sched: s, clock: new(clock), random: randomness(s.Seed + 1000), dice: rand.New(rand.NewPCG(s.Seed, crc64.Checksum([]byte(s.String()), crc64.MakeTable(crc64.ISO)))),
		data: data, medium: m, arrivals: map[int][]func(){}, tampered: map[string]int{}, tested: map[string]error{},
		states: map[certhall.PairID]authority.State{}, billed: map[certhall.OrderID]bool{}, returned: map[certhall.RefundID]bool{},
	}
	w.clock.set(k.begins(s))
	w.book, w.bank = newBook(w), w.newBank()
	w.pc = w.newPC()
	w.quietly(func() {
		w.nodes[0] = w.newNode()
		w.note(w.nodes[0].start())
	})
	return w
}

// discard clears the world away; databases in memory are used again.
func (w *World) discard() {
	if w.bareKey != nil {
		_ = w.bareKey.Close()
	}
	_ = w.medium.close()
	if w.data.dir != "" {
		_ = w.data.close()
		_ = os.RemoveAll(w.data.dir)
	}
}

// note keeps an error that must not happen.
func (w *World) note(err error) {
	if err != nil {
		w.violate("%s", certhall.CauseText(err))
	}
}

// clock is virtual: it stands still unless the run moves it.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.UnixMilli(c.now.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.now.Add(d.Milliseconds()) }
func (c *clock) set(t time.Time)         { c.now.Store(t.UnixMilli()) }

var background = context.Background()

// Run plays one schedule to its end and checks everything.
func (b *Bench) Run(s Schedule) (r Result) {
	w, err := b.world(s)
	if err != nil {
		return Result{Schedule: s, Violation: fmt.Errorf("sim: no world: %w", err)}
	}
	defer w.discard()
	defer func() {
		if p := recover(); p != nil {
			if _, stopped := p.(stop); !stopped {
				w.violate("panic: %v\n%s", p, debug.Stack())
			}
		}
		r = Result{Schedule: s, End: w.end, Trace: w.trace, Journey: w.journey, Violation: w.violation}
	}()
	w.spawn("A", w.tab)
	w.play()
	w.settle()
	w.check(w.final)
	return r
}

// bare lets f use the key past all wrappers and faults, logged in.
func (w *World) bare(f func(token.Key) error) {
	if w.bareKey == nil {
		k, err := w.medium.look()
		if err == nil {
			err = k.Login(background, pin)
		}
		if err != nil {
			w.violate("the key cannot be opened: %v", err)
			return
		}
		w.bareKey = k
	}
	if err := f(w.bareKey); err != nil {
		w.violate("the key cannot be used: %v", err)
	}
}

// signWith signs a message with the signing key in a container, past the agent.
func (w *World) signWith(name string, m proof.Message) (s proof.Signed, err error) {
	w.bare(func(k token.Key) error {
		s, err = signIn(k, name, m)
		return nil
	})
	return s, err
}

// read reads the authority's database past all wrappers.
func (w *World) read(f func(ca.Reader) error) {
	if err := w.data.authority.Read(background, f); err != nil {
		w.violate("the authority's database cannot be read: %v", err)
	}
}

func (w *World) pairs() (pairs []*ca.Pair) {
	w.read(func(r ca.Reader) (err error) {
		pairs, err = r.LineagePairs(lineage)
		return err
	})
	return pairs
}

func containerOf(id string, p *ca.Pair) string { return certhall.ContainerName(id, p.Case, p.Attempt) }

// signingKey is the signing key that lies in a container, nil if none.
func (w *World) signingKey(name string) (pub crypto.PublicKey) {
	w.bare(func(k token.Key) error {
		if c, err := k.Container(background, name); err == nil {
			pub, _ = c.PublicKey(background, token.Signing)
		}
		return nil
	})
	return pub
}

// serialIn is the serial of the signing certificate in a container, "" if none.
func (w *World) serialIn(name string) (serial string) {
	w.bare(func(k token.Key) error {
		c, err := k.Container(background, name)
		if err != nil {
			return nil
		}
		der, err := c.Certificate(background, token.Signing)
		if err != nil {
			return nil
		}
		if cert, err := gm.ParseCertificate(der); err == nil {
			serial = string(certhall.SerialOf(cert.SerialNumber))
		}
		return nil
	})
	return serial
}
