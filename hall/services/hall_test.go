package services_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
)

var start = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

const (
	origin  = "https://hall.example"
	address = "192.0.2.1"
	phone   = "13800000001"
)

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// queue keeps effects until the test works them off. What a transaction that
// was rolled back enqueued stays too: workers must bear it.
type queue struct {
	mu      sync.Mutex
	effects []services.Effect
}

func (q *queue) Enqueue(_ context.Context, _ *sql.Tx, e services.Effect) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.effects = append(q.effects, e)
	return nil
}

func (q *queue) take() []services.Effect {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.effects
	q.effects = nil
	return taken
}

// world is a hall before a fake authority, with one key in hand.
type world struct {
	*testing.T
	*services.Counter
	clock  *clock
	fake   *fake
	store  *hall.Store
	queue  *queue
	outbox *notify.Outbox
	old    signer // the key of the pair in force
	rest   []proof.ListedContainer
}

func newWorld(t *testing.T) *world { return newWorldOn(t, "sqlite::memory:") }

func newWorldOn(t *testing.T, address string) *world {
	t.Helper()
	db := storetest.Open(t, address, hall.Migrations())
	w := &world{T: t, clock: &clock{now: start}, queue: new(queue)}
	w.store = hall.New(db, w.queue)
	w.fake = newFake(t, w.clock)
	w.outbox = &notify.Outbox{Store: w.store, Clock: w.clock}
	desk := accounts.New(accounts.Options{Store: w.store.Accounts(), SMS: w.outbox, Clock: w.clock, Random: rand.Reader, Secret: []byte("secret")})
	w.Counter = services.New(services.Options{
		Store: w.store, Authority: w.fake, AuthorityID: authorityID, Accounts: desk,
		Roots: []*smx509.Certificate{w.fake.root.cert}, Clock: w.clock, Random: rand.Reader, Origin: origin,
	})
	w.old = w.fake.grant("l1")
	w.follow()
	return w
}

