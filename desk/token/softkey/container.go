package softkey

import (
	"context"
	"crypto"
	"crypto/x509"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// Container is one of a soft key.
type Container struct {
	key  *Key
	name string
}

// Name is the container's.
func (c *Container) Name() string { return c.name }

func (c *Container) box(ctx context.Context) (*box, error) {
	a, err := c.key.ready(ctx)
	if err != nil {
		return nil, err
	}
	if i := a.find(c.name); i >= 0 {
		return &a.Containers[i], nil
	}
	return nil, token.ErrNoContainer
}

// change writes one half of the container; needs a login.
func (c *Container) change(ctx context.Context, what string, u token.Usage, whole, torn func(*half)) error {
	on := func(f func(*half)) func(*application) error {
		return func(a *application) error {
			i := a.find(c.name)
			if i < 0 {
				return token.ErrNoContainer
			}
			f(a.Containers[i].half(u))
			return nil
		}
	}
	return c.key.asUser(ctx, what, on(whole), on(torn))
}

// GenerateSigningKey makes a new signing pair; see token.Container.
func (c *Container) GenerateSigningKey(ctx context.Context, a gm.Algorithm) (crypto.PublicKey, error) {
	return c.Generate(ctx, a, token.RSABits)
}

// Generate is GenerateSigningKey with the length of an RSA key.
func (c *Container) Generate(ctx context.Context, a gm.Algorithm, bits int) (crypto.PublicKey, error) {
	if _, err := c.box(ctx); err != nil {
		return nil, err
	}
	if !c.key.LoggedIn() {
		return nil, token.ErrPINNeeded
	}
	secret, err := a.GenerateKey(c.key.store.random, bits)
	if err == nil {
		_, err = gm.AlgorithmOf(secret.Public())
	}
	if err != nil {
		return nil, token.ErrAlgorithmUnsupported.With("algorithm", a.String()).Because(err)
	}
	if err := c.storeKey(ctx, "generate", token.Signing, secret); err != nil {
		return nil, err
	}
	return secret.Public(), nil
}

// ImportKey replaces the encryption pair, SM2 or RSA, of which the caller
// opened the envelope.
func (c *Container) ImportKey(ctx context.Context, secret crypto.Signer) error {
	if _, err := c.box(ctx); err != nil {
		return err
	}
	if _, err := gm.AlgorithmOf(secret.Public()); err != nil {
		return token.ErrAlgorithmUnsupported.Because(err)
	}
	return c.storeKey(ctx, "encryption-key", token.Encryption, secret)
}

// Type is what keys lie in the container: 0 where there are none.
func (c *Container) Type(ctx context.Context) (gm.Algorithm, error) {
	b, err := c.box(ctx)
	if err != nil {
		return 0, err
	}
	for _, u := range []token.Usage{token.Signing, token.Encryption} {
		if len(b.half(u).Public) == 0 {
			continue
		}
		pub, err := c.PublicKey(ctx, u)
		if err != nil {
			return 0, err
		}
		return gm.AlgorithmOf(pub)
	}
	return 0, nil
}

// ImportEncryptionKey unwraps an SM2EnvelopedKey; see token.Container.
func (c *Container) ImportEncryptionKey(ctx context.Context, envelope []byte) error {
	signing, err := c.Private(ctx, token.Signing)
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

func (c *Container) storeKey(ctx context.Context, what string, u token.Usage, secret crypto.Signer) error {
	if !c.key.LoggedIn() {
		return token.ErrPINNeeded
	}
	public, err := gm.MarshalPublicKey(secret.Public())
	if err != nil {
		return err
	}
	plain, err := plainKey(secret)
	if err != nil {
		return err
	}
	sealed, err := c.key.vault.hide(plain, place(c.name, u, public), c.key.store.random)
	if err != nil {
		return err
	}
	return c.change(ctx, what, u,
		func(h *half) { h.Public, h.Secret = public, sealed },
		func(h *half) { h.Public, h.Secret = public, sealed[:len(sealed)/2] })
}

// PublicKey answers token.ErrNoKey where there is none.
func (c *Container) PublicKey(ctx context.Context, u token.Usage) (crypto.PublicKey, error) {
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

// Certificate answers token.ErrNoCertificate where there is none.
func (c *Container) Certificate(ctx context.Context, u token.Usage) ([]byte, error) {
	b, err := c.box(ctx)
	if err != nil {
		return nil, err
	}
	if len(b.half(u).Certificate) == 0 {
		return nil, token.ErrNoCertificate
	}
	return b.half(u).Certificate, nil
}

// ImportCertificate writes a certificate.
func (c *Container) ImportCertificate(ctx context.Context, u token.Usage, der []byte) error {
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

// Sign signs a message; see token.Container.
func (c *Container) Sign(ctx context.Context, message []byte) ([]byte, error) {
	key, err := c.Private(ctx, token.Signing)
	if err != nil {
		return nil, err
	}
	return gm.SignAny(c.key.store.random, key, message)
}

// Decrypt decrypts an SM2Cipher with the encryption key; see token.Container.
func (c *Container) Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error) {
	key, err := c.Private(ctx, token.Encryption)
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

// Private is a private half, *sm2.PrivateKey, *rsa.PrivateKey or
// *ecdsa.PrivateKey, for callers that say themselves what it is to do: the C
// interface signs digests and decrypts with either. Needs a login;
// token.ErrNoKey, token.ErrKeyPairBroken.
func (c *Container) Private(ctx context.Context, u token.Usage) (crypto.Signer, error) {
	b, err := c.box(ctx)
	if err != nil {
		return nil, err
	}
	if !c.key.LoggedIn() {
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
