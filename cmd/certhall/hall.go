package main

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/favourites"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/hall/once"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/jobs"
	"github.com/certhall/certhall/metrics"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/ui"
	"github.com/certhall/certhall/web"
)

// hallFlags are what the hall needs beside its state folder.
type hallFlags struct {
	HallDB    string    `name:"hall-db" help:"Database of the hall, sqlite:PATH or postgres://…; default in the state folder."`
	SMS       string    `name:"sms" enum:"none,outbox" default:"none" help:"Provider of short messages: none, or outbox (for trials: codes are not sent, they lie in the hall's database)."`
	AgentPort []int     `name:"agent-port" help:"Port of 127.0.0.1 where pages look for the agent; may be repeated. Default 17083, 27083, 37083."`
	Project   []project `sep:"none" help:"Name of a project that certificates are for: CODE=中文名|English name; may be repeated."`
	mailFlags
	ProofOfWork int    `default:"50000" help:"How much a visitor's browser computes before a code is sent for somebody whom the hall does not know: numbers tried at most; 0 for nothing."`
	OrdersOpen  int    `default:"20" help:"How many unpaid orders a person may have at a time; 0: any number. An order may have 500 certificates."`
	OrdersADay  int    `name:"orders-a-day" default:"100" help:"How many orders a person may make within 24 hours and not pay; 0: any number."`
	Contact     string `help:"How people reach somebody who helps, such as a telephone number and its hours; shown on every page."`
	paymentFlags

	origin string // "": the public address the authority was founded with
}

var errNoNodes = certhall.NewError("authority-nodes-missing", certhall.Invalid)

// hallWing is where people come (role hall). Of the authority it holds public
// certificates alone.
type hallWing struct {
	env       *environment
	published ceremony.Public
	authority authority.Authority
	far       *far // the authority on other machines; nil if it is in this process
	db        *sqldb.DB
	outbox    *notify.Outbox
	queue     *jobs.Queue
	people    *accounts.Desk
	organs    *organisations.Desk
	kept      *favourites.Shelf
	unlocks   *unlocks.Desk
	once      *once.Keeper
	shelf     *catalog.Shelf
	till      *payment.Till
	office    payment.Office
	counter   *services.Counter
	facts     web.Hall
}

