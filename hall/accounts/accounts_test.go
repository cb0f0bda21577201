package accounts_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
)

const phone = "13800000001"

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// sms keeps what was sent, or fails.
type sms struct {
	mu     sync.Mutex
	codes  []string
	keys   []string
	phones []string
	fail   error
}

func (s *sms) Send(_ context.Context, phone, _ string, vars map[string]string, key string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return "", s.fail
	}
	s.codes, s.keys, s.phones = append(s.codes, vars["code"]), append(s.keys, key), append(s.phones, phone)
	return key, nil
}

func (s *sms) last() string { return s.codes[len(s.codes)-1] }

type world struct {
	*testing.T
	*accounts.Desk
	clock *clock
	sms   *sms
	pairs *pairs
	log   *bytes.Buffer
	hall  *hall.Store
}

func each(t *testing.T, f func(w world)) {
	storetest.Each(t, func(t *testing.T, address string) { in(t, address, f) })
}

// inMemory is for long tables of what does not depend on the database.
func inMemory(t *testing.T, f func(w world)) { in(t, storetest.Address(t, "sqlite-memory"), f) }

func in(t *testing.T, address string, f func(w world)) {
	db := storetest.Open(t, address, hall.Migrations())
	w := world{T: t, clock: &clock{time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}, sms: new(sms), pairs: new(pairs), log: new(bytes.Buffer)}
	w.hall = hall.New(db, nil)
	w.Desk = accounts.New(accounts.Options{
		TestCost: &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		Store:    w.hall.Accounts(), SMS: w.sms, Clock: w.clock, Random: rand.Reader, Secret: []byte("s"),
		Authority: w.pairs, AuthorityID: "a1", Origin: "https://hall.example", Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	f(w)
	w.Wait()
}

func (w world) send(s accounts.Session, phone, address string) error {
	return w.SendCode(w.Context(), s, phone, address, false)
}

func (w world) check(s accounts.Session, code string) error {
	return w.CheckCode(w.Context(), s, phone, code)
}

func (w world) sent(s accounts.Session) string {
	w.Helper()
	if err := w.send(s, phone, "a"); err != nil {
		w.Fatal(err)
	}
	return w.sms.last()
}

// wrong is a code that differs from the one given.
func wrong(code string) string {
	return strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code)
}

func (w world) refused(err error, want *certhall.Error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("got %v, want %s", err, want.Code)
	}
}

func TestACodeProvesAPhone(t *testing.T) {
	each(t, func(w world) {
		code := w.sent("s1")
		if len(code) != 6 {
			w.Errorf("code %q", code)
		}
		w.refused(w.check("s2", code), accounts.ErrCodeWrong) // another session's
		if err := w.check("s1", code); err != nil {
			w.Fatal(err)
		}
		w.refused(w.check("s1", code), accounts.ErrCodeExpired) // once
		for s, want := range map[accounts.Session]bool{"s1": true, "s2": false} {
			if got, err := w.Proved(w.Context(), s, phone); got != want || err != nil {
				w.Errorf("%s proved: %v, %v", s, got, err)
			}
		}
		if got, _ := w.Proved(w.Context(), "s1", "13900000002"); got {
			w.Error("another phone was proved")
		}
		w.clock.now = w.clock.now.Add(accounts.ProofLife)
		if got, _ := w.Proved(w.Context(), "s1", phone); got {
			w.Error("a proof counts for eight hours")
		}
	})
}

func TestACodeLivesTenMinutes(t *testing.T) {
	each(t, func(w world) {
		code := w.sent("s")
		w.clock.now = w.clock.now.Add(accounts.CodeLife)
		w.refused(w.check("s", code), accounts.ErrCodeExpired)
		if st, err := w.CodeState(w.Context(), "s", phone); err != nil || st.Sent {
			w.Errorf("state %+v, %v", st, err)
		}
	})
}

func TestAnOlderCodeStaysValid(t *testing.T) {
	each(t, func(w world) {
		first := w.sent("s")
		w.clock.now = w.clock.now.Add(accounts.ResendAfter)
		w.sent("s")
		if err := w.check("s", first); err != nil {
			w.Error(err)
		}
	})
}

// TestTriesCountOverAllLiveCodes: tries that are spent come back with the end
// of the codes they were spent on, not with a new code.
func TestTriesCountOverAllLiveCodes(t *testing.T) {
	each(t, func(w world) {
		code := w.sent("s")
		for left := accounts.CodeTries - 1; left >= 0; left-- {
			err := w.check("s", wrong(code))
			w.refused(err, accounts.ErrCodeWrong)
			if got := certhall.AsError(err).Params["tries_left"]; got != fmt.Sprint(left) {
				w.Errorf("tries left %s, want %d", got, left)
			}
		}
		w.refused(w.check("s", code), accounts.ErrCodeTries) // the right one, too late
		w.clock.now = w.clock.now.Add(accounts.ResendAfter)
		w.refused(w.SendCode(w.Context(), "s", phone, "192.0.2.1", false), accounts.ErrCodeTries)
		if st, err := w.CodeState(w.Context(), "s", phone); err != nil || st.TriesLeft != 0 || !st.Sent {
			w.Errorf("state %+v, %v", st, err)
		}
		w.clock.now = w.clock.now.Add(accounts.CodeLife - accounts.ResendAfter) // the code is gone, and its tries
		if err := w.check("s", w.sent("s")); err != nil {
			w.Errorf("after the first code's life: %v", err)
		}
	})
}

