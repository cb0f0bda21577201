package main

import (
	"cmp"
	"context"
	"os"
	"os/user"
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/authority/rounds"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/metrics"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/web"
)

// authorityWing is the authority with its store (role issue): sealed until unseal.
type authorityWing struct {
	folder     string
	published  ceremony.Public
	portal     proof.Portal
	db         *sqldb.DB
	store      *authoritystore.Store
	ca         *ca.CA
	sequencer  audit.Sequencer
	reconciled ca.Gate // after a restoration from a backup
	elders     *predecessors.Status
	keeper     *audit.Keeper
	env        *environment
}

// openAuthority opens store and CA of a founded authority, whose portal is at
// origin ("": the public address it was founded with); a demo's only for the
// demo itself.
func (f stateFlags) openAuthority(env *environment, origin string, demo bool) (*authorityWing, error) {
	published, err := f.public()
	if err != nil {
		return nil, err
	}
	if published.Demo && !demo {
		return nil, errDemoFolder.With("dir", f.Dir)
	}
	db, err := openStore(env, f.authorityAddress(), authoritystore.Migrations())
	if err != nil {
		return nil, err
	}
	store := authoritystore.New(db)
	reconciled := ca.Reconciled(store)
	elders := &predecessors.Status{Store: store, Clock: env.clock}
	portal := portalOf(published, origin)
	w := &authorityWing{
		folder: filepath.Join(f.Dir, authorityFolder), published: published, portal: portal, db: db, store: store, env: env, reconciled: reconciled, elders: elders,
		sequencer: audit.Sequencer{Store: store},
	}
	w.keeper = audit.NewKeeper(store, func(number int64, hash []byte) (proof.Signed, error) { return w.ca.Checkpoint(number, hash) },
		&audit.Journal{Path: filepath.Join(f.Dir, audit.JournalName)}, env.clock)
	w.ca = ca.New(ca.Options{
		ID: published.ID, Store: store, KMC: kmc.New(published.Escrow, env.random), Policy: ca.DefaultPolicy(),
		Chains: published.Chains(), Profiles: ca.Profiles(), Gates: []ca.Gate{reconciled, w.keeper.Gate}, Elders: elders,
		Addresses: ca.AddressesAt(published.Address), Portals: []proof.Portal{portal}, UnlockKey: published.Unlock, RunBy: operator(),
		Clock: env.clock, Random: env.random,
	})
	return w, nil
}

// operator is who runs this process, and where, as the record names him.
func operator() string {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	if u, err := user.Current(); err == nil {
		return u.Username + "@" + host
	}
	return "?@" + host
}

// portalOf is the portal at origin ("": where the authority was founded for).
func portalOf(p ceremony.Public, origin string) proof.Portal {
	return proof.Portal{Origin: cmp.Or(origin, p.Address), Name: p.Name}
}

// unseal reads the day-to-day keys and hands them to the CA.
func (w *authorityWing) unseal(ctx context.Context, pass []byte) error {
	defer clear(pass)
	opened, err := ceremony.Open(w.folder, pass)
	if err != nil {
		return err
	}
	if err := ceremony.Tend(w.folder, opened, pass, w.env.clock, w.env.random); err != nil {
		w.env.log.Error("OCSP certificates", "cause", certhall.CauseText(err))
	}
	return w.ca.Unseal(ctx, opened.Keys(w.env.random))
}

func (w *authorityWing) checks() []web.Check {
	return []web.Check{
		{Name: "authority-database", Ready: func(ctx context.Context) error { return answers(ctx, w.db) }},
		{Name: "restored", Ready: w.reconciled},
		{Name: "issuing", Ready: w.canIssue},
		{Name: "predecessors", Ready: w.elders.Ready, Warns: true},
		{Name: "record", Ready: w.keeper.Ready},
	}
}

func (w *authorityWing) look(ctx context.Context, set metrics.Set) {
	connections(w.db, "authority", set)
	set(metrics.Sealed, truth(w.ca.Sealed()))
	if n, err := w.store.Waiting(ctx); err == nil {
		set(metrics.RecordsWaiting, float64(n))
	}
	if end, err := w.store.End(ctx); err == nil && !end.Last.At.IsZero() {
		set(metrics.CheckpointTime, float64(end.Last.At.Unix()))
	}
}

// canIssue says why certificates cannot be issued.
func (w *authorityWing) canIssue(context.Context) error {
	if w.ca.Sealed() {
		return authority.ErrSealed
	}
	return nil
}

// run makes the authority's rounds.
func (w *authorityWing) run(ctx context.Context) error {
	rounds.Rounds{
		CA: w.ca, Sequencer: w.sequencer, Keeper: w.keeper, CRLs: w.crls(), Log: w.env.log,
		Register: &register.Register{Store: w.store, ID: w.published.ID, Clock: w.env.clock},
	}.Run(ctx)
	return nil
}

// crls makes the issuing CAs' CRLs.
func (w *authorityWing) crls() *status.Publisher {
	return &status.Publisher{
		Store: w.store, Issuers: w.published.IssuingNames(), Signer: w.ca.Issuer, Gate: w.reconciled, Policy: status.DefaultCRLPolicy(),
		Node: certhall.NewID(w.env.clock.Now(), w.env.random), Clock: w.env.clock, Log: w.env.log,
	}
}

func (w *authorityWing) close() error { return w.db.Close() }
