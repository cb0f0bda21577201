// Package predecessors knows what earlier systems say of their certificates:
// their CRLs and OCSP answers, fetched from the addresses that officers signed
// (fetch.go) or brought by hand, and believed only as far as the predecessor's
// own signature goes (standing.go). A list or an answer counts until its
// nextUpdate; after that, cases with that predecessor's certificates wait, by
// name. Whose certificates are succeeded at all is decided in authority/ca.
package predecessors

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
)

// MaxList bounds a predecessor's CRL, in bytes.
const MaxList = 256 << 20

// List is a predecessor's CRL as it is kept.
type List struct {
	Predecessor            string
	Digest                 []byte // SM3 of Bytes
	Number                 string // cRLNumber, in hex of even length; "" for none
	ThisUpdate, NextUpdate time.Time
	Tag, Modified          string // ETag and Last-Modified of where it was fetched
	FetchedAt              time.Time
	Bytes                  []byte // DER; nil where only the head was asked for
}

// Question is a serial that somebody wants to know the standing of.
type Question struct {
	Predecessor string
	Serial      certhall.Serial
	Answer      []byte // OCSPResponse, DER; nil until there is one
	ThisUpdate  time.Time
}

// Store is what the package needs of the authority's database.
type Store interface {
	Predecessors(ctx context.Context) ([]*ca.Predecessor, error)
	// Head is a predecessor's list without its bytes; nil if there is none.
	Head(ctx context.Context, predecessor string) (*List, error)
	// List is the list with this digest; nil if another has taken its place.
	List(ctx context.Context, predecessor string, digest []byte) (*List, error)
	// SaveList puts a list in place of the one before, unless that has the later
	// thisUpdate or the higher number: then false.
	SaveList(ctx context.Context, l List) (bool, error)
	// Ask notes that somebody wants to know of a serial.
	Ask(ctx context.Context, predecessor string, s certhall.Serial, at time.Time) error
	// Question is nil where nobody has asked.
	Question(ctx context.Context, predecessor string, s certhall.Serial) (*Question, error)
	// Questions are those asked after a time.
	Questions(ctx context.Context, predecessor string, after time.Time, limit int) ([]Question, error)
	// SaveAnswer stores an answer, unless a later one is there.
	SaveAnswer(ctx context.Context, q Question) error
	// Superseded pages through the pairs of a predecessor's that were
	// superseded at or after a time, in order of serial.
	Superseded(ctx context.Context, predecessor string, since time.Time, after certhall.Serial, limit int) ([]ca.Pair, error)
}

// After tells whether a list is later than another: lists never go back.
func (l List) After(other List) bool {
	if !l.ThisUpdate.Equal(other.ThisUpdate) {
		return l.ThisUpdate.After(other.ThisUpdate)
	}
	if l.Number == "" || other.Number == "" {
		return false
	}
	return len(l.Number) > len(other.Number) || len(l.Number) == len(other.Number) && l.Number > other.Number
}
