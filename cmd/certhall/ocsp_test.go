package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/gm"
)

// The OCSP keys are read without a passphrase, whenever they come, and so are
// new certificates; what cannot be read takes nothing away.
func TestOCSPKeysAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, authorityFolder)
	plan := ceremony.Plan{ID: "test", Name: "测试机构", Address: "http://hall.example", Algorithms: []gm.Algorithm{gm.ECDSA}, Clock: certhall.SystemClock{}, Random: rand.Reader, KDFCost: 1}
	founded, err := ceremony.Found(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := ceremony.Write(folder, founded, plan, false, ceremony.Passphrases{Root: []byte("root root"), Daily: []byte("daily daily")}); err != nil {
		t.Fatal(err)
	}
	secret, hidden := filepath.Join(folder, "publish.secret"), filepath.Join(dir, "hidden")
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	rename(secret, hidden)
	var log bytes.Buffer
	env := &environment{ctx: t.Context(), out: io.Discard, log: slog.New(slog.NewTextHandler(&log, nil)), clock: certhall.SystemClock{}, random: rand.Reader}
	d := newOCSPDesk(env, dir, ocspFlags{}, nil, nil)
	if err := d.Ready(t.Context()); !errors.Is(err, status.ErrNoResponder) {
		t.Errorf("without the secret: %v", err)
	}
	d.readKeys()
	if n := bytes.Count(log.Bytes(), []byte("cannot be read")); n != 1 {
		t.Errorf("complained %d times: %s", n, &log)
	}
	rename(hidden, secret)
	d.readKeys()
	if err := d.Ready(t.Context()); !errors.Is(err, status.ErrBehind) { // the record is not followed here: the last condition
		t.Errorf("with the secret: %v", err)
	}
	before := d.now
	if err := ceremony.RenewResponders(folder, founded, certhall.SystemClock{}, rand.Reader); err != nil {
		t.Fatal(err)
	}
	rename(secret, hidden)
	d.readKeys()
	if len(d.now) != 2 || !sameResponder(d.now[1], before[1]) {
		t.Error("what stood was taken away")
	}
	rename(hidden, secret)
	d.readKeys()
	for n := range d.now {
		if sameResponder(d.now[n], before[n]) {
			t.Errorf("%s: still the old certificate", d.now[n].Name)
		}
	}
}
