package e2e

import (
	"context"
	"crypto/rand"
	"net"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/jobs"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/fsck"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
	"github.com/certhall/certhall/web"
)

const (
	stackKey   = "KEY1"
	stackPIN   = "24681357"
	stackPhone = "13900000001"
)

// stack is everything in one process: an authority with one pair near its end
// on a soft key, and a hall over HTTP.
type stack struct {
	t              *testing.T
	clock          *demo.Clock
	authority      *demo.Authority
	door           authority.Authority // as the hall reaches it: the CA itself, or over the wire
	authorityDB    *sqldb.DB
	authorityStore *authoritystore.Store
	hallDB         *sqldb.DB
	hall           *hallstore.Store
	outbox         *notify.Outbox
	counter        *services.Counter
	agent          *agent.Agent
	pair           proof.Bundle // the old one
	origin         string
	server         *httptest.Server
	keys           string // folder of the agent's keys
	key, pin       string // serial and PIN of the key
	phone          string
}

// typist is a person who knows the PIN, agrees, and reads the SMS code.
type typist struct{ s *stack }

func (p typist) PIN(context.Context, agent.PINRequest) (string, error) { return p.s.pin, nil }

func (typist) NewPIN(context.Context, agent.NewPINRequest) (string, error) {
	return "", context.Canceled
}
func (typist) Consent(context.Context, agent.ConsentRequest) (bool, error) { return true, nil }

func (p typist) Answer(_ context.Context, a courier.Ask, problem *certhall.Error) (courier.Answer, error) {
	switch {
	case problem != nil:
		return courier.Answer{}, problem
	case a.Kind == courier.AskPhone:
		return courier.Answer{Phone: p.s.phone}, nil
	case !a.Sent:
		return courier.Answer{SendCode: true}, nil
	}
	return courier.Answer{Code: p.s.lastCode()}, nil
}

// lastCode is the last code that was sent to a phone; "" before the first.
func (s *stack) lastCode() string {
	s.t.Helper()
	messages, err := s.outbox.Since(s.t.Context(), time.Time{})
	if err != nil {
		s.t.Error(err)
	}
	if len(messages) == 0 {
		return ""
	}
	return messages[len(messages)-1].Vars["code"]
}

// newStack founds the authority and lays the old pair on the key; the hall is
// opened by openHall.
func newStack(t *testing.T, kind string) *stack {
	t.Helper()
	return newStackAt(t, storetest.Address(t, kind), "http://hall.example")
}

// newStackAt does so in the database at an address, for a portal at base.
func newStackAt(t *testing.T, address, base string) *stack {
	t.Helper()
	return newStackFor(t, address, base, applicant1)
}

