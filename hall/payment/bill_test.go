package payment_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/sandbox"
	"github.com/certhall/certhall/hall/services"
)

// at sets the clock to a time of Beijing on a day after the first.
func (w *world) at(day, hour int) {
	w.clock.now = time.Date(2026, 11, 22+day, hour, 0, 0, 0, certhall.Beijing).UTC()
	w.work()
}

// differs are the open differences in short, in order of their kind.
func (w *world) differs() string {
	w.Helper()
	open, err := w.office.Differences(w.Context(), "", true, 0)
	w.must(err)
	var all []string
	for i := range open {
		d := open[len(open)-1-i]
		what := "payment"
		if d.Refund != "" {
			what = "refund"
		}
		all = append(all, fmt.Sprintf("%s %s of a %s", d.Day, d.Kind, what))
	}
	return strings.Join(all, ", ")
}

// TestBillsAgree: every day's bill is fetched once it is there, those of the days
// that were missed as well.
func TestBillsAgree(t *testing.T) {
	w := newWorld(t)
	w.at(3, 12)
	w.must(w.till.Late(t.Context()))
	w.at(4, 12)
	o := w.paidOrder("l1", "l2")
	w.refund(o, 1)
	w.pass(5 * time.Minute)
	w.at(5, 9) // before ten it is not asked for
	if b := w.bill("2026-11-26"); b != nil {
		t.Errorf("asked too early: %+v", b)
	}
	w.at(5, 10)
	if b := w.bill("2026-11-26"); b == nil || b.Entries != 2 || b.FetchedAt.IsZero() {
		t.Fatalf("%+v", b)
	}
	if w.bill("2026-11-25") != nil {
		t.Error("a bill from before anything was paid")
	}
	w.at(9, 10)
	for _, day := range []string{"2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30"} {
		if b := w.bill(day); b == nil || b.FetchedAt.IsZero() {
			t.Errorf("%s was left out", day)
		}
	}
	if d := w.differs(); d != "" {
		t.Error(d)
	}
	w.sound()
}

func (w *world) bill(day string) (b *payment.Bill) {
	w.Helper()
	w.must(w.store.Till().Read(w.Context(), func(r payment.Reader) (err error) {
		b, err = r.Bill(day)
		return err
	}))
	return b
}

// TestBillFaults: a bill that does not come is tried again, and after two days
// somebody is told.
func TestBillFaults(t *testing.T) {
	w := newWorld(t)
	w.paidOrder("l1")
	w.must(w.bank.Upset(sandbox.Fault{Call: sandbox.CallBill, Kind: sandbox.Lose, Times: 1000}))
	w.at(1, 10)
	if b := w.bill("2026-11-22"); b == nil || b.Trouble != payment.ErrChannel.Code || b.Due.IsZero() {
		t.Fatalf("%+v", b)
	}
	w.must(w.till.Late(t.Context()))
	w.at(4, 9)
	if err := w.till.Late(t.Context()); !errors.Is(err, payment.ErrBillLate) {
		t.Errorf("%v", err)
	}
	w.bank.Calm()
	w.at(4, 10)
	w.must(w.till.Late(t.Context()))
	if b := w.bill("2026-11-22"); b.FetchedAt.IsZero() || b.Trouble != "" || !b.Due.IsZero() {
		t.Errorf("%+v", b)
	}
}

// TestBillCatchesUp: no notice came, and nobody looked any more.
func TestBillCatchesUp(t *testing.T) {
	w := newWorld(t)
	w.paidOrder("l0") // so that bills are fetched
	o := w.place("l1")
	w.work()
	w.must(w.bank.Pay(o.ID))
	w.write(func(wr services.Writer) error { // as if it had been closed in the books alone
		is, err := wr.LockOrder(o.ID)
		if err == nil {
			err = orders.End(wr, *is)
		}
		return err
	})
	w.at(1, 10)
	w.pass(10 * time.Minute)
	w.expect(o.ID, orders.Closed, "late", "done")
	if d := w.differs(); d != "" {
		t.Error(d)
	}
}

