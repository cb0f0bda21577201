// Package agent is what runs on the user's PC between the keys and whoever
// sends orders: the command line now, the portal's pages later. It offers
// typed operations only, builds everything that is signed itself, asks the
// person for the PIN and for consent, and lets one order at a time at a key.
package agent

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
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
	// Consent shows what is about to be done and asks for agreement.
	Consent(ctx context.Context, r ConsentRequest) (bool, error)
}

// PINRequest says what the PIN window shows.
type PINRequest struct {
	Key     token.Info
	Purpose string // the operation, as in ConsentRequest.What, or install, acknowledge, retire, claim, open, enrol, import, decrypt
	Tries   int    // left; -1 where the driver cannot tell
	Final   bool   // the last try; the person has agreed to use it
	Wrong   bool   // the PIN given just before was wrong
}

// ConsentRequest says what is about to be done.
type ConsentRequest struct {
	Key   token.Info
	What  string // prepare, make-room, last-try, sign-decision, sign-enrolment
	Facts []Fact
}

// Fact is one line to show: Name is a word of the program (subject, service,
// disposal, …), for which the locale has a label; Value is shown as it is.
type Fact struct{ Name, Value string }

// Options are what an Agent works with.
type Options struct {
	Keys   Keys
	Roots  []*smx509.Certificate // trusted authorities; issuing CAs may be among them
	Person Person
	Clock  certhall.Clock
	Random io.Reader
}

// Agent carries out orders on keys. Its methods may be called concurrently.
type Agent struct {
	Options
	trust *token.Trust

	mu    sync.Mutex
	slots map[string]*slot
}

// slot is the place of one key, by its serial.
type slot struct {
	busy sync.Mutex
	key  token.Key // open while the session lasts
	used time.Time
}

// New makes an agent.
func New(o Options) *Agent {
	return &Agent{Options: o, trust: token.NewTrust(o.Roots), slots: map[string]*slot{}}
}

// Close logs out of every key and ends the agent. It waits for no one: keys in
// use are left to their users.
func (a *Agent) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, s := range a.slots {
		if !s.busy.TryLock() {
			continue
		}
		errs = append(errs, s.drop())
		s.busy.Unlock()
	}
	return errors.Join(errs...)
}

// Do carries out one order: the DER of one of proof's operation messages. The
// reply is the DER of the message that answers it, a proof.Trouble where the
// server can act on what is wrong. Errors stay between the agent and the person.
func (a *Agent) Do(ctx context.Context, keySerial string, order []byte) ([]byte, error) {
	var reply proof.Message
	var err error
	switch proof.Tag(order) {
	case proof.TagOf[proof.Identify]():
		reply, err = obey(ctx, a, keySerial, "identify", order, func(ctx context.Context, key token.Key, o proof.Identify, _ token.Env) (proof.Message, error) {
			return token.Identify(ctx, key, o)
		})
	case proof.TagOf[proof.Prepare]():
		reply, err = obey(ctx, a, keySerial, "prepare", order, token.Prepare)
	case proof.TagOf[proof.Install]():
		reply, err = obey(ctx, a, keySerial, "install", order, token.Install)
	case proof.TagOf[proof.Acknowledge]():
		reply, err = obey(ctx, a, keySerial, "acknowledge", order, token.Acknowledge)
	case proof.TagOf[proof.Retire]():
		reply, err = obey(ctx, a, keySerial, "retire", order, token.Retire)
	case proof.TagOf[proof.MakeClaim]():
		reply, err = obey(ctx, a, keySerial, "claim", order, token.Claim)
	default:
		err = proof.ErrMalformed.Becausef("no order of ours")
	}
	if err != nil {
		return nil, err
	}
	return proof.Encode(reply), nil
}

type step[M proof.Message] func(context.Context, token.Key, M, token.Env) (proof.Message, error)

func obey[M proof.Message](ctx context.Context, a *Agent, keySerial, purpose string, order []byte, do step[M]) (reply proof.Message, err error) {
	m, err := proof.Decode[M](order)
	if err != nil {
		return nil, err
	}
	err = a.with(ctx, keySerial, purpose, func(key token.Key, env token.Env) error {
		reply, err = do(ctx, key, m, env)
		return err
	})
	return reply, err
}

// with lets f at the key: token.ErrKeyBusy, at once, while another is at it.
func (a *Agent) with(ctx context.Context, serial, purpose string, f func(token.Key, token.Env) error) error {
	a.mu.Lock()
	s := a.slots[serial]
	if s == nil {
		s = new(slot)
		a.slots[serial] = s
	}
	a.mu.Unlock()
	if !s.busy.TryLock() {
		return token.ErrKeyBusy
	}
	defer s.busy.Unlock()
	if err := a.open(ctx, s, serial); err != nil {
		return err
	}
	err := f(s.key, a.env(s.key, purpose))
	if errors.Is(err, token.ErrRemoved) {
		return errors.Join(err, s.drop())
	}
	s.used = a.Clock.Now()
	return err
}

// open makes sure that the slot's key is there, and that a session left idle
// too long is over.
func (a *Agent) open(ctx context.Context, s *slot, serial string) error {
	if s.key != nil {
		if _, err := s.key.PINState(ctx); errors.Is(err, token.ErrRemoved) {
			_ = s.drop() // it was pulled; the session went with it
		}
	}
	if s.key == nil {
		key, err := a.Keys.Open(ctx, serial)
		if err != nil {
			return err
		}
		s.key = key
		return nil
	}
	if idle := a.Clock.Now().Sub(s.used); idle >= IdleSession || idle < 0 {
		return s.key.Logout(ctx)
	}
	return nil
}

func (s *slot) drop() error {
	if s.key == nil {
		return nil
	}
	key := s.key
	s.key = nil
	return key.Close()
}
