package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/jobs"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// counter notes effects and answers what the test says.
type counter struct {
	mu      sync.Mutex
	worked  chan services.Effect
	follow  chan struct{}
	answers []error
}

func (c *counter) Work(_ context.Context, e services.Effect) error {
	c.mu.Lock()
	var err error
	if len(c.answers) > 0 {
		err, c.answers = c.answers[0], c.answers[1:]
	}
	c.mu.Unlock()
	c.worked <- e
	return err
}

func (c *counter) Follow(context.Context) (int, error) {
	select {
	case c.follow <- struct{}{}:
	default:
	}
	return 0, nil
}

func (c *counter) next(t *testing.T) services.Effect {
	t.Helper()
	select {
	case e := <-c.worked:
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was worked")
		return services.Effect{}
	}
}

func each(t *testing.T, f func(t *testing.T, s *hall.Store, q *jobs.Queue, db *sqldb.DB)) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := storetest.Open(t, address, hall.Migrations())
		q, err := jobs.New(t.Context(), db, jobs.Options{Follow: time.Millisecond, Till: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		f(t, hall.New(db, q), q, db)
	})
}

func start(t *testing.T, q *jobs.Queue, answers ...error) *counter {
	t.Helper()
	c := &counter{worked: make(chan services.Effect, 100), follow: make(chan struct{}, 1), answers: answers}
	if err := q.Start(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func enqueue(t *testing.T, s *hall.Store, then error, effects ...services.Effect) {
	t.Helper()
	err := s.Write(t.Context(), func(w services.Writer) error {
		for _, e := range effects {
			if err := w.Enqueue(e); err != nil {
				return err
			}
		}
		return then
	})
	if !errors.Is(err, then) {
		t.Fatal(err)
	}
}

func same(a, b services.Effect) bool {
	return a.Kind == b.Kind && a.Case == b.Case && a.Attempt == b.Attempt && string(a.Message) == string(b.Message)
}

func TestEffectsAreWorked(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, q *jobs.Queue, _ *sqldb.DB) {
		lost := services.Effect{Kind: services.EffectIssue, Case: "rolled-back"}
		kept := services.Effect{Kind: services.EffectRetired, Case: "c", Attempt: 2, Message: []byte{0, 255}}
		enqueue(t, s, errors.New("rolled back"), lost)
		enqueue(t, s, nil, kept)
		c := start(t, q)
		if got := c.next(t); !same(got, kept) {
			t.Errorf("worked %+v", got)
		}
		select {
		case <-c.follow:
		case <-time.After(20 * time.Second):
			t.Error("events were not followed")
		}
	})
}

// TestNothingIsGivenUp: sealed, then broken, then paid.
func TestNothingIsGivenUp(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, q *jobs.Queue, _ *sqldb.DB) {
		e := services.Effect{Kind: services.EffectIssue, Case: "c", Attempt: 1}
		c := start(t, q, authority.ErrSealed, sql.ErrConnDone)
		enqueue(t, s, nil, e)
		for range 3 {
			if got := c.next(t); !same(got, e) {
				t.Errorf("worked %+v", got)
			}
		}
	})
}

// TestManyWriters: effects of transactions that share a commit each come once.
func TestManyWriters(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, q *jobs.Queue, _ *sqldb.DB) {
		c := start(t, q)
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				enqueue(t, s, nil, services.Effect{Kind: services.EffectTicket, Case: "c", Attempt: i + 1})
			})
		}
		wg.Wait()
		seen := map[int]int{}
		for range 30 {
			seen[c.next(t).Attempt]++
		}
		for i := range 30 {
			if seen[i+1] != 1 {
				t.Errorf("effect %d was worked %d times", i+1, seen[i+1])
			}
		}
	})
}

// TestStopAndStartElsewhere: what one node leaves, the next takes up.
func TestStopAndStartElsewhere(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, q *jobs.Queue, db *sqldb.DB) {
		c := &counter{worked: make(chan services.Effect, 1), follow: make(chan struct{}, 1)}
		if err := q.Start(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := q.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		e := services.Effect{Kind: services.EffectClose, Case: "c"}
		enqueue(t, s, nil, e)
		second, err := jobs.New(t.Context(), db, jobs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := start(t, second).next(t); !same(got, e) {
			t.Errorf("worked %+v", got)
		}
	})
}

// TestWhatAKilledNodeLeft: a job that was being worked when its node was killed
// is worked at once by the only node of an embedded database; that of another
// node of PostgreSQL is left to it.
func TestWhatAKilledNodeLeft(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, q *jobs.Queue, db *sqldb.DB) {
		left := services.Effect{Kind: services.EffectTicket, Case: "left"}
		enqueue(t, s, nil, left)
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec("UPDATE river_job SET state = 'running', attempted_at = created_at")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		c := start(t, q)
		if db.Dialect() == sqldb.SQLite {
			if got := c.next(t); !same(got, left) {
				t.Errorf("worked %+v", got)
			}
			return
		}
		fresh := services.Effect{Kind: services.EffectTicket, Case: "fresh"}
		enqueue(t, s, nil, fresh)
		if got := c.next(t); !same(got, fresh) {
			t.Errorf("worked %+v, which another node may be working", got)
		}
	})
}

// till tells that it was worked, and finds something the first time.
type till struct {
	worked chan struct{}
	found  sync.Once
}

func (t *till) Work(ctx context.Context) (n int, err error) {
	t.found.Do(func() { n = 1 })
	select {
	case t.worked <- struct{}{}:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return n, err
}

// TestTillIsWorked: again and again, until the queue stops.
func TestTillIsWorked(t *testing.T) {
	each(t, func(t *testing.T, _ *hall.Store, q *jobs.Queue, _ *sqldb.DB) {
		tended := &till{worked: make(chan struct{})}
		q.Tend(tended)
		c := &counter{worked: make(chan services.Effect, 1), follow: make(chan struct{}, 1)}
		if err := q.Start(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			select {
			case <-tended.worked:
			case <-time.After(20 * time.Second):
				t.Fatal("the till was not worked")
			}
		}
		if err := q.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-tended.worked:
			t.Error("worked after the end")
		default:
		}
	})
}
