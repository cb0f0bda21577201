package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/metrics"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/web"
)

// publishWing tells the world what the authority did (role publish). It holds
// no key of a CA, only those of status answers.
type publishWing struct {
	folder    string
	published ceremony.Public
	db        *sqldb.DB
	store     *authoritystore.Store
	env       *environment
	ocsp      *ocspDesk
	shared    bool // the database is the issue role's, in the same process

	reconciled ca.Gate // after a restoration from a backup
}

// openPublish opens the authority's database to read, or takes the one of the
// issue role in the same process. Its user may lack the right to change the
// schema, so it is never brought up to date from here.
func (f houseFlags) openPublish(env *environment, issue *authorityWing) (*publishWing, error) {
	w, err := f.openRecords(env, issue)
	if err == nil {
		w.ocsp = newOCSPDesk(env, f.Dir, f.ocspFlags, w.store, w.reconciled)
	}
	return w, err
}

func (f stateFlags) openRecords(env *environment, issue *authorityWing) (*publishWing, error) {
	if issue != nil {
		return &publishWing{folder: issue.folder, published: issue.published, db: issue.db, store: issue.store, env: env, shared: true, reconciled: issue.reconciled}, nil
	}
	published, err := f.public()
	if err != nil {
		return nil, err
	}
	db, err := openExisting(env, f.authorityAddress())
	if err != nil {
		return nil, err
	}
	if err := sqldb.Current(env.ctx, db, authoritystore.Migrations()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store := authoritystore.New(db)
	return &publishWing{folder: filepath.Join(f.Dir, authorityFolder), published: published, db: db, store: store, env: env, reconciled: ca.Reconciled(store)}, nil
}

// public is what the world may ask.
func (w *publishWing) public() web.Public {
	return web.Public{
		OCSP:         w.ocsp.handler(),
		CRLs:         web.CRLs(status.Shelves{w.crls(), w.rootCRLs()}, w.env.log),
		Certificates: web.Certificates(status.Certificates(w.published.CACertificates()), w.env.log),
		Checkpoint:   web.Checkpoint(&audit.Shelf{Store: w.store, Authority: w.published.ID, Clock: w.env.clock}, w.env.log),
	}
}

// rootCRLs has the roots' CRLs, from the authority's folder.
func (w *publishWing) rootCRLs() status.RootShelf {
	return status.RootShelf{Folder: w.folder, Roots: w.published.RootCertificates(), Clock: w.env.clock}
}

// crls has the issuing CAs' CRLs, from the database.
func (w *publishWing) crls() *status.Shelf {
	return &status.Shelf{Store: w.store, Issuers: w.published.IssuingNames(), Clock: w.env.clock}
}

func (w *publishWing) checks() []web.Check {
	checks := []web.Check{{Name: "ocsp", Ready: w.ocsp.Ready}}
	if !w.shared {
		checks = append(checks,
			web.Check{Name: "authority-database", Ready: func(ctx context.Context) error { return answers(ctx, w.db) }},
			web.Check{Name: "restored", Ready: w.reconciled})
	}
	shelf := w.crls()
	for _, name := range shelf.Issuers {
		checks = append(checks, web.Check{Name: "crl-" + name, Ready: func(ctx context.Context) error { return shelf.Ready(ctx, name) }})
	}
	roots := w.rootCRLs()
	for _, root := range w.published.Roots {
		checks = append(checks, web.Check{Name: "crl-" + root.Name, Ready: func(ctx context.Context) error { return roots.Ready(ctx, root.Name) }})
	}
	return checks
}

func (w *publishWing) look(ctx context.Context, set metrics.Set) {
	if !w.shared {
		connections(w.db, "authority", set)
	}
	for _, issuer := range w.published.IssuingNames() {
		crl, err := w.store.NewestCRL(ctx, issuer)
		if err != nil || crl == nil {
			continue
		}
		set(metrics.CRLNumber, float64(crl.Number), "issuer", issuer)
		set(metrics.CRLThisUpdate, float64(crl.ThisUpdate.Unix()), "issuer", issuer)
		set(metrics.CRLNextUpdate, float64(crl.NextUpdate.Unix()), "issuer", issuer)
		set(metrics.CRLEntries, float64(crl.Entries), "issuer", issuer)
	}
}

// run does what publishing needs unasked.
func (w *publishWing) run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { (&predecessors.Fetcher{Store: w.store, Clock: w.env.clock, Log: w.env.log}).Run(ctx) })
	loops.Go(func() { w.ocsp.told.run(ctx) })
	w.ocsp.run(ctx)
	loops.Wait()
	return nil
}

func (w *publishWing) close() error {
	if w.shared {
		return nil
	}
	return w.db.Close()
}
