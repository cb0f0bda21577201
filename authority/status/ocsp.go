package status

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
)

// OCSPStore is what the responder needs of the authority's database.
type OCSPStore interface {
	// Standings tells what stands of each serial, in the order of the questions.
	Standings(ctx context.Context, questions []Question) ([]Standing, error)
	// Changes are the pairs ("": none) of records that changed what the world
	// may know: those numbered behind after, and those that wait for their
	// number, each at most limit. last is the number of the last record of all.
	Changes(ctx context.Context, after int64, limit int) (pairs []certhall.PairID, last int64, err error)
}

// lookupTime is how long an answer waits for the database.
const lookupTime = 5 * time.Second

// Question asks for a serial of an issuer.
type Question struct {
	Issuer string
	Serial certhall.Serial
}

// OCSPOptions are what a responder is made of.
type OCSPOptions struct {
	Store OCSPStore
	Clock certhall.Clock
	// Life is from thisUpdate to nextUpdate; default an hour. An answer is given
	// again for half of it.
	Life time.Duration
	// Cached is how many certificates' answers are kept at most, of some 1.5 KB
	// each; default 20,000.
	Cached int
	// Gate says why nothing may be told yet: ca.Reconciled, because a restored
	// database calls certificates good that the world was told are revoked. nil: nothing does.
	Gate ca.Gate
	Log  *slog.Logger // nil: silent
	// Observe hears of every answer, and whether it came from memory as it was
	// signed before; nil: nobody does.
	Observe func(status OCSPStatus, memory bool)
	// Told hears of every pair's certificate that is called good after a look
	// into the database: should that be lost, it is known that this was given
	// away. It must not wait. nil: nobody hears.
	Told func(issuer string, serial certhall.Serial)
}

// Responder answers OCSP requests (RFC 6960, RFC 5019) for all issuers of an
// authority, each in the name of its own delegated certificate. What was asked
// before is answered from memory for as long as the responder hears of every
// change: Follow must run. All methods may be called at once.
type Responder struct {
	opt      OCSPOptions
	speakers atomic.Pointer[speakers]
	cache    cache
	follower follower
	said     atomic.Int64 // when it complained last, in seconds
}