// newStackFor does so with the certificate of an applicant.
func newStackFor(t *testing.T, address, base string, who demo.Applicant) *stack {
	t.Helper()
	ctx := t.Context()
	s := &stack{t: t, clock: new(demo.Clock), key: stackKey, pin: stackPIN, phone: stackPhone}
	s.authorityDB = s.open(address)
	if err := sqldb.Migrate(ctx, s.authorityDB, authoritystore.Migrations()); err != nil {
		t.Fatal(err)
	}
	s.authorityStore = authoritystore.New(s.authorityDB)
	issued := certhall.AddYears(time.Now().AddDate(0, 0, 20), -1)
	s.clock.Set(issued.AddDate(0, 0, -1))
	a, err := demo.NewAuthority(ctx, demo.Options{
		ID: "test", Name: "测试机构", Store: s.authorityStore, Policy: ca.DefaultPolicy(),
		Algorithms: []gm.Algorithm{gm.RSA, gm.ECDSA}, Base: base, Clock: s.clock, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(certhall.CauseText(err))
	}
	s.authority, s.door = a, a.CA
	s.keys = t.TempDir()
	if err := softkey.Create(filepath.Join(s.keys, "key"+softkey.Extension), softkey.Options{
		Serial: stackKey, Label: "test", PIN: stackPIN, Room: 4, Iterations: 1, Random: rand.Reader,
	}); err != nil {
		t.Fatal(err)
	}
	s.agent = agent.New(agent.Options{
		Keys: softkey.Folder(s.keys), Roots: []*smx509.Certificate{a.Founded.Root.Certificate},
		Person: typist{s}, Clock: s.clock, Random: rand.Reader,
	})
	s.clock.Set(issued)
	if s.pair, err = a.Apply(ctx, s.agent, stackKey, who); err != nil {
		t.Fatal(certhall.CauseText(err))
	}
	s.clock.Set(time.Time{})
	return s
}

// applicant1 is for one year.
var applicant1 = demo.Applicant{
	Name: "示例医疗器械有限公司", Organisation: "91310000MA1K35XE0L", Lineage: "lineage1",
	Project: demo.Procurement, KeyNumber: "HT-2026-0009", TermYears: 1,
}

func (s *stack) database(kind string) *sqldb.DB {
	s.t.Helper()
	return s.open(storetest.Address(s.t, kind))
}

func (s *stack) open(address string) *sqldb.DB {
	s.t.Helper()
	db, err := sqldb.Open(s.t.Context(), address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { db.Close() })
	return db
}

// openHall opens a new hall over a queue.
func (s *stack) openHall(kind string, queue func(*sqldb.DB) hallstore.Enqueuer) {
	s.t.Helper()
	s.hallDB = s.database(kind)
	s.openHallOver(queue)
}

func (s *stack) openHallOver(queue func(*sqldb.DB) hallstore.Enqueuer) {
	s.t.Helper()
	ctx := s.t.Context()
	if err := hallstore.Migrate(ctx, s.hallDB); err != nil {
		s.t.Fatal(err)
	}
	s.hall = hallstore.New(s.hallDB, queue(s.hallDB))
	s.outbox = &notify.Outbox{Store: s.hall, Clock: s.clock}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.origin = "http://" + l.Addr().String()
	if s.door == nil {
		s.door = s.authority.CA
	}
	s.counter = services.New(services.Options{
		Store: s.hall, Authority: s.door, AuthorityID: s.authority.Founded.ID,
		Accounts: accounts.New(accounts.Options{
			Store: s.hall.Accounts(), SMS: s.outbox, Clock: s.clock, Random: rand.Reader, Secret: []byte("secret"),
		}),
		Roots: []*smx509.Certificate{s.authority.Founded.Root.Certificate}, Clock: s.clock, Random: rand.Reader, Origin: s.origin,
	})
	s.server = httptest.NewUnstartedServer(web.New(web.Options{Counter: s.counter, Random: rand.Reader}))
	s.server.Listener.Close()
	s.server.Listener = l
	s.server.Start()
	s.t.Cleanup(s.server.Close)
}

// sequence numbers the authority's records and lets the hall hear of them.
func (s *stack) sequence(ctx context.Context) error {
	if _, err := (audit.Sequencer{Store: s.authorityStore}).Run(ctx); err != nil {
		return err
	}
	_, err := s.counter.Follow(ctx)
	return err
}

func (s *stack) run() courier.Run {
	old, err := gm.ParseCertificate(s.pair.Sign)
	if err != nil {
		s.t.Fatal(err)
	}
	return courier.Run{
		Server: &courier.HTTP{Base: s.origin, Lang: "en"}, Agent: s.agent, Person: typist{s},
		KeySerial: s.key, Service: certhall.Renew, Serial: certhall.SerialOf(old.SerialNumber),
	}
}

// works has run what runs in production beside a case, until stop is called:
// the queue works and the records are numbered.
func (s *stack) works(queue *jobs.Queue) (stop func()) {
	s.t.Helper()
	if err := queue.Start(s.t.Context(), s.counter); err != nil {
		s.t.Fatal(err)
	}
	ctx, end := context.WithCancel(s.t.Context())
	numbered := make(chan struct{})
	go func() {
		defer close(numbered)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if _, err := (audit.Sequencer{Store: s.authorityStore}).Run(ctx); err != nil && ctx.Err() == nil {
				s.t.Error(err)
			}
			<-tick.C
		}
	}()
	return func() {
		s.t.Helper()
		end()
		<-numbered
		if stopped := queue.Stop(context.WithoutCancel(ctx)); stopped != nil {
			s.t.Error(stopped)
		}
		if numbering := s.sequence(s.t.Context()); numbering != nil {
			s.t.Error(numbering)
		}
	}
}

// carry runs a service with all of that beside it.
func (s *stack) carry(run courier.Run, queue *jobs.Queue) (last courier.Next, leftover error, err error) {
	s.t.Helper()
	defer s.works(queue)()
	return run.Do(s.t.Context())
}

func (s *stack) sound() {
	s.t.Helper()
	found, err := fsck.Check(s.t.Context(), s.authorityDB, s.hallDB)
	if err != nil || len(found) > 0 {
		s.t.Errorf("fsck: %v, %v", found, err)
	}
}

// TestRenewOnBothDatabases is one renewal through everything that runs in
// production: HTTP, River, both stores, the agent.
func TestRenewOnBothDatabases(t *testing.T) {
	for _, kind := range []string{"sqlite-file", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			s := newStack(t, kind)
			var queue *jobs.Queue
			s.openHall(kind, func(db *sqldb.DB) hallstore.Enqueuer {
				var err error
				if queue, err = jobs.New(t.Context(), db, jobs.Options{}); err != nil {
					t.Fatal(err)
				}
				return queue
			})
			last, leftover, err := s.carry(s.run(), queue)
			if err != nil || leftover != nil || last.State != courier.StateDone || last.Result == nil {
				t.Fatalf("%+v, %v, %s", last, leftover, certhall.CauseText(err))
			}
			if want := certhall.AddYears(last.Result.Old.NotAfter, 1); !last.Result.New.NotAfter.Equal(want) {
				t.Errorf("the new pair ends %s, want %s", last.Result.New.NotAfter, want)
			}
			s.sound()
		})
	}
}
