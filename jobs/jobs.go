// Package jobs carries the hall's effects from the transaction that made them
// to the counter that pays them, by River on the hall's own database: an
// effect is never lost and never given up, whatever node dies. Beside the
// workers one loop follows the authority's events, and others work the till. It
// is the only importer of river.
package jobs

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/sqldb"
)

// Times of the queue.
const (
	jobTimeout  = 30 * time.Second
	rescueAfter = 40 * time.Second // a job whose node died is taken up again
	pollEvery   = 50 * time.Millisecond
	followEvery = 200 * time.Millisecond
	tillEvery   = 500 * time.Millisecond
	tillLoops   = 3 // so that a call that hangs holds up few others
	soonest     = 200 * time.Millisecond
	startEvery  = time.Second // while the database is away
	latest      = 15 * time.Second
	attempts    = 32000 // River's column holds no more; only a panic or a timeout counts
)

// Counter is who pays effects and follows events: hall/services' Counter.
type Counter interface {
	Work(ctx context.Context, e services.Effect) error
	Follow(ctx context.Context) (int, error)
}

// Till does what is due about payment, a few rows at a time, and answers how many
// it took up: hall/payment's Till.
type Till interface {
	Work(ctx context.Context) (int, error)
}

// Options of a Queue.
type Options struct {
	Log     *slog.Logger  // nil: silent
	Workers int           // at once on this node; 0 means 8
	Follow  time.Duration // between looks for events; 0 means a fifth of a second
	Till    time.Duration // between looks at the till; 0 means half a second
}

// Queue is the hall's queue of effects on one node.
type Queue struct {
	db     *sqldb.DB
	client *river.Client[*sql.Tx]
	worker *worker
	till   Till // nil: there is none
	opt    Options
	end    context.CancelFunc
	loops  sync.WaitGroup
}

// effectArgs is an effect as River keeps it.
type effectArgs struct{ services.Effect }

// Kind names the kind of job in River's tables.
func (effectArgs) Kind() string { return "effect" }

// New brings River's tables in the hall's database up to date and makes the
// queue. Effects can be enqueued at once; nothing is worked before Start.
func New(ctx context.Context, db *sqldb.DB, o Options) (*Queue, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Workers == 0 {
		o.Workers = 8
	}
	o.Follow, o.Till = cmp.Or(o.Follow, followEvery), cmp.Or(o.Till, tillEvery)
	driver := driverFor(db)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet(o.Log)})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	q := &Queue{db: db, worker: &worker{log: o.Log}, opt: o}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, q.worker); err != nil {
		return nil, err
	}
	q.client, err = river.NewClient(driver, &river.Config{
		Logger:               quiet(o.Log),
		Workers:              workers,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.Workers}},
		FetchCooldown:        pollEvery,
		FetchPollInterval:    pollEvery,
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: rescueAfter,
		MaxAttempts:          attempts,
		RetryPolicy:          retries{},
	})
	return q, err
}

func driverFor(db *sqldb.DB) riverdriver.Driver[*sql.Tx] {
	if db.Dialect() == sqldb.Postgres {
		return riverdatabasesql.New(db.Writer())
	}
	return riversqlite.New(db.Writer())
}

// quiet lets River's own news pass only from warnings up.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(atLeastWarn{log.Handler()}) }

type atLeastWarn struct{ slog.Handler }

func (h atLeastWarn) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// Enqueue gives an effect to the queue within the transaction that made it:
// both are committed, or neither. It is store/hall's Enqueuer.
func (q *Queue) Enqueue(ctx context.Context, tx *sql.Tx, e services.Effect) error {
	_, err := q.client.InsertTx(ctx, tx, effectArgs{e}, nil)
	return err
}

// Tend has Start work the till as well.
func (q *Queue) Tend(t Till) { q.till = t }

