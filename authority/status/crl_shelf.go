package status

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/certhall/certhall"
)

// Document is what the world fetches by name: a CRL or a CA's certificate.
type Document struct {
	Content  io.ReadSeeker // reads as it is asked for; not for two goroutines
	ETag     string        // strong, with its quotation marks
	Modified time.Time
	MaxAge   time.Duration // how long caches may keep it
}

// MaxAge is how long caches may keep a CRL of an issuing CA: a little, since a
// revocation is to be seen within a minute, caches included. Asking again costs
// little: an unchanged CRL is answered by its ETag alone.
const MaxAge = 10 * time.Second

// shelfMemory is the longest CRL that a Shelf keeps in memory, in bytes.
const shelfMemory = 1 << 20

// Shelf hands out the issuing CAs' CRLs from the store: on every node, also one
// without keys.
type Shelf struct {
	Store   CRLReader
	Issuers []string
	Clock   certhall.Clock

	mu    sync.Mutex
	short map[string]*shortList // by issuer: CRLs of at most shelfMemory
}

type shortList struct {
	number int64
	parts  [][]byte
}

// Find gives the newest CRL of an issuer; nil if there is no such issuer, or
// none of it yet. Reading it ends with ctx.
func (s *Shelf) Find(ctx context.Context, issuer string) (*Document, error) {
	if !slices.Contains(s.Issuers, issuer) {
		return nil, nil
	}
	newest, err := s.Store.NewestCRL(ctx, issuer)
	if err != nil || newest == nil {
		return nil, err
	}
	content, err := s.open(ctx, newest)
	if err != nil {
		return nil, err
	}
	return &Document{
		Content: content, ETag: tag(newest.Digest),
		Modified: newest.ThisUpdate, MaxAge: min(MaxAge, max(0, newest.NextUpdate.Sub(s.Clock.Now()))),
	}, nil
}

// open makes the first part ready, so that a store that fails is found before
// anything was answered.
func (s *Shelf) open(ctx context.Context, p *Published) (*parted, error) {
	c := &parted{ctx: ctx, store: s.Store, crl: p, part: -1}
	s.mu.Lock()
	k := s.short[p.Issuer]
	s.mu.Unlock()
	if k != nil && k.number == p.Number {
		c.memory = k.parts
		return c, nil
	}
	if p.Size > shelfMemory {
		return c, c.load(0)
	}
	k = &shortList{number: p.Number}
	for part := 0; int64(part)*PartSize < p.Size; part++ {
		if err := c.load(part); err != nil {
			return nil, err
		}
		k.parts = append(k.parts, c.bytes)
	}
	c.memory = k.parts
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.short == nil {
		s.short = map[string]*shortList{}
	}
	s.short[p.Issuer] = k
	return c, nil
}

// parted reads a stored CRL part by part: one part is in memory at a time.
type parted struct {
	ctx    context.Context
	store  CRLReader
	crl    *Published
	memory [][]byte // all parts, of a short one
	offset int64
	part   int // whose bytes are at hand; -1: none
	bytes  []byte
}

// errGone says that a CRL was replaced twice while somebody still read it.
var errGone = errors.New("status: the CRL is kept no longer")

func (c *parted) load(part int) (err error) {
	if c.memory != nil {
		c.part, c.bytes = part, c.memory[part]
		return nil
	}
	c.part = -1
	b, err := c.store.CRLPart(c.ctx, c.crl.Issuer, c.crl.Number, part)
	if err != nil {
		return err
	}
	if want := min(PartSize, c.crl.Size-int64(part)*PartSize); int64(len(b)) != want {
		return errGone
	}
	c.part, c.bytes = part, b
	return nil
}

func (c *parted) Read(b []byte) (int, error) {
	if c.offset >= c.crl.Size {
		return 0, io.EOF
	}
	if part := int(c.offset / PartSize); part != c.part {
		if err := c.load(part); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.bytes[c.offset%PartSize:])
	c.offset += int64(n)
	return n, nil
}

func (c *parted) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.offset
	case io.SeekEnd:
		offset += c.crl.Size
	}
	if offset < 0 {
		return 0, errors.New("status: a place before the beginning")
	}
	c.offset = offset
	return offset, nil
}