// NewResponder makes a responder that speaks for nobody yet: SetIssuers.
func NewResponder(o OCSPOptions) *Responder {
	if o.Life == 0 {
		o.Life = time.Hour
	}
	if o.Cached == 0 {
		o.Cached = 20_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Responder{opt: o}
	r.cache.init(o.Cached)
	r.speakers.Store(&speakers{})
	return r
}

// SetIssuers says for whom it answers from now on. An issuer without a
// responder is known, but requests for it have to come again later. An error
// names an OCSP certificate that clients would not believe.
func (r *Responder) SetIssuers(issuers []Issuer) error {
	all, err := newSpeakers(issuers)
	if err != nil {
		return err
	}
	r.speakers.Store(all)
	r.cache.clear()
	return nil
}

// Answer answers an OCSPRequest, whatever its bytes are. What it cannot answer
// it refuses by status:
//
//   - malformedRequest: not an OCSPRequest of version 1, none or too many
//     entries, too large, a nonce that is not of 1 to 128 octets, or a critical
//     extension that is not known;
//   - unauthorized: no entry is about an issuer that is answered for here
//     (RFC 6960, 2.3; RFC 5019, 2.2.3: nobody else's status is guessed), which
//     includes issuers named by another digest than SHA-1, SHA-256 and SM3;
//   - tryLater: the database does not answer or was restored and is not
//     reconciled, or the OCSP key is not there;
//   - internalError: the OCSP certificate has ended.
//
// An answer is signed in the name of one issuer: that of the first entry that
// is about one of ours. Entries about any other are unknown in it, because no
// client may believe this signer about them (RFC 6960, 4.2.2.2); asked for
// apart they are answered.
func (r *Responder) Answer(ctx context.Context, der []byte) *OCSPAnswer {
	a, memory := r.answer(ctx, der)
	if r.opt.Observe != nil {
		r.opt.Observe(a.Status, memory)
	}
	return a
}

func (r *Responder) answer(ctx context.Context, der []byte) (a *OCSPAnswer, memory bool) {
	q, ok := parseRequest(der)
	if !ok {
		return Refusal(OCSPMalformedRequest), false
	}
	i := inquiry{request: q, now: r.now(), generation: r.cache.turn.Load()}
	i.all = r.speakers.Load()
	for k := 0; i.by == nil && k < len(q.entries); k++ {
		i.by = i.all.find(q.entries[k])
	}
	if i.by == nil {
		return Refusal(OCSPUnauthorized), false
	}
	if i.by.Responder.Certificate == nil {
		return Refusal(OCSPTryLater), false
	}
	if r.opt.Gate != nil {
		if err := r.opt.Gate(ctx); err != nil {
			r.complain("nothing may be told", i, err)
			return Refusal(OCSPTryLater), false
		}
	}
	i.heard, i.current = r.follower.heard(i.now)
	if i.current && q.plain() {
		if a := r.cache.answer(q.entries[0].id, i.now); a != nil {
			return a, true
		}
	}
	return r.live(ctx, i), false
}

// now is the wall clock's time: a monotonic one stands still while a machine
// sleeps, and what is kept would be told beyond its time.
func (r *Responder) now() time.Time { return r.opt.Clock.Now().Round(0) }

// inquiry is a request while it is answered.
type inquiry struct {
	request
	all        *speakers
	by         *speaker // in whose name
	now        time.Time
	heard      time.Time // as of when memory speaks
	current    bool      // whether it may
	generation uint64    // of the cache, before anything was looked up
}

// live makes an answer: from memory where that may speak, else from the database.
func (r *Responder) live(ctx context.Context, i inquiry) *OCSPAnswer {
	standings, this, asked, err := r.standings(ctx, i)
	if err != nil {
		if ctx.Err() == nil { // else whoever asked has gone
			r.complain("the database does not answer", i, err)
		}
		return Refusal(OCSPTryLater)
	}
	next := this.Add(r.opt.Life)
	if end := i.by.ends(); next.After(end) {
		next = end
	}
	if !i.now.Before(next) {
		r.complain("the OCSP certificate has ended", i, nil)
		return Refusal(OCSPInternalError)
	}
	a, err := i.by.sign(i.request, standings, i.now, this, next)
	if err != nil {
		r.complain("the OCSP key does not sign", i, err)
		return Refusal(OCSPInternalError)
	}
	half := this.Add(next.Sub(this) / 2)
	for _, k := range asked {
		if standings[k].Known {
			r.cache.keep(i.generation, i.entries[k].id, standings[k], this, half)
		}
		if s := standings[k]; r.opt.Told != nil && s.Known && !s.Revoked && s.Pair != "" {
			r.opt.Told(i.by.Name, s.Serial)
		}
	}
	if i.plain() && standings[0].Known {
		r.cache.keepAnswer(i.generation, i.entries[0].id, a)
	}
	return a
}

// standings tells what stands of each entry and since when that is known at
// least; asked are the entries that the database was asked for.
func (r *Responder) standings(ctx context.Context, i inquiry) (standings []Standing, this time.Time, asked []int, err error) {
	standings, this = make([]Standing, len(i.entries)), i.now
	var questions []Question
	for k, e := range i.entries {
		if i.all.find(e) != i.by || e.serial == "" {
			continue // unknown
		}
		if since, ok := r.cache.standing(e.id, i.now, &standings[k]); ok && i.current {
			if since.Before(i.heard) {
				since = i.heard
			}
			if since.Before(this) {
				this = since
			}
			continue
		}
		questions, asked = append(questions, Question{i.by.Name, e.serial}), append(asked, k)
	}
	if len(questions) == 0 {
		return standings, this, nil, nil
	}
	ctx, end := context.WithTimeout(ctx, lookupTime)
	defer end()
	found, err := r.opt.Store.Standings(ctx, questions)
	if err != nil {
		return nil, this, nil, err
	}
	for n, k := range asked {
		standings[k] = found[n]
		if questions[n].Serial == i.by.own && !found[n].Known { // made at the ceremony, not in the database
			standings[k] = Standing{Serial: i.by.own, Known: true}
		}
	}
	return standings, this, asked, nil
}

// complain writes to the log, once a second at most: requests come by the thousand.
func (r *Responder) complain(what string, i inquiry, err error) {
	if second := i.now.Unix(); r.said.Swap(second) != second {
		r.opt.Log.Error("OCSP: "+what, "issuer", i.by.Name, "cause", certhall.CauseText(err))
	}
}
