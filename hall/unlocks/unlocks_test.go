package unlocks_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/storetest"
)

// TestUnlock: from the request to the report, with the person away while it is
// decided.
func TestUnlock(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		r := newRoomOn(t, address)
		a := r.request("K1")
		v := r.ask(r.zhang, a)
		if v.State != unlocks.Waiting || v.Message != nil || v.KeyLabel != "海泰KEY" {
			t.Errorf("%+v", v)
		}
		if again := r.ask(r.zhang, a); again.ID != v.ID {
			t.Error("the same request was filed twice")
		}
		files, err := r.Find(t.Context(), unlocks.Waiting, 10)
		if err != nil || len(files) != 1 || files[0].Phone == "" || files[0].Code != proof.UnlockCode(gm.SM3(a.Message)) || len(files[0].Certificates) != 1 || files[0].Certificates[0].Subject != "测试医院" {
			t.Errorf("officers see %+v, %v", files, err)
		}
		r.decide(v, a)
		must(t, r.Deliver(t.Context()))
		if len(r.far.asked) != 1 || !bytes.Equal(r.far.asked[0].Request, a.Message) {
			t.Fatalf("the authority heard %+v", r.far.asked)
		}
		v, err = r.Look(t.Context(), r.zhang, v.ID)
		if err != nil || v.State != unlocks.Answered || v.Message == nil {
			t.Errorf("%+v, %v", v, err)
		}
		must(t, r.Deliver(t.Context()))
		must(t, r.Deliver(t.Context()))
		if len(*r.post) != 1 || (*r.post)[0] != notify.TemplateUnlockReady+" K1" {
			t.Errorf("messages %v", *r.post)
		}
		for range 2 { // the reply was lost
			if v, err = r.Report(t.Context(), r.zhang, v.ID, r.reported(a, proof.UnlockChanged)); err != nil || v.State != unlocks.Done || v.Message != nil {
				t.Errorf("%+v, %v", v, err)
			}
		}
		if list, err := r.Mine(t.Context(), r.zhang); err != nil || len(list.Unlocks) != 1 || list.Unlocks[0].State != unlocks.Done || r.far.reports != 1 {
			t.Errorf("%+v, %v; %d reports", list, err, r.far.reports)
		}
	})
}

// TestWhoMayAsk: whoever handles a certificate in force on the key, or
// administers its organisation.
func TestWhoMayAsk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		r := newRoomOn(t, address)
		r.ask(r.wang, r.request("K1"))
		a := r.request("K1")
		v := r.ask(r.zhang, a)
		r.refused(unlocks.ErrNotHeld, r.li, r.request("K1"))
		r.refused(unlocks.ErrNotHeld, r.zhang, r.request("K2")) // revoked
		r.refused(unlocks.ErrNotHeld, r.zhang, r.request("K3"))
		r.refused(unlocks.ErrNotHeld, r.wang, a) // zhang's own
		r.refused(unlocks.ErrLocked, r.zhang, r.request("K1", func(q *proof.UnlockRequest) { q.AdminTries = 0 }))
		r.refused(proof.ErrMalformed, r.zhang, r.request("K1", func(q *proof.UnlockRequest) { q.Authority = "else" }))
		r.refused(proof.ErrMalformed, r.zhang, unlocks.Asked{Message: []byte("x")})
		for _, other := range []accounts.Visit{r.wang, r.li} {
			if _, err := r.Look(t.Context(), other, v.ID); !errors.Is(err, unlocks.ErrMissing) {
				t.Errorf("%s sees it: %v", other.Person, err)
			}
			if _, err := r.Withdraw(t.Context(), other, v.ID); !errors.Is(err, unlocks.ErrMissing) {
				t.Errorf("%s withdraws it: %v", other.Person, err)
			}
			if _, err := r.Report(t.Context(), other, v.ID, r.reported(a, proof.UnlockFailed)); !errors.Is(err, unlocks.ErrMissing) {
				t.Errorf("%s reports it: %v", other.Person, err)
			}
		}
		r.far.unlockable = authority.ErrAdminPINUnknown.With("key", "K1")
		r.refused(authority.ErrAdminPINUnknown, r.zhang, r.request("K1"))
		r.ask(r.zhang, r.request("K1", func(q *proof.UnlockRequest) { q.Challenge = []byte("?") })) // its maker answers
	})
}

