//go:build !windows

package driverhost

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/pkcs11"
	"github.com/certhall/certhall/desk/token/skf"
	"github.com/certhall/certhall/gm"
)

// softHSM is Debian's library with one token, "wendy".
func softHSM(t *testing.T) Library {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "wendy", "--pin", pin, "--so-pin", "24680246")
	c.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("softhsm2-util: %v: %s", err, out)
	}
	table, err := Known()
	if err != nil {
		t.Fatal(err)
	}
	l, err := table.Named("softhsm2")
	if err != nil || l.unfit != nil {
		t.Fatal(err, l.unfit)
	}
	l.Environment = map[string]string{"SOFTHSM2_CONF": conf}
	return l
}

// furnish puts a P-256 pair with a certificate on the key.
func furnish(t *testing.T, k token.Key) {
	t.Helper()
	ctx := t.Context()
	if err := k.Login(ctx, pin); err != nil {
		t.Fatal(err)
	}
	c, err := k.Create(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	public, err := c.GenerateSigningKey(ctx, gm.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := gm.ECDSA.GenerateKey(rand.Reader, 0)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "王小明"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public.(*ecdsa.PublicKey), issuer)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ImportCertificate(ctx, token.Signing, der); err != nil {
		t.Fatal(err)
	}
}

// TestRecordSoftHSM: a listing that was recorded at a real library is played
// back without it, and holds no PIN.
func TestRecordSoftHSM(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recording.jsonl")
	if err := Begin(file, "test"); err != nil {
		t.Fatal(err)
	}
	if err := Begin(file, "test"); !errors.Is(err, ErrRecording) {
		t.Errorf("a file that is there: %v", err)
	}
	library := softHSM(t)
	k, err := first(t, newBench(t, nil, library))
	if err != nil {
		t.Fatal(err)
	}
	furnish(t, k)

	b := newBench(t, nil, library)
	b.named[0].Record = file
	want := look(t, b)
	if !strings.Contains(want, "王小明") || !strings.Contains(want, "fits=true") {
		t.Fatal(want)
	}

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(pin)) || bytes.Contains(data, fmt.Appendf(nil, "%x", pin)) {
		t.Error("the PIN is in the recording")
	}
	lib, err := native.Play(bytes.NewReader(data), "softhsm2")
	if err != nil {
		t.Fatal(err)
	}
	m, err := pkcs11.Open(lib, pkcs11.Profile{SpareSlot: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := look(t, m); got != want {
		t.Errorf("played:   %s\nrecorded: %s", got, want)
	}
}

// plugged is a library or a PC with one key.
type plugged interface {
	List(ctx context.Context) ([]token.Info, error)
	Open(ctx context.Context, serial string) (token.Key, error)
}

func first(t *testing.T, p plugged) (token.Key, error) {
	t.Helper()
	infos, err := p.List(t.Context())
	if err != nil || len(infos) != 1 || infos[0].Trouble != nil {
		t.Fatalf("%+v, %v", infos, err)
	}
	return p.Open(t.Context(), infos[0].Serial)
}

// look logs in, by a wrong PIN first, and tells what a listing sees.
func look(t *testing.T, p plugged) string {
	t.Helper()
	k, err := first(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Login(t.Context(), "000000"); !errors.Is(err, token.ErrPINWrong) {
		t.Fatal(err)
	}
	state, err := k.PINState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", state)
	if err := k.Login(t.Context(), pin); err != nil {
		t.Fatal(err)
	}
	all, err := token.Look(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		text += fmt.Sprintf(" %s fits=%v", h.Name(), h.Fits())
		if h.Sign != nil {
			text += " " + h.Sign.Subject.CommonName
		}
	}
	return text
}

// TestShown: a recording tells the profile without its secret.
func TestShown(t *testing.T) {
	for profile, want := range map[string]string{
		`{"ulong":8}`: `{"ulong":8}`, ``: ``,
		`{"auth_key":"00112233445566778899aabbccddeeff","ulong":8}`: `{"auth_key":"00000000000000000000000000000000","ulong":8}`,
	} {
		if got := shown(json.RawMessage(profile)); string(got) != want {
			t.Errorf("%s is shown as %s", profile, got)
		}
	}
}

// TestRecordUnloadable: of a library that could not be loaded a recording tells
// why, and not where it lies.
func TestRecordUnloadable(t *testing.T) {
	dir := t.TempDir()
	file, path := filepath.Join(dir, "recording.jsonl"), filepath.Join(dir, "libacme.so")
	if err := errors.Join(Begin(file, "test"), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := recorded(load{Name: "acme", Kind: SKF, Path: path, Record: file}, native.Open); err == nil {
		t.Fatal("an empty file was loaded")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(`"failed":"libacme.so`)) || bytes.Contains(data, []byte(dir)) {
		t.Errorf("%s", data)
	}
}

// TestQuirkOfARecording plays what a library answered at somebody's desk: it
// tells the size of its lists without the NULs at their end, and its label is GBK.
func TestQuirkOfARecording(t *testing.T) {
	recording, err := os.Open("testdata/recordings/no-end-of-list.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer recording.Close()
	lib, err := native.Play(recording, "acme")
	if err != nil {
		t.Fatal(err)
	}
	m, err := skf.Open(lib, skf.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	infos, err := m.List(t.Context())
	if err != nil || len(infos) != 1 || infos[0].Serial != "AC20260001" || infos[0].Label != "政府采购钥匙" || infos[0].Trouble != nil {
		t.Errorf("%+v, %v", infos, err)
	}
}
