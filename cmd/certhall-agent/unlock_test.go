package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// TestUnlockByFiles unlocks a key as the counter does: request, answer and
// report are files.
func TestUnlockByFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "AppData", "LocalAppData"} {
		t.Setenv(name, dir)
	}
	auth := desktest.New(t, "ra")
	path := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(path("root.cer"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: auth.Root.Certificate.Raw}), 0o600))
	must(softkey.Create(path("a.softkey"), softkey.Options{Serial: "HT1", PIN: "Bright-1", Tries: 1, AdminPIN: "Keeper-01", Iterations: 1}))
	k, err := softkey.Open(path("a.softkey"))
	must(err)
	_ = k.Login(t.Context(), "wrong-1")

	unlock := func(args ...string) int {
		return run(append([]string{"--yes", "--lang", "en", "unlock", "--key", path("a.softkey"), "--authority", path("root.cer")}, args...))
	}
	if code := unlock("--request", path("request")); code != exitUsage {
		t.Errorf("an authority that nobody named: exit %d", code)
	}
	ask := func() (request proof.UnlockRequest, to *ecdsa.PublicKey) {
		t.Helper()
		if code := unlock("--request", path("request"), "--id", "ra"); code != exitDone {
			t.Fatalf("exit %d", code)
		}
		data, err := os.ReadFile(path("request"))
		must(err)
		request, err = proof.Decode[proof.UnlockRequest](data)
		must(err)
		to, err = gm.ParsePublicKey(request.Key)
		must(err)
		return request, to
	}
	request, to := ask()
	answer := func(pins ...string) {
		p := proof.AdminPINs{Authority: "ra", RequestDigest: request.Digest(), Next: []byte("Keeper-02")}
		for _, pin := range pins {
			p.Try = append(p.Try, []byte(pin))
		}
		envelope, err := gm.Seal(rand.Reader, to, proof.Encode(p))
		must(err)
		signed := auth.Notarize(proof.UnlockAnswer{Authority: "ra", RequestDigest: request.Digest(), KeySerial: "HT1", Envelope: envelope})
		must(os.WriteFile(path("answer"), proof.Encode(signed), 0o600))
	}
	answer("Keeper-01")
	if code := unlock("--answer", path("answer"), "--new-pin-fd", typed(t, "Bright-2\n")); code != exitDone {
		t.Fatalf("exit %d", code)
	}
	must(k.Login(t.Context(), "Bright-2"))
	data, err := os.ReadFile(path("answer.report"))
	must(err)
	signed, err := proof.Decode[proof.Signed](data)
	must(err)
	if m, err := proof.CheckUnlockReport(signed, request); err != nil || m.Outcome != proof.UnlockChanged {
		t.Errorf("%+v %v", m, err)
	}
	held, err := os.ReadDir(path("certhall/unlocking"))
	must(err)
	for _, f := range held {
		left, err := os.ReadFile(path("certhall/unlocking/" + f.Name()))
		must(err)
		if strings.Contains(string(left), `"key"`) {
			t.Error("the private key outlives the report")
		}
	}

	// another request, whose answer does not open the key
	request, to = ask()
	answer("Keeper-09")
	if code := unlock("--answer", path("answer"), "--report", path("failed"), "--new-pin-fd", typed(t, "Bright-3\n")); code != exitPIN {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Stat(path("failed")); err != nil {
		t.Error("no report that it failed:", err)
	}

	// a third one, whose maker's response the key did not take: the run ended
	// before it said so
	request, to = ask()
	answer()
	state := path("certhall/unlocking/" + held[0].Name())
	data, err = os.ReadFile(state)
	must(err)
	must(os.WriteFile(state, bytes.Replace(data, []byte("{"), []byte(`{"outcome":"unanswered",`), 1), 0o600))
	said := spoken(t, func() {
		if code := unlock("--answer", path("answer")); code != exitPIN {
			t.Errorf("exit %d", code)
		}
	})
	if !strings.Contains(said, "[unlock-unanswered]") || !strings.Contains(said, "Ask again") {
		t.Error(said)
	}
}

// spoken is what is said on standard error meanwhile: little.
func spoken(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	before := os.Stderr
	os.Stderr = w
	f()
	os.Stderr = before
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// handedOver are files whose descriptors the command closes: nobody else may.
var handedOver []*os.File

// typed is a descriptor from which a text is read.
func typed(t *testing.T, text string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	w.Close()
	handedOver = append(handedOver, r)
	return strconv.Itoa(int(r.Fd()))
}
