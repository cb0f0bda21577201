package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestSecret: one secret for all, however many start at once; half a secret is
// refused, not used.
func TestSecret(t *testing.T) {
	dir, env := t.TempDir(), &environment{random: rand.Reader}
	secrets := make([][]byte, 8)
	var starts sync.WaitGroup
	for i := range secrets {
		starts.Go(func() {
			secret, err := secretOf(dir, env)
			if err != nil {
				t.Error(err)
			}
			secrets[i] = secret
		})
	}
	starts.Wait()
	for _, s := range secrets {
		if len(s) != secretLength || !bytes.Equal(s, secrets[0]) {
			t.Fatalf("%d bytes, or another secret", len(s))
		}
	}
	path := filepath.Join(dir, hallSecret)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, secrets[0][:7], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secretOf(dir, env); !errors.Is(err, errFile) {
		t.Errorf("half a secret: %v", err)
	}
}
