package driverhost

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// How long calls may take before the library counts as hung.
const (
	limit         = 30 * time.Second
	limitGenerate = 3 * time.Minute // RSA on old keys
	limitEnd      = 2 * time.Second
)

// How long a listing waits for a library that is in use; the first time, it may
// have to be loaded.
const (
	patience      = time.Second
	patienceFirst = 10 * time.Second
)

// A library that fails so often in a row is left alone for so long.
const (
	failures = 3
	rest     = time.Minute
)

// driver is a library and the child that runs it.
type driver struct {
	Library
	Options
	turn  chan struct{} // held by whoever talks to the child
	long  atomic.Bool   // whoever it is, it takes long
	looks atomic.Bool   // whoever it is, it only glances: the library is in nobody's use

	// By whoever has the turn:
	child      *child
	generation int // of children
	asked      int // requests sent
	failed     int // in a row
	trouble    error
	until      time.Time // it rests until then

	running atomic.Pointer[child] // the same child, for close
	closed  atomic.Bool

	mu      sync.Mutex
	listing *listing     // in progress
	last    *listing     // before it; nil if there was none
	keys    []token.Info // of the last listing that was one
}

// listing is what a library tells of its keys.
type listing struct {
	done  chan struct{}
	infos []token.Info
	err   error
}

func newDriver(l Library, o Options) *driver {
	return &driver{Library: l, Options: o, turn: make(chan struct{}, 1)}
}

// take waits for the turn; who only glances is told soon that it is not his.
func (d *driver) take(ctx context.Context) error {
	err := d.wait(ctx)
	if err == nil {
		d.looks.Store(token.Glances(ctx))
	}
	return err
}

func (d *driver) wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case d.turn <- struct{}{}:
		return nil
	default:
	}
	var impatient <-chan time.Time
	if token.Glances(ctx) {
		if d.long.Load() {
			return d.held()
		}
		var stop func() bool
		impatient, stop = d.After(patience)
		defer stop()
	}
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-impatient:
		return d.held()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// held is why the turn is somebody else's: the key is in use, or the library has
// not even told yet what is plugged in.
func (d *driver) held() error {
	if d.looks.Load() {
		return token.ErrDriverSlow.With("library", d.Name).With("seconds", strconv.Itoa(int(limit/time.Second)))
	}
	return token.ErrKeyBusy
}

func (d *driver) release() {
	d.long.Store(false)
	d.looks.Store(false)
	<-d.turn
}

