package services

import (
	"context"
	"time"

	"github.com/certhall/certhall/hall/nonce"
)

// nonces makes what openings carry.
func (c *Counter) nonces() nonce.Maker {
	return nonce.Maker{Purpose: "certhall/opening-nonce/1", Secret: c.Accounts.Secret, Clock: c.Clock, Random: c.Random}
}

// Nonce makes the one-time value of an opening.
func (c *Counter) Nonce(context.Context) (Nonce, error) {
	made, expires, err := c.nonces().New()
	return Nonce{Nonce: made, Origin: c.Origin, Authority: c.AuthorityID, ExpiresAt: expires}, err
}

// checkNonce tells when an opening's nonce ends; one that is not the hall's,
// or that has ended, is refused.
func (c *Counter) checkNonce(n []byte) (expires time.Time, err error) {
	expires, counts := c.nonces().Check(n)
	if !counts {
		err = ErrOpenNonce
	}
	return expires, err
}

// spendNonce makes an opening's nonce count, once.
func (c *Counter) spendNonce(w Writer, n []byte) error {
	expires, err := c.checkNonce(n)
	if err != nil {
		return err
	}
	fresh, err := w.SpendNonce(n, expires, c.now())
	if err == nil && !fresh {
		err = ErrOpenNonce
	}
	return err
}
