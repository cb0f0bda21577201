package gm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/emmansun/gmsm/sm2"
)

func TestAlgorithms(t *testing.T) {
	sm, _ := sm2.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, _ := rsa.GenerateKey(rand.Reader, 2048)
	keys := map[Algorithm]crypto.Signer{SM2: sm, ECDSA: ec, RSA: rs}
	message := []byte("证书")
	for want, key := range keys {
		if a, err := AlgorithmOf(key.Public()); err != nil || a != want {
			t.Errorf("%d: %v %v", want, a, err)
		}
		signature, err := SignAny(rand.Reader, key, message)
		if err != nil {
			t.Fatal(err)
		}
		h, err := NewHash(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		h.Write(message[:3])
		h.Write(message[3:])
		inParts, err := SignDigest(rand.Reader, key, h.Sum(nil))
		if err != nil || VerifyAny(key.Public(), message, inParts) != nil {
			t.Errorf("%d: signed in parts: %v", want, err)
		}
		for other, k := range keys {
			if err := VerifyAny(k.Public(), message, signature); (err == nil) != (other == want) {
				t.Errorf("%d verifies %d: %v", other, want, err)
			}
		}
		if VerifyAny(key.Public(), append(message, 0), signature) == nil {
			t.Errorf("%d: another message verifies", want)
		}
		if !bytes.Contains(want.Identifier(), []byte{6}) {
			t.Errorf("%d has no identifier", want)
		}
	}
	other, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, key := range []crypto.PublicKey{other.Public(), &rsa.PublicKey{N: ec.D, E: 65537}, nil, "key"} {
		if _, err := AlgorithmOf(key); err == nil {
			t.Errorf("%T is taken", key)
		}
	}
}
