// Package agent is what runs on the user's PC between the keys and whoever
// sends orders: the command line, and the portals' pages through package local. It offers
// typed operations only, builds everything that is signed itself, asks the
// person for the PIN and for consent, and lets one order at a time at a key.
package agent

import (
	"context"
	"io"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// IdleSession is how long a key stays logged in without being used. The PIN
// itself is never kept.
const IdleSession = 3 * time.Minute

// ErrPINLastTry says that one try is left and the person did not agree to use it.
var ErrPINLastTry = certhall.NewError("pin-last-try", certhall.Denied)

// Keys is where keys are plugged in.
type Keys interface {
	List(ctx context.Context) ([]token.Info, error)
	// Open opens the key with this serial: token.ErrRemoved if it is not there.
	Open(ctx context.Context, serial string) (token.Key, error)
}

// Person is whoever sits before the PC.
type Person interface {
	// PIN asks for the key's PIN. An error ends the operation.
	PIN(ctx context.Context, r PINRequest) (string, error)
	// NewPIN asks for a new PIN, twice; both are the same.
	NewPIN(ctx context.Context, r NewPINRequest) (string, error)
	// Consent shows what is about to be done and asks for agreement.
	Consent(ctx context.Context, r ConsentRequest) (bool, error)
}

// PINRequest says what the PIN window shows.
type PINRequest struct {
	Key     token.Info
	Purpose string // the operation, as in ConsentRequest.What, or install, acknowledge, retire, claim, open, enrol, import, decrypt, change-pin
	Tries   int    // left; -1 where the driver cannot tell
	Final   bool   // the last try; the person has agreed to use it
	Wrong   bool   // the PIN given just before was wrong
}

// NewPINRequest says what the window for a new PIN shows.
type NewPINRequest struct {
	Key     token.Info
	Purpose string // change-pin or unlock
	Why     string // it is asked again: NewPINDiffers, NewPINSame, NewPINRefused; "" the first time
}

// Why a new PIN is asked for again.
const (
	NewPINDiffers = "differs" // the two were not the same
	NewPINSame    = "same"    // it is the old one
	NewPINRefused = "refused" // the key does not take it
)

// ConsentRequest says what is about to be done.
type ConsentRequest struct {
	Key   token.Info
	What  string // prepare, make-room, last-try, or what SignDecision asks about: SignDecision and its like, sign-takeover, sign-withdrawal
	Facts []Fact
}

// Fact is one line to show: Name is a word of the program (subject, service,
// disposal, …), for which the locale has a label; Value is shown as it is.
type Fact struct{ Name, Value string }

// Options are what an Agent works with. Roots and Person are the command
// line's; other callers bring their own (As).
type Options struct {
	Keys   Keys
	Roots  []*smx509.Certificate // trusted authorities; issuing CAs may be among them
	Person Person
	Clock  certhall.Clock
	Random io.Reader
	Locks  string // folder in which all processes of this user lock keys; "": this is the only one
	// Unlocking is the folder where requests to unlock keys wait for their
	// answers, for their owner's eyes alone; "": none can be made.
	Unlocking string
}

// Agent carries out one caller's orders on keys. Its methods may be called
// concurrently.
type Agent struct {
	Caller
	roots  *token.Trust // the command line's
	keys   Keys
	clock  certhall.Clock
	random io.Reader
	locks  string
	waits  string // Options.Unlocking
	*slots        // shared by all callers
}

// Caller is on whose behalf operations run.
type Caller struct {
	Origin   string                  // of the page that asks; "" is the command line, which may act under its roots and is shown every container
	Trust    map[string]*token.Trust // roots of the authorities whose portal it is, by their ids: it may act under these only
	Person   Person
	Series   bool              // its person does case after case: one log-in to a key serves them all
	Progress func(part string) // told which part of a new pair is on the key; may be nil
}

// New makes an agent for the command line.
func New(o Options) *Agent {
	return &Agent{
		Caller: Caller{Person: o.Person}, roots: token.NewTrust(o.Roots),
		keys: o.Keys, clock: o.Clock, random: o.Random, locks: o.Locks, waits: o.Unlocking, slots: &slots{of: map[string]*slot{}},
	}
}

// As is the same agent for another caller: the keys and their sessions are
// shared, but no caller uses a session that another began.
func (a *Agent) As(c Caller) *Agent {
	other := *a
	other.Caller = c
	return &other
}

// mine tells whether a container is the caller's to see and to use: all its
// certificates are under one of the caller's authorities, or of predecessors
// that it succeeds; without certificates, its name is of one.
func (a *Agent) mine(h *token.Holding) bool {
	if a.Origin == "" {
		return true
	}
	if h.Sign == nil && h.Enc == nil {
		authority, _, _, ok := certhall.ParseContainerName(h.Name())
		return ok && a.Trust[authority] != nil
	}
	for _, trust := range a.Trust {
		if under(trust, h.Sign) && under(trust, h.Enc) {
			return true
		}
	}
	return false
}

func under(t *token.Trust, c *smx509.Certificate) bool {
	if c == nil {
		return true
	}
	_, err := t.Under(c, nil)
	return err == nil
}

// Succeed takes an authority's signed origin list for the command line, where
// its certificate is named: pairs of the predecessors that it lists may be
// succeeded. token.ErrUntrusted, also for a list whose time is over.
func (a *Agent) Succeed(signed proof.Signed) error {
	list, root, err := token.Listed(a.roots, signed)
	if err != nil {
		return err
	}
	if a.clock.Now().After(list.Expiry.Add(trust.Lenience)) {
		return token.ErrUntrusted.Becausef("the origin list ended at %v", list.Expiry)
	}
	a.roots.Succeed(list, root, nil)
	return nil
}

// trustIn is what the caller may trust in the authority's name; nil if nothing:
// no authority's word goes for another's containers.
func (a *Agent) trustIn(authority string) *token.Trust {
	if a.Origin == "" {
		return a.roots
	}
	return a.Trust[authority]
}

// mayActFor refuses what names an authority that the caller is no portal of.
func (a *Agent) mayActFor(authority string) error {
	if a.trustIn(authority) == nil {
		return token.ErrUntrusted.Becausef("%s is no portal of %.40q", a.Origin, authority)
	}
	return nil
}
