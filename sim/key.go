package sim

import (
	"context"
	"crypto"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// watchedKey is the USB key as the agent sees it: every command a boundary,
// every dangerous one judged before it is carried out.
type watchedKey struct {
	token.Key
	w *World
}

// command passes a command to the key. A driver that carries it out twice is
// judged once: the second time is the fault's, not the agent's.
func (k watchedKey) command(name string, writes bool, judge func(), fn func() error) error {
	return k.w.boundary(KeyCommand, name, writes, func() error {
		if judge != nil {
			judge()
			judge = nil
		}
		if writes && name != "Login" {
			k.w.keyChanged = true
		}
		return fn()
	})
}

func (k watchedKey) PINState(ctx context.Context) (s token.PINState, err error) {
	err = k.command("PINState", false, nil, func() (err error) { s, err = k.Key.PINState(ctx); return err })
	return s, err
}

func (k watchedKey) Login(ctx context.Context, pin string) error {
	return k.command("Login", true, nil, func() error { return k.Key.Login(ctx, pin) })
}

func (k watchedKey) Logout(ctx context.Context) error {
	return k.command("Logout", false, nil, func() error { return k.Key.Logout(ctx) })
}

func (k watchedKey) Containers(ctx context.Context) (names []string, err error) {
	err = k.command("Containers", false, nil, func() (err error) { names, err = k.Key.Containers(ctx); return err })
	return names, err
}

func (k watchedKey) Container(ctx context.Context, name string) (c token.Container, err error) {
	err = k.command("Container", false, nil, func() (err error) { c, err = k.Key.Container(ctx, name); return err })
	if err != nil {
		return nil, err
	}
	return watchedContainer{c, k}, nil
}

func (k watchedKey) Create(ctx context.Context, name string) (c token.Container, err error) {
	err = k.command("Create", true, func() { k.w.judgeCreate(name) }, func() (err error) {
		c, err = k.Key.Create(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return watchedContainer{c, k}, nil
}

func (k watchedKey) Delete(ctx context.Context, name string) error {
	return k.command("Delete", true, func() { k.w.judgeDelete(name) }, func() error {
		return k.Key.Delete(ctx, name)
	})
}

// watchedContainer is one of its containers.
type watchedContainer struct {
	token.Container
	k watchedKey
}

func (c watchedContainer) GenerateSigningKey(ctx context.Context, a gm.Algorithm) (pub crypto.PublicKey, err error) {
	err = c.k.command("GenerateSigningKey", true, func() { c.k.w.judgeGenerate(c.Name()) }, func() (err error) {
		pub, err = c.Container.GenerateSigningKey(ctx, a)
		return err
	})
	return pub, err
}

func (c watchedContainer) PublicKey(ctx context.Context, u token.Usage) (pub crypto.PublicKey, err error) {
	err = c.k.command("PublicKey", false, nil, func() (err error) { pub, err = c.Container.PublicKey(ctx, u); return err })
	return pub, err
}

func (c watchedContainer) Certificate(ctx context.Context, u token.Usage) (der []byte, err error) {
	err = c.k.command("Certificate", false, nil, func() (err error) { der, err = c.Container.Certificate(ctx, u); return err })
	return der, err
}

func (c watchedContainer) ImportCertificate(ctx context.Context, u token.Usage, der []byte) error {
	return c.k.command("ImportCertificate", true, func() { c.k.w.judgeCertificate(c.Name(), u, der) }, func() error {
		return c.Container.ImportCertificate(ctx, u, der)
	})
}

func (c watchedContainer) ImportEncryptionKey(ctx context.Context, envelope []byte) error {
	return c.k.command("ImportEncryptionKey", true, func() { c.k.w.judgeEncryptionKey(c.Name(), envelope) }, func() error {
		return c.Container.ImportEncryptionKey(ctx, envelope)
	})
}

func (c watchedContainer) Sign(ctx context.Context, message []byte) (sig []byte, err error) {
	err = c.k.command("Sign", false, nil, func() (err error) { sig, err = c.Container.Sign(ctx, message); return err })
	return sig, err
}

func (c watchedContainer) Decrypt(ctx context.Context, ciphertext []byte) (plain []byte, err error) {
	err = c.k.command("Decrypt", false, nil, func() (err error) { plain, err = c.Container.Decrypt(ctx, ciphertext); return err })
	return plain, err
}
