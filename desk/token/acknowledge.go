package token

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Acknowledge proves that the bundle's pair is whole on the key and works, and
// signs so. It answers proof.Signed (an Acknowledgement) or proof.Trouble.
//
// ◆ All in one session: it relies on no earlier install, reads all parts
// back, compares them with the bundle, repeats the self-test, then signs.
func Acknowledge(ctx context.Context, key Key, order proof.Acknowledge, env Env) (proof.Message, error) {
	p, err := env.prove(order.Authority, order.Bundle)
	if err != nil {
		return nil, err
	}
	all, err := Look(ctx, key)
	if err != nil {
		return nil, err
	}
	h, reason := p.home(all)
	if reason == "" && !p.complete(h) {
		reason = proof.Incomplete
	}
	if reason != "" {
		return p.trouble(reason), nil
	}
	if err := env.unlock(ctx); err != nil {
		return nil, err
	}
	nonce, untestable, reason, err := p.test(ctx, h, env)
	if err != nil {
		return nil, err
	}
	if reason != "" {
		return p.trouble(reason), nil
	}
	env.progress(PartTested)
	digest, err := gm.KeyDigest(h.SignKey)
	if err != nil {
		return nil, err
	}
	return SignAs(ctx, h, proof.Acknowledgement{
		Authority: p.authority, Case: p.id, Attempt: p.number,
		SignSerial: string(certhall.SerialOf(p.sign.SerialNumber)),
		EncSerial:  p.encSerial(),
		KeyDigest:  digest, Nonce: nonce, Untestable: untestable,
	})
}