func TestTriesAtOnceAreAllCounted(t *testing.T) {
	each(t, func(w world) {
		code := w.sent("s")
		var wg sync.WaitGroup
		var mu sync.Mutex
		answered := 0
		for range 20 {
			wg.Go(func() {
				if err := w.check("s", wrong(code)); errors.Is(err, accounts.ErrCodeWrong) {
					mu.Lock()
					answered++
					mu.Unlock()
				} else if !errors.Is(err, accounts.ErrCodeTries) {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		if answered != accounts.CodeTries {
			w.Errorf("%d tries were answered", answered)
		}
	})
}

func TestResend(t *testing.T) {
	each(t, func(w world) {
		w.sent("s")
		w.clock.now = w.clock.now.Add(15 * time.Second)
		err := w.send("other", phone, "b")
		w.refused(err, accounts.ErrResend)
		if got := certhall.AsError(err).Params["seconds"]; got != "45" {
			w.Errorf("resend after %s s", got)
		}
		if st, err := w.CodeState(w.Context(), "s", phone); err != nil || st.ResendAfter != 45*time.Second {
			w.Errorf("state %+v, %v", st, err)
		}
		w.clock.now = w.clock.now.Add(45 * time.Second)
		w.sent("s")
	})
}

func TestSendsToOnePhone(t *testing.T) {
	each(t, func(w world) {
		begin := w.clock.now
		sends := 0
		for w.clock.now.Before(begin.Add(24 * time.Hour)) {
			err := w.send("s", phone, fmt.Sprint("address", sends))
			if err == nil {
				sends++
			} else if !errors.Is(err, accounts.ErrSendLimit) {
				w.Fatal(err)
			}
			if within := w.clock.now.Sub(begin); within < time.Hour && sends > accounts.SendsAnHour {
				w.Fatalf("%d sends within the first hour", sends)
			}
			w.clock.now = w.clock.now.Add(5 * time.Minute)
		}
		if sends != accounts.SendsADay {
			w.Errorf("%d sends a day", sends)
		}
	})
}

func TestSendsFromOneAddress(t *testing.T) {
	each(t, func(w world) {
		for i := range accounts.AddressAnHour {
			if err := w.send("s", fmt.Sprintf("138%08d", i), "a"); err != nil {
				w.Fatal(err)
			}
		}
		w.refused(w.send("s", "13900000000", "a"), accounts.ErrSendLimit)
		if err := w.send("s", "13900000000", "b"); err != nil {
			w.Error(err)
		}
		w.clock.now = w.clock.now.Add(time.Hour)
		if err := w.send("s", "13900000001", "a"); err != nil {
			w.Error(err)
		}
	})
}

// TestSendsFromOneNetwork: a host that speaks IPv6 has as many addresses as it
// likes, and is one sender all the same.
func TestSendsFromOneNetwork(t *testing.T) {
	each(t, func(w world) {
		for i := range accounts.AddressAnHour {
			if err := w.send("s", fmt.Sprintf("138%08d", i), fmt.Sprintf("2001:db8::%x", i+1)); err != nil {
				w.Fatal(err)
			}
		}
		w.refused(w.send("s", "13900000000", "2001:db8::ffff:0:0:1"), accounts.ErrSendLimit)
		for i, other := range []string{"2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.2"} {
			if err := w.send("s", fmt.Sprintf("139%08d", i), other); err != nil {
				w.Errorf("%s: %v", other, err)
			}
		}
	})
}

func TestSendsAtOnce(t *testing.T) {
	each(t, func(w world) {
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if err := w.send("s", phone, fmt.Sprint(i)); err != nil && !errors.Is(err, accounts.ErrResend) {
					w.Error(err)
				}
			})
		}
		wg.Wait()
		if len(w.sms.codes) != 1 {
			w.Errorf("%d codes were sent at once", len(w.sms.codes))
		}
	})
}

func TestAFailedSendIsCounted(t *testing.T) {
	each(t, func(w world) {
		w.sms.fail = io.ErrUnexpectedEOF
		w.refused(w.send("s", phone, "a"), accounts.ErrSendFailed)
		w.sms.fail = nil
		w.refused(w.send("s", phone, "a"), accounts.ErrResend)
	})
}

func TestADecoyAnswersTheSame(t *testing.T) {
	each(t, func(w world) {
		if err := w.SendCode(w.Context(), "s", phone, "a", true); err != nil {
			w.Fatal(err)
		}
		if len(w.sms.codes) != 0 {
			w.Error("a decoy was sent")
		}
		if st, err := w.CodeState(w.Context(), "s", phone); err != nil || !st.Sent || st.ResendAfter != time.Minute {
			w.Errorf("state %+v, %v", st, err)
		}
		w.refused(w.SendCode(w.Context(), "s", phone, "a", true), accounts.ErrResend)
	})
}

func TestParsePhone(t *testing.T) {
	for typed, want := range map[string]string{
		"13800000001": phone, "138 0000 0001": phone, "138-0000-0001": phone, "+86 13800000001": phone, "+8613800000001": phone,
		"": "", "1380000000": "", "138000000011": "", "12800000001": "", "23800000001": "", "1380000000x": "", "１３８００００００１": "", "+1 3800000001": "",
	} {
		got, err := accounts.ParsePhone(typed)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
	if got := accounts.Mask(phone); got != "138****0001" {
		t.Errorf("mask %s", got)
	}
	if got := accounts.Mask("123"); got != "***" {
		t.Errorf("mask %s", got)
	}
}

func TestTokens(t *testing.T) {
	a, s, err := accounts.NewToken(rand.Reader)
	if err != nil || accounts.SessionOf(a) != s || strings.Contains(string(s), a) {
		t.Errorf("token %q, session %q, %v", a, s, err)
	}
	if b, _, _ := accounts.NewToken(rand.Reader); a == b {
		t.Error("two tokens alike")
	}
}
