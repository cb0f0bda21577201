package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/metrics"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/web"
)

// house is what one process runs: the wings of its roles, wired together.
// Between wings of one process calls go directly; between processes the hall
// reaches the authority over mutual TLS (nodes.go).
//
// What hangs where:
//
//	what the world may ask (OCSP, CRL, checkpoint)  publishWing.public, publish.go
//	what the authority does unasked                 authorityWing.run, issue.go
//	what must hold before a certificate is signed   openAuthority's Gates, issue.go
//	what unsealing brings                           authorityWing.unseal, issue.go
//	what a person meets                             hallWing, hall.go
//	a condition of /readyz                          checks of the wing it belongs to
//	a series of /metrics                            look of the wing, package metrics
//	a flag                                          the …Flags of that wing; every flag of
//	                                                serve is a key of the TOML file as well
type house struct {
	env       *environment
	authority *authorityWing // role issue; nil without
	publish   *publishWing   // role publish; nil without
	hall      *hallWing      // role hall; nil without
	door      *door          // where halls on other machines call; nil where none do
}

// wing is one role's part of a process.
type wing interface {
	// checks are what /readyz asks.
	checks() []web.Check
	// look tells what stands in the wing, for /metrics.
	look(ctx context.Context, set metrics.Set)
	// run does what the wing does unasked, until ctx ends.
	run(ctx context.Context) error
	close() error
}

// wings are those that are open, in the order in which they were opened.
func (h *house) wings() []wing {
	var open []wing
	if h.authority != nil {
		open = append(open, h.authority)
	}
	if h.publish != nil {
		open = append(open, h.publish)
	}
	if h.hall != nil {
		open = append(open, h.hall)
	}
	if h.door != nil {
		open = append(open, h.door)
	}
	return open
}

// openHouse opens the wings of the process's roles; a demo's only for the demo
// itself.
func openHouse(env *environment, f houseFlags, demo bool) (*house, error) {
	env.metrics = metrics.New(version())
	h := &house{env: env}
	if err := h.open(f, demo); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *house) open(f houseFlags, isDemo bool) (err error) {
	if !isDemo && demo.IsComplete(f.Dir) {
		return errDemoFolder.With("dir", f.Dir)
	}
	if f.has(roleIssue) {
		if h.authority, err = f.openAuthority(h.env, f.origin, isDemo); err != nil {
			return err
		}
		if f.InternalListen != "" {
			if h.door, err = f.openDoor(h.env, h.authority); err != nil {
				return err
			}
		}
	}
	if f.has(rolePublish) {
		if h.publish, err = f.openPublish(h.env, h.authority); err != nil {
			return err
		}
	}
	if f.has(roleHall) {
		h.hall, err = f.openHall(h.env, h.authority)
	}
	return err
}

// run serves until ctx ends, then lets what runs come to its end.
func (h *house) run(ctx context.Context, at *entrance, listen listenFlags) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range h.wings() {
		group.Go(func() error { return w.run(ctx) })
	}
	group.Go(func() error { return at.serve(ctx, h.handler(at, listen), h.env.log) })
	group.Go(func() error { tellSystemd(ctx, h.env.log); return nil })
	return group.Wait()
}

// handler is everything that the process answers by HTTP.
func (h *house) handler(at *entrance, listen listenFlags) http.Handler {
	o := web.Options{
		Log: h.env.log, Random: h.env.random, Proxies: listen.Proxy, Version: version(),
		Observe: h.env.metrics.Request, Metrics: h.env.metrics.Handler(), MetricsFrom: listen.MetricsFrom,
	}
	if at.files != nil {
		o.Checks = append(o.Checks, web.Check{Name: "tls-certificate", Warns: true, Ready: func(context.Context) error { return at.files.ready() }})
		h.env.metrics.Look(func(_ context.Context, set metrics.Set) { at.files.look(set, "public") })
	}
	for _, w := range h.wings() {
		o.Checks = append(o.Checks, w.checks()...)
		h.env.metrics.Look(w.look)
	}
	h.env.metrics.Look(func(ctx context.Context, set metrics.Set) {
		for _, c := range o.Checks {
			set(metrics.Ready, truth(c.Ready(ctx) == nil), "check", c.Name)
		}
	})
	if h.publish != nil {
		o.Public = h.publish.public()
	}
	if h.hall != nil {
		h.hall.serve(&o)
	}
	return web.New(o)
}

// close closes what was opened, last things first.
func (h *house) close() error {
	var err error
	open := h.wings()
	for i := range open {
		err = errors.Join(err, open[len(open)-1-i].close())
	}
	return err
}

// truth is a condition as a number.
func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

// connections tells of a database's pool.
func connections(db *sqldb.DB, name string, set metrics.Set) {
	s := db.Stats()
	set(metrics.DatabaseConnections, float64(s.InUse), "database", name, "state", "in-use")
	set(metrics.DatabaseConnections, float64(s.Idle), "database", name, "state", "idle")
	set(metrics.DatabaseWaits, float64(s.WaitCount), "database", name)
}

// stopTime is how long requests and jobs that run may take to end.
const stopTime = 10 * time.Second

func answers(ctx context.Context, db *sqldb.DB) error {
	return db.Read(ctx, func(tx *sqldb.Tx) error {
		var one int
		return tx.QueryRow("SELECT 1").Scan(&one)
	})
}

// closing closes at the end of a command, where only the log can still be told.
func closing(log *slog.Logger, what string, closer func() error) {
	if err := closer(); err != nil {
		log.Error("close", "what", what, "cause", err)
	}
}

// version is what the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
