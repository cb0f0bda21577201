package pkcs11

import (
	"bytes"
	"context"
	"crypto"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
)

// GenerateSigningKey makes a pair that never leaves the token. It takes an
// empty container only: PKCS #11 destroys no key that lies there, and two under
// one CKA_ID could not be told apart. A private key of which nothing else is
// left (a deletion or a generation was cut short) is cleared away.
func (c *container) GenerateSigningKey(ctx context.Context, a gm.Algorithm) (crypto.PublicKey, error) {
	if err := c.key.writable(ctx); err != nil {
		return nil, err
	}
	mechanism, public, private, err := c.templates(a)
	if err != nil {
		return nil, err
	}
	if err := c.alone(ctx); err != nil {
		return nil, err
	}
	for _, class := range []uint64{classPublic, classCertificate} {
		if refs, err := c.find(class); err != nil {
			return nil, explained(err)
		} else if len(refs) > 0 {
			return nil, token.ErrContainerExists.Becausef("%.80q holds something", c.name)
		}
	}
	left, err := c.find(classPrivate)
	if err != nil {
		return nil, explained(err)
	}
	if err := c.key.destroy(ctx, left); err != nil {
		return nil, explained(err)
	}
	var publicRef, privateRef native.Ref
	err = c.key.call("C_GenerateKeyPair", native.Mechanism(mechanism, nil), public.arg(), public.count(),
		private.arg(), private.count(), native.Handle(&publicRef), native.Handle(&privateRef))
	switch {
	case answers(err, mechanismInvalid, mechanismParam, keySize, domainParams, curveUnsupported):
		return nil, token.ErrAlgorithmUnsupported.With("algorithm", a.String()).Because(err)
	case answers(err, attributeValue, templateInconsistent): // such as PIV cards, whose keys lie in fixed places
		return nil, unsupported("container")
	case err != nil:
		return nil, explained(err)
	}
	delete(c.key.begun, c.name)
	pub, err := c.PublicKey(ctx, token.Signing)
	if err != nil {
		return nil, err
	}
	if made, err := gm.AlgorithmOf(pub); err != nil || made != a {
		return nil, wrong("C_GenerateKeyPair", "another kind of key")
	}
	return pub, nil
}

// alone refuses a second container of the name, which another program may have
// made since ours was opened: by name, neither would be found any more.
func (c *container) alone(ctx context.Context) error {
	groups, err := c.key.groups(ctx)
	if err != nil {
		return explained(err)
	}
	for _, g := range groups {
		if (g.name == c.name || g.label == c.name) && !bytes.Equal(g.id, c.id) {
			return token.ErrContainerExists.Becausef("another one is called %.80q", c.name)
		}
	}
	return nil
}

// templates are what a new pair is asked to be. Single certificates are for
// every use: their RSA keys decrypt, too.
func (c *container) templates(a gm.Algorithm) (mechanism uint64, public, private *template, err error) {
	public = c.named().number(attrClass, classPublic).yes(attrToken, attrVerify).no(attrPrivate)
	private = c.named().number(attrClass, classPrivate).yes(attrToken, attrPrivate, attrSensitive, attrSign).no(attrExtractable)
	of := func(kind uint64) {
		public.number(attrKeyType, kind)
		private.number(attrKeyType, kind)
	}
	switch s := c.key.m.profile.SM2; {
	case a == gm.RSA:
		of(keyRSA)
		public.number(attrModulusBits, token.RSABits).bytes(attrPublicExponent, []byte{1, 0, 1}).yes(attrEncrypt)
		private.yes(attrDecrypt)
		return mechRSAGenerate, public, private, nil
	case a == gm.ECDSA:
		of(keyEC)
		return mechECGenerate, public.bytes(attrECParams, p256Params), private, nil
	case a == gm.SM2 && s != nil:
		of(s.KeyType)
		params, err := s.params()
		if len(params) > 0 {
			public.bytes(attrECParams, params)
		}
		switch s.Import { // the signing key opens what the encryption key comes in
		case importUnwrap:
			private.yes(attrUnwrap)
		case importBy:
			private.yes(attrDecrypt)
		}
		return s.Generate, public, private, err
	}
	return 0, nil, nil, token.ErrAlgorithmUnsupported.With("algorithm", a.String())
}
