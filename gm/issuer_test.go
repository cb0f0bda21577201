package gm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"testing"

	"github.com/emmansun/gmsm/smx509"
)

// TestSignedBy: a signature over SHA-1 does not count, however right it is.
func TestSignedBy(t *testing.T) {
	rs, _ := rsa.GenerateKey(rand.Reader, 2048)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tbs := []byte("tbs")
	weak, strong := sha1.Sum(tbs), sha256.Sum256(tbs)
	for _, c := range []struct {
		key       crypto.Signer
		algorithm smx509.SignatureAlgorithm
		digest    []byte
		hash      crypto.Hash
		holds     bool
	}{
		{rs, smx509.SHA256WithRSA, strong[:], crypto.SHA256, true},
		{ec, smx509.ECDSAWithSHA256, strong[:], crypto.SHA256, true},
		{rs, smx509.SHA1WithRSA, weak[:], crypto.SHA1, false},
		{ec, smx509.ECDSAWithSHA1, weak[:], crypto.SHA1, false},
	} {
		signature, err := c.key.Sign(rand.Reader, c.digest, c.hash)
		if err != nil {
			t.Fatal(err)
		}
		err = SignedBy(&smx509.Certificate{SignatureAlgorithm: c.algorithm, RawTBSCertificate: tbs, Signature: signature}, c.key.Public())
		if (err == nil) != c.holds {
			t.Errorf("%v: %v", c.algorithm, err)
		}
	}
}