// TestForgedReport: who has the session and has read the answer, but has not the
// agent that asked, cannot say what became of the key.
func TestForgedReport(t *testing.T) {
	r := newRoom(t)
	a, other := r.request("K1"), r.request("K1")
	v := r.ask(r.zhang, a)
	r.decide(v, a)
	must(t, r.Deliver(t.Context()))
	thief, err := sm2.GenerateKey(rand.Reader)
	must(t, err)
	unsigned := proof.Encode(proof.Signed{Message: proof.Encode(proof.UnlockReport{Authority: "ra", RequestDigest: gm.SM3(a.Message), KeySerial: "K1", Outcome: proof.UnlockChanged})})
	for name, report := range map[string][]byte{
		"unsigned": unsigned, "by another key": r.reportedBy(thief, a, proof.UnlockFailed), "of another request": r.reported(other, proof.UnlockFailed),
		"without an outcome": r.reported(a, "fine"),
	} {
		if _, err := r.Report(t.Context(), r.zhang, v.ID, report); !errors.Is(err, unlocks.ErrReport) {
			t.Errorf("%s: %v", name, err)
		}
		r.state(v, unlocks.Answered)
	}
	if r.far.reports != 0 {
		t.Error("the authority was told")
	}
	if v, err := r.Report(t.Context(), r.zhang, v.ID, r.reported(a, proof.UnlockChanged)); err != nil || v.State != unlocks.Done {
		t.Errorf("the true one: %+v, %v", v, err)
	}
}

// TestReportedByFile: a key that was unlocked by files ends the request that was
// filed here too, however far that had come; the authority has the report.
func TestReportedByFile(t *testing.T) {
	for name, before := range map[string]func(r *room, v unlocks.UnlockView, a unlocks.Asked){
		"waiting":  func(*room, unlocks.UnlockView, unlocks.Asked) {},
		"approved": func(r *room, v unlocks.UnlockView, a unlocks.Asked) { r.decide(v, a) },
		"answered": func(r *room, v unlocks.UnlockView, a unlocks.Asked) {
			r.decide(v, a)
			must(r.T, r.Deliver(r.Context()))
		},
		"withdrawn": func(r *room, v unlocks.UnlockView, _ unlocks.Asked) {
			_, err := r.Withdraw(r.Context(), r.zhang, v.ID)
			must(r.T, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			a := r.request("K1")
			v := r.ask(r.zhang, a)
			before(r, v, a)
			stranger, err := sm2.GenerateKey(rand.Reader)
			must(t, err)
			forged, err := proof.Decode[proof.Signed](r.reportedBy(stranger, a, proof.UnlockChanged))
			must(t, err)
			if _, err := r.Reported(t.Context(), forged); !errors.Is(err, unlocks.ErrReport) {
				t.Errorf("another agent's report: %v", err)
			}
			for _, outcome := range []string{proof.UnlockChanged, proof.UnlockFailed} { // the second one comes too late
				report, err := proof.Decode[proof.Signed](r.reported(a, outcome))
				must(t, err)
				if f, err := r.Reported(t.Context(), report); err != nil || f == nil || f.ID != v.ID || f.Now != unlocks.Done {
					t.Errorf("%s: %+v, %v", outcome, f, err)
				}
			}
			must(t, r.Deliver(t.Context()))
			r.state(v, unlocks.Done)
			if r.far.reports != 0 {
				t.Error("the authority was told again")
			}
		})
	}
	r := newRoom(t)
	report, err := proof.Decode[proof.Signed](r.reported(r.request("K1"), proof.UnlockChanged))
	must(t, err)
	if f, err := r.Reported(t.Context(), report); f != nil || err != nil {
		t.Errorf("of a request that was never filed: %+v, %v", f, err)
	}
}

// moving is a store in which a request moves on in the midst of a transaction, as
// PostgreSQL lets it.
type moving struct{ unlocks.Store }

func (s moving) Write(ctx context.Context, f func(unlocks.Writer) error) error {
	return s.Store.Write(ctx, func(w unlocks.Writer) error { return f(movingRows{w}) })
}

type movingRows struct{ unlocks.Writer }

func (movingRows) SaveUnlock(unlocks.Unlock, unlocks.State) (bool, error) { return false, nil }

// TestReportedMeanwhile: a report is said to be taken only if it was.
func TestReportedMeanwhile(t *testing.T) {
	r := newRoom(t)
	a := r.request("K1")
	v := r.ask(r.zhang, a)
	report, err := proof.Decode[proof.Signed](r.reported(a, proof.UnlockChanged))
	must(t, err)
	store := r.Store
	r.Store = moving{store}
	if _, err := r.Reported(t.Context(), report); !errors.Is(err, unlocks.ErrNotOpen) {
		t.Errorf("the request moved on: %v", err)
	}
	r.Store = store
	_, err = r.Reported(t.Context(), report)
	must(t, err)
	r.state(v, unlocks.Done)
}

