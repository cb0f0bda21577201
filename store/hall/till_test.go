package hall_test

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/store/hall"
)

func atTill(t *testing.T, s *hall.Store, f func(payment.Writer) error) {
	t.Helper()
	if err := s.Till().Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// whole tells whether a value has a field that is empty.
func whole(t *testing.T, v any) {
	t.Helper()
	s := reflect.ValueOf(v)
	for i := range s.NumField() {
		if s.Field(i).IsZero() {
			t.Errorf("the test leaves %s empty", s.Type().Field(i).Name)
		}
	}
}

func TestTillKeepsEveryField(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		p := payment.Received{Number: "T1", Order: "o1", Channel: "wechat", Amount: 20000, Currency: "CNY", Merchant: "m", Verdict: payment.Taken, PaidAt: noon, SeenAt: noon.Add(time.Second)}
		f := orders.Refund{ID: "r1", Order: "o1", Transaction: "T1", Whole: true, Amount: 100, Total: 20000, Reason: "late", By: "p", Standing: orders.RefundSent,
			Number: "n", Round: 1, SentAt: noon, Trouble: "x", MadeAt: noon, EndedAt: noon.Add(time.Hour), Due: noon, Looks: 3}
		b := payment.Bill{Day: "2026-11-22", FetchedAt: noon, Entries: 2, Trouble: "x", Due: noon, Looks: 1}
		d := payment.Difference{ID: "d1", Day: "2026-11-22", Kind: payment.OtherAmount, Number: "T1", Refund: "r1", Order: "o1", Here: "1", There: "2",
			FoundAt: noon, ExplainedAt: noon, Operator: "张三", Note: "x"}
		a := payment.Act{ID: "a1", At: noon, Operator: "张三", Kind: payment.ActRefundAgain, Subject: "o1", Reason: "x"}
		for _, v := range []any{p, f, b, d, a} {
			whole(t, v)
		}
		atTill(t, s, func(w payment.Writer) error {
			if !must[bool](t)(w.AddPayment(p)) || must[bool](t)(w.AddPayment(p)) {
				t.Error("a payment is stored once")
			}
			if err := w.AddRefund(f); err != nil {
				return err
			}
			if err := w.AddBill(payment.Bill{Day: b.Day}); err != nil {
				return err
			}
			if err := w.AddBill(payment.Bill{Day: b.Day, Due: noon}); err != nil {
				return err
			}
			if err := w.SaveBill(b); err != nil {
				return err
			}
			if err := w.AddDifference(d); err != nil {
				return err
			}
			return w.AddPaymentAct(a)
		})
		atTill(t, s, func(w payment.Writer) error {
			for what, pair := range map[string][2]any{
				"payment":    {must[*payment.Received](t)(w.Payment("T1")), &p},
				"of order":   {must[[]payment.Received](t)(w.PaymentsOf("o1")), []payment.Received{p}},
				"refund":     {must[*orders.Refund](t)(w.LockRefund("r1")), &f},
				"bill":       {must[*payment.Bill](t)(w.LockBill(b.Day)), &b},
				"last bill":  {must[*payment.Bill](t)(w.LastBill()), &b},
				"difference": {must[[]payment.Difference](t)(w.Differences("", false, 0)), []payment.Difference{d}},
				"acts":       {must[[]payment.Act](t)(w.PaymentActs("o1")), []payment.Act{a}},
				"first":      {must[time.Time](t)(w.FirstPaid()), noon},
				"nothing":    {must[*payment.Received](t)(w.Payment("T9")), (*payment.Received)(nil)},
				"no bill":    {must[*payment.Bill](t)(w.Bill("2026-11-23")), (*payment.Bill)(nil)},
			} {
				if !reflect.DeepEqual(pair[0], pair[1]) {
					t.Errorf("%s: %+v, want %+v", what, pair[0], pair[1])
				}
			}
			f.Standing, f.Round, f.SentAt, f.Number = orders.RefundWanted, 2, time.Time{}, ""
			return w.SaveRefund(f)
		})
		atTill(t, s, func(w payment.Writer) error {
			if got := must[*orders.Refund](t)(w.Refund("r1")); !reflect.DeepEqual(*got, f) {
				t.Errorf("saved %+v", got)
			}
			return nil
		})
	})
}

