// Package rounds is the authority's clockwork: what happens without anybody
// asking. It numbers records and has them signed (checkpoints), completes
// intents that a crash left open, closes cases that lapsed, revokes pairs whose
// grace ended and publishes CRLs. Every round is safe
// to run on several nodes at once: each step is a compare-and-swap.
package rounds

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/authority/status"
)

// Rounds are the authority's loops.
type Rounds struct {
	CA        *ca.CA
	Sequencer audit.Sequencer
	CRLs      *status.Publisher  // nil: this node makes none
	Keeper    *audit.Keeper      // of checkpoints; nil: another process keeps them
	Register  *register.Register // to warn whose certificate ends; nil: nobody is warned
	Log       *slog.Logger
}

// How often each round is made. Numbering is quick, because the hall moves
// only on numbered events.
const (
	numberEvery = 50 * time.Millisecond
	keepEvery   = 2 * time.Second // signs once a minute at most
	tidyEvery   = 30 * time.Second
	crlEvery    = time.Second // to look whether one is due
	warnEvery   = 24 * time.Hour
)

// lastTime is how long the last checkpoint may take when the process ends.
const lastTime = 5 * time.Second

// Run makes rounds until ctx ends; then what was recorded gets its checkpoint,
// if that is possible.
func (r Rounds) Run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { r.every(ctx, numberEvery, "number records", r.Sequencer.Run) })
	wait.Go(func() { r.every(ctx, tidyEvery, "tidy", r.Tidy) })
	if r.CRLs != nil {
		wait.Go(func() { r.every(ctx, crlEvery, "CRLs", r.CRLs.Run) })
	}
	if r.Register != nil {
		wait.Go(func() { r.every(ctx, warnEvery, "staff", r.warn) })
	}
	if r.Keeper != nil {
		wait.Go(func() { r.every(ctx, keepEvery, "checkpoint", r.Keeper.Run) })
	}
	wait.Wait()
	if r.Keeper == nil {
		return
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
	defer stop()
	if _, err := r.Keeper.Finish(end); err != nil {
		r.Log.Error("no checkpoint at the end", "cause", certhall.CauseText(err))
	}
}

// Tidy makes one round of everything but numbering, and answers how much there was to do.
func (r Rounds) Tidy(ctx context.Context) (int, error) {
	total := 0
	var failed error
	for _, round := range []func(context.Context) (int, error){r.CA.CompleteIntents, r.CA.Lapse, r.CA.EndGrace} {
		n, err := round(ctx)
		total += n
		if err != nil && !errors.Is(err, authority.ErrSealed) {
			failed = errors.Join(failed, err)
		}
	}
	return total, failed
}

// warn names the officers and reviewers whose certificates end soon: without
// them nobody can decide, nor enrol who could.
func (r Rounds) warn(ctx context.Context) (int, error) {
	ending, err := r.Register.Ending(ctx)
	for _, m := range ending {
		r.Log.Warn("a certificate of staff ends soon: enrol another (certhall admin "+m.Role+" enrol)",
			"role", m.Role, "name", m.Name, "serial", m.Serial, "ends", certhall.Date(m.NotAfter))
	}
	return len(ending), err
}

func (r Rounds) every(ctx context.Context, d time.Duration, what string, round func(context.Context) (int, error)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		if _, err := round(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error("round failed", "round", what, "cause", certhall.CauseText(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
