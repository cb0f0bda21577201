package token

import (
	"bytes"
	"context"

	"github.com/certhall/certhall/proof"
)

// Install writes the bundle's parts into the attempt's container and tests
// them. It answers proof.Installed or proof.Trouble.
//
// Before the first write everything is proved: chain to the trusted root,
// subject equal to the old pair's, keys equal the container's. Repeated, it
// writes what is missing; an encryption key that lies there is never replaced.
func Install(ctx context.Context, key Key, order proof.Install, env Env) (proof.Message, error) {
	p, err := env.prove(order.Authority, order.Bundle)
	if err != nil {
		return nil, err
	}
	all, err := Look(ctx, key)
	if err != nil {
		return nil, err
	}
	h, reason := p.home(all)
	if reason != "" {
		return p.trouble(reason), nil
	}
	if !p.complete(h) {
		if err := env.succeeds(p, all); err != nil {
			return nil, err
		}
	}
	if err := env.unlock(ctx); err != nil {
		return nil, err
	}
	if ok, err := signs(ctx, h, env.Random); err != nil {
		return nil, err
	} else if !ok {
		return p.trouble(proof.FailingSelfTest), nil
	}
	if err := p.write(ctx, h, env); err != nil {
		return nil, err
	}
	if h, err = lookAt(ctx, key, p.container()); err != nil {
		return nil, err
	}
	if !p.complete(h) {
		return p.trouble(proof.FailingSelfTest), nil // written, but it does not read back
	}
	_, untestable, reason, err := p.test(ctx, h, env)
	if err != nil {
		return nil, err
	}
	if reason != "" {
		return p.trouble(reason), nil
	}
	env.progress(PartTested)
	return proof.Installed{Authority: p.authority, Case: p.id, Attempt: p.number, Untestable: untestable}, nil
}

// succeeds checks that the new certificates carry the old pair's subject, byte for byte.
func (e Env) succeeds(p *parts, all []*Holding) error {
	if p.OldSerial == "" {
		return nil // by decision: prove compared the subject
	}
	old := e.Trust.bySerial(all, p.OldSerial, p.root, p.Chain)
	if old == nil {
		return ErrOldPairMissing.With("serial", p.OldSerial)
	}
	if !bytes.Equal(old.Sign.RawSubject, p.sign.RawSubject) {
		return ErrBundle.Becausef("another subject than the old pair's")
	}
	return nil
}

func (p *parts) write(ctx context.Context, h *Holding, env Env) error {
	env.progress(PartSigningKey)
	if h.Sign == nil || !h.Sign.Equal(p.sign) {
		if err := h.ImportCertificate(ctx, Signing, p.Bundle.Sign); err != nil {
			return err
		}
	}
	env.progress(PartSignCert)
	if p.single() {
		return nil
	}
	if h.EncKey == nil {
		if err := h.ImportEncryptionKey(ctx, p.Envelope); err != nil {
			return err
		}
	}
	env.progress(PartEncryptionKey)
	if h.Enc == nil || !h.Enc.Equal(p.enc) {
		if err := h.ImportCertificate(ctx, Encryption, p.Bundle.Enc); err != nil {
			return err
		}
	}
	env.progress(PartEncryptionCert)
	return nil
}