// openHall opens the hall over its own database; issue is the authority in the
// same process, nil if it is on another machine.
func (f houseFlags) openHall(env *environment, issue *authorityWing) (*hallWing, error) {
	published, err := f.public()
	if err != nil {
		return nil, err
	}
	channel, err := f.openPayment(published, env.clock)
	if err != nil {
		return nil, err
	}
	h := &hallWing{env: env, published: published, facts: f.facts(published)}
	if issue != nil {
		h.authority = env.metrics.Authority(issue.ca)
	} else if h.far, err = f.openFar(env); err != nil {
		return nil, err
	} else {
		h.authority = env.metrics.Authority(h.far)
	}
	if err := h.open(f, channel); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *hallWing) open(f houseFlags, channel payment.Channel) error {
	address := cmp.Or(f.HallDB, "sqlite:"+filepath.Join(f.Dir, hallDB))
	ctx, env := h.env.ctx, h.env
	var err error
	if h.db, err = openStore(env, address, hallstore.Migrations()); err != nil {
		return err
	}
	if h.queue, err = jobs.New(ctx, h.db, jobs.Options{Log: env.log}); err != nil {
		return err
	}
	secret, err := h.secret(f.Dir)
	if err != nil {
		return err
	}
	store := hallstore.New(h.db, h.queue)
	h.outbox = &notify.Outbox{Store: store, Clock: env.clock}
	sms := notify.Provider(h.outbox)
	if f.SMS != "outbox" {
		sms = notify.None{}
		env.log.Warn("there is no provider of short messages: codes cannot be sent (--sms)")
	}
	env.log.Info("channel of payment", "payment", f.Payment, "trial", h.facts.PaymentTrial)
	mail, err := f.mailer(h.outbox)
	if err != nil {
		return err
	}
	people := accounts.Options{
		Store: store.Accounts(), SMS: sms, Mail: mail, Clock: env.clock, Random: env.random, Secret: secret,
		Difficulty: int64(f.ProofOfWork), Contact: f.Contact,
		Follow:    func(ctx context.Context, person, was, is string) error { return h.counter.Rename(ctx, person, was, is) },
		Authority: h.authority, AuthorityID: h.published.ID, Origin: h.facts.Origin, Log: env.log,
	}
	if h.published.Demo { // who tries what can be interrupted needs many
		people.SendsAnHour, people.SendsADay, people.StrangersADay = 60, 500, 500
	}
	h.people = accounts.New(people)
	h.organs = organisations.New(organisations.Options{Store: store.Organisations(), People: h.people, Clock: env.clock, Random: env.random})
	h.kept = &favourites.Shelf{Store: store, Clock: env.clock, Random: env.random}
	h.unlocks = &unlocks.Desk{
		Store: store.Unlocks(), Authority: h.authority, SMS: sms, AuthorityID: h.published.ID, Clock: env.clock, Random: env.random, Log: env.log,
	}
	h.once = &once.Keeper{Store: store.Once(), Clock: env.clock, Random: env.random, Secret: secret}
	h.shelf = &catalog.Shelf{Store: store.Catalogs(), Limits: catalog.Protocol}
	till := h.openTill(store, channel)
	h.counter = services.New(services.Options{
		Store: store, Authority: h.authority, AuthorityID: h.published.ID, Accounts: h.people, Catalog: h.shelf, Till: till,
		OrderLimits: orders.Limits{Open: f.OrdersOpen, Day: f.OrdersADay},
		Roots:       []*smx509.Certificate{h.published.Root}, Clock: env.clock, Random: env.random,
		Origin: h.facts.Origin, Issuers: h.published.Intermediates(), Log: env.log,
	})
	return nil
}

// secret keys the digests of codes. Beside the authority it is made where it
// is missing; on a machine of its own it was brought there.
func (h *hallWing) secret(dir string) ([]byte, error) {
	if h.far != nil {
		return readSecret(dir)
	}
	return secretOf(dir, h.env)
}

// serve adds the hall to what the process answers.
func (h *hallWing) serve(o *web.Options) {
	o.Counter, o.Shop, o.People, o.Organisations, o.Favourites = h.counter, h.counter, h.people, h.organs, h.kept
	o.Unlocks, o.Once, o.Catalog = h.unlocks, h.once, h.shelf
	o.Origin, o.Hall, o.Pages = h.facts.Origin, h.facts, ui.Pages()
	o.Till = h.till
}

func (h *hallWing) checks() []web.Check {
	checks := []web.Check{{Name: "hall-database", Ready: func(ctx context.Context) error { return answers(ctx, h.db) }}}
	if h.far != nil {
		checks = append(checks, h.far.checks()...)
	}
	return append(checks,
		web.Check{Name: "payment-bills", Warns: true, Ready: h.till.Late},
		web.Check{Name: "payment-channel", Warns: true, Ready: h.till.Waits})
}

func (h *hallWing) look(ctx context.Context, set metrics.Set) {
	connections(h.db, "hall", set)
	if waiting, err := h.queue.Waiting(ctx); err == nil {
		for _, state := range jobs.States {
			set(metrics.Jobs, float64(waiting[state]), "state", state)
		}
	}
	h.lookTill(ctx, set)
	if h.far != nil {
		h.far.files.look(set, "internal")
	}
}

// run works the hall's queue, and delivers what unlockings wait for.
func (h *hallWing) run(ctx context.Context) error {
	if err := h.queue.Start(ctx, h.counter); err != nil {
		return err
	}
	h.unlocks.Run(ctx)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return h.queue.Stop(end)
}

func (h *hallWing) close() error {
	if h.people != nil {
		h.people.Wait()
	}
	if h.far != nil {
		h.far.HangUp()
	}
	if h.db != nil {
		return h.db.Close()
	}
	return nil
}
