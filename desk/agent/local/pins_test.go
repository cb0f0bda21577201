package local

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

const (
	adminPIN = "Keeper-01"
	newPIN   = "Bright-2"
)

// opens tells whether a PIN opens the key.
func (h *house) opens(pin string) bool {
	h.t.Helper()
	k, err := softkey.Open(h.keyFile())
	h.must(err)
	err = k.Login(h.t.Context(), pin)
	if err != nil && !errors.Is(err, token.ErrPINWrong) && !errors.Is(err, token.ErrPINLocked) {
		h.t.Fatal(err)
	}
	return err == nil
}

// secretless checks that no PIN came out, to the page or into the log.
func (h *house) secretless(raw ...[]byte) {
	h.t.Helper()
	all := h.log.String()
	for _, r := range raw {
		all += string(r)
	}
	for _, secret := range []string{pin, newPIN, adminPIN, "Keeper-02"} {
		if strings.Contains(all, secret) {
			h.t.Errorf("%s came out", secret)
		}
	}
}

func TestChangePIN(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/change-pin", map[string]string{"key": keySerial})
	if q := h.asked(r, window.Answer{Yes: true, PIN: "wrong-1"}); q.What != window.PIN || q.Purpose != agent.ToChangePIN || q.Tries != 3 || q.Origin != portal {
		t.Errorf("%+v", q)
	}
	if q := h.asked(r, window.Answer{Yes: true, PIN: pin}); !q.Wrong || q.Tries != 2 {
		t.Errorf("%+v", q)
	}
	if q := h.asked(r, window.Answer{Yes: true, PIN: newPIN, Again: "Bright-3"}); q.What != window.NewPIN || q.Why != "" || q.Key.Serial != keySerial {
		t.Errorf("%+v", q)
	}
	if q := h.asked(r, window.Answer{Yes: true, PIN: newPIN, Again: newPIN}); q.Why != agent.NewPINDiffers {
		t.Errorf("%+v", q)
	}
	reply := r.want("reply")
	h.secretless(reply.Raw)
	if !h.opens(newPIN) || h.opens(pin) {
		t.Error("the PIN was not changed")
	}
}

func TestChangePINDeclined(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/change-pin", map[string]string{"key": keySerial})
	h.asked(r, window.Answer{Yes: true, PIN: pin})
	h.asked(r, window.Answer{})
	if e := r.want("problem"); e.Code != token.ErrDeclined.Code {
		t.Errorf("%s", e.Raw)
	}
	if !h.opens(pin) {
		t.Error("the PIN was changed")
	}
}

// TestUnlock: the request's code is shown by the agent, the answer comes back
// through the page, and the report is signed by the pair on the key.
func TestUnlock(t *testing.T) {
	h := newHouse(t, nil)
	k, err := softkey.Open(h.keyFile())
	h.must(err)
	for range 3 {
		_ = k.Login(t.Context(), "wrong-pin")
	}
	p := h.paired(portal)
	r := p.begin("/unlock", map[string]string{"key": keySerial, "authority": "ra"})
	q := h.asked(r, window.Answer{Yes: true})
	var asks asked
	h.must(json.Unmarshal(r.want("reply").Raw, &asks))
	if q.What != window.Consent || q.Purpose != agent.ToRequestUnlock || q.Facts[1].Value != asks.Code {
		t.Errorf("%+v %q", q, asks.Code)
	}
	request, err := proof.Decode[proof.UnlockRequest](asks.Message)
	h.must(err)
	to, err := gm.ParsePublicKey(request.Key)
	h.must(err)
	envelope, err := gm.Seal(rand.Reader, to, proof.Encode(proof.AdminPINs{
		Authority: "ra", RequestDigest: request.Digest(), Try: [][]byte{[]byte(adminPIN)}, Next: []byte("Keeper-02"),
	}))
	h.must(err)
	answer := proof.Encode(h.auth.Notarize(proof.UnlockAnswer{Authority: "ra", RequestDigest: request.Digest(), KeySerial: keySerial, Envelope: envelope}))
	r = p.begin("/unlock", answered{keySerial, answer})
	if q := h.asked(r, window.Answer{Yes: true, PIN: newPIN, Again: newPIN}); q.What != window.NewPIN || q.Purpose != agent.ToUnlock {
		t.Errorf("%+v", q)
	}
	reply := r.want("reply")
	h.secretless(reply.Raw)
	var done unlocked
	h.must(json.Unmarshal(reply.Raw, &done))
	signed, err := proof.Decode[proof.Signed](done.Message)
	h.must(err)
	if done.Outcome != proof.UnlockChanged || len(signed.Signatures) != 2 || string(signed.Signatures[1].Certificate) != string(h.pair.Bundle.Sign) || !h.opens(newPIN) {
		t.Errorf("%s", reply.Raw)
	}
	// another authority's portal may not ask in this one's name
	r = h.paired(second).begin("/unlock", map[string]string{"key": keySerial, "authority": "rb"})
	if e := r.want("problem"); e.Code != token.ErrUntrusted.Code {
		t.Errorf("%s", e.Raw)
	}
}

type answered struct {
	Key     string `json:"key"`
	Message []byte `json:"message"`
}

// TestWindowNewPIN: the page has two fields, and both are heard.
func TestWindowNewPIN(t *testing.T) {
	h := newHouse(t, pages)
	p := h.tab(portal)
	r := p.begin("/pair", struct{}{})
	w := h.enter(r.want("ask"))
	h.must(errIf(w.answer(reply{Number: w.next().Number, Yes: true})))
	r.want("asked")
	var answer pass
	h.must(json.Unmarshal(r.want("reply").Raw, &answer))
	p.token = answer.Token
	r = p.begin("/change-pin", map[string]string{"key": keySerial})
	w = h.enter(r.want("ask"))
	h.must(errIf(w.answer(reply{Number: w.next().Number, Yes: true, PIN: pin})))
	m := w.next()
	if m.Question == nil || m.Question.Field == "" || m.Question.Again == "" {
		t.Fatalf("%+v", m)
	}
	h.must(errIf(w.answer(reply{Number: m.Number, Yes: true, PIN: newPIN, Again: newPIN})))
	for e := r.next(); e.Event != "reply"; e = r.next() {
		if e.Event == "problem" || e.Event == "" {
			t.Fatalf("%s", e.Raw)
		}
	}
	if !h.opens(newPIN) {
		t.Error("not changed")
	}
}

func errIf(status int) error {
	if status != 200 {
		return errors.New("refused")
	}
	return nil
}