// TestBillDiffers: each kind of difference, found, put right and found no more;
// what an officer has explained stays.
func TestBillDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		misprint sandbox.Misprint
		want     string
	}{
		"a payment that only the bill has": {func(rows []payment.BillRow) []payment.BillRow {
			return append(rows, payment.BillRow{At: noon, Order: "elsewhere", Transaction: "T9", Amount: 5, State: "SUCCESS"})
		}, "2026-11-22 unknown-here of a payment"},
		"a refund that only the bill has": {func(rows []payment.BillRow) []payment.BillRow {
			return append(rows, payment.BillRow{At: noon, Order: "elsewhere", Transaction: "T9", Refund: "R9", Amount: 5, State: "SUCCESS"})
		}, "2026-11-22 unknown-here of a refund"},
		"a payment that the bill lacks":   {func(rows []payment.BillRow) []payment.BillRow { return rows[1:] }, "2026-11-22 unknown-there of a payment"},
		"a refund that the bill lacks":    {func(rows []payment.BillRow) []payment.BillRow { return rows[:1] }, "2026-11-22 unknown-there of a refund"},
		"another amount":                  {func(rows []payment.BillRow) []payment.BillRow { rows[0].Amount++; return rows }, "2026-11-22 amount of a payment"},
		"another order":                   {func(rows []payment.BillRow) []payment.BillRow { rows[0].Order = "other"; return rows }, "2026-11-22 amount of a payment"},
		"another amount of a refund":      {func(rows []payment.BillRow) []payment.BillRow { rows[1].Amount++; return rows }, "2026-11-22 amount of a refund"},
		"another state":                   {func(rows []payment.BillRow) []payment.BillRow { rows[0].State = "REVOKED"; return rows }, "2026-11-22 state of a payment"},
		"a refund that is not done there": {func(rows []payment.BillRow) []payment.BillRow { rows[1].State = "FAIL"; return rows }, "2026-11-22 state of a refund"},
		"a payment that was refunded":     {func(rows []payment.BillRow) []payment.BillRow { rows[0].State = "REFUND"; return rows }, ""},
		"a refund that was on its way":    {func(rows []payment.BillRow) []payment.BillRow { rows[1].State = "PROCESSING"; return rows }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.refund(w.paidOrder("l1", "l2"), 1)
			w.pass(5 * time.Minute)
			w.bank.Misprint(c.misprint)
			w.at(1, 10)
			if got := w.differs(); got != c.want {
				t.Fatalf("found %q, want %q", got, c.want)
			}
			if c.want == "" {
				return
			}
			again := func() {
				w.must(w.office.Reconcile(t.Context(), "2026-11-22", "张三", "查一下"))
				w.work()
			}
			again()
			if got := w.differs(); got != c.want {
				t.Errorf("again: %q", got)
			}
			open, err := w.office.Differences(t.Context(), "2026-11-22", true, 1)
			w.must(err)
			w.must(w.office.Explain(t.Context(), open[0].ID, "张三", "商户平台上手工退的"))
			again()
			if got := w.differs(); got != "" {
				t.Errorf("explained, and open again: %q", got)
			}
			w.bank.Misprint(nil)
			again()
			if all, err := w.office.Differences(t.Context(), "", false, 0); err != nil || len(all) != 1 || all[0].Note != "商户平台上手工退的" || all[0].Operator != "张三" {
				t.Errorf("%v: %+v", err, all)
			}
		})
	}
}

// TestBillOfWhatTheChannelDenies: a row that the channel itself knows nothing of
// is a difference as well, and keeps no other from being found.
func TestBillOfWhatTheChannelDenies(t *testing.T) {
	w := newWorld(t)
	w.upset(sandbox.CallRefund, sandbox.Shut, "")
	paid := w.paidOrder("l1")
	w.refund(paid, 1)
	w.pass(5 * time.Minute)
	failed := w.order(paid.ID).Refunds[0]
	never := w.place("l2")
	w.write(func(wr services.Writer) error { return orders.End(wr, never) })
	w.bank.Misprint(func(rows []payment.BillRow) []payment.BillRow {
		return append(rows,
			payment.BillRow{At: noon, Order: never.ID, Transaction: "T9", Amount: never.Total, State: "SUCCESS"},
			payment.BillRow{At: noon, Order: paid.ID, Transaction: failed.Transaction, Refund: failed.ID + "-7", Amount: failed.Amount, State: "SUCCESS"})
	})
	w.at(1, 10)
	w.pass(time.Hour)
	if b := w.bill("2026-11-22"); b == nil || b.FetchedAt.IsZero() || b.Trouble != "" {
		t.Fatalf("the bill was not compared: %+v", b)
	}
	got := w.differs()
	for _, want := range []string{"unknown-here of a payment", "state of a refund"} {
		if !strings.Contains(got, want) {
			t.Errorf("found %q, not %q", got, want)
		}
	}
}