// TestUnanswered: a key that did not take its maker's response is asked for anew.
func TestUnanswered(t *testing.T) {
	r := newRoom(t)
	byMaker := func(q *proof.UnlockRequest) { q.Challenge = []byte("?") }
	a := r.request("K1", byMaker)
	v := r.ask(r.zhang, a)
	_, err := r.Decide(t.Context(), v.ID, decided(a), []byte("!"), "op")
	must(t, err)
	must(t, r.Deliver(t.Context()))
	v, err = r.Report(t.Context(), r.zhang, v.ID, r.reported(a, proof.UnlockUnanswered))
	if err != nil || v.State != unlocks.Failed || !v.Anew {
		t.Errorf("%+v, %v", v, err)
	}
	if again := r.ask(r.zhang, r.request("K1", byMaker)); again.State != unlocks.Waiting || again.Anew || again.ID == v.ID {
		t.Errorf("asked anew: %+v", again)
	}
}

func TestLimits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		r := newRoomOn(t, address)
		var last unlocks.UnlockView
		for range 9 {
			last = r.ask(r.zhang, r.request("K1"))
		}
		r.ask(r.wang, r.request("K1"))
		r.refused(unlocks.ErrLimit, r.zhang, r.request("K1"))
		r.state(last, unlocks.Waiting) // the earlier ones gave way
		if waiting, err := r.Find(t.Context(), unlocks.Waiting, 100); err != nil || len(waiting) != 2 {
			t.Errorf("%d wait, %v", len(waiting), err)
		}
		r.clock.now = r.clock.now.Add(25 * time.Hour)
		r.state(last, unlocks.Expired)
		r.ask(r.zhang, r.request("K1"))
	})
}

// TestDecisions: what is over is not decided, nor by a decision over something else.
func TestDecisions(t *testing.T) {
	r := newRoom(t)
	a := r.request("K1")
	v := r.ask(r.zhang, a)
	if _, err := r.Decide(t.Context(), v.ID, decided(r.request("K1")), nil, "op"); !errors.Is(err, unlocks.ErrOther) {
		t.Errorf("over another request: %v", err)
	}
	if _, err := r.Refuse(t.Context(), "none", "no", "op"); !errors.Is(err, unlocks.ErrMissing) {
		t.Error(err)
	}
	f, err := r.Refuse(t.Context(), v.ID, "不是登记的经办人", "op")
	must(t, err)
	if _, err := r.Decide(t.Context(), f.ID, decided(a), nil, "op"); !errors.Is(err, unlocks.ErrNotOpen) {
		t.Errorf("refused before: %v", err)
	}
	if v, err := r.Look(t.Context(), r.zhang, v.ID); err != nil || v.State != unlocks.Refused || v.Reason != "不是登记的经办人" {
		t.Errorf("%+v, %v", v, err)
	}
	must(t, r.Deliver(t.Context()))
	if len(*r.post) != 1 || (*r.post)[0] != notify.TemplateUnlockRefused+" K1" {
		t.Errorf("messages %v", *r.post)
	}

	by := r.request("K1", func(q *proof.UnlockRequest) { q.Challenge = []byte("?") })
	v = r.ask(r.zhang, by)
	if _, err := r.Decide(t.Context(), v.ID, decided(by), nil, "op"); !errors.Is(err, unlocks.ErrResponse) {
		t.Errorf("without the maker's answer: %v", err)
	}
	v, err = r.Withdraw(t.Context(), r.zhang, v.ID)
	must(t, err)
	if _, err := r.Decide(t.Context(), v.ID, decided(by), []byte("!"), "op"); !errors.Is(err, unlocks.ErrNotOpen) {
		t.Errorf("withdrawn before: %v", err)
	}

	a = r.request("K1")
	v = r.ask(r.zhang, a)
	r.clock.now = r.clock.now.Add(unlocks.RequestLife)
	if _, err := r.Decide(t.Context(), v.ID, decided(a), nil, "op"); !errors.Is(err, unlocks.ErrNotOpen) {
		t.Errorf("too late: %v", err)
	}
}

// TestAskAgain: an agent has one request for a day; withdrawn or refused it
// waits anew, and no longer than it would have waited.
func TestAskAgain(t *testing.T) {
	r := newRoom(t)
	a := r.request("K1")
	v := r.ask(r.zhang, a)
	_, err := r.Withdraw(t.Context(), r.zhang, v.ID)
	must(t, err)
	if again := r.ask(r.zhang, a); again.ID != v.ID || again.State != unlocks.Waiting {
		t.Errorf("withdrawn, then %+v", again)
	}
	_, err = r.Refuse(t.Context(), v.ID, "打不通电话", "op")
	must(t, err)
	if again := r.ask(r.zhang, a); again.State != unlocks.Waiting || again.Reason != "" || !again.ExpiresAt.Equal(v.ExpiresAt) {
		t.Errorf("refused, then %+v", again)
	}
	r.decide(v, a)
	r.state(v, unlocks.Approved)
	if again := r.ask(r.zhang, a); again.State != unlocks.Approved {
		t.Errorf("approved, then %+v", again)
	}
	a = r.request("K1")
	v = r.ask(r.zhang, a)
	_, err = r.Withdraw(t.Context(), r.zhang, v.ID)
	must(t, err)
	r.clock.now = r.clock.now.Add(unlocks.RequestLife)
	if again := r.ask(r.zhang, a); again.State != unlocks.Withdrawn {
		t.Errorf("its time is over, but %+v", again)
	}
}

