package sim

import (
	"io"

	"github.com/certhall/certhall/gm"
)

// The kinds of key.
const (
	Roomy = "roomy" // room for four containers, one of them another program's; the policy is to delete old ones
	Tight = "tight" // room for exactly two; old ones are kept
	Tidy  = "tidy"  // room for exactly two; the policy is to delete old ones
	Aged  = "aged"  // room for three, renewed once before; old ones are kept, one at most by the policy of project and brand
	RSA   = "rsa"   // as roomy, with single certificates of RSA keys
	P256  = "p256"  // … of P-256 keys
)

// keyKind says what a kind of key is like.
type keyKind struct {
	room      int // for containers
	algorithm gm.Algorithm
	aged      bool // it was renewed before
}

var kinds = map[string]keyKind{
	Roomy: {room: roomForForeign, algorithm: gm.SM2},
	Tight: {room: 2, algorithm: gm.SM2},
	Tidy:  {room: 2, algorithm: gm.SM2},
	Aged:  {room: 3, algorithm: gm.SM2, aged: true},
	RSA:   {room: roomForForeign, algorithm: gm.RSA},
	P256:  {room: roomForForeign, algorithm: gm.ECDSA},
}

// roomForForeign is room enough for another program's container too.
const roomForForeign = 4

// make makes a key of the kind.
func (k keyKind) make(random io.Reader) (medium, error) { return newSoft(k, random) }

// profile of the pairs on it, in the authority's list.
func (k keyKind) profile() string {
	return map[gm.Algorithm]string{gm.SM2: "organisation", gm.RSA: "rsa2048", gm.ECDSA: "p256"}[k.algorithm]
}

// issuers that the authority needs beside SM2's.
func (k keyKind) issuers() []gm.Algorithm {
	if k.algorithm == gm.SM2 {
		return nil
	}
	return []gm.Algorithm{k.algorithm}
}

// suffers tells whether a fault can befall keys of the kind at all.
func (k keyKind) suffers(what string) bool {
	return what != Spoil || k.algorithm == gm.SM2
}
