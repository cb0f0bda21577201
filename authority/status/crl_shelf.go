package status

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

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

// shelfParts is how many parts of CRLs a Shelf keeps in memory, of PartSize at
// most: 16 MB, however many read and however slowly.
const shelfParts = 64

// Shelf hands out the issuing CAs' CRLs from the store: on every node, also one
// without keys.
type Shelf struct {
	Store   CRLReader
	Issuers []string
	Clock   certhall.Clock

	mu    sync.Mutex
	parts *simplelru.LRU[partID, []byte] // read lately
}

// partID names a part of a CRL. What a number once stood for it stands for always.
type partID struct {
	issuer string
	number int64
	part   int
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
	content := &parted{ctx: ctx, shelf: s, crl: newest}
	if _, err := content.load(0); err != nil { // a store that fails is found before anything was answered
		return nil, err
	}
	return &Document{
		Content: content, ETag: tag(newest.Digest),
		Modified: newest.ThisUpdate, MaxAge: min(MaxAge, max(0, newest.NextUpdate.Sub(s.Clock.Now()))),
	}, nil
}

// part gives a part from memory or the store.
func (s *Shelf) part(ctx context.Context, id partID) ([]byte, error) {
	s.mu.Lock()
	if s.parts == nil {
		s.parts, _ = simplelru.NewLRU[partID, []byte](shelfParts, nil) // fails for sizes below one
	}
	b, ok := s.parts.Get(id)
	s.mu.Unlock()
	if ok {
		return b, nil
	}
	b, err := s.Store.CRLPart(ctx, id.issuer, id.number, id.part)
	if err == nil && b != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parts.Add(id, b)
	}
	return b, err
}

// parted reads a stored CRL part by part. Between two reads it holds nothing:
// who reads slowly costs no memory.
type parted struct {
	ctx    context.Context
	shelf  *Shelf
	crl    *Published
	offset int64
}

// errGone says that a CRL was replaced twice while somebody still read it.
var errGone = errors.New("status: the CRL is kept no longer")

func (c *parted) load(part int) ([]byte, error) {
	b, err := c.shelf.part(c.ctx, partID{c.crl.Issuer, c.crl.Number, part})
	if want := min(PartSize, c.crl.Size-int64(part)*PartSize); err == nil && int64(len(b)) != want {
		err = errGone
	}
	return b, err
}

func (c *parted) Read(b []byte) (int, error) {
	if c.offset >= c.crl.Size {
		return 0, io.EOF
	}
	part, err := c.load(int(c.offset / PartSize))
	if err != nil {
		return 0, err
	}
	n := copy(b, part[c.offset%PartSize:])
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
