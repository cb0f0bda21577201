package pkcs11

import (
	"context"
	"crypto"
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
)

// way is one way to a signature: a mechanism and what it takes.
type way struct {
	mechanism uint64
	input     func(message []byte) ([]byte, error)
}

func whole(message []byte) ([]byte, error) { return message, nil }

// ways are the ways to a signature by this key, the token's own digest first.
func (k *key) ways(pub crypto.PublicKey) ([]way, error) {
	a, err := gm.AlgorithmOf(pub)
	if err != nil {
		return nil, err
	}
	digest := func(message []byte) ([]byte, error) {
		h, err := gm.NewHash(pub)
		if err != nil {
			return nil, err
		}
		h.Write(message)
		return h.Sum(nil), nil
	}
	s := k.m.profile.SM2
	switch {
	case a == gm.RSA:
		return []way{{mechRSASHA256, whole}, {mechRSA, func(message []byte) ([]byte, error) {
			sum, err := digest(message)
			return gm.DigestInfo(sum), err
		}}}, nil
	case a == gm.ECDSA:
		return []way{{mechECDSASHA256, whole}, {mechECDSA, digest}}, nil
	case s == nil:
		return nil, nil
	case s.Hashes:
		return []way{{s.Sign, whole}}, nil
	}
	return []way{{s.Sign, digest}}, nil
}

// Sign signs the message and believes no signature that does not verify.
func (c *container) Sign(ctx context.Context, message []byte) ([]byte, error) {
	ref, pub, err := c.private(ctx, token.Signing)
	if err != nil {
		return nil, err
	}
	ways, err := c.key.ways(pub)
	if err != nil {
		return nil, token.ErrKeyPairBroken.Because(err)
	}
	a, _ := gm.AlgorithmOf(pub)
	err = token.ErrAlgorithmUnsupported.With("algorithm", a.String())
	for _, w := range ways {
		if c.key.unable[w.mechanism] {
			continue
		}
		input, digestErr := w.input(message)
		if digestErr != nil {
			return nil, token.ErrKeyPairBroken.Because(digestErr)
		}
		signature, signErr := c.key.sign(ref, w.mechanism, input)
		switch {
		case answers(signErr, mechanismInvalid, mechanismParam, functionUnsupported):
			c.key.lacks(w.mechanism)
			continue
		case answers(signErr, dataLength): // too long for the token
			err = explained(signErr)
			continue
		case signErr != nil:
			return nil, keyFault(signErr)
		}
		return c.checked(pub, a, message, signature)
	}
	return nil, err
}

// checked brings a signature into its form and verifies it.
func (c *container) checked(pub crypto.PublicKey, a gm.Algorithm, message, signature []byte) ([]byte, error) {
	form := ""
	if a == gm.SM2 {
		form = c.key.m.profile.SM2.Signature
	}
	if a != gm.RSA {
		signature = pair(signature, form)
	}
	if err := gm.VerifyAny(pub, message, signature); err != nil {
		return nil, token.ErrKeyPairBroken.Because(err)
	}
	return signature, nil
}

// pair makes DER of r‖s; what is DER already stays.
func pair(signature []byte, form string) []byte {
	if form == der || len(signature) != 64 {
		return signature
	}
	b, err := asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]),
	})
	if err != nil {
		return nil
	}
	return b
}

// private finds a half's private key and its public one; needs a login.
func (c *container) private(ctx context.Context, u token.Usage) (native.Ref, crypto.PublicKey, error) {
	if err := c.key.writable(ctx); err != nil {
		return 0, nil, err
	}
	pub, err := c.PublicKey(ctx, u)
	if err != nil {
		return 0, nil, err
	}
	refs, err := c.keys(classPrivate, u)
	if err != nil {
		return 0, nil, explained(err)
	}
	if len(refs) != 1 {
		return 0, nil, token.ErrKeyPairBroken.Becausef("%d private keys", len(refs))
	}
	return refs[0], pub, nil
}

// maxSignature is more than any signature takes (RSA of 4096 bits), and what
// SM2 decrypts here.
const maxSignature = 1024

func (k *key) sign(ref native.Ref, mechanism uint64, input []byte) ([]byte, error) {
	return k.operate("C_SignInit", "C_Sign", ref, mechanism, native.In(input), len(input), native.Out)
}

// operate makes an operation of one part.
func (k *key) operate(begin, do string, ref native.Ref, mechanism uint64, input native.Arg, length int, out func([]byte) native.Arg) ([]byte, error) {
	if err := k.call(begin, native.Mechanism(mechanism, nil), native.Use(ref)); err != nil {
		return nil, err
	}
	result := make([]byte, maxSignature)
	n := uint64(len(result))
	if err := k.call(do, input, native.Word(uint64(length)), out(result), native.ULong(&n)); err != nil {
		return nil, err
	}
	if n > uint64(len(result)) {
		return nil, wrong(do, fmt.Sprintf("%d bytes in room for %d", n, len(result)))
	}
	return result[:n], nil
}

// lacks remembers a mechanism that the token proved not to have.
func (k *key) lacks(mechanism uint64) {
	if k.unable == nil {
		k.unable = map[uint64]bool{}
	}
	k.unable[mechanism] = true
}

// keyFault tells a key that does not work from a library that does not. Who is
// logged in and told he is not has a key that wants its PIN each time
// (CKA_ALWAYS_AUTHENTICATE): the PIN is not kept here.
func keyFault(err error) error {
	switch {
	case answers(err, keyHandleInvalid, keyTypeInconsistent, keyNotPermitted, objectInvalid):
		return token.ErrKeyPairBroken.Because(err)
	case answers(err, notLoggedIn):
		return unsupported("always-authenticate")
	}
	return explained(err)
}
