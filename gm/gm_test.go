package gm

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

func newKey(t testing.TB) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The example of GB/T 32905-2016, A.1.
func TestSM3(t *testing.T) {
	want := "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
	if got := hex.EncodeToString(SM3([]byte("ab"), []byte("c"))); got != want {
		t.Error(got)
	}
}

func TestSignVerify(t *testing.T) {
	key, other := newKey(t), newKey(t)
	sig, err := Sign(rand.Reader, key, []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(&key.PublicKey, []byte("m"), sig); err != nil {
		t.Error(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pub    *ecdsa.PublicKey
		m, sig []byte
		want   error
	}{
		"another message": {&key.PublicKey, []byte("n"), sig, ErrSignature},
		"another key":     {&other.PublicKey, []byte("m"), sig, ErrSignature},
		"no key":          {nil, []byte("m"), sig, ErrNotSM2},
		"another curve":   {&p256.PublicKey, []byte("m"), sig, ErrNotSM2},
		"no signature":    {&key.PublicKey, []byte("m"), nil, ErrSignature},
		"a long one":      {&key.PublicKey, []byte("m"), make([]byte, 4096), ErrSignature},
		"with a tail":     {&key.PublicKey, []byte("m"), append(bytes.Clone(sig), 0), ErrSignature},
		"zeros":           {&key.PublicKey, []byte("m"), []byte{0x30, 6, 2, 1, 0, 2, 1, 0}, ErrSignature},
	} {
		if err := Verify(c.pub, c.m, c.sig); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnvelope(t *testing.T) {
	signing, enc := newKey(t), newKey(t)
	der, err := EnvelopeKey(rand.Reader, &signing.PublicKey, enc)
	if err != nil {
		t.Fatal(err)
	}
	if pub, err := EnvelopedPublicKey(der); err != nil || !SameKey(pub, &enc.PublicKey) {
		t.Fatal(err)
	}
	if key, err := OpenEnvelopedKey(signing, der); err != nil || key.D.Cmp(enc.D) != 0 {
		t.Fatal(err)
	}
	if _, err := OpenEnvelopedKey(newKey(t), der); err == nil {
		t.Error("opens with another key")
	}
	for i := range der {
		bad := bytes.Clone(der)
		bad[i] ^= 0x41
		if key, err := OpenEnvelopedKey(signing, bad); err == nil && key.D.Cmp(enc.D) != 0 {
			t.Fatalf("byte %d: another key comes out", i)
		}
	}
	if _, err := EnvelopedPublicKey(append(der, 0)); err == nil {
		t.Error("with a tail")
	}
	if _, err := EnvelopedPublicKey(make([]byte, MaxEnvelope+1)); err == nil {
		t.Error("too long")
	}
}

// TestEnvelopeLengths: gmsm panics where the key's ciphertext is no multiple
// of the block; here every length is answered.
func TestEnvelopeLengths(t *testing.T) {
	signing, enc := newKey(t), newKey(t)
	der, err := EnvelopeKey(rand.Reader, &signing.PublicKey, enc)
	if err != nil {
		t.Fatal(err)
	}
	var e envelopedKey
	if _, err := asn1.Unmarshal(der, &e); err != nil {
		t.Fatal(err)
	}
	for n := range 80 {
		x := e
		x.Key = asn1.BitString{Bytes: make([]byte, n), BitLength: 8 * n}
		bad, err := asn1.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenEnvelopedKey(signing, bad); err == nil {
			t.Errorf("opens with %d bytes of zeros", n)
		}
	}
	for _, point := range [][]byte{nil, {4}, make([]byte, 65), bytes.Repeat([]byte{4}, 65), bytes.Repeat([]byte{0xff}, 65)} {
		x := e
		x.PublicKey = asn1.BitString{Bytes: point, BitLength: 8 * len(point)}
		bad, err := asn1.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := EnvelopedPublicKey(bad); err == nil {
			t.Errorf("point %x", point)
		}
	}
}

func TestSealOpen(t *testing.T) {
	key := newKey(t)
	sealed, err := Seal(rand.Reader, &key.PublicKey, []byte("nonce"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := Open(key, sealed); err != nil || string(plain) != "nonce" {
		t.Fatal(err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if plain, err := Open(key, bad); err == nil {
			t.Errorf("byte %d: opens to %q", i, plain)
		}
	}
	if _, err := Open(key, make([]byte, MaxCiphertext+1)); err == nil {
		t.Error("too long")
	}
	if _, err := Open(newKey(t), sealed); err == nil {
		t.Error("opens with another key")
	}
}

func request(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestParseRequest(t *testing.T) {
	key := newKey(t)
	first, second := request(t, key), request(t, key)
	if bytes.Equal(first, second) {
		t.Fatal("the same signature twice")
	}
	pub, digest, err := ParseRequest(first)
	if err != nil || !SameKey(pub, &key.PublicKey) {
		t.Fatal(err)
	}
	if _, again, err := ParseRequest(second); err != nil || !bytes.Equal(again, digest) {
		t.Error("the digest hangs on the signature", err)
	}
	for _, a := range []Algorithm{RSA, ECDSA} {
		other, err := a.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		p10 := request(t, other)
		pub, digest, err := ParseRequest(p10)
		if err != nil || !SameKey(pub, other.Public()) || len(digest) != 32 {
			t.Errorf("%s: %v", a, err)
		}
		p10[len(p10)-1] ^= 1
		if _, _, err := ParseRequest(p10); err == nil {
			t.Errorf("%s: a wrong signature is taken", a)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ParseRequest(request(t, p384)); !errors.Is(err, ErrAlgorithm) {
		t.Error("another curve:", err)
	}
	for i := range first {
		bad := bytes.Clone(first)
		bad[i] ^= 1
		if _, d, err := ParseRequest(bad); err == nil && !bytes.Equal(d, digest) {
			t.Fatalf("byte %d changed, and accepted", i)
		}
	}
	for n := range first {
		if _, _, err := ParseRequest(first[:n]); err == nil {
			t.Fatalf("cut off at %d", n)
		}
	}
	if _, _, err := ParseRequest(append(bytes.Clone(first), 0)); err == nil {
		t.Error("with a tail")
	}
	if _, _, err := ParseRequest(make([]byte, MaxRequest+1)); err == nil {
		t.Error("too long")
	}
}

// lazy signs by another's key: the request is not its holder's.
type lazy struct{ named, signs *sm2.PrivateKey }

func (l lazy) Public() crypto.PublicKey { return &l.named.PublicKey }
func (l lazy) Sign(random io.Reader, m []byte, _ crypto.SignerOpts) ([]byte, error) {
	return Sign(random, l.signs, m)
}

func TestRequestOfAnothersKey(t *testing.T) {
	der, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, lazy{newKey(t), newKey(t)})
	if err != nil {
		return // refused at once
	}
	if _, _, err := ParseRequest(der); err == nil {
		t.Error("accepted without proof of possession")
	}
}

func certificate(t testing.TB, key *sm2.PrivateKey) []byte {
	t.Helper()
	c := &smx509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<31, 0),
		SignatureAlgorithm: smx509.SM2WithSM3,
	}
	der, err := smx509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestParseCertificate(t *testing.T) {
	key := newKey(t)
	der := certificate(t, key)
	c, err := ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if pub, err := CertificateKey(c); err != nil || !SameKey(pub, &key.PublicKey) {
		t.Fatal(err)
	}
	for n := range der {
		if _, err := ParseCertificate(der[:n]); err == nil {
			t.Fatalf("cut off at %d", n)
		}
	}
	if _, err := ParseCertificate(append(bytes.Clone(der), 0)); err == nil {
		t.Error("with a tail")
	}
	if _, err := ParseCertificate(make([]byte, MaxCertificate+1)); err == nil {
		t.Error("too long")
	}
	if _, err := CertificateKey(&smx509.Certificate{}); !errors.Is(err, ErrAlgorithm) {
		t.Error("no key")
	}
}

func TestPublicKey(t *testing.T) {
	key := newKey(t)
	spki, err := MarshalPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePublicKey(spki)
	if err != nil || !SameKey(pub, &key.PublicKey) || SameKey(pub, &newKey(t).PublicKey) || SameKey(nil, pub) || SameKey(nil, nil) {
		t.Fatal(err)
	}
	if digest, err := KeyDigest(pub); err != nil || !bytes.Equal(digest, SM3(spki)) {
		t.Error(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := smx509.MarshalPKIXPublicKey(&p256.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParsePublicKey(other); !errors.Is(err, ErrNotSM2) {
		t.Error(err)
	}
}

func FuzzCertificate(f *testing.F) {
	f.Add(certificate(f, newKey(f)))
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := ParseCertificate(der)
		if err != nil {
			return
		}
		if pub, err := CertificateKey(c); err == nil {
			_, _ = KeyDigest(pub)
		}
		_ = c.CheckSignatureFrom(c)
	})
}

func FuzzRequest(f *testing.F) {
	f.Add(request(f, newKey(f)))
	f.Fuzz(func(t *testing.T, der []byte) {
		if pub, digest, err := ParseRequest(der); err == nil && (pub == nil || len(digest) != 32) {
			t.Error("accepted without key or digest")
		}
	})
}

func FuzzEnvelopedKey(f *testing.F) {
	signing := newKey(f)
	der, err := EnvelopeKey(rand.Reader, &signing.PublicKey, newKey(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Fuzz(func(t *testing.T, der []byte) {
		pub, errPublic := EnvelopedPublicKey(der)
		key, err := OpenEnvelopedKey(signing, der)
		if err == nil && (errPublic != nil || !SameKey(pub, &key.PublicKey)) {
			t.Error("opens to another key than it says")
		}
	})
}

func FuzzCiphertext(f *testing.F) {
	key := newKey(f)
	sealed, err := Seal(rand.Reader, &key.PublicKey, []byte("nonce"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, der []byte) { _, _ = Open(key, der) })
}

func FuzzPublicKey(f *testing.F) {
	spki, err := MarshalPublicKey(&newKey(f).PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(spki)
	f.Fuzz(func(t *testing.T, der []byte) {
		if pub, err := ParsePublicKey(der); err == nil {
			if _, err := MarshalPublicKey(pub); err != nil {
				t.Error(err)
			}
		}
	})
}