// Start begins to work effects and to follow events, until Stop. A database
// that is away is waited for until ctx ends. What a killed node was working is
// taken up at once where it can only be dead, else after rescueAfter.
func (q *Queue) Start(ctx context.Context, c Counter) error {
	q.worker.counter = c
	run, end := context.WithCancel(context.WithoutCancel(ctx))
	q.end = end
	for {
		err := q.takeUp(run)
		if err == nil {
			err = q.client.Start(run)
		}
		if err == nil {
			break
		}
		q.opt.Log.WarnContext(ctx, "the queue cannot start yet", "error", certhall.CauseText(err))
		select {
		case <-ctx.Done():
			end()
			return err
		case <-time.After(startEvery):
		}
	}
	ctx = run
	q.loops.Go(func() { q.repeat(ctx, "events are followed", q.opt.Follow, c.Follow) })
	if q.till != nil {
		for range tillLoops {
			q.loops.Go(func() { q.repeat(ctx, "the till is worked", q.opt.Till, q.till.Work) })
		}
	}
	return nil
}

// takeUp frees the jobs that a killed node was working. An embedded database has
// one node, so nobody works them any more, and a person may be waiting. On
// PostgreSQL other nodes may be at them; River rescues those in time.
func (q *Queue) takeUp(ctx context.Context) error {
	if q.db.Dialect() == sqldb.Postgres {
		return nil
	}
	return q.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec("UPDATE river_job SET state = 'available' WHERE state = 'running'")
		return err
	})
}

// Stop ends the loops, waits for running jobs until ctx ends, then cuts them
// off: they are taken up again later, here or on another node.
func (q *Queue) Stop(ctx context.Context) error {
	err := q.client.Stop(ctx)
	if err != nil && ctx.Err() != nil {
		err = q.client.StopAndCancel(context.WithoutCancel(ctx))
	}
	q.end()
	q.loops.Wait()
	return err
}

// States are River's names of the states of jobs that are not done.
var States = []string{"available", "pending", "retryable", "running", "scheduled"}

// Waiting counts the jobs that are not done, by River's name of their state.
func (q *Queue) Waiting(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	err := q.db.Read(ctx, func(tx *sqldb.Tx) error {
		rows, err := tx.Query("SELECT state, count(*) FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled') GROUP BY state")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var state string
			var n int64
			if err := rows.Scan(&state, &n); err != nil {
				return err
			}
			counts[state] = n
		}
		return rows.Err()
	})
	return counts, err
}

// repeat calls f again and again, at once while it finds something; several nodes
// may do so at the same time.
func (q *Queue) repeat(ctx context.Context, what string, every time.Duration, f func(context.Context) (int, error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		n, err := f(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			q.opt.Log.WarnContext(ctx, "cannot go on", "what", what, "error", certhall.CauseText(err))
		}
		if failing && err == nil {
			q.opt.Log.InfoContext(ctx, "goes on again", "what", what)
		}
		failing = err != nil
		if n > 0 && err == nil && ctx.Err() == nil {
			continue // perhaps there are more
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// worker pays one effect. What cannot be paid now comes back, sooner or later
// by the effect's age; nothing is ever given up.
type worker struct {
	river.WorkerDefaults[effectArgs]
	counter Counter
	log     *slog.Logger
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[effectArgs]) error {
	err := w.counter.Work(ctx, job.Args.Effect)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return river.JobSnooze(0) // stopped: go on at the next start
	}
	level := slog.LevelDebug
	if certhall.AsError(err).Kind == certhall.Internal {
		level = slog.LevelWarn
	}
	pause := pauseFor(time.Since(job.CreatedAt))
	w.log.Log(ctx, level, "an effect has to wait", "kind", job.Args.Effect.Kind, "case", job.Args.Case,
		"attempt", job.Args.Attempt, "for", pause, "error", certhall.CauseText(err))
	return river.JobSnooze(pause)
}

// retries is the policy for jobs that panicked or ran out of time.
type retries struct{}

// NextRetry implements river.ClientRetryPolicy.
func (retries) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(pauseFor(time.Since(job.CreatedAt)))
}

// pauseFor waits a quarter of what was waited so far: soon at first, and never
// long, because a person is waiting.
func pauseFor(age time.Duration) time.Duration { return min(max(age/4, soonest), latest) }
