package sim

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/authority/rounds"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/services"
)

// node is one server process: all roles, over databases that it shares with
// the other node. What it holds in memory dies with it.
type node struct {
	w       *World
	ca      *ca.CA
	counter *services.Counter
	till    *payment.Till
}

// newCA makes a CA over a store.
func (w *World) newCA(store ca.Store) *ca.CA {
	return ca.New(ca.Options{
		ID: authorityID, Store: store, KMC: kmc.New(w.t.founded.EscrowKey(), w.random),
		Policy: ca.DefaultPolicy(), Chains: w.t.founded.Chains(), Profiles: ca.Profiles(),
		Addresses: ca.AddressesAt(origin), Clock: w.clock, Random: w.random,
	})
}

// newNode starts a server process.
func (w *World) newNode() *node {
	n := &node{w: w, ca: w.newCA(guardedStore{w.data.authority, w})}
	n.till = payment.NewTill(payment.TillOptions{
		Store: guardedTill{w.data.hall.Till(), w}, Channel: cashier{w.bank.Channel(), w}, Clock: w.clock, Random: w.random,
	})
	n.counter = services.New(services.Options{
		Store: guardedHall{w.data.hall, w}, Authority: door{w, n}, AuthorityID: authorityID,
		Accounts: accounts.New(accounts.Options{
			Store: guardedDesk{w.data.hall.Accounts(), w}, SMS: &notify.Outbox{Store: w.data.hall, Clock: w.clock},
			Clock: w.clock, Random: w.random, Secret: []byte("simulation"),
		}),
		Roots: w.t.roots(), Clock: w.clock, Random: w.random, Origin: origin, Disposal: w.disposal(), Catalog: w.catalog(), Till: n.till,
	})
	return n
}

// start is what a server does first: unseal, complete what was left open.
func (n *node) start() error {
	if n.w.sealed {
		return nil
	}
	if err := n.ca.Unseal(background, n.w.t.founded.Keys(n.w.random)); err != nil {
		return err
	}
	_, err := n.ca.CompleteIntents(background)
	return err
}

// freshCA is a CA of an administrator's or another node's, past all wrappers.
func (w *World) freshCA() *ca.CA {
	if w.outside == nil {
		w.outside = w.newCA(w.data.authority)
		if err := w.outside.Unseal(background, w.t.founded.Keys(w.random)); err != nil {
			w.violate("unseal: %v", err)
		}
	}
	return w.outside
}

// pump lets the server's workers run, one function at a time: what cases owe
// the authority, the sequencer, the hall's following of events. A worker that
// dies or fails is tried again at the next pump.
func (w *World) pump() {
	n := w.serving()
	_ = w.atServer(func() error { // what failed is tried again at the next pump
		waiting, err := jobs(w.data.hallDB)
		if err != nil {
			return err
		}
		w.worked += len(waiting)
		for _, j := range waiting {
			if err := n.counter.Work(background, j.effect); err == nil {
				w.note(finish(w.data.hallDB, j))
			}
		}
		if now := w.clock.Now(); now.Sub(w.tidied) >= 30*time.Second {
			w.tidied = now
			_, _ = rounds.Rounds{CA: n.ca}.Tidy(background)
		}
		if w.n >= w.stalledUntil || w.calm {
			err := w.boundary(Transaction, "authority.Sequence", true, func() error {
				n, err := audit.Sequencer{Store: w.data.authority}.Run(background)
				w.worked += n
				return err
			})
			if err != nil {
				return err
			}
		}
		taken, err := n.counter.Follow(background)
		w.worked += taken
		if err != nil || !w.sched.Priced {
			return err
		}
		moved, err := n.till.Work(background)
		w.worked += moved
		return err
	})
	w.post()
}

// serving is the node that the next request reaches.
func (w *World) serving() *node {
	w.requests++
	if w.nodes[1] != nil && w.requests%2 == 0 {
		return w.nodes[1]
	}
	return w.nodes[0]
}

// atServer runs a request or a worker inside the server: if the server dies
// meanwhile the caller's connection is lost.
func (w *World) atServer(fn func() error) (err error) {
	a := w.actor
	if a == nil || w.quiet > 0 {
		return fn()
	}
	was, life := a.serving, a.serverLife
	a.serving, a.serverLife = true, w.serverLife
	defer func() {
		a.serving, a.serverLife = was, life
		if p := recover(); p != nil {
			d, ok := p.(death)
			if !ok || !d.server {
				panic(p)
			}
			err = errConnection
		}
	}()
	return fn()
}

// restartServer starts new processes in place of those that died.
func (w *World) restartServer() {
	w.note(w.data.crash())
	w.outside = nil
	for i, n := range w.nodes {
		if n != nil {
			w.nodes[i] = w.newNode()
			w.quietly(func() { w.note(w.nodes[i].start()) })
		}
	}
}

// guardedHall is the hall's store for its counters: every transaction a boundary.
type guardedHall struct {
	services.Store
	w *World
}

func (s guardedHall) Read(ctx context.Context, f func(services.Reader) error) error {
	return s.w.boundary(Transaction, "hall.Read", false, func() error { return s.Store.Read(ctx, f) })
}

func (s guardedHall) Write(ctx context.Context, f func(services.Writer) error) error {
	return s.w.boundary(Transaction, "hall.Write", true, func() error { return s.Store.Write(ctx, f) })
}

// guardedDesk is the same for the desk where phones are proved.
type guardedDesk struct {
	accounts.Store
	w *World
}

func (s guardedDesk) Read(ctx context.Context, f func(accounts.Reader) error) error {
	return s.w.boundary(Transaction, "accounts.Read", false, func() error { return s.Store.Read(ctx, f) })
}

func (s guardedDesk) Write(ctx context.Context, f func(accounts.Writer) error) error {
	return s.w.boundary(Transaction, "accounts.Write", true, func() error { return s.Store.Write(ctx, f) })
}

// guardedTill is the same for the till.
type guardedTill struct {
	payment.Store
	w *World
}

func (s guardedTill) Read(ctx context.Context, f func(payment.Reader) error) error {
	return s.w.boundary(Transaction, "till.Read", false, func() error { return s.Store.Read(ctx, f) })
}

func (s guardedTill) Write(ctx context.Context, f func(payment.Writer) error) error {
	return s.w.boundary(Transaction, "till.Write", true, func() error { return s.Store.Write(ctx, f) })
}

// disposal is the policy of the schedule's kind of key.
func (w *World) disposal() certhall.Disposal {
	if w.sched.Key == Tight || w.sched.Key == Aged {
		return certhall.Keep
	}
	return certhall.Delete
}

// authorityLoops are the rounds that the authority makes by itself.
func (w *World) authorityLoops() {
	w.authorityChanged = true
	_, err := rounds.Rounds{CA: w.freshCA()}.Tidy(background)
	w.note(err)
}

// setSealed seals or unseals every node.
func (w *World) setSealed(on bool) {
	w.sealed = on
	for _, n := range w.nodes {
		switch {
		case n == nil:
		case on:
			n.ca.Seal()
		default:
			w.note(n.start())
		}
	}
}
