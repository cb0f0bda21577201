package web_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/web"
)

// unlocking is a desk for locked keys that knows one request.
type unlocking struct {
	asked    unlocks.Asked
	reported []byte
}

func (u *unlocking) view(v accounts.Visit, id string, state unlocks.State) (unlocks.UnlockView, error) {
	if id != "u1" {
		return unlocks.UnlockView{}, unlocks.ErrMissing
	}
	return unlocks.UnlockView{ID: id, KeySerial: "K1", State: state, Reason: v.Person, MadeAt: time.Unix(1, 0), Message: u.reported}, nil
}

func (u *unlocking) Mine(_ context.Context, v accounts.Visit) (unlocks.UnlockList, error) {
	one, err := u.view(v, "u1", unlocks.Waiting)
	return unlocks.UnlockList{Unlocks: []unlocks.UnlockView{one}}, err
}

func (u *unlocking) Ask(_ context.Context, v accounts.Visit, a unlocks.Asked) (unlocks.UnlockView, error) {
	if u.asked = a; a.Label == "another's" {
		return unlocks.UnlockView{}, unlocks.ErrNotHeld.With("key", "K1")
	}
	return u.view(v, "u1", unlocks.Waiting)
}

func (u *unlocking) Look(_ context.Context, v accounts.Visit, id string) (unlocks.UnlockView, error) {
	return u.view(v, id, unlocks.Answered)
}

func (u *unlocking) Withdraw(_ context.Context, v accounts.Visit, id string) (unlocks.UnlockView, error) {
	return u.view(v, id, unlocks.Withdrawn)
}

func (u *unlocking) Report(_ context.Context, v accounts.Visit, id string, report []byte) (unlocks.UnlockView, error) {
	u.reported = report
	return u.view(v, id, unlocks.Done)
}

// TestUnlocks: what the page of a locked key asks, by whoever logged in by a
// code to his phone: the key itself cannot sign.
func TestUnlocks(t *testing.T) {
	desk := new(unlocking)
	b := newSite(t, func(o *web.Options) { o.Unlocks = desk }).browser()
	b.logIn(zhang)
	if b.me().MustSetPassword {
		t.Fatal("zhang has a password of his own")
	}
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := gm.MarshalPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	message := proof.Encode(proof.UnlockRequest{Authority: "a1", KeySerial: "K1", Key: spki})
	body := func(label string) string {
		return fmt.Sprintf(`{"message":%q,"label":%q}`, base64.StdEncoding.EncodeToString(message), label)
	}
	v := got[unlocks.UnlockView](b, "POST", "/api/unlocks", body("海泰KEY"))
	if v.State != unlocks.Waiting || v.Reason == "" || string(desk.asked.Message) != string(message) || desk.asked.Label != "海泰KEY" {
		t.Errorf("%+v", v)
	}
	b.refused(403, "unlock-not-held", "POST", "/api/unlocks", body("another's"))
	b.refused(422, "input-malformed", "POST", "/api/unlocks", `{"message":"?"}`)
	if list := got[unlocks.UnlockList](b, "GET", "/api/unlocks", ""); len(list.Unlocks) != 1 {
		t.Errorf("%+v", list)
	}
	if v = got[unlocks.UnlockView](b, "GET", "/api/unlocks/u1", ""); v.State != unlocks.Answered {
		t.Errorf("%+v", v)
	}
	if v = got[unlocks.UnlockView](b, "POST", "/api/unlocks/u1/report", `{"message":"AQI="}`); v.State != unlocks.Done || string(desk.reported) != "\x01\x02" {
		t.Errorf("%+v", v)
	}
	if v = got[unlocks.UnlockView](b, "POST", "/api/unlocks/u1/withdraw", ""); v.State != unlocks.Withdrawn {
		t.Errorf("%+v", v)
	}
	b.refused(404, "unlock-missing", "GET", "/api/unlocks/u2", "")
}
