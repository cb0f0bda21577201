package token

import (
	"context"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Identify lists what lies on the key, as far as env shows it. It reads only
// and needs no PIN. It answers proof.Listing.
func Identify(ctx context.Context, key Key, order proof.Identify, env Env) (proof.Message, error) {
	all, err := Look(ctx, key)
	if err != nil {
		return nil, err
	}
	l := proof.Listing{Authority: order.Authority, KeySerial: key.Info().Serial, KeyLabel: key.Info().Label}
	for _, h := range all {
		if env.Hides != nil && env.Hides(h) {
			continue
		}
		c := proof.ListedContainer{Name: h.Name(), EncKeyHere: h.EncKey != nil}
		if h.Sign != nil {
			c.Sign = h.Sign.Raw
		}
		if h.Enc != nil {
			c.Enc = h.Enc.Raw
		}
		if h.SignKey != nil {
			if c.KeyDigest, err = gm.KeyDigest(h.SignKey); err != nil {
				return nil, err
			}
		}
		l.Containers = append(l.Containers, c)
	}
	return l, nil
}
