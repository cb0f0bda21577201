package token

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// SelfTest tries what the container is for: it signs and the signature
// verifies by the public key that lies there; if an encryption key lies there
// too, it decrypts what was encrypted to that one. ok is false where the
// container fails; err is not nil where the test could not be made at all.
// The key must be logged in.
func SelfTest(ctx context.Context, h *Holding, random io.Reader) (ok bool, err error) {
	ok, _, err = try(ctx, h, random)
	return ok, err
}

// TestPair is SelfTest for a pair that is to be whole: ErrKeyPairBroken if a
// part is missing, does not fit its certificate or does not work. untestable
// says that the driver cannot decrypt.
func TestPair(ctx context.Context, h *Holding, random io.Reader) (untestable bool, err error) {
	if !h.Whole() {
		return false, ErrKeyPairBroken.Becausef("%s: parts are missing or do not belong together", h.Name())
	}
	ok, untestable, err := try(ctx, h, random)
	if err == nil && !ok {
		err = ErrKeyPairBroken.Becausef("%s fails its self-test", h.Name())
	}
	return untestable, err
}

func try(ctx context.Context, h *Holding, random io.Reader) (ok, untestable bool, err error) {
	if ok, err := signs(ctx, h, random); !ok || err != nil {
		return false, false, err
	}
	if h.EncKey == nil {
		return true, false, nil
	}
	nonce, err := proof.NewNonce(random)
	if err != nil {
		return false, false, err
	}
	to, err := gm.SM2Key(h.EncKey)
	if err != nil {
		return false, false, nil
	}
	sealed, err := gm.Seal(random, to, nonce)
	if err != nil {
		return false, false, nil // no point of the curve
	}
	plain, err := h.Decrypt(ctx, sealed)
	switch {
	case errors.Is(err, ErrUntestable):
		return true, true, nil
	case err != nil && faulty(err):
		return false, false, nil
	case err != nil:
		return false, false, err
	}
	return bytes.Equal(plain, nonce), false, nil
}

// signs tries the signing key alone. What it signs is no message of the
// protocol and never will be: it does not begin as DER does.
func signs(ctx context.Context, h *Holding, random io.Reader) (bool, error) {
	if h.SignKey == nil {
		return false, nil
	}
	nonce, err := proof.NewNonce(random)
	if err != nil {
		return false, err
	}
	message := append([]byte("certhall/self-test/1:"), nonce...)
	signature, err := h.Container.Sign(ctx, message)
	if err != nil {
		if faulty(err) {
			return false, nil
		}
		return false, err
	}
	return gm.VerifyAny(h.SignKey, message, signature) == nil, nil
}
