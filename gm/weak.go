package gm

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"math/big"

	"github.com/titanous/rocacheck"
)

// rsaExponent is the smallest public exponent that is taken: F4, as others
// demand too (NIST SP 800-56B, 6.2.1.1).
const rsaExponent = 65537

// WeakKey says why a key is not certified: its private half could be found.
type WeakKey struct{ Reason string }

// Error says why.
func (w WeakKey) Error() string { return "gm: weak key: " + w.Reason }

// CheckKey answers a WeakKey for keys that are known to be weak, and
// ErrAlgorithm for kinds that are not used here. That an elliptic curve's point
// lies on its curve is seen to in parsing.
func CheckKey(pub crypto.PublicKey) error {
	k, ok := pub.(*rsa.PublicKey)
	if !ok || k == nil || k.N == nil {
		_, err := AlgorithmOf(pub)
		return err
	}
	bits := k.N.BitLen()
	switch {
	case bits < minRSABits:
		return WeakKey{fmt.Sprintf("RSA of %d bits, less than %d", bits, minRSABits)}
	case bits > maxRSABits:
		return fmt.Errorf("%w: RSA of %d bits, more than %d", ErrAlgorithm, bits, maxRSABits)
	case k.E < rsaExponent || k.E%2 == 0:
		return WeakKey{fmt.Sprintf("RSA with the exponent %d", k.E)}
	case new(big.Int).GCD(nil, nil, k.N, smallPrimes).Cmp(big.NewInt(1)) != 0:
		return WeakKey{"RSA modulus with a small factor"}
	case closePrimes(k.N):
		return WeakKey{"RSA primes that lie close together"}
	case rocacheck.IsWeak(k):
		return WeakKey{"RSA key of a faulty generator (ROCA, CVE-2017-15361)"}
	}
	return nil
}

// smallPrimes is the product of the primes below 752 (NIST SP 800-89, 5.3.3).
var smallPrimes = func() *big.Int {
	product := big.NewInt(2)
	for n := int64(3); n < 752; n += 2 {
		if p := big.NewInt(n); p.ProbablyPrime(0) {
			product.Mul(product, p)
		}
	}
	return product
}()

// fermatRounds are as many as other authorities spend (CA/Browser Forum BR
// 6.1.1.3 asks for 100).
const fermatRounds = 100

// closePrimes tries Fermat's factorization.
func closePrimes(n *big.Int) bool {
	one := big.NewInt(1)
	a := new(big.Int).Sqrt(n)
	if new(big.Int).Mul(a, a).Cmp(n) < 0 {
		a.Add(a, one)
	}
	for range fermatRounds {
		rest := new(big.Int).Mul(a, a)
		rest.Sub(rest, n)
		if root := new(big.Int).Sqrt(rest); new(big.Int).Mul(root, root).Cmp(rest) == 0 {
			return true
		}
		a.Add(a, one)
	}
	return false
}
