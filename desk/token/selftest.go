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
	if ok, err := signs(ctx, h, random); !ok || err != nil {
		return false, err
	}
	if h.EncKey == nil {
		return true, nil
	}
	nonce, err := proof.NewNonce(random)
	if err != nil {
		return false, err
	}
	sealed, err := gm.Seal(random, h.EncKey, nonce)
	if err != nil {
		return false, nil // no point of the curve
	}
	plain, err := h.Decrypt(ctx, sealed)
	switch {
	case errors.Is(err, ErrUntestable):
		return true, nil
	case err != nil && faulty(err):
		return false, nil
	case err != nil:
		return false, err
	}
	return bytes.Equal(plain, nonce), nil
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
	return gm.Verify(h.SignKey, message, signature) == nil, nil
}
