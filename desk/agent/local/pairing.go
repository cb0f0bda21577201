package local

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent/trust"
	"github.com/certhall/certhall/desk/agent/window"
)

// Pairing's times and limits.
const (
	idlePairing   = 30 * time.Minute
	declinesLimit = 3                // more than these,
	leftLimit     = 10               // or more questions than these left without an answer,
	limitTime     = 10 * time.Minute // within this time, and for this time
)

// What pairing answers.
var (
	errUnpaired = certhall.NewError("pairing-needed", certhall.Unauthenticated)
	errDeclined = certhall.NewError("pairing-declined", certhall.Denied)
	errDeclines = certhall.NewError("pairing-limited", certhall.Limited)
)

// pairing remembers which origins the person let in. Tokens live as long as
// this run of the agent at most; only their digests are kept.
type pairing struct {
	clock  certhall.Clock
	random io.Reader

	mu      sync.Mutex
	tokens  map[[sha256.Size]byte]*paired
	origins map[string]*knocking
}

type paired struct {
	origin string
	used   time.Time
}

// knocking is an origin that asks to be let in.
type knocking struct {
	open     *question // that is before the person
	declined moments
	left     moments
	until    time.Time // it is not asked for again before
}

type question struct {
	done     chan struct{}
	declined bool
}

func newPairing(clock certhall.Clock, random io.Reader) *pairing {
	return &pairing{clock: clock, random: random, tokens: map[[sha256.Size]byte]*paired{}, origins: map[string]*knocking{}}
}

// check tells whether a token is this origin's and in use; it is used by that.
func (p *pairing) check(origin, token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tokens[sha256.Sum256([]byte(token))]
	if t == nil || t.origin != origin || p.over(t) {
		return false
	}
	t.used = p.clock.Now()
	return true
}

// over tells whether a token's time is. A clock set back keeps none alive.
func (p *pairing) over(t *paired) bool {
	idle := p.clock.Now().Sub(t.used)
	return idle >= idlePairing || idle < 0
}

// pair gives the origin a token: at once while it is paired, else when ask
// says yes. Who asks while the question is open waits for the same answer.
func (p *pairing) pair(ctx context.Context, site trust.Site, ask func() (bool, error)) (token string, err error) {
	for {
		p.mu.Lock()
		if p.isPaired(site.Origin) {
			defer p.mu.Unlock()
			return p.issue(site.Origin), nil
		}
		k := p.origins[site.Origin]
		if k == nil {
			k = new(knocking)
			p.origins[site.Origin] = k
		}
		if p.clock.Now().Before(k.until) {
			p.mu.Unlock()
			return "", errDeclines
		}
		if k.open == nil {
			q := &question{done: make(chan struct{})}
			k.open = q
			p.mu.Unlock()
			return p.asked(site.Origin, k, q, ask)
		}
		q := k.open
		p.mu.Unlock()
		select {
		case <-q.done:
		case <-ctx.Done():
			return "", window.ErrWithdrawn.Because(ctx.Err())
		}
		if q.declined {
			return "", errDeclined
		}
	}
}

func (p *pairing) asked(origin string, k *knocking, q *question, ask func() (bool, error)) (token string, err error) {
	yes, err := ask()
	p.mu.Lock()
	defer p.mu.Unlock()
	k.open = nil
	defer close(q.done)
	now := p.clock.Now()
	switch {
	case err != nil:
		k.left = k.left.and(now)
	case yes:
		k.declined, k.left = nil, nil
		return p.issue(origin), nil
	default:
		k.declined = k.declined.and(now)
		q.declined, err = true, errDeclined
	}
	if len(k.declined) > declinesLimit || len(k.left) > leftLimit {
		k.declined, k.left, k.until = nil, nil, now.Add(limitTime)
	}
	return "", err
}

// moments are when something happened, as long as it counts.
type moments []time.Time

func (m moments) and(now time.Time) moments {
	return append(slices.DeleteFunc(m, func(at time.Time) bool { return now.Sub(at) >= limitTime }), now)
}

// isPaired tells whether the origin has a token in use. It forgets those that
// are over.
func (p *pairing) isPaired(origin string) bool {
	found := false
	for digest, t := range p.tokens {
		if p.over(t) {
			delete(p.tokens, digest)
		} else if t.origin == origin {
			found = true
		}
	}
	return found
}

func (p *pairing) issue(origin string) string {
	var b [32]byte
	if _, err := io.ReadFull(p.random, b[:]); err != nil {
		panic("local: no randomness: " + err.Error())
	}
	token := base64.RawURLEncoding.EncodeToString(b[:])
	p.tokens[sha256.Sum256([]byte(token))] = &paired{origin, p.clock.Now()}
	return token
}