// do has the child carry out a request, for key if it is one's. A request whose
// caller gives up is carried out nonetheless: nobody can stop a library.
func (d *driver) do(ctx context.Context, k *key, r request) (reply, error) {
	if err := d.take(ctx); err != nil {
		return reply{}, err
	}
	type result struct {
		reply
		err error
	}
	done := make(chan result, 1)
	go func() {
		a, err := d.carry(k, r)
		d.release()
		done <- result{a, err}
	}()
	select {
	case got := <-done:
		return got.reply, got.err
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

// carry is do by whoever has the turn.
func (d *driver) carry(k *key, r request) (reply, error) {
	if err := d.ready(); err != nil {
		return reply{}, err
	}
	if k != nil {
		if err := k.reopen(); err != nil {
			return reply{}, err
		}
		r.Key = k.id
	}
	a, err := d.exchange(r)
	if k != nil {
		k.loggedIn.Store(a.LoggedIn && k.generation == d.generation)
	}
	return a, err
}

// ready makes sure that a child runs with the library loaded.
func (d *driver) ready() error {
	if d.unfit != nil {
		return d.unfit
	}
	if d.closed.Load() {
		return token.ErrRemoved
	}
	if d.child != nil {
		select {
		case <-d.child.ended: // between two calls
			d.child = nil
		default:
			return nil
		}
	}
	if d.failed >= failures {
		if wait := d.until.Sub(d.Clock.Now()); wait > 0 && wait <= rest {
			return d.rests(wait)
		}
	}
	q, err := d.quirks()
	if err != nil {
		return err
	}
	d.long.Store(true)
	said := &sayings{log: d.Log, library: d.Name, left: maxSaid}
	if d.child, err = start(d.Command, d.environment(), said); err != nil {
		return d.fail(token.ErrDriverMissing.With("library", d.Name).Because(err))
	}
	d.running.Store(d.child)
	d.generation++
	_, err = d.exchange(request{Op: opLoad, Load: &load{Name: d.Name, Kind: d.Kind, Path: d.Path, Options: q.Options, Profile: q.Profile, Record: d.Record}})
	if err != nil && d.child != nil { // it lives, but it could not load
		d.drop()
		return d.fail(err)
	}
	return err
}

// rests tells why the library is left alone.
func (d *driver) rests(wait time.Duration) error {
	if errors.Is(d.trouble, token.ErrDriverHung) || errors.Is(d.trouble, token.ErrDriverCrashed) {
		seconds := strconv.Itoa(int((wait + time.Second - 1) / time.Second))
		return token.ErrDriverRests.With("library", d.Name).With("seconds", seconds).Because(d.trouble)
	}
	return d.trouble
}

func (d *driver) environment() []string {
	var all []string
	for name, value := range d.Environment {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

// exchange sends a request to the child and waits for its reply: no longer than
// the operation may take.
func (d *driver) exchange(r request) (reply, error) {
	within := limit
	switch r.Op {
	case opGenerate:
		within = limitGenerate
		d.long.Store(true)
	case opEnd:
		within = limitEnd
	}
	d.asked++
	r.ID = d.asked
	over, stop := d.After(within)
	defer stop()
	sent := make(chan error, 1)
	go func(c *child) { sent <- c.send(r) }(d.child) // it may not even read
	select {
	case err := <-sent:
		if err != nil {
			return reply{}, d.lost(token.ErrDriverCrashed, err)
		}
	case <-over:
		return reply{}, d.lost(token.ErrDriverHung, nil)
	}
	select {
	case a, ok := <-d.child.replies:
		switch {
		case !ok:
			return reply{}, d.lost(token.ErrDriverCrashed, nil)
		case a.ID != r.ID:
			return reply{}, d.lost(token.ErrDriverCrashed, errGarbage)
		case r.Op != opLoad:
			d.failed, d.trouble = 0, nil
		}
		return a, a.Error.err()
	case <-over:
		return reply{}, d.lost(token.ErrDriverHung, nil)
	}
}

// lost gives up a child.
func (d *driver) lost(as *certhall.Error, cause error) error {
	d.drop()
	err := as.With("library", d.Name)
	if cause != nil {
		err = err.Because(cause)
	}
	return d.fail(err)
}

func (d *driver) drop() {
	c := d.child
	d.child = nil
	d.end(c)
}

// end ends a child that has not ended yet.
func (d *driver) end(c *child) {
	c.giveUp()
	select {
	case <-c.ended:
		return
	default:
	}
	if err := c.family.kill(); err != nil {
		d.Log.Warn("driver host", "library", d.Name, "cause", err)
	}
	<-c.ended
}

func (d *driver) fail(err error) error {
	d.failed++
	d.trouble, d.until = err, d.Clock.Now().Add(rest)
	d.Log.Warn("driver host", "library", d.Name, "cause", certhall.CauseText(err))
	return err
}

// list names the library's keys. While it is in use by something that takes
// long, or does not answer, that is what was seen last, marked so.
func (d *driver) list(ctx context.Context) ([]token.Info, error) {
	d.mu.Lock()
	l, wait := d.listing, patience
	if d.last == nil {
		wait = patienceFirst
	}
	if l == nil {
		l = &listing{done: make(chan struct{})}
		d.listing = l
		go d.refresh(l)
	}
	d.mu.Unlock()
	over, stop := d.After(wait)
	defer stop()
	select {
	case <-l.done:
		if token.Passes(l.err) {
			return d.marked(l.err)
		}
		return l.infos, l.err
	case <-over:
		return d.marked(d.held())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refresh lists anew, once for all who wait for it.
func (d *driver) refresh(l *listing) {
	a, err := d.do(token.Glance(context.Background()), nil, request{Op: opList})
	l.infos, l.err = a.Infos, err
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listing = nil; !token.Passes(err) {
		d.last = l
	}
	if err == nil {
		d.keys = l.infos
	}
	close(l.done)
}

// marked is the last listing, with why there is no newer one.
func (d *driver) marked(why error) ([]token.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil {
		return nil, why
	}
	marked := slices.Clone(d.last.infos)
	for i := range marked {
		if marked[i].Trouble == nil {
			marked[i].Trouble = certhall.AsError(why)
		}
	}
	return marked, d.last.err
}

// seen tells whether the key was there when keys were listed last.
func (d *driver) seen(serial string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return has(d.keys, serial)
}

func has(infos []token.Info, serial string) bool {
	return slices.ContainsFunc(infos, func(i token.Info) bool { return i.Serial == serial && serial != "" })
}

// open opens a key: token.ErrRemoved if it is not there.
func (d *driver) open(ctx context.Context, serial string) (token.Key, error) {
	k := &key{driver: d, serial: serial}
	if _, err := d.do(ctx, k, request{Op: opPINState}); err != nil {
		k.shutLater() // nobody will close it, and it may be open in the child
		return nil, err
	}
	if k.challenger {
		return challenger{k}, nil
	}
	return k, nil
}

// close ends the child, in good order unless it is in a call that takes long.
func (d *driver) close() {
	d.closed.Store(true)
	over, stop := d.After(limitEnd)
	defer stop()
	select {
	case d.turn <- struct{}{}:
	case <-over:
		if c := d.running.Load(); c != nil {
			d.end(c) // which ends the call
		}
		d.turn <- struct{}{}
	}
	defer d.release()
	if d.child == nil {
		return
	}
	_, _ = d.exchange(request{Op: opEnd}) // whatever the library says of its end
	if d.child != nil {
		d.drop()
	}
}
