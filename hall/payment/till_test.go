package payment_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/sandbox"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/fsck"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

type noQueue struct{}

func (noQueue) Enqueue(context.Context, *sql.Tx, services.Effect) error { return nil }

// world is a hall's database, a bank, and a till between them.
type world struct {
	*testing.T
	clock  *clock
	db     *sqldb.DB
	store  *hall.Store
	bank   *sandbox.Bank
	till   *payment.Till
	office payment.Office
	random *rand.ChaCha8
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, clock: &clock{noon}, random: rand.NewChaCha8([32]byte{7})}
	w.db = storetest.Open(t, "sqlite::memory:", hall.Migrations())
	w.store = hall.New(w.db, noQueue{})
	var err error
	w.bank, err = sandbox.Open(sandbox.Options{Name: "示范", Clock: w.clock, Random: w.random, RefundTime: time.Minute})
	w.must(err)
	w.restart()
	return w
}

// restart gives the till's work to another node.
func (w *world) restart() {
	w.till = payment.NewTill(payment.TillOptions{Store: w.store.Till(), Channel: w.bank.Channel(), Clock: w.clock, Random: w.random})
	w.office = payment.Office{Store: w.store.Till(), Clock: w.clock, Random: w.random}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(certhall.CauseText(err))
	}
}

func (w *world) write(f func(services.Writer) error) {
	w.Helper()
	w.must(w.store.Write(w.Context(), f))
}

// place makes an order of one line a lineage, each of 100 yuan.
func (w *world) place(lineages ...certhall.LineageID) orders.Order {
	w.Helper()
	var placed orders.Order
	w.write(func(wr services.Writer) (err error) {
		var lines []orders.Line
		for _, l := range lineages {
			lines = append(lines, orders.Line{Lineage: l, Service: certhall.Renew, Years: 1, Price: 10000, Names: catalog.Names{"zh-CN": "政府采购项目-海泰KEY"}})
		}
		placed, err = orders.Place(wr, orders.Order{Person: "p", Lines: lines}, certhall.Money(10000*len(lines)), w.till.Channel(), w.clock.now, w.random)
		return err
	})
	return placed
}

// work lets the till do all that is due.
func (w *world) work() {
	w.Helper()
	for range 100 {
		n, err := w.till.Work(w.Context())
		w.must(err)
		if n == 0 {
			return
		}
	}
	w.Fatal("the till does not come to an end")
}

// pass lets time pass with the till at work.
func (w *world) pass(d time.Duration) {
	w.Helper()
	for end := w.clock.now.Add(d); w.clock.now.Before(end); {
		w.clock.now = w.clock.now.Add(min(5*time.Second, end.Sub(w.clock.now)))
		w.work()
	}
}

// notices delivers what the bank has to tell now.
func (w *world) notices() int {
	return w.bank.Deliver(w.Context(), func(ctx context.Context, n sandbox.Note) error { return w.till.Told(ctx, n.Notice) })
}

func (w *world) order(id certhall.OrderID) payment.OrderFile {
	w.Helper()
	f, err := w.office.File(w.Context(), id)
	w.must(err)
	return f
}

// sound checks every rule of fsck that the hall's database shows by itself.
func (w *world) sound() {
	w.Helper()
	found, err := fsck.CheckHall(w.Context(), w.db)
	w.must(err)
	for _, f := range found {
		w.Errorf("%s: %s", f.Rule, f.Where)
	}
}

func (w *world) expect(id certhall.OrderID, standing orders.Standing, payments string, refunds string) {
	w.Helper()
	f := w.order(id)
	var verdicts, going []string
	for _, p := range f.Payments {
		verdicts = append(verdicts, string(p.Verdict))
	}
	for _, r := range f.Refunds {
		going = append(going, string(r.Standing))
	}
	if f.Standing != standing || strings.Join(verdicts, " ") != payments || strings.Join(going, " ") != refunds {
		w.Errorf("order %s, payments %q, refunds %q; want %s, %q, %q", f.Standing, verdicts, going, standing, payments, refunds)
	}
	w.sound()
}

// upset lets the next call of a kind fail.
func (w *world) upset(c sandbox.Call, k sandbox.Kind, code string) {
	w.Helper()
	w.must(w.bank.Upset(sandbox.Fault{Call: c, Kind: k, Code: code}))
}

func TestPaidByNotice(t *testing.T) {
	w := newWorld(t)
	o := w.place("l1", "l2")
	ready, err := w.till.Ready(t.Context(), o.ID)
	w.must(err)
	if ready.CodeURL == "" {
		t.Fatal("there is no code")
	}
	again, err := w.till.Ready(t.Context(), o.ID)
	w.must(err)
	if again.CodeURL != ready.CodeURL {
		t.Error("the code changed")
	}
	w.must(w.bank.Pay(o.ID))
	w.notices()
	w.expect(o.ID, orders.Paid, "taken", "")
	if n := len(w.order(o.ID).Entitlements); n != 2 {
		t.Errorf("%d rights", n)
	}
}

func TestReadyOfNothing(t *testing.T) {
	w := newWorld(t)
	if _, err := w.till.Ready(t.Context(), "none"); !errors.Is(err, orders.ErrOrderMissing) {
		t.Error(err)
	}
}
