package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// Template is made once; every world is cloned from it.
type Template struct {
	kits map[string]*kit
	dir  string // for databases in files
}

// NewTemplateOf is a template without any kind of key yet. Files lie under dir.
func NewTemplateOf(dir string) *Template { return &Template{kits: map[string]*kit{}, dir: dir} }

// NewTemplate founds an authority for each kind of key and issues the pair
// that all runs start from. Databases in files lie under dir.
func NewTemplate(dir string) (*Template, error) {
	t := NewTemplateOf(dir)
	for i, names := range [][]string{{Roomy}, {Tight, Tidy}, {Aged}, {RSA}, {P256}} {
		if err := t.found(names, uint64(i+1), newSoft); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Real adds the kinds of key behind real libraries.
func (t *Template) Real(p Programs) error {
	for i, name := range []string{SKF, HSMRSA, HSMP256} {
		make := func(kind keyKind, random io.Reader) (medium, error) {
			return newReal(p, kind, filepath.Join(t.dir, name), random)
		}
		if err := t.found([]string{name}, uint64(i+101), make); err != nil {
			return err
		}
	}
	return nil
}

// found makes the kit of some kinds of key.
func (t *Template) found(names []string, seed uint64, make func(keyKind, io.Reader) (medium, error)) error {
	kind, random := kinds[names[0]], randomness(seed)
	m, err := make(kind, random)
	if err != nil {
		return fmt.Errorf("sim: key %s: %w", names[0], err)
	}
	k, err := newKit(kind, m, random)
	if err != nil {
		return fmt.Errorf("sim: template: %w", err)
	}
	for _, name := range names {
		t.kits[name] = k
	}
	return nil
}

// Close gives the template's keys up.
func (t *Template) Close() error {
	var errs []error
	for _, k := range t.kits {
		errs = append(errs, k.medium.close())
	}
	return errors.Join(errs...)
}

func newKit(kind keyKind, m medium, random io.Reader) (*kit, error) {
	clock := new(clock)
	clock.set(foundedAt)
	db, err := sqldb.Open(background, "sqlite::memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := sqldb.Migrate(background, db, authoritystore.Migrations()); err != nil {
		return nil, err
	}
	store := authoritystore.New(db)
	a, err := demo.NewAuthority(background, demo.Options{
		ID: authorityID, Name: "模拟认证", Store: store, Policy: ca.DefaultPolicy(), Base: origin, Algorithms: kind.issuers(), Clock: clock, Random: random,
	})
	if err != nil {
		return nil, err
	}
	k := &kit{keyKind: kind, medium: m, founded: a.Founded, reviewer: a.Reviewer}
	if k.falseAuthority, err = ceremony.Found(ceremony.Plan{ID: authorityID, Name: "模拟认证", Address: "https://hall.example", Clock: clock, Random: random}); err != nil {
		return nil, err
	}
	if k.notary, err = gm.CertificateKey(a.Founded.Notary.Certificate); err != nil {
		return nil, err
	}
	clock.advance(day)
	if err := k.firstPair(a, store, clock, random); err != nil {
		return nil, err
	}
	if kind.aged {
		if err := k.age(a, store, clock, random); err != nil {
			return nil, err
		}
	}
	if err := k.otherPapers(a, store, clock, random); err != nil {
		return nil, err
	}
	if _, err := (audit.Sequencer{Store: store}).Run(background); err != nil {
		return nil, err
	}
	if k.authorityRows, err = dumpOf(db); err != nil {
		return nil, err
	}
	if k.authorityDB, err = db.Snapshot(background); err != nil {
		return nil, err
	}
	return k, k.openHall(a.CA, clock, random)
}

// oneKey is a PC into which one key is plugged.
type oneKey struct {
	handler
	medium
	random io.Reader
}

func (k oneKey) List(context.Context) ([]token.Info, error) { return nil, nil }

func (k oneKey) Open(context.Context, string) (token.Key, error) {
	return k.plug(nil)
}

func (k oneKey) plugged(root *smx509.Certificate, clock certhall.Clock) *agent.Agent {
	return agent.New(agent.Options{Keys: k, Roots: []*smx509.Certificate{root}, Person: k, Clock: clock, Random: k.random})
}

// firstPair issues the pair that runs start from, on the key.
func (k *kit) firstPair(a *demo.Authority, store *authoritystore.Store, clock certhall.Clock, random io.Reader) (err error) {
	pc := oneKey{medium: k.medium, random: random}.plugged(a.Founded.Root.Certificate, clock)
	bundle, err := a.Apply(background, pc, k.medium.serial(), demo.Applicant{
		Name: "模拟医院", Organisation: "91330000MA27XXXX0A", Lineage: lineage, Project: project, KeyNumber: "SIM-0001", TermYears: 1, Profile: k.profile(),
	})
	if err != nil {
		return err
	}
	k.oldContainer = bundle.Container()
	k.old, err = pairOf(store, bundle)
	return err
}

func pairOf(store *authoritystore.Store, b proof.Bundle) (p *ca.Pair, err error) {
	err = store.Read(background, func(r ca.Reader) (err error) {
		p, err = r.PairOfAttempt(certhall.CaseID(b.Case), b.Attempt)
		return err
	})
	return p, err
}

// otherPapers has another holder's pair issued on another key, and one of his
// attempts voided.
func (k *kit) otherPapers(a *demo.Authority, store *authoritystore.Store, clock certhall.Clock, random io.Reader) error {
	m, err := newSoft(keyKind{room: 4, algorithm: k.algorithm}, random)
	if err != nil {
		return err
	}
	pc := oneKey{medium: m, random: random}.plugged(a.Founded.Root.Certificate, clock)
	bundle, err := a.Apply(background, pc, keySerial, demo.Applicant{
		Name: "另一医院", Organisation: "91330000MA27XXXX1B", Lineage: "lineage2", Project: project, KeyNumber: "SIM-0002", TermYears: 1, Profile: k.profile(),
	})
	if err != nil {
		return err
	}
	k.otherMedium, k.otherContainer = m, bundle.Container()
	if k.other, err = pairOf(store, bundle); err != nil {
		return err
	}
	view, err := a.CA.Pair(background, authority.PairQuery{Case: certhall.CaseID(bundle.Case), Attempt: bundle.Attempt})
	if err != nil {
		return err
	}
	own, err := a.CA.Pair(background, authority.PairQuery{Serial: k.old.SignSerial})
	if err != nil {
		return err
	}
	k.otherReceipts = []proof.Signed{view.Receipt, own.Receipt}
	c := certhall.CaseID(certhall.NewID(clock.Now(), random))
	ticket, err := a.CA.Ticket(background, authority.TicketRequest{Service: certhall.Apply, Case: c})
	if err != nil {
		return err
	}
	nonce, err := proof.NewNonce(random)
	if err != nil {
		return err
	}
	notice, err := a.CA.Claim(background, k.byReviewer(proof.Decision{
		Authority: authorityID, Service: string(certhall.Apply), Case: string(c), Attempt: 1, Verdict: proof.VoidAttempt,
		Nonce: nonce, Expiry: clock.Now().Add(day),
	}))
	k.otherVoids, k.otherTickets = []proof.Signed{notice}, []proof.Signed{ticket}
	return err
}

// openHall makes a hall that has followed the authority and knows the handler.
func (k *kit) openHall(c *ca.CA, clock certhall.Clock, random io.Reader) error {
	db, err := sqldb.Open(background, "sqlite::memory:")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := hallstore.Migrate(background, db); err != nil {
		return err
	}
	if err := db.Write(background, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(queueSchema)
		return err
	}); err != nil {
		return err
	}
	store := hallstore.New(db, queue{})
	if err := store.Accounts().Write(background, func(w accounts.Writer) error {
		p, err := w.PersonOfPhone(phone, "person1", clock.Now())
		if err != nil {
			return err
		}
		return w.AddHandler(accounts.Handler{Person: p, Lineage: lineage, Source: accounts.ByImport}, clock.Now())
	}); err != nil {
		return err
	}
	counter := services.New(services.Options{Store: store, Authority: c, AuthorityID: authorityID, Clock: clock, Random: random, Origin: origin})
	for {
		n, err := counter.Follow(background)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	if k.keyKind.aged {
		if err := k.buy(store, clock, random); err != nil {
			return err
		}
	}
	if k.hallRows, err = dumpOf(db); err != nil {
		return err
	}
	k.hallDB, err = db.Snapshot(background)
	return err
}

// Bench is where one goroutine runs worlds, one after the other.
type Bench struct {
	t      *Template
	dir    string
	runs   int
	memory map[*kit]*databases // used again and again
}

// Bench makes a place to run worlds in.
func (t *Template) Bench() *Bench {
	return &Bench{t: t, memory: map[*kit]*databases{}}
}

// Close clears it away.
func (b *Bench) Close() {
	for _, d := range b.memory {
		_ = d.close()
	}
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// world clones the template.
func (b *Bench) world(s Schedule) (*World, error) {
	k := b.t.kits[s.Key]
	if k == nil {
		return nil, fmt.Errorf("no key is called %q", s.Key)
	}
	data, err := b.databases(k, s.File)
	if err != nil {
		return nil, err
	}
	m, err := k.medium.clone(b, randomness(s.Seed+2000))
	if err != nil {
		return nil, err
	}
	return newWorld(k, s, data, m), nil
}

func (b *Bench) databases(k *kit, file bool) (*databases, error) {
	if !file {
		if d := b.memory[k]; d != nil {
			return d, errors.Join(k.authorityRows.restore(d.authorityDB), k.hallRows.restore(d.hallDB))
		}
		d, err := openDatabases("", k.authorityDB, k.hallDB)
		b.memory[k] = d
		return d, err
	}
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	return openDatabases(dir, k.authorityDB, k.hallDB)
}

// folder is a new one.
func (b *Bench) folder() (string, error) {
	if b.dir == "" {
		var err error
		if b.dir, err = os.MkdirTemp(b.t.dir, "bench"); err != nil {
			return "", err
		}
	}
	b.runs++
	dir := filepath.Join(b.dir, fmt.Sprint(b.runs))
	return dir, os.Mkdir(dir, 0o700)
}
