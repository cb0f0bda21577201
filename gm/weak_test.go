package gm

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) {
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckKey(good.Public()); err != nil {
		t.Error(err)
	}
	p, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	q := new(big.Int).Add(p, big.NewInt(2))
	for !q.ProbablyPrime(8) {
		q.Add(q, big.NewInt(2))
	}
	// The faulty generator's moduli are powers of 65537 modulo every small prime:
	// so is a power of 65537.
	for name, c := range map[string]struct {
		key  rsa.PublicKey
		want string
	}{
		"short":        {rsa.PublicKey{N: new(big.Int).Rsh(good.N, 1024), E: 65537}, "1024 bits"},
		"exponent 3":   {rsa.PublicKey{N: good.N, E: 3}, "exponent 3"},
		"even":         {rsa.PublicKey{N: good.N, E: 65538}, "exponent 65538"},
		"small factor": {rsa.PublicKey{N: new(big.Int).Sub(good.N, new(big.Int).Mod(good.N, big.NewInt(751))), E: 65537}, "small factor"},
		"close primes": {rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}, "close together"},
		"ROCA":         {rsa.PublicKey{N: new(big.Int).Exp(big.NewInt(65537), big.NewInt(129), nil), E: 65537}, "ROCA"},
	} {
		var weak WeakKey
		if err := CheckKey(&c.key); !errors.As(err, &weak) || !strings.Contains(weak.Reason, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckKey(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8192), E: 65537}); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("8193 bits: %v", err)
	}
	if err := CheckKey((*rsa.PublicKey)(nil)); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("no key: %v", err)
	}
}
