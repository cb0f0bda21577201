package kmc

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/sm2"
)

func key(t *testing.T) *sm2.PrivateKey {
	t.Helper()
	k, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The user's signing key and the escrow's key both give the encryption key
// back, and nobody else's does.
func TestMake(t *testing.T) {
	signing, escrow := key(t), key(t)
	d, err := New(&escrow.PublicKey, rand.Reader).Make(&signing.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	delivered, err := gm.OpenEnvelopedKey(signing, d.Envelope)
	if err != nil || !gm.SameKey(&delivered.PublicKey, d.PublicKey) {
		t.Fatalf("delivered another key: %v", err)
	}
	kept, err := gm.Open(escrow, d.Escrow)
	if err != nil || !bytes.Equal(kept, delivered.D.FillBytes(make([]byte, 32))) {
		t.Errorf("escrowed another key: %v", err)
	}
	if k, err := gm.OpenEnvelopedKey(escrow, d.Envelope); err == nil && gm.SameKey(&k.PublicKey, d.PublicKey) {
		t.Error("another key opened the envelope")
	}
}

type noRandomness struct{}

func (noRandomness) Read([]byte) (int, error) { return 0, errors.New("no randomness") }

func TestMakeWithoutRandomness(t *testing.T) {
	signing, escrow := key(t), key(t)
	if _, err := New(&escrow.PublicKey, noRandomness{}).Make(&signing.PublicKey); err == nil {
		t.Error("made a key out of nothing")
	}
}
