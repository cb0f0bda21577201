package services

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// weighOpening checks a signed opening against what the authority says of the
// pair.
func (c *Counter) weighOpening(ctx context.Context, der []byte) (opener, error) {
	signed, err := proof.Decode[proof.Signed](der)
	if err != nil {
		return opener{}, err
	}
	o, err := proof.Decode[proof.Opening](signed.Message)
	if err != nil {
		return opener{}, err
	}
	switch {
	case o.Authority != c.AuthorityID:
		return opener{}, authority.ErrUnknownCert
	case o.Origin != c.Origin:
		return opener{}, ErrOrigin
	case procedures[certhall.Service(o.Service)] == nil:
		return opener{}, authority.ErrService
	}
	view, err := c.Authority.Pair(ctx, authority.PairQuery{Serial: certhall.Serial(o.Serial)})
	if err != nil {
		return opener{}, err
	}
	if view.Pair == nil || view.Pair.SignSerial != certhall.Serial(o.Serial) || view.Certificate == nil {
		return opener{}, authority.ErrUnknownCert
	}
	certificate, err := gm.ParseCertificate(view.Certificate)
	if err != nil {
		return opener{}, err
	}
	if _, err := proof.VerifyKey[proof.Opening](signed, certificate.PublicKey); err != nil {
		return opener{}, ErrOpening.Because(err)
	}
	_, err = c.checkNonce(o.Nonce)
	return opener{service: certhall.Service(o.Service), pair: *view.Pair, nonce: o.Nonce}, err
}
