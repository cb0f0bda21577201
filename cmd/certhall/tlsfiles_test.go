package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// hands is a clock that a test moves.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func (h *hands) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hands) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// tlsPair makes a certificate for 127.0.0.1 with its key, as PEM.
func tlsPair(t *testing.T, serial int64, until time.Time) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// TestTLSFilesAreReadAgain: a new pair is taken up without a restart and
// without dropping a connection; one that does not fit leaves the old in use.
func TestTLSFilesAreReadAgain(t *testing.T) {
	dir, clock := t.TempDir(), &hands{at: time.Now()}
	listen := listenFlags{Listen: "127.0.0.1:0", TLSCert: filepath.Join(dir, "tls.cer"), TLSKey: filepath.Join(dir, "tls.key")}
	put := func(cert, key []byte) {
		t.Helper()
		for path, data := range map[string][]byte{listen.TLSCert: cert, listen.TLSKey: key} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		clock.move(2 * lookEvery)
	}
	year := clock.Now().AddDate(0, 6, 0)
	put(tlsPair(t, 1, year))
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	at, err := listen.open(&environment{clock: clock, log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- at.serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) }), slog.New(slog.DiscardHandler))
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	client := func() *http.Client {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		t.Cleanup(c.CloseIdleConnections)
		return c
	}
	ask := func(c *http.Client) (serial int64, from string) {
		t.Helper()
		r, err := c.Get("https://" + at.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.TLS.PeerCertificates[0].SerialNumber.Int64(), string(text)
	}
	kept := client()
	serial, from := ask(kept)
	if serial != 1 {
		t.Fatalf("certificate %d", serial)
	}
	steps := []struct {
		name  string
		put   func()
		want  int64
		ready error
	}{
		{"a new pair", func() { put(tlsPair(t, 2, year)) }, 2, nil},
		{"a certificate without its key", func() { cert, _ := tlsPair(t, 3, year); _, key := tlsPair(t, 3, year); put(cert, key) }, 2, errTLSFiles},
		{"nothing", func() { put(nil, nil) }, 2, errTLSFiles},
		{"no file", func() {
			if err := os.Remove(listen.TLSKey); err != nil {
				t.Fatal(err)
			}
			clock.move(2 * lookEvery)
		}, 2, errTLSFiles},
		{"a good one again", func() { put(tlsPair(t, 4, year)) }, 4, nil},
		{"one that ends soon", func() { put(tlsPair(t, 5, clock.Now().AddDate(0, 0, 3))) }, 5, errTLSExpires},
	}
	for _, s := range steps {
		s.put()
		if got, _ := ask(client()); got != s.want {
			t.Errorf("%s: certificate %d, want %d", s.name, got, s.want)
		}
		if err := at.files.ready(); !errors.Is(err, s.ready) || (s.ready == nil) != (err == nil) {
			t.Errorf("%s: /readyz says %v", s.name, err)
		}
		if got, again := ask(kept); got != 1 || again != from {
			t.Errorf("%s: the connection that stood was dropped", s.name)
		}
	}
	if n := bytes.Count(said.Bytes(), []byte("stays in use")); n < 1 || n > 3 {
		t.Errorf("said %d times that a pair is broken:\n%s", n, said.Bytes())
	}
	if _, err := openTLSFiles(listen.TLSCert, filepath.Join(dir, "none"), clock, log); !errors.Is(err, errTLSFiles) {
		t.Errorf("at the start: %v", err)
	}
}
