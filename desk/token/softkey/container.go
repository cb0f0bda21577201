package softkey

import (
	"context"
	"crypto"
	"crypto/x509"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

type container struct {
	key  *Key
	name string
}

func (c *container) Name() string { return c.name }

func (c *container) box(ctx context.Context) (*box, error) {
	if err := c.key.ready(ctx); err != nil {
		return nil, err
	}
	if i := c.key.image.find(c.name); i >= 0 {
		return &c.key.image.Containers[i], nil
	}
	return nil, token.ErrNoContainer
}

// change writes one half of the container; needs a login.
func (c *container) change(ctx context.Context, what string, u token.Usage, whole, torn func(*half)) error {
	on := func(f func(*half)) func(*image) error {
		return func(img *image) error {
			if c.key.vault == nil {
				return token.ErrPINNeeded
			}
			i := img.find(c.name)
			if i < 0 {
				return token.ErrNoContainer
			}
			f(img.Containers[i].half(u))
			return nil
		}
	}
	return c.key.write(ctx, what, on(whole), on(torn))
}

func (c *container) GenerateSigningKey(ctx context.Context, a gm.Algorithm) (crypto.PublicKey, error) {
	if _, err := c.box(ctx); err != nil {
		return nil, err
	}
	if c.key.vault == nil {
		return nil, token.ErrPINNeeded
	}
	secret, err := a.GenerateKey(c.key.random, token.RSABits)
	if err != nil {
		return nil, token.ErrAlgorithmUnsupported.With("algorithm", a.String()).Because(err)
	}
	if err := c.storeKey(ctx, "generate", token.Signing, secret); err != nil {
		return nil, err
	}
	return secret.Public(), nil
}

func (c *container) ImportEncryptionKey(ctx context.Context, envelope []byte) error {
	signing, err := c.private(ctx, token.Signing)
	if err != nil {
		return err
	}
	unwraps, ok := signing.(*sm2.PrivateKey)
	if !ok {
		return token.ErrEnvelope.Becausef("the signing key is no SM2 key")
	}
	secret, err := gm.OpenEnvelopedKey(unwraps, envelope)
	if err != nil {
		return token.ErrEnvelope.Because(err)
	}
	return c.storeKey(ctx, "encryption-key", token.Encryption, secret)
}

func (c *container) storeKey(ctx context.Context, what string, u token.Usage, secret crypto.Signer) error {
	public, err := gm.MarshalPublicKey(secret.Public())
	if err != nil {
		return err
	}
	plain, err := plainKey(secret)
	if err != nil {
		return err
	}
	sealed, err := c.key.vault.hide(plain, place(c.name, u, public), c.key.random)
	if err != nil {
		return err
	}
	return c.change(ctx, what, u,
		func(h *half) { h.Public, h.Secret = public, sealed },
		func(h *half) { h.Public, h.Secret = public, sealed[:len(sealed)/2] })
}

func (c *container) PublicKey(ctx context.Context, u token.Usage) (crypto.PublicKey, error) {
	b, err := c.box(ctx)
	if err != nil {
		return nil, err
	}
	if len(b.half(u).Public) == 0 {
		return nil, token.ErrNoKey
	}
	pub, err := gm.ParseAnyPublicKey(b.half(u).Public)
	if err != nil {
		return nil, token.ErrKeyDamaged.Because(err)
	}
	return pub, nil
}

func (c *container) Certificate(ctx context.Context, u token.Usage) ([]byte, error) {
	b, err := c.box(ctx)
	if err != nil {
		return nil, err
	}
	if len(b.half(u).Certificate) == 0 {
		return nil, token.ErrNoCertificate
	}
	return b.half(u).Certificate, nil
}

func (c *container) ImportCertificate(ctx context.Context, u token.Usage, der []byte) error {
	if len(der) == 0 || len(der) > gm.MaxCertificate {
		return ErrOptions.Becausef("certificate of %d bytes", len(der))
	}
	what := "sign-certificate"
	if u == token.Encryption {
		what = "encryption-certificate"
	}
	der = append([]byte(nil), der...)
	return c.change(ctx, what, u,
		func(h *half) { h.Certificate = der },
		func(h *half) { h.Certificate = der[:len(der)/2] })
}

func (c *container) Sign(ctx context.Context, message []byte) ([]byte, error) {
	key, err := c.private(ctx, token.Signing)
	if err != nil {
		return nil, err
	}
	return gm.SignAny(c.key.random, key, message)
}

func (c *container) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	key, err := c.private(ctx, token.Encryption)
	if err != nil {
		return nil, err
	}
	opens, ok := key.(*sm2.PrivateKey)
	if !ok {
		return nil, token.ErrUntestable
	}
	plain, err := gm.Open(opens, ciphertext)
	if err != nil {
		return nil, token.ErrCiphertext.Because(err)
	}
	return plain, nil
}

// private opens a private key; parsed ones are kept while logged in.
func (c *container) private(ctx context.Context, u token.Usage) (crypto.Signer, error) {
	b, err := c.box(ctx)
	if err != nil {
		return nil, err
	}
	if c.key.vault == nil {
		return nil, token.ErrPINNeeded
	}
	h := b.half(u)
	if len(h.Public) == 0 {
		return nil, token.ErrNoKey
	}
	if key := c.key.secret[string(h.Secret)]; key != nil {
		return key, nil
	}
	plain, err := c.key.vault.reveal(h.Secret, place(c.name, u, h.Public))
	if err != nil {
		return nil, token.ErrKeyPairBroken.Because(err)
	}
	key, err := parsePlainKey(plain)
	if err != nil {
		return nil, token.ErrKeyPairBroken.Because(err)
	}
	c.key.secret[string(h.Secret)] = key
	return key, nil
}

// plainKey is a private key before it is hidden: the 32 bytes of an SM2 one,
// PKCS #8 of others (RFC 5958).
func plainKey(key crypto.Signer) ([]byte, error) {
	if k, ok := key.(*sm2.PrivateKey); ok {
		return k.D.FillBytes(make([]byte, sm2Length)), nil
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

const sm2Length = 32

func parsePlainKey(plain []byte) (crypto.Signer, error) {
	if len(plain) == sm2Length {
		return sm2.NewPrivateKey(plain)
	}
	key, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, gm.ErrAlgorithm
	}
	return signer, nil
}