func TestWhatIsDue(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		atTill(t, s, func(w payment.Writer) error {
			for i, due := range []time.Time{{}, noon.Add(time.Second), noon, noon.Add(-time.Hour)} {
				id := fmt.Sprint(i)
				if _, err := w.AddOrder(orders.Order{ID: certhall.OrderID(id), Standing: orders.Unpaid, Due: due}); err != nil {
					return err
				}
				if err := w.AddRefund(orders.Refund{ID: certhall.RefundID(id), Standing: orders.RefundWanted, Due: due, MadeAt: noon.Add(time.Duration(i) * time.Hour)}); err != nil {
					return err
				}
				if err := w.AddBill(payment.Bill{Day: id, Due: due}); err != nil {
					return err
				}
			}
			if got := must[[]certhall.OrderID](t)(w.DueOrders(noon, 5)); fmt.Sprint(got) != "[3 2]" {
				t.Errorf("orders %v", got)
			}
			if got := must[[]certhall.RefundID](t)(w.DueRefunds(noon, 1)); fmt.Sprint(got) != "[3]" {
				t.Errorf("refunds %v", got)
			}
			if got := must[[]string](t)(w.DueBills(noon, 5)); fmt.Sprint(got) != "[2 3]" {
				t.Errorf("bills %v", got)
			}
			if got := must[[]orders.Refund](t)(w.Unsettled(noon.Add(90 * time.Minute))); len(got) != 2 {
				t.Errorf("%d unsettled", len(got))
			}
			tally := must[payment.Tally](t)(w.Tally())
			if tally.Orders["unpaid"] != 4 || tally.Refunds["wanted"] != 4 || tally.Open != 0 {
				t.Errorf("%+v", tally)
			}
			return nil
		})
	})
}

func TestFindOrdersAndPayments(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		atTill(t, s, func(w payment.Writer) error {
			for i := range 4 {
				id := certhall.OrderID(fmt.Sprint("o", i))
				l := orders.Line{Entitlement: certhall.EntitlementID(fmt.Sprint("e", i)), Lineage: certhall.LineageID(fmt.Sprint("l", i)), Serial: certhall.Serial(fmt.Sprint("0", i)), KeyNumber: fmt.Sprint("K", i)}
				if _, err := w.AddOrder(orders.Order{ID: id, Standing: []orders.Standing{orders.Paid, orders.Closed}[i%2], Lines: []orders.Line{l}}); err != nil {
					return err
				}
				if _, err := w.AddPayment(payment.Received{Number: fmt.Sprint("T", i), Order: id, Verdict: []payment.Verdict{payment.Taken, payment.Late}[i%2], PaidAt: noon.Add(time.Duration(i) * time.Hour)}); err != nil {
					return err
				}
			}
			return w.AddRefund(orders.Refund{ID: "r", Order: "o1", Standing: orders.RefundFailed})
		})
		atTill(t, s, func(w payment.Writer) error {
			for want, search := range map[string]payment.OrderSearch{
				"o3 o2 o1 o0": {}, "o3 o2": {Limit: 2}, "o1 o0": {After: "o2"}, "o1": {Refund: orders.RefundFailed}, "o2 o0": {Standing: orders.Paid}, "o2": {Key: "K2"}, "o0": {Serial: "00"}, "o3": {Order: "o3"},
			} {
				search.Limit = max(search.Limit, 0)
				if search.Limit == 0 {
					search.Limit = 10
				}
				got := ""
				for _, o := range must[[]orders.Order](t)(w.FindOrders(search)) {
					got += " " + string(o.ID)
				}
				if got != " "+want {
					t.Errorf("%+v found%s", search, got)
				}
			}
			for want, search := range map[string]payment.PaymentSearch{
				"T3 T2 T1 T0": {}, "T3 T1": {Verdict: payment.Late}, "T2 T1": {From: noon.Add(time.Hour), To: noon.Add(3 * time.Hour)}, "T0": {Order: "o0"}, "T2": {Number: "T2"},
			} {
				search.Limit = 10
				got := ""
				for _, p := range must[[]payment.Received](t)(w.FindPayments(search)) {
					got += " " + p.Number
				}
				if got != " "+want {
					t.Errorf("%+v found%s", search, got)
				}
			}
			return nil
		})
	})
}