func (w *world) follow() {
	w.Helper()
	for {
		n, err := w.Counter.Follow(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// work pays what is owed and follows; effects that fail come back.
func (w *world) work() (last error) {
	for _, e := range w.queue.take() {
		if err := w.Counter.Work(w.Context(), e); err != nil {
			last = err
			w.queue.mu.Lock()
			w.queue.effects = append(w.queue.effects, e)
			w.queue.mu.Unlock()
		}
	}
	w.follow()
	return last
}

func (w *world) opening(by signer, change ...func(*proof.Opening)) []byte {
	w.Helper()
	n, err := w.Nonce(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	o := proof.Opening{Authority: n.Authority, Service: string(certhall.Renew), Serial: string(certhall.SerialOf(by.cert.SerialNumber)), Origin: n.Origin, Nonce: n.Nonce}
	for _, f := range change {
		f(&o)
	}
	return proof.Encode(by.sign(o))
}

func (w *world) open(by signer, change ...func(*proof.Opening)) services.Opened {
	w.Helper()
	opened, err := w.Open(w.Context(), services.Caller{}, w.opening(by, change...))
	if err != nil {
		w.Fatal(err)
	}
	return opened
}

func (w *world) next(o services.Opened, in services.Input) services.Next {
	w.Helper()
	in.Address = address
	n, err := w.Next(w.Context(), services.Caller{Token: o.Token}, o.Case, in)
	if err != nil {
		w.Fatal(err)
	}
	return n
}

func (w *world) reply(o services.Opened, m proof.Message) services.Next {
	w.Helper()
	return w.next(o, services.Input{Reply: proof.Encode(m)})
}

func (w *world) answer(o services.Opened, a services.Answer) services.Next {
	w.Helper()
	return w.next(o, services.Input{Answer: &a})
}

// listing is the key as it lies there: the pair in force and what else there is.
func (w *world) listing(pair signer) proof.Listing {
	return proof.Listing{Authority: authorityID, KeySerial: "K1", KeyLabel: "key",
		Containers: append([]proof.ListedContainer{{Name: "ch-a1-c0l1-1", Sign: pair.cert.Raw}}, w.rest...)}
}

func (w *world) code() string {
	w.Helper()
	messages, err := w.outbox.Since(w.Context(), start.Add(-time.Hour))
	if err != nil || len(messages) == 0 {
		w.Fatalf("no message: %v", err)
	}
	return messages[len(messages)-1].Vars["code"]
}

func (w *world) prepared(o services.Opened, attempt int) proof.Prepared {
	return proof.Prepared{Authority: authorityID, Case: string(o.Case), Attempt: attempt, KeySerial: "K1",
		Request: []byte("p10"), Evidence: w.old.sign(proof.OldKey{Authority: authorityID, Case: string(o.Case), Attempt: attempt, Expiry: start})}
}

func (w *world) acknowledgement(o services.Opened, attempt int) proof.Signed {
	return w.old.sign(proof.Acknowledgement{Authority: authorityID, Case: string(o.Case), Attempt: attempt})
}

func (w *world) claim(o services.Opened, attempt int, digest []byte) proof.Signed {
	return w.old.sign(proof.Claim{Authority: authorityID, Case: string(o.Case), Attempt: attempt, KeyDigest: digest, Reason: proof.Absent})
}

func (w *world) trouble(o services.Opened, attempt int, reason string) proof.Trouble {
	return proof.Trouble{Authority: authorityID, Case: string(o.Case), Attempt: attempt, Reason: reason}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// expect checks what comes next: an operation, "ask:kind", "wait:reason" or "".
func (w *world) expect(n services.Next, state services.State, step services.Step, what string) {
	w.Helper()
	got := n.Operation
	if n.Ask != nil {
		got += "ask:" + n.Ask.Kind
	}
	if n.Wait != nil {
		got += "wait:" + n.Wait.Reason
	}
	if n.State != state || n.Step != step || got != what {
		w.Fatalf("got %s/%s %q (problem %+v), want %s/%s %q", n.State, n.Step, got, n.Problem, state, step, what)
	}
}

// atPhone opens a case and goes on to the question for a phone.
func (w *world) atPhone() services.Opened {
	w.Helper()
	o := w.open(w.old)
	w.expect(w.next(o, services.Input{}), services.Open, services.StepIdentify, "identify")
	w.expect(w.reply(o, w.listing(w.old)), services.Open, services.StepIdentify, "wait:ticket")
	w.must(w.work())
	return o
}

// prove proves the phone of a case.
func (w *world) prove(o services.Opened) services.Next {
	w.Helper()
	n := w.answer(o, services.Answer{Phone: phone, SendCode: true})
	w.expect(n, services.Open, services.StepPhone, "ask:code")
	return w.answer(o, services.Answer{Code: w.code()})
}

func (w *world) atPrepare() services.Opened {
	w.Helper()
	o := w.atPhone()
	w.expect(w.prove(o), services.Open, services.StepPrepare, "prepare")
	return o
}

func (w *world) atInstall() services.Opened {
	w.Helper()
	o := w.atPrepare()
	w.expect(w.reply(o, w.prepared(o, 1)), services.Open, services.StepIssue, "wait:issuing")
	w.must(w.work())
	w.expect(w.next(o, services.Input{}), services.Open, services.StepInstall, "install")
	return o
}

func (w *world) atAcknowledge() services.Opened {
	w.Helper()
	o := w.atInstall()
	n := w.reply(o, proof.Installed{Authority: authorityID, Case: string(o.Case), Attempt: 1})
	w.expect(n, services.Open, services.StepAcknowledge, "acknowledge")
	return o
}

func (w *world) done() services.Opened {
	w.Helper()
	o := w.atAcknowledge()
	w.expect(w.reply(o, w.acknowledgement(o, 1)), services.Open, services.StepAcknowledge, "wait:acknowledging")
	w.must(w.work())
	w.expect(w.next(o, services.Input{}), services.Done, services.StepDone, "retire")
	return o
}

// newKey is the certificate of the case's new pair; the fake keeps its key.
func (w *world) stored(id certhall.CaseID) (k services.Case) {
	w.Helper()
	w.must(w.store.Read(w.Context(), func(r services.Reader) error {
		c, err := r.Case(id)
		if err == nil {
			k = *c
		}
		return err
	}))
	return k
}

func (w *world) entitlement(id certhall.CaseID) orders.State {
	w.Helper()
	k := w.stored(id)
	var state orders.State
	w.must(w.store.Write(w.Context(), func(wr services.Writer) error {
		e, err := wr.Entitlement(k.Entitlement)
		if err == nil {
			state = e.State
		}
		return err
	}))
	return state
}

func decode[M proof.Message](w *world, n services.Next) M {
	w.Helper()
	m, err := proof.Decode[M](n.Message)
	if err != nil {
		w.Fatalf("%s: %v", n.Operation, err)
	}
	return m
}

func refused(t *testing.T, err error, want *certhall.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %s", err, want.Code)
	}
}

// retired reports a receipt obeyed.
func (w *world) retired(o services.Opened, r proof.Retire) proof.RetireReport {
	report := proof.RetireReport{Authority: authorityID}
	for _, s := range r.Receipts {
		m, err := proof.Decode[proof.Receipt](s.Message)
		w.must(err)
		report.Retired = append(report.Retired, w.old.sign(proof.Retired{Authority: authorityID, Case: m.Case, Attempt: m.Attempt, ReceiptDigest: gm.SM3(s.Message)}))
	}
	for range r.Voids {
		report.Deleted = append(report.Deleted, proof.DeletedName{Name: "ch-a1-" + string(o.Case) + "-1"})
	}
	return report
}

func contains(s []string, x string) bool { return slices.Contains(s, x) }
