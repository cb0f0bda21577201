package agent

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/certhall/certhall/desk/token"
)

// slots are the places of the keys, by their serials.
type slots struct {
	mu sync.Mutex
	of map[string]*slot
}

// slot is the place of one key.
type slot struct {
	busy sync.Mutex // an operation is at the key; the next one is told so, at once
	talk sync.Mutex // held by the operation, or for a moment by a listing
	key  token.Key  // open while it is plugged in
	gone bool       // given up: whoever still holds it comes too late
	session

	inUse atomic.Bool            // busy, for listings, which never wait
	seen  atomic.Pointer[Listed] // last listing
}

// session is whose log-in the key's is: one PIN a caller, case and key; or one
// a caller and key, for a series of cases.
type session struct {
	origin string
	id     string // of the case; "" until one is opened
	used   time.Time
}

// act is what is done at a key, as far as caller and session go.
type act struct {
	authority string // that it is done for
	purpose   string // shown where the PIN is asked for
	id        string // of the case, "" for what belongs to none
	begins    bool   // something new: it takes no session over from a case
	reads     bool   // needs no session and ends nobody's
}

// with lets f at the key: token.ErrKeyBusy, at once, while another is at it, in
// this process or another.
func (a *Agent) with(ctx context.Context, serial string, at act, f func(token.Key, token.Env) error) error {
	s := a.slot(serial)
	if !s.busy.TryLock() {
		return token.ErrKeyBusy
	}
	defer s.busy.Unlock()
	s.inUse.Store(true)
	defer s.inUse.Store(false)
	s.talk.Lock()
	defer s.talk.Unlock()
	release, err := a.hold(ctx, serial)
	if err != nil {
		return err
	}
	defer release()
	if err := a.open(ctx, s, serial); err != nil {
		return err
	}
	if !at.reads {
		if err := a.enter(ctx, s, at); err != nil {
			return err
		}
	}
	err = f(s.key, a.env(s, at))
	if errors.Is(err, token.ErrRemoved) {
		return errors.Join(err, s.drop())
	}
	return err
}

func (d *slots) slot(serial string) *slot {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.of[serial]
	if s == nil {
		s = new(slot)
		d.of[serial] = s
	}
	return s
}

func (d *slots) all() map[string]*slot {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make(map[string]*slot, len(d.of))
	for serial, s := range d.of {
		all[serial] = s
	}
	return all
}

// forget gives up the place of a key that is not there: anybody may ask for
// any serial, and none is to be remembered for that.
func (d *slots) forget(serial string, s *slot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of[serial] == s {
		delete(d.of, serial)
	}
	s.gone = true
}

// open makes sure that the slot's key is there.
func (a *Agent) open(ctx context.Context, s *slot, serial string) error {
	if s.gone {
		return token.ErrKeyBusy
	}
	if s.key != nil {
		if _, err := s.key.PINState(ctx); errors.Is(err, token.ErrRemoved) {
			_ = s.drop() // it was pulled; the session went with it
		}
	}
	if s.key != nil {
		return nil
	}
	key, err := a.keys.Open(ctx, serial)
	if err != nil {
		return err
	}
	s.key, s.session = key, session{}
	return nil
}

// enter ends a session that is not this caller's, not this case's (unless he
// does a series of them) or was left idle too long. What an opening began, the first case after it goes on with.
func (a *Agent) enter(ctx context.Context, s *slot, at act) error {
	if s.key.LoggedIn() {
		another := s.id != "" && !a.Series && (at.begins || at.id != "" && at.id != s.id)
		if another || s.origin != a.Origin || s.idle(a.clock.Now()) {
			if err := s.key.Logout(ctx); err != nil {
				return err
			}
		}
	}
	if !s.key.LoggedIn() {
		s.session = session{origin: a.Origin}
	}
	if at.id != "" {
		s.id = at.id
	}
	return nil
}

// idle tells whether a session is over. A clock set back keeps none alive.
func (s *slot) idle(now time.Time) bool {
	idle := now.Sub(s.used)
	return idle >= IdleSession || idle < 0
}

func (s *slot) drop() error {
	if s.key == nil {
		return nil
	}
	key := s.key
	s.key, s.session = nil, session{}
	return key.Close()
}

// Sweep ends the sessions left idle too long, and gives up the places of keys
// that were pulled. Whoever serves for long calls it every few moments.
func (a *Agent) Sweep(ctx context.Context) error {
	infos, err := a.keys.List(ctx)
	if err != nil {
		return err
	}
	plugged := map[string]bool{}
	for _, info := range infos {
		plugged[info.Serial] = true
	}
	var errs []error
	for serial, s := range a.all() {
		if !s.talk.TryLock() {
			continue // in use
		}
		switch {
		case !plugged[serial]:
			errs = append(errs, s.drop())
			a.forget(serial, s)
		case s.key != nil && s.key.LoggedIn() && s.idle(a.clock.Now()):
			errs = append(errs, s.key.Logout(ctx))
		}
		s.talk.Unlock()
	}
	return errors.Join(errs...)
}

// Close logs out of every key and ends the agent. It waits for no one: keys in
// use are left to their users.
func (a *Agent) Close() error {
	var errs []error
	for _, s := range a.all() {
		if !s.talk.TryLock() {
			continue
		}
		errs = append(errs, s.drop())
		s.talk.Unlock()
	}
	return errors.Join(errs...)
}
