package local

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/proof"
)

func (p *tab) denied(path, code string) {
	p.t.Helper()
	if status, got := p.call(path, struct{}{}, nil); got != code {
		p.t.Fatalf("%s: %d %s, want %s", path, status, got, code)
	}
}

func (p *tab) allowed() {
	p.t.Helper()
	if status, code := p.call("/keys", struct{}{}, nil); status != http.StatusOK {
		p.t.Fatalf("%d %s", status, code)
	}
}

// TestStatusNeedsNoPairing and everything else does.
func TestStatusNeedsNoPairing(t *testing.T) {
	h := newHouse(t, nil)
	p := h.tab(portal)
	var s status
	if code, _ := p.call("/status", struct{}{}, &s); code != 200 || s.Product != "certhall-agent" || s.API != 1 || s.Version != "test" || s.Paired || s.UI != "dialog" ||
		len(s.Authorities) != 1 || s.Authorities[0].ID != "ra" || s.Authorities[0].Number != 1 {
		t.Fatalf("%d %+v", code, s)
	}
	for path := range operations {
		p.denied(path, "pairing-needed")
	}
	p.denied("/keys", "pairing-needed")
	p.denied("/watch", "pairing-needed")
	if status, _ := p.call("/keys", struct{}{}, nil); status != http.StatusUnauthorized {
		t.Fatal(status)
	}
	p = h.paired(portal)
	if p.call("/status", struct{}{}, &s); !s.Paired {
		t.Fatalf("%+v", s)
	}
	if strings.Contains(h.log.String(), p.token) {
		t.Error("the log holds the token")
	}
}

// TestToken is bound to origin and run, and ends when idle.
func TestToken(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	p.allowed()
	thief := *p
	thief.origin = second
	thief.denied("/keys", "pairing-needed")
	guessed := *p
	for _, token := range []string{p.token + "A", p.token[1:], strings.ToLower(p.token), " ", "null"} {
		guessed.token = token
		guessed.denied("/keys", "pairing-needed")
	}
	for range 3 {
		h.clock.add(idlePairing - time.Second)
		p.allowed()
	}
	h.clock.add(idlePairing)
	p.denied("/keys", "pairing-needed")
	p = h.paired(portal)
	h.clock.add(-time.Hour) // set back
	p.denied("/keys", "pairing-needed")
	next := newHouse(t, nil)
	p.house = next
	p.denied("/keys", "pairing-needed")
}

// TestSecondPageOfAPairedOrigin is let in at once.
func TestSecondPageOfAPairedOrigin(t *testing.T) {
	h := newHouse(t, nil)
	first := h.paired(portal)
	p := h.tab(portal)
	var answer pass
	h.must(json.Unmarshal(p.begin("/pair", struct{}{}).want("reply").Raw, &answer))
	p.token = answer.Token
	if answer.Idle != 1800 || p.token == first.token {
		t.Fatalf("%+v", answer)
	}
	p.allowed()
	first.allowed()
	h.paired(second) // another origin is asked about
}

// TestDeclined: more than three times in ten minutes, and it is not asked about.
func TestDeclined(t *testing.T) {
	h := newHouse(t, nil)
	p := h.tab(portal)
	decline := func() {
		t.Helper()
		r := p.begin("/pair", struct{}{})
		q := h.asked(r, window.Answer{})
		if q.What != window.Pair || q.Origin != portal || q.Portal != "测试大厅" {
			t.Fatalf("%+v", q)
		}
		if e := r.want("problem"); e.Code != "pairing-declined" {
			t.Fatalf("%s", e.Raw)
		}
	}
	for range declinesLimit {
		decline()
	}
	h.clock.add(limitTime)
	for range declinesLimit + 1 {
		decline()
		h.clock.add(time.Minute)
	}
	limited := func() {
		t.Helper()
		if e := p.begin("/pair", struct{}{}).want("problem"); e.Code != "pairing-limited" {
			t.Fatalf("%s", e.Raw)
		}
	}
	limited()
	h.paired(second)
	h.clock.add(limitTime - time.Minute - time.Second)
	limited()
	h.clock.add(time.Second)
	h.paired(portal)
}

