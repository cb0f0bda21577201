// Package kmc makes users' encryption keys (KMC, GM/T 0034): each is made
// here, escrowed to the escrow's public key and delivered enveloped to the
// user's new signing key. The escrow's private half is away; it comes back
// only to recover.
package kmc

import (
	"crypto/ecdsa"
	"fmt"
	"io"

	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/sm2"
)

// KMC makes and escrows encryption keys.
type KMC struct {
	escrow *ecdsa.PublicKey
	random io.Reader
}

// New makes a KMC that escrows to the given public key.
func New(escrow *ecdsa.PublicKey, random io.Reader) *KMC {
	return &KMC{escrow: escrow, random: random}
}

// Delivery is one encryption key on its two ways out.
type Delivery struct {
	PublicKey *ecdsa.PublicKey
	Envelope  []byte // SM2EnvelopedKey to the user's signing key (GB/T 35276)
	Escrow    []byte // SM2Cipher of the 32-byte private key to the escrow's key
}

// Make makes an encryption key for the holder of a signing key.
func (k *KMC) Make(signing *ecdsa.PublicKey) (Delivery, error) {
	key, err := sm2.GenerateKey(k.random)
	if err != nil {
		return Delivery{}, fmt.Errorf("kmc: make key: %w", err)
	}
	envelope, err := gm.EnvelopeKey(k.random, signing, key)
	if err != nil {
		return Delivery{}, fmt.Errorf("kmc: envelope key: %w", err)
	}
	d := key.D.FillBytes(make([]byte, 32))
	escrow, err := gm.Seal(k.random, k.escrow, d)
	clear(d)
	if err != nil {
		return Delivery{}, fmt.Errorf("kmc: escrow key: %w", err)
	}
	return Delivery{PublicKey: &key.PublicKey, Envelope: envelope, Escrow: escrow}, nil
}
