package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/sync/errgroup"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/rounds"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/hall/once"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/jobs"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/ui"
	"github.com/certhall/certhall/web"
)

// stopTime is how long requests and jobs that run may take to end.
const stopTime = 10 * time.Second

// house is the whole server: both wings over their databases, wired together.
type house struct {
	env       *environment
	authority *authorityWing
	db        *sqldb.DB // the hall's
	outbox    *notify.Outbox
	queue     *jobs.Queue
	people    *accounts.Desk
	once      *once.Keeper
	counter   *services.Counter
	facts     web.Hall
}

// hallFlags are what the hall needs beside its state folder.
type hallFlags struct {
	HallDB    string    `name:"hall-db" help:"Database of the hall, sqlite:PATH or postgres://…; default in the state folder."`
	SMS       string    `name:"sms" enum:"none,outbox" default:"none" help:"Provider of short messages: none, or outbox (for trials: codes are not sent, they lie in the hall's database)."`
	AgentPort []int     `name:"agent-port" help:"Port of 127.0.0.1 where pages look for the agent; may be repeated. Default 17083, 27083, 37083."`
	Project   []project `sep:"none" help:"Name of a project that certificates are for: CODE=中文名|English name; may be repeated."`
	Contact   string    `help:"How people reach somebody who helps, such as a telephone number and its hours; shown on every page."`

	origin string // "": the public address the authority was founded with
}

// openHouse opens both wings.
func openHouse(env *environment, f stateFlags, o hallFlags, demo bool) (*house, error) {
	wing, err := f.openAuthority(env, o.origin, demo)
	if err != nil {
		return nil, err
	}
	h := &house{env: env, authority: wing}
	if err := h.openHall(f, o); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *house) openHall(f stateFlags, o hallFlags) error {
	address := cmp.Or(o.HallDB, "sqlite:"+filepath.Join(f.Dir, hallDB))
	ctx, env := h.env.ctx, h.env
	var err error
	if h.db, err = sqldb.Open(ctx, address); err != nil {
		return err
	}
	if err := hallstore.Migrate(ctx, h.db); err != nil {
		return err
	}
	if h.queue, err = jobs.New(ctx, h.db, jobs.Options{Log: env.log}); err != nil {
		return err
	}
	secret, err := secretOf(f.Dir, env)
	if err != nil {
		return err
	}
	store := hallstore.New(h.db, h.queue)
	h.outbox = &notify.Outbox{Store: store, Clock: env.clock}
	sms := notify.Provider(h.outbox)
	if o.SMS != "outbox" {
		sms = notify.None{}
		env.log.Warn("there is no provider of short messages: codes cannot be sent (--sms)")
	}
	codesAnHour, codesADay := 0, 0  // the default
	if h.authority.published.Demo { // who tries what can be interrupted needs many
		codesAnHour, codesADay = 60, 500
	}
	h.facts = o.facts(h.authority)
	h.people = accounts.New(accounts.Options{
		Store: store.Accounts(), SMS: sms, Clock: env.clock, Random: env.random, Secret: secret,
		SendsAnHour: codesAnHour, SendsADay: codesADay,
		Authority: h.authority.ca, AuthorityID: h.authority.published.ID, Origin: h.facts.Origin, Log: env.log,
	})
	h.once = &once.Keeper{Store: store.Once(), Clock: env.clock, Random: env.random, Secret: secret}
	h.counter = services.New(services.Options{
		Store: store, Authority: h.authority.ca, AuthorityID: h.authority.published.ID, Accounts: h.people,
		Roots: []*smx509.Certificate{h.authority.published.Root}, Clock: env.clock, Random: env.random,
		Origin: h.facts.Origin, Issuers: [][]byte{h.authority.published.Issuing.Raw}, Log: env.log,
	})
	return nil
}

// run serves until ctx ends: HTTP, the hall's queue and the authority's rounds.
func (h *house) run(ctx context.Context, listen listenFlags, l net.Listener) error {
	if err := h.queue.Start(ctx, h.counter); err != nil {
		return err
	}
	handler := web.New(web.Options{
		Counter: h.counter, People: h.people, Once: h.once, Origin: h.facts.Origin, Hall: h.facts, Pages: ui.Pages(), Checks: h.checks(),
		Log: h.env.log, Random: h.env.random, Proxies: listen.Proxy, Version: version(),
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return listen.serveHTTP(ctx, l, handler) })
	group.Go(func() error {
		rounds.Rounds{CA: h.authority.ca, Sequencer: h.authority.sequencer, Log: h.env.log}.Run(ctx)
		return nil
	})
	err := group.Wait()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return errors.Join(err, h.queue.Stop(end))
}

// checks are what /readyz asks.
func (h *house) checks() []web.Check {
	return []web.Check{
		{Name: "hall-database", Ready: func(ctx context.Context) error { return answers(ctx, h.db) }},
		{Name: "authority-database", Ready: func(ctx context.Context) error { return answers(ctx, h.authority.db) }},
		{Name: "issuing", Ready: func(context.Context) error {
			if h.authority.ca.Sealed() {
				return authority.ErrSealed
			}
			return nil
		}},
	}
}

func answers(ctx context.Context, db *sqldb.DB) error {
	return db.Read(ctx, func(tx *sqldb.Tx) error {
		var one int
		return tx.QueryRow("SELECT 1").Scan(&one)
	})
}

// close closes what was opened.
func (h *house) close() error {
	err := h.authority.close()
	if h.people != nil {
		h.people.Wait()
	}
	if h.db != nil {
		err = errors.Join(err, h.db.Close())
	}
	return err
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
