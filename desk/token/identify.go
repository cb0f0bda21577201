package token

import (
	"context"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Identify lists what lies on the key. It reads only and needs no PIN.
func Identify(ctx context.Context, key Key, order proof.Identify) (proof.Listing, error) {
	all, err := Look(ctx, key)
	if err != nil {
		return proof.Listing{}, err
	}
	l := proof.Listing{Authority: order.Authority, KeySerial: key.Info().Serial, KeyLabel: key.Info().Label}
	for _, h := range all {
		c := proof.ListedContainer{Name: h.Name(), EncKeyHere: h.EncKey != nil}
		if h.Sign != nil {
			c.Sign = h.Sign.Raw
		}
		if h.Enc != nil {
			c.Enc = h.Enc.Raw
		}
		if h.SignKey != nil {
			if c.KeyDigest, err = gm.KeyDigest(h.SignKey); err != nil {
				return proof.Listing{}, err
			}
		}
		l.Containers = append(l.Containers, c)
	}
	return l, nil
}
