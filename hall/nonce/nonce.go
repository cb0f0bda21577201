// Package nonce makes the one-time values that people's keys sign at the hall.
// The hall stores none that it gives away, so that asking for them costs it
// nothing; those that a key has signed are stored until they end, by whoever
// takes them, so that each counts once.
package nonce

import (
	"crypto/subtle"
	"encoding/binary"
	"io"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// A nonce is its end (seconds since 1970, 4 bytes), 6 random bytes and a mark
// that only the hall can make.
const (
	endLength  = 4
	markLength = 6
	bodyLength = proof.NonceLength - markLength
)

// Life is how long a nonce counts.
const Life = 5 * time.Minute

// Maker makes the nonces of one purpose.
type Maker struct {
	Purpose string // e.g. certhall/opening-nonce/1; nonces of one are none of another's
	Secret  []byte // kept outside the database
	Clock   certhall.Clock
	Random  io.Reader
}

// New makes a nonce, and tells when it ends.
func (m Maker) New() (nonce []byte, expires time.Time, err error) {
	expires = m.Clock.Now().UTC().Add(Life).Truncate(time.Second)
	nonce = make([]byte, proof.NonceLength)
	binary.BigEndian.PutUint32(nonce, uint32(expires.Unix()))
	if _, err := io.ReadFull(m.Random, nonce[endLength:bodyLength]); err != nil {
		return nil, expires, err
	}
	copy(nonce[bodyLength:], m.mark(nonce[:bodyLength]))
	return nonce, expires, nil
}

// Check tells when a nonce ends, and whether it counts: it does not if it is
// none of this hall's for this purpose, or has ended.
func (m Maker) Check(nonce []byte) (expires time.Time, counts bool) {
	if len(nonce) != proof.NonceLength {
		return expires, false
	}
	expires = time.Unix(int64(binary.BigEndian.Uint32(nonce)), 0).UTC()
	made := subtle.ConstantTimeCompare(nonce[bodyLength:], m.mark(nonce[:bodyLength])) == 1
	return expires, made && m.Clock.Now().Before(expires)
}

// mark is cut short, so that it cannot be continued over a longer text.
func (m Maker) mark(body []byte) []byte {
	return gm.SM3([]byte(m.Purpose+"\x00"), gm.SM3(m.Secret), body)[:markLength]
}