// TestHandlerNoMore: a request waits anew only while its person handles a
// certificate on the key.
func TestHandlerNoMore(t *testing.T) {
	r := newRoom(t)
	a := r.request("K1")
	v := r.ask(r.zhang, a)
	_, err := r.Withdraw(t.Context(), r.zhang, v.ID)
	must(t, err)
	must(t, r.people.Write(t.Context(), func(w accounts.Writer) error {
		return w.DropHandler(accounts.Handler{Person: accounts.Person{ID: r.zhang.Person}, Lineage: "l1"})
	}))
	r.refused(unlocks.ErrNotHeld, r.zhang, a)
	r.state(v, unlocks.Withdrawn)
}

// TestFindExpired: those that wait do not take the room of those that expired.
func TestFindExpired(t *testing.T) {
	r := newRoom(t)
	old := r.ask(r.zhang, r.request("K1"))
	r.clock.now = r.clock.now.Add(unlocks.RequestLife)
	r.ask(r.wang, r.request("K1"))
	for _, state := range []unlocks.State{unlocks.Expired, unlocks.Waiting} {
		found, err := r.Find(t.Context(), state, 1)
		if must(t, err); len(found) != 1 || (found[0].ID == old.ID) != (state == unlocks.Expired) {
			t.Errorf("%s: %+v", state, found)
		}
	}
}

// TestForgedRow: officers are not shown one request's code beside another
// request.
func TestForgedRow(t *testing.T) {
	r := newRoom(t)
	honest, other := r.request("K1"), r.request("K1")
	for name, forged := range map[string]unlocks.Unlock{
		"code": {Digest: gm.SM3(honest.Message), KeySerial: "K1"},
		"key":  {Digest: gm.SM3(other.Message), KeySerial: "K2"},
	} {
		forged.ID, forged.Person, forged.State, forged.MadeAt, forged.Request = name, r.zhang.Person, unlocks.Waiting, r.clock.now, other.Message
		must(t, r.Store.Write(t.Context(), func(w unlocks.Writer) error { return w.AddUnlock(forged) }))
		if _, err := r.Get(t.Context(), name); !errors.Is(err, unlocks.ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAuthorityAway: an approved request waits until the authority can answer; a
// report until it can be taken. What it refuses goes back to the officers.
func TestAuthorityAway(t *testing.T) {
	r := newRoom(t)
	a := r.request("K1")
	v := r.ask(r.zhang, a)
	r.decide(v, a)
	for _, away := range []error{authority.ErrSealed, authority.ErrUnlockKey, authority.ErrUnlockLimited, certhall.ErrInternal} {
		r.far.unlock = away
		if err := r.Deliver(t.Context()); !errors.Is(err, away) {
			t.Errorf("%v, want %v", err, away)
		}
		r.state(v, unlocks.Approved)
	}
	r.far.unlock = authority.ErrEvidenceExpired
	must(t, r.Deliver(t.Context()))
	r.state(v, unlocks.Waiting)
	if f, err := r.Get(t.Context(), v.ID); err != nil || f.Trouble != authority.ErrEvidenceExpired.Code {
		t.Errorf("officers are not told why: %+v, %v", f, err)
	}
	r.decide(v, a)
	r.far.unlock = nil
	if v, err := r.Look(t.Context(), r.zhang, v.ID); err != nil || v.State != unlocks.Answered {
		t.Errorf("whoever looks fetches the answer: %+v, %v", v, err)
	}
	r.far.unlocked = authority.ErrSealed
	if v, err := r.Report(t.Context(), r.zhang, v.ID, r.reported(a, proof.UnlockFailed)); err != nil || v.State != unlocks.Failed || v.Anew {
		t.Errorf("%+v, %v", v, err)
	}
	if err := r.Deliver(t.Context()); !errors.Is(err, authority.ErrSealed) {
		t.Errorf("the report is not tried again: %v", err)
	}
	r.far.unlocked = nil
	must(t, r.Deliver(t.Context()))
	must(t, r.Deliver(t.Context()))
	if r.far.reports != 3 {
		t.Errorf("%d reports", r.far.reports)
	}

	a = r.request("K1")
	v = r.ask(r.zhang, a)
	r.decide(v, a)
	r.far.unlock = authority.ErrAdminPINUnknown.With("key", "K1")
	must(t, r.Deliver(t.Context()))
	r.state(v, unlocks.Unknown)
}