func TestBillRowsAndDifferences(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		rows := []payment.BillRow{{Transaction: "T1", Order: "o"}, {Transaction: "T1", Order: "o"}, {Transaction: "T1", Refund: "r", Order: "o"}}
		differs := payment.Difference{ID: "d1", Day: "d", Kind: payment.UnknownHere, Number: "T1"}
		atTill(t, s, func(w payment.Writer) error {
			for range 2 {
				if err := w.SaveBillRows("d", rows); err != nil {
					return err
				}
			}
			again := differs
			again.ID = "d2"
			for _, d := range []payment.Difference{differs, again, {ID: "d3", Day: "e", Kind: payment.StrayPayment, Number: "T2"}} {
				if err := w.AddDifference(d); err != nil {
					return err
				}
			}
			return nil
		})
		atTill(t, s, func(w payment.Writer) error {
			for _, q := range []struct {
				number string
				refund certhall.RefundID
				want   bool
			}{{"T1", "", true}, {"T1", "r", true}, {"T1", "q", false}, {"T2", "", false}} {
				if got := must[bool](t)(w.Billed(q.number, q.refund)); got != q.want {
					t.Errorf("%+v: %v", q, got)
				}
			}
			if !must[bool](t)(w.ExplainDifference(payment.Difference{ID: "d1", ExplainedAt: noon, Operator: "o", Note: "n"})) || must[bool](t)(w.ExplainDifference(payment.Difference{ID: "d2"})) {
				t.Error("what is there is explained")
			}
			for _, id := range []string{"d1", "d3"} {
				if err := w.DropDifference(id); err != nil {
					return err
				}
			}
			if left := must[[]payment.Difference](t)(w.Differences("d", false, 5)); len(left) != 1 || left[0].Note != "n" {
				t.Errorf("left %+v", left)
			}
			if open := must[[]payment.Difference](t)(w.Differences("", true, 5)); len(open) != 0 {
				t.Errorf("open %+v", open)
			}
			return w.SaveBillRows("d", nil)
		})
		atTill(t, s, func(w payment.Writer) error {
			if must[bool](t)(w.Billed("T1", "")) {
				t.Error("rows of a bill that was replaced stay")
			}
			return nil
		})
	})
}

// standing is a clock that stands still.
type standing struct{}

func (standing) Now() time.Time { return noon }

// oneName is a channel that only tells its name: all else is not asked.
type oneName struct{ payment.Channel }

func (oneName) Name() string { return "wechat" }

// TestOnePaymentManyNodes: of many nodes that hear of one payment at once, and of
// a second one, one right comes and one refund.
func TestOnePaymentManyNodes(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		atTill(t, s, func(w payment.Writer) error {
			o := orders.Order{ID: "o", Standing: orders.Unpaid, Total: 100, Channel: "wechat", ExpiresAt: noon.Add(time.Hour),
				Lines: []orders.Line{{Entitlement: "e", Lineage: "l", Years: 1, Price: 100}}}
			_, err := w.AddOrder(o)
			return err
		})
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				till := payment.NewTill(payment.TillOptions{Store: s.Till(), Channel: oneName{}, Clock: standing{}, Random: zeros{byte(i)}})
				p := payment.Payment{Order: "o", State: payment.Paid, Transaction: []string{"T1", "T2"}[i%2], Amount: 100, Currency: "CNY", PaidAt: noon}
				if err := till.Told(t.Context(), payment.Notice{Payment: &p}); err != nil {
					t.Error(err)
				}
				p.Order, p.Transaction = "elsewhere", "T3"
				if err := till.Told(t.Context(), payment.Notice{Payment: &p}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		atTill(t, s, func(w payment.Writer) error {
			made, refunds := must[[]orders.Entitlement](t)(w.EntitlementsOf("o")), must[[]orders.Refund](t)(w.RefundsOf("o"))
			verdicts := map[payment.Verdict]int{}
			for _, p := range must[[]payment.Received](t)(w.FindPayments(payment.PaymentSearch{Limit: 9})) {
				verdicts[p.Verdict]++
			}
			if len(made) != 1 || len(refunds) != 1 || verdicts[payment.Taken] != 1 || verdicts[payment.Second] != 1 || verdicts[payment.Stray] != 1 || len(verdicts) != 3 {
				t.Errorf("%+v, %+v, %v", made, refunds, verdicts)
			}
			return nil
		})
	})
}

// zeros are random numbers that tell who drew them.
type zeros struct{ n byte }

func (z zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = z.n
	}
	return len(p), nil
}
