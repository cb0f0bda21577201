package sim

import (
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

	// Behind real libraries, each run's in processes of its own.
	SKF     = "skf"      // SM2, through libsoftkey's C interface
	HSMRSA  = "hsm-rsa"  // RSA, through SoftHSM's
	HSMP256 = "hsm-p256" // P-256, likewise
)

// keyKind says what a kind of key is like.
type keyKind struct {
	room      int // for containers
	algorithm gm.Algorithm
	aged      bool // it was renewed before
	library   string
}

var kinds = map[string]keyKind{
	Roomy: {room: roomForForeign, algorithm: gm.SM2},
	Tight: {room: 2, algorithm: gm.SM2},
	Tidy:  {room: 2, algorithm: gm.SM2},
	Aged:  {room: 3, algorithm: gm.SM2, aged: true},
	RSA:   {room: roomForForeign, algorithm: gm.RSA},
	P256:  {room: roomForForeign, algorithm: gm.ECDSA},

	SKF:     {room: roomForForeign, algorithm: gm.SM2, library: libsoftkey},
	HSMRSA:  {room: roomForForeign, algorithm: gm.RSA, library: softhsm},
	HSMP256: {room: roomForForeign, algorithm: gm.ECDSA, library: softhsm},
}

// The libraries.
const (
	libsoftkey = "libsoftkey"
	softhsm    = "softhsm"
)

// roomForForeign is room enough for another program's container too.
const roomForForeign = 4

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
	switch what {
	case Spoil: // no library lets anybody do that
		return k.algorithm == gm.SM2 && k.library == ""
	case Torn, Torn2, CutWrite:
		return k.library == ""
	}
	return true
}
