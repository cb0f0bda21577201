package nonce_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/certhall/certhall/hall/nonce"
	"github.com/certhall/certhall/proof"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func TestNonces(t *testing.T) {
	c := &clock{time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}
	m := nonce.Maker{Purpose: "a", Secret: []byte("s"), Clock: c, Random: rand.Reader}
	n, expires, err := m.New()
	if err != nil || len(n) != proof.NonceLength || !expires.Equal(c.now.Add(nonce.Life)) {
		t.Fatalf("%x until %v, %v", n, expires, err)
	}
	if until, counts := m.Check(n); !counts || !until.Equal(expires) {
		t.Errorf("until %v, %v", until, counts)
	}
	if again, _, _ := m.New(); bytes.Equal(n, again) {
		t.Error("two nonces alike")
	}
	for name, other := range map[string]nonce.Maker{
		"another purpose": {Purpose: "b", Secret: m.Secret, Clock: c},
		"another hall":    {Purpose: "a", Secret: []byte("t"), Clock: c},
		"too late":        {Purpose: "a", Secret: m.Secret, Clock: &clock{expires}},
	} {
		if _, counts := other.Check(n); counts {
			t.Errorf("%s: it counts", name)
		}
	}
	for i := range n {
		forged := bytes.Clone(n)
		forged[i] ^= 1
		if _, counts := m.Check(forged); counts {
			t.Errorf("byte %d may be changed", i)
		}
	}
	for _, short := range [][]byte{nil, n[:15], append(bytes.Clone(n), 0)} {
		if _, counts := m.Check(short); counts {
			t.Errorf("%x counts", short)
		}
	}
}
