package once_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/once"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

type world struct {
	*testing.T
	*once.Keeper
	clock *clock
	db    *sqldb.DB
}

func each(t *testing.T, f func(w world)) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := storetest.Open(t, address, hall.Migrations())
		c := &clock{time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}
		f(world{t, &once.Keeper{Store: hall.New(db, nil).Once(), Clock: c, Random: rand.Reader, Secret: []byte("s")}, c, db})
	})
}

// ask asks for an operation that answers, and tells whether it ran.
func (w world) ask(s accounts.Session, key, input, answer string) (got string, ran bool, err error) {
	body, err := w.Do(w.Context(), s, key, []byte(input), func() ([]byte, error) {
		ran = true
		return []byte(answer), nil
	})
	return string(body), ran, err
}

func (w world) refused(err error, want *certhall.Error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("got %v, want %s", err, want.Code)
	}
}

func TestASecondTimeAnswersTheFirst(t *testing.T) {
	each(t, func(w world) {
		for _, c := range []struct {
			name, session, key, input, answer string
			want                              string
			ran                               bool
			err                               *certhall.Error
		}{
			{"first", "s1", "k1", "a", "one", "one", true, nil},
			{"again", "s1", "k1", "a", "two", "one", false, nil},
			{"other input", "s1", "k1", "b", "two", "", false, once.ErrConflict},
			{"other key", "s1", "k2", "a", "two", "two", true, nil},
			{"other session", "s2", "k1", "a", "three", "three", true, nil},
			{"the first still stands", "s1", "k1", "a", "four", "one", false, nil},
		} {
			got, ran, err := w.ask(accounts.Session(c.session), c.key, c.input, c.answer)
			if got != c.want || ran != c.ran || (c.err == nil) != (err == nil) || c.err != nil && !errors.Is(err, c.err) {
				w.Errorf("%s: %q, ran %v, %v", c.name, got, ran, err)
			}
		}
		w.clock.now = w.clock.now.Add(once.Life)
		if got, ran, err := w.ask("s1", "k1", "b", "late"); got != "late" || !ran || err != nil {
			w.Errorf("a day later: %q, ran %v, %v", got, ran, err)
		}
	})
}

func TestARefusalIsNotKept(t *testing.T) {
	each(t, func(w world) {
		refusal := certhall.NewError("no", certhall.Denied)
		_, err := w.Do(w.Context(), "s", "k", []byte("a"), func() ([]byte, error) { return nil, refusal })
		w.refused(err, refusal)
		if got, ran, err := w.ask("s", "k", "a", "yes"); got != "yes" || !ran || err != nil {
			w.Errorf("%q, ran %v, %v", got, ran, err)
		}
	})
}

// TestTheCallerMayGo: what was done is kept, whoever still listens.
func TestTheCallerMayGo(t *testing.T) {
	each(t, func(w world) {
		ctx, gone := context.WithCancel(w.Context())
		if _, err := w.Do(ctx, "s", "k", nil, func() ([]byte, error) { gone(); return []byte("done"), nil }); err != nil {
			w.Fatal(err)
		}
		if got, ran, err := w.ask("s", "k", "", "again"); got != "done" || ran || err != nil {
			w.Errorf("%q, ran %v, %v", got, ran, err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	each(t, func(w world) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		runs, done := 0, 0
		release, running := make(chan struct{}), make(chan struct{})
		wg.Go(func() {
			_, err := w.Do(w.Context(), "s", "k", nil, func() ([]byte, error) {
				close(running)
				<-release
				runs++
				return []byte("one"), nil
			})
			if err != nil {
				w.Error(err)
			}
		})
		<-running
		for range 10 {
			wg.Go(func() {
				_, ran, err := w.ask("s", "k", "", "two")
				w.refused(err, once.ErrBusy)
				mu.Lock()
				defer mu.Unlock()
				if done++; done == 10 {
					close(release)
				}
				if ran {
					w.Error("it ran twice")
				}
			})
		}
		wg.Wait()
		if got, ran, err := w.ask("s", "k", "", "two"); got != "one" || ran || err != nil || runs != 1 {
			w.Errorf("%q, ran %v, %d runs, %v", got, ran, runs, err)
		}
	})
}

// TestACrashBlocksAKeyForAMinute: after the lease one other run takes over,
// and the first, should it come back, changes nothing any more.
func TestACrashBlocksAKeyForAMinute(t *testing.T) {
	each(t, func(w world) {
		release, running, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			_, err := w.Do(w.Context(), "s", "k", nil, func() ([]byte, error) {
				close(running)
				<-release
				return []byte("lost"), nil
			})
			if err != nil {
				w.Error(err)
			}
		}()
		<-running
		w.clock.now = w.clock.now.Add(once.Lease - time.Millisecond)
		_, _, err := w.ask("s", "k", "", "early")
		w.refused(err, once.ErrBusy)
		w.clock.now = w.clock.now.Add(time.Millisecond)
		if got, ran, err := w.ask("s", "k", "", "taken over"); got != "taken over" || !ran || err != nil {
			w.Errorf("%q, ran %v, %v", got, ran, err)
		}
		close(release)
		<-ended
		if got, ran, err := w.ask("s", "k", "", "again"); got != "taken over" || ran || err != nil {
			w.Errorf("%q, ran %v, %v", got, ran, err)
		}
	})
}

// TestWhatIsKept: neither key nor input, from which passwords could be guessed.
func TestWhatIsKept(t *testing.T) {
	each(t, func(w world) {
		if _, _, err := w.ask("s", "the-key", "the-password", "fine"); err != nil {
			w.Fatal(err)
		}
		err := w.db.Read(w.Context(), func(tx *sqldb.Tx) error {
			var key string
			var input []byte
			if err := tx.QueryRow("SELECT key, input FROM answers").Scan(&key, &input); err != nil {
				return err
			}
			if strings.Contains(key+string(input), "the-") {
				w.Errorf("kept: %q %q", key, input)
			}
			return nil
		})
		if err != nil {
			w.Error(err)
		}
	})
}
