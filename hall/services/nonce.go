package services

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"io"
	"time"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// A nonce is its end (seconds since 1970, 4 bytes), 6 random bytes and a mark
// that only the hall can make. The hall stores none that it gives away, so that
// asking for them costs it nothing; those that a key has signed are stored
// until they end, so that each counts once.
const (
	nonceEnd  = 4
	nonceMark = 6
)

// Nonce makes the one-time value of an opening.
func (c *Counter) Nonce(context.Context) (Nonce, error) {
	expires := c.now().Add(NonceLife).Truncate(time.Second)
	nonce := make([]byte, proof.NonceLength)
	binary.BigEndian.PutUint32(nonce, uint32(expires.Unix()))
	body := nonce[:proof.NonceLength-nonceMark]
	if _, err := io.ReadFull(c.Random, body[nonceEnd:]); err != nil {
		return Nonce{}, err
	}
	copy(nonce[len(body):], c.mark(body))
	return Nonce{Nonce: nonce, Origin: c.Origin, Authority: c.AuthorityID, ExpiresAt: expires}, nil
}

// checkNonce tells when an opening's nonce ends; one that is not the hall's,
// or that has ended, is refused.
func (c *Counter) checkNonce(nonce []byte) (expires time.Time, err error) {
	if len(nonce) != proof.NonceLength {
		return expires, ErrOpenNonce
	}
	body := nonce[:proof.NonceLength-nonceMark]
	expires = time.Unix(int64(binary.BigEndian.Uint32(body)), 0).UTC()
	if subtle.ConstantTimeCompare(nonce[len(body):], c.mark(body)) != 1 || !c.now().Before(expires) {
		return expires, ErrOpenNonce
	}
	return expires, nil
}

// mark is cut short, so that it cannot be continued over a longer text.
func (c *Counter) mark(body []byte) []byte {
	return gm.SM3([]byte("certhall/opening-nonce/1\x00"), gm.SM3(c.Accounts.Secret), body)[:nonceMark]
}

// spendNonce makes an opening's nonce count, once.
func (c *Counter) spendNonce(w Writer, nonce []byte) error {
	expires, err := c.checkNonce(nonce)
	if err != nil {
		return err
	}
	fresh, err := w.SpendNonce(nonce, expires, c.now())
	if err == nil && !fresh {
		err = ErrOpenNonce
	}
	return err
}