// TestOneQuestionAnOrigin: who asks meanwhile gets the same answer; a question
// that was withdrawn is asked anew.
func TestOneQuestionAnOrigin(t *testing.T) {
	h := newHouse(t, nil)
	for _, allow := range []bool{false, true} {
		a := h.tab(portal).begin("/pair", struct{}{})
		a.want("ask")
		<-h.person.questions
		b := h.tab(portal).begin("/pair", struct{}{})
		h.person.answers <- window.Answer{Yes: allow}
		a.want("asked")
		want := "problem"
		if allow {
			want = "reply"
		}
		a.want(want)
		if e := b.next(); e.Event == "ask" { // it came after the answer
			if allow {
				t.Fatalf("%s", e.Raw)
			}
			<-h.person.questions
			h.person.answers <- window.Answer{}
			b.want("asked")
			b.want("problem")
		} else if e.Event != want {
			t.Fatalf("%s", e.Raw)
		}
	}
}

func TestWithdrawnPairing(t *testing.T) {
	h := newHouse(t, nil)
	a := h.tab(portal).begin("/pair", struct{}{})
	a.want("ask")
	<-h.person.questions
	b := h.tab(portal).begin("/pair", struct{}{})
	a.leave()
	h.asked(b, window.Answer{Yes: true})
	b.want("reply")
}

// TestQuestionsLeft: a page that asks and goes away, over and over, does not
// have one window after the other shown.
func TestQuestionsLeft(t *testing.T) {
	h := newHouse(t, nil)
	for range leftLimit + 1 {
		r := h.tab(portal).begin("/pair", struct{}{})
		r.want("ask")
		<-h.person.questions
		r.leave()
	}
	if e := h.tab(portal).begin("/pair", struct{}{}).want("problem"); e.Code != "pairing-limited" {
		t.Fatalf("%s", e.Raw)
	}
	h.paired(second)
	h.clock.add(limitTime)
	h.paired(portal)
}

// TestExpiredList lets the page hand over a newer one, and do nothing else.
func TestExpiredList(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	h.clock.add(120 * 24 * time.Hour)
	var s status
	if code, _ := p.call("/status", struct{}{}, &s); code != 200 || len(s.Authorities) != 1 {
		t.Fatalf("%d %+v", code, s)
	}
	p.denied("/keys", "origin-list-expired")
	p.denied("/pair", "origin-list-expired")
	fresh := proof.Portal{Origin: portal}
	until := h.clock.Now().AddDate(0, 3, 0)
	for code, list := range map[string][]byte{
		"origin-list-older":   h.auth.Origins(1, until, fresh),
		"origin-list-wrong":   desktest.New(t, "ra").Origins(9, until, fresh),
		"origin-list-expired": h.auth.Origins(9, desktest.Now, fresh),
	} {
		if _, got := p.call("/origins", request{List: list}, nil); got != code {
			t.Errorf("%s, want %s", got, code)
		}
	}
	if code, _ := p.call("/origins", request{List: h.auth.Origins(2, until, fresh)}, &s); code != 200 || s.Authorities[0].Number != 2 || !s.Authorities[0].Until.Equal(until) {
		t.Fatalf("%d %+v", code, s)
	}
	h.paired(portal).allowed()
	if _, code := p.call("/origins", request{List: h.auth.Origins(3, until, proof.Portal{Origin: second})}, nil); code != "origin-unlisted" {
		t.Fatalf("%s", code)
	}
	p.denied("/status", "origin-unlisted")
	if data, err := os.ReadFile(filepath.Join(h.folder, "ra.origins")); err != nil || len(data) == 0 {
		t.Fatal(err)
	}
}
