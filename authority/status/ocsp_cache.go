package status

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/certhall/certhall"
)

// cache keeps what was found out lately: by the bytes of a CertID the standing
// and, once somebody asked without a nonce, the signed answer. Serials that
// nobody has are not kept, so that inventing them gains nothing.
type cache struct {
	mu     sync.Mutex
	kept   *simplelru.LRU[string, *kept]
	ofPair map[certhall.PairID]map[string]bool // "": of no pair

	// turn counts how often something was dropped. It is to be read before the
	// database: what is found there is kept only if nothing was dropped since, or
	// it could be what had to go.
	turn atomic.Uint64
}

type kept struct {
	standing    Standing
	since, till time.Time // how long it may be told
	answer      *OCSPAnswer
}

func (c *cache) init(size int) {
	c.ofPair = map[certhall.PairID]map[string]bool{}
	lru, err := simplelru.NewLRU(size, c.forget)
	if err != nil {
		panic("status: " + err.Error()) // a size below one
	}
	c.kept = lru
}

// forget is called for everything that leaves the cache.
func (c *cache) forget(id string, k *kept) {
	ids := c.ofPair[k.standing.Pair]
	delete(ids, id)
	if len(ids) == 0 {
		delete(c.ofPair, k.standing.Pair)
	}
}

// find gives what is kept and may still be told.
func (c *cache) find(id []byte, now time.Time) *kept {
	k, ok := c.kept.Get(string(id))
	if !ok || now.Before(k.since) || !now.Before(k.till) {
		return nil
	}
	return k
}

// answer is the signed answer, nil if there is none.
func (c *cache) answer(id []byte, now time.Time) *OCSPAnswer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.find(id, now); k != nil {
		return k.answer
	}
	return nil
}

// standing tells what stands, and since when that is known.
func (c *cache) standing(id []byte, now time.Time, into *Standing) (since time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.find(id, now)
	if k == nil {
		return since, false
	}
	*into = k.standing
	return k.since, true
}

func (c *cache) keep(generation uint64, id []byte, s Standing, since, till time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn.Load() != generation {
		return
	}
	key := string(id)
	c.kept.Remove(key)
	c.kept.Add(key, &kept{standing: s, since: since, till: till})
	if c.ofPair[s.Pair] == nil {
		c.ofPair[s.Pair] = map[string]bool{}
	}
	c.ofPair[s.Pair][key] = true
}

// keepAnswer puts a signed answer to the standing that it was made of.
func (c *cache) keepAnswer(generation uint64, id []byte, a *OCSPAnswer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.kept.Peek(string(id)); ok && c.turn.Load() == generation {
		k.answer = a
	}
}

// drop forgets all of a pair's certificates; of "", those that are no pair's.
func (c *cache) drop(pairs []certhall.PairID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn.Add(1)
	for _, pair := range pairs {
		for id := range c.ofPair[pair] {
			c.kept.Remove(id)
		}
	}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn.Add(1)
	c.kept.Purge()
}
