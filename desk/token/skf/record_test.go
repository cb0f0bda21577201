//go:build linux

package skf_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/doctor"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/driverhost"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/skf"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	gmskf "github.com/certhall/certhall/gm/skf"
	"github.com/certhall/certhall/proof"
)

// run is one that can be made again, since the authority's pairs are kept: the
// PC is examined, the key gets a PIN and a pair and renews it, and the PC is
// examined once more.
type run struct {
	*testing.T
	auth  *desktest.Authority
	pairs []desktest.Pair
}

// The PINs of a run, beside the one that the key comes with.
const firstPIN, nextPIN, wrongPIN = "Bright-1", "Bright-2", "Wrong-12"

// same is what takes the place of random numbers, so that what is signed is the
// same when it is signed again.
type same struct{}

func (same) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 7
	}
	return len(p), nil
}

// through makes the run, and tells all that came of it.
func (r *run) through(keys agent.Keys) (told []string) {
	r.Helper()
	tell := func(what string, v any) { told = append(told, fmt.Sprintf("%s %+v", what, v)) }
	r.examine(keys, tell)
	k, err := keys.Open(r.Context(), "SN1")
	ok(r.T, err)
	ok(r.T, k.ChangePIN(background, userPIN, firstPIN))
	err = k.Login(background, wrongPIN)
	want(r.T, err, token.ErrPINWrong)
	tell("tries left", certhall.AsError(err).Params)
	state, err := k.PINState(background)
	ok(r.T, err)
	tell("PIN", state)
	ok(r.T, k.Login(background, firstPIN))
	r.renew(k, 0, tell)
	r.renew(k, 1, tell)
	ok(r.T, k.ChangePIN(background, firstPIN, nextPIN))
	ok(r.T, k.Close())
	r.examine(keys, tell)
	return told
}

func (r *run) examine(keys agent.Keys, tell func(string, any)) {
	clock := &desktest.Clock{T: desktest.Now}
	a := agent.New(agent.Options{Keys: keys, Clock: clock, Random: rand.Reader})
	defer a.Close()
	d := doctor.Doctor{Keys: a, Clock: clock, Version: "test"}
	for _, f := range d.Examine(r.Context(), func(doctor.Finding) {}) {
		tell(f.Check, []any{f.Verdict, f.Code, f.Params})
	}
}

// renew does the steps of a case; n of it is the number.
func (r *run) renew(k token.Key, n int, tell func(string, any)) {
	r.Helper()
	a, id := r.auth, certhall.CaseID(fmt.Sprintf("c%d", n))
	env := token.Env{Trust: token.NewTrust(a.Roots()), Random: same{}, Consent: func(context.Context, token.Terms) (bool, error) { return true, nil }}
	service, old, serial := certhall.Apply, (*desktest.Pair)(nil), certhall.Serial("")
	if n > 0 {
		service, old = certhall.Renew, &r.pairs[n-1]
		serial = old.Sign()
	}
	step := func(m proof.Message, err error) proof.Message {
		r.Helper()
		ok(r.T, err)
		tell(string(id), hex.EncodeToString(proof.Encode(m)))
		return m
	}
	prepared := step(token.Prepare(r.Context(), k, proof.Prepare{
		Authority: a.ID, Ticket: a.Ticket(service, id, 1, serial), Disposal: string(certhall.Keep), Chain: a.Chain(),
	}, env)).(proof.Prepared)
	if len(r.pairs) == n {
		pub, _, err := gm.ParseRequest(prepared.Request)
		ok(r.T, err)
		r.pairs = append(r.pairs, a.Issue(id, 1, serial, "测试医院", pub, 1))
	}
	p := r.pairs[n]
	step(token.Install(r.Context(), k, proof.Install{Authority: a.ID, Bundle: p.Bundle}, env))
	step(token.Acknowledge(r.Context(), k, proof.Acknowledge{Authority: a.ID, Bundle: p.Bundle}, env))
	if old != nil {
		receipt := a.Receipt(p, old, k.Info().Serial, certhall.Delete, true)
		step(token.Retire(r.Context(), k, proof.Retire{Authority: a.ID, Chain: a.Chain(), Receipts: []proof.Signed{receipt}}, env))
	}
}

// escrow decrypts for a recording, in which there are no plaintexts, by the keys
// that the authority sent.
type escrow struct {
	native.Library
	run *run
}

func (e escrow) Call(fn string, args ...native.Arg) uint32 {
	code := e.Library.Call(fn, args...)
	if fn == "SKF_ECCDecrypt" && code == 0 {
		sealed, err := gmskf.Standard.ParseCipher(args[1].Bytes)
		ok(e.run.T, err)
		for _, p := range e.run.pairs {
			if plain, err := gm.Open(p.Enc, sealed); err == nil {
				copy(args[2].Bytes, plain)
			}
		}
	}
	return code
}

// TestRealRecording: a whole run through libsoftkey, in a driver host that
// records, is made again without it and comes to the same, byte for byte; the
// recording tells no secret.
func TestRealRecording(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recording.jsonl")
	ok(t, driverhost.Begin(file, "test"))
	authKey := bytes.Repeat([]byte("Kk"), 8)
	d := newDrawerOf(t, file, map[string]any{"auth_key": hex.EncodeToString(authKey)}, "SN1")
	changeAuthKey(t, d.path("SN1"), authKey)
	r := &run{T: t, auth: desktest.New(t, "ra")}
	recorded := r.through(d.host)

	data, err := os.ReadFile(file)
	ok(t, err)
	secrets := map[string][]byte{
		"the maker's PIN": []byte(userPIN), "the PIN": []byte(firstPIN), "the next PIN": []byte(nextPIN), "a wrong PIN": []byte(wrongPIN),
		"the device's key": authKey,
	}
	for i, p := range r.pairs {
		secrets[fmt.Sprintf("encryption key %d", i)] = p.Enc.D.FillBytes(make([]byte, 32))
	}
	for name, secret := range secrets {
		if bytes.Contains(data, []byte(hex.EncodeToString(secret))) || name != "the maker's PIN" && bytes.Contains(data, secret) {
			t.Errorf("%s is in the recording", name)
		}
	}

	lib, err := native.Play(bytes.NewReader(data), "softkey")
	ok(t, err)
	m, err := skf.Open(escrow{lib, r}, skf.Profile{ContainerBytes: 16384, AuthKey: "00000000000000000000000000000000"}) // as the recording has it
	ok(t, err)
	if played := r.through(m); !slices.Equal(played, recorded) {
		for i := range max(len(played), len(recorded)) {
			if i >= len(played) || i >= len(recorded) || played[i] != recorded[i] {
				t.Fatalf("at %d of %d played and %d recorded", i, len(played), len(recorded))
			}
		}
	}
	if len(recorded) < 15 {
		t.Errorf("a run of %q", recorded)
	}
}

// changeAuthKey gives a device another key of authentication.
func changeAuthKey(t *testing.T, path string, key []byte) {
	t.Helper()
	device, err := softkey.OpenDevice(path)
	ok(t, err)
	ok(t, device.ChangeAuthKey(background, key))
	ok(t, device.Close())
}
