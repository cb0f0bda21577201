package token

import (
	"bytes"
	"context"
	"crypto"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Claim looks whether the attempt's container is unusable and, if so, lets the
// old key say it. It answers proof.Signed (a proof.Claim), or proof.Trouble
// with reason usable.
func Claim(ctx context.Context, key Key, order proof.MakeClaim, env Env) (proof.Message, error) {
	ticket, root, err := Notarized[proof.Ticket](env.Trust, order.Ticket)
	if err != nil {
		return nil, err
	}
	a, err := attemptOf(order.Authority, ticket.Authority, ticket.Case, ticket.Attempt)
	if err != nil {
		return nil, err
	}
	all, err := Look(ctx, key)
	if err != nil {
		return nil, err
	}
	old := env.Trust.bySerial(all, ticket.OldSerial, root, order.Chain)
	if old == nil {
		return nil, ErrOldPairMissing.With("serial", ticket.OldSerial)
	}
	here := byName(all, a.container())
	if old == here {
		return nil, ErrUntrusted.Becausef("%s is the old pair's own container", old.Name())
	}
	if err := env.unlock(ctx); err != nil {
		return nil, err
	}
	reason, err := unusable(ctx, here, order, env)
	if err != nil {
		return nil, err
	}
	if reason == "" {
		return a.trouble(proof.Usable), nil
	}
	return SignAs(ctx, old, proof.Claim{
		Authority: a.authority, Case: a.id, Attempt: a.number,
		OldSerial: ticket.OldSerial, KeyDigest: order.KeyDigest, Reason: reason,
	})
}

// unusable tells why the attempt cannot end in this container; "" if it can.
func unusable(ctx context.Context, h *Holding, order proof.MakeClaim, env Env) (string, error) {
	if h == nil || h.SignKey == nil {
		return proof.Absent, nil
	}
	if another(h.SignKey, order.KeyDigest) || another(h.EncKey, order.EncDigest) {
		return proof.AnotherKey, nil
	}
	if len(order.KeyDigest) > 0 && len(order.EncDigest) == 0 && (h.EncKey != nil || h.Enc != nil) {
		return proof.AnotherKey, nil // a single certificate, or none yet: no encryption half of any kind is its own
	}
	if ok, err := SelfTest(ctx, h, env.Random); err != nil || ok {
		return "", err
	}
	return proof.FailingSelfTest, nil
}

// another tells whether a key lies there that is not the recorded one.
func another(pub crypto.PublicKey, recorded []byte) bool {
	if pub == nil || len(recorded) == 0 {
		return false
	}
	digest, err := gm.KeyDigest(pub)
	return err != nil || !bytes.Equal(digest, recorded)
}