// TestRefundThatTheHallForgot: a hall restored from a backup has lost the refund of
// one of two rights. The bill tells; the right ends by an officer's word, without
// its money going back twice, and only while no case has it.
func TestRefundThatTheHallForgot(t *testing.T) {
	w := newWorld(t)
	o := w.paidOrder("l1", "l2")
	f := w.order(o.ID)
	_, err := w.bank.Channel().Refund(t.Context(), payment.RefundOrder{Refund: "forgotten", Order: o.ID, Transaction: f.Payments[0].Number, Amount: 10000, Total: o.Total, Reason: "x"})
	w.must(err)
	w.at(1, 10)
	if got := w.differs(); got != "2026-11-22 unknown-here of a refund" {
		t.Errorf("found %q", got)
	}
	right := f.Entitlements[0].ID
	given := func() error {
		return w.office.RightsGiven(t.Context(), o.ID, []certhall.EntitlementID{right}, "张三", "退款单 forgotten")
	}
	attach := func(from, to certhall.CaseID) {
		w.write(func(wr services.Writer) error {
			_, err := wr.AttachEntitlement(right, from, to)
			return err
		})
	}
	attach("", "c1")
	if err := given(); !errors.Is(err, payment.ErrRightInUse) {
		t.Errorf("while a case has it: %v", err)
	}
	if n := len(w.order(o.ID).Refunds); n != 0 {
		t.Errorf("%d refunds", n)
	}
	attach("c1", "")
	w.must(given())
	if err := given(); !errors.Is(err, orders.ErrUsed) {
		t.Errorf("twice: %v", err)
	}
	w.pass(time.Hour)
	w.expect(o.ID, orders.Paid, "taken", "done")
	f = w.order(o.ID)
	if f.Entitlements[0].State != orders.Refunded || f.Entitlements[1].State != orders.Open || f.Refunds[0].Amount != 10000 || len(f.Acts) != 1 {
		t.Errorf("%+v, %+v, %+v", f.Entitlements, f.Refunds, f.Acts)
	}
}

// TestDifferencePutRight: found no more, it goes by itself.
func TestDifferencePutRight(t *testing.T) {
	w := newWorld(t)
	w.refund(w.paidOrder("l1"), 1)
	w.pass(5 * time.Minute)
	w.bank.Misprint(func(rows []payment.BillRow) []payment.BillRow { return rows[1:] })
	w.at(1, 10)
	w.bank.Misprint(nil)
	w.must(w.office.Reconcile(t.Context(), "2026-11-22", "张三", "x"))
	w.work()
	if got := w.differs(); got != "" {
		t.Error(got)
	}
	for _, day := range []string{"2026-11-23", "2027-01-01", "yesterday", ""} {
		if err := w.office.Reconcile(t.Context(), day, "张三", "x"); !errors.Is(err, payment.ErrDay) {
			t.Errorf("%q: %v", day, err)
		}
	}
}

// TestUnsettledRefund: failed, or on its way for days, it is listed once, until it
// is done.
func TestUnsettledRefund(t *testing.T) {
	w := newWorld(t)
	w.upset(sandbox.CallRefund, sandbox.Shut, "")
	o := w.paidOrder("l1")
	w.refund(o, 1)
	w.pass(5 * time.Minute)
	w.at(1, 10)
	w.at(2, 10)
	if got := w.differs(); got != "2026-11-22 unsettled of a refund" {
		t.Error(got)
	}
	w.must(w.office.RefundAgain(t.Context(), w.order(o.ID).Refunds[0].ID, "张三", "x"))
	w.pass(5 * time.Minute)
	w.at(3, 10)
	if got := w.differs(); got != "" {
		t.Error(got)
	}
}

// TestStrayStays: the day's reconciliation knows it as well.
func TestStrayStays(t *testing.T) {
	w := newWorld(t)
	w.paidOrder("l1")
	w.must(w.told("elsewhere", "T1", 500))
	w.at(1, 10)
	if got := w.differs(); got != "2026-11-22 stray of a payment, 2026-11-22 unknown-there of a payment" {
		t.Error(got)
	}
	w.sound()
}
