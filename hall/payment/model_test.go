package payment_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/sandbox"
	"github.com/certhall/certhall/hall/services"
)

// mortal is a store whose node dies after so many transactions.
type mortal struct {
	payment.Store
	left *int
}

var errDied = errors.New("the node has died")

func (m mortal) Write(ctx context.Context, f func(payment.Writer) error) error {
	if *m.left--; *m.left < 0 {
		return errDied
	}
	return m.Store.Write(ctx, f)
}

// model plays a hall at random: what people, the bank, officers and the authority
// do, with every call failing in every way and nodes dying between any two steps.
type model struct {
	*world
	dice   *rand.Rand
	placed []certhall.OrderID
	cases  []services.Case // open ones
	serial int
	played []string
}

func (m *model) pick() certhall.OrderID { return m.placed[m.dice.IntN(len(m.placed))] }

// step does one thing. What people may not do is refused by name.
func (m *model) step() {
	acts := []struct {
		name string
		do   func()
	}{
		{"place", m.order}, {"place", m.order}, {"ready", m.ready}, {"pay", m.pay}, {"pay", m.pay}, {"notices", m.someNotices}, {"forge", m.forge},
		{"cancel", m.cancel}, {"refund", m.askRefund}, {"use", m.use}, {"use", m.use}, {"use", m.use}, {"close", m.closeCase}, {"again", m.again},
		{"fault", m.fault}, {"fault", m.fault}, {"die", m.die}, {"wait", m.wait}, {"wait", m.wait}, {"wait", m.wait}, {"stray", m.stray},
	}
	act := acts[m.dice.IntN(len(acts))]
	m.played = append(m.played, act.name)
	act.do()
	m.sound()
	if m.Failed() {
		m.Fatalf("after %v", m.played)
	}
}

func (m *model) allowed(err error, but ...*certhall.Error) {
	for _, e := range but {
		if errors.Is(err, e) {
			return
		}
	}
	m.must(err)
}

func (m *model) order() {
	var lines []orders.Line
	for _, l := range m.dice.Perm(6)[:1+m.dice.IntN(3)] {
		lines = append(lines, orders.Line{Lineage: certhall.LineageID(fmt.Sprint("l", l)), Service: certhall.Renew, Years: 1 + m.dice.IntN(2), Price: 10000})
	}
	var total certhall.Money
	for _, l := range lines {
		total += l.Subtotal()
	}
	var o orders.Order
	err := m.store.Write(m.Context(), func(w services.Writer) (err error) {
		o, err = orders.Place(w, orders.Order{Lines: lines}, total, m.till.Channel(), m.clock.now, m.random)
		return err
	})
	if m.allowed(err, orders.ErrOrdered, orders.ErrEntitled); err == nil {
		m.placed = append(m.placed, o.ID)
	}
}

func (m *model) ready() {
	_, err := m.till.Ready(m.Context(), m.pick())
	m.allowed(err, payment.ErrChannel, payment.ErrRefused)
}

func (m *model) pay() {
	m.allowed(m.bank.Pay(m.pick()), payment.ErrPaid, payment.ErrClosed, payment.ErrUnknown)
}

// someNotices delivers what is due, perhaps with a fault.
func (m *model) someNotices() {
	kinds := []sandbox.Kind{"", sandbox.Lose, sandbox.Repeat, sandbox.Reorder, sandbox.Delay}
	if k := kinds[m.dice.IntN(len(kinds))]; k != "" {
		m.must(m.bank.Upset(sandbox.Fault{Call: sandbox.CallNotice, Kind: k, Delay: time.Hour}))
	}
	m.notices()
}

// forge tells of a payment that the bank does not know, and sends one by HTTP.
func (m *model) forge() {
	f := m.world.order(m.pick())
	if f.Live() {
		_ = m.told(f.ID, "forged-"+fmt.Sprint(len(m.played)), f.Total-1)
	}
	if err := m.till.Notice(m.Context(), nil); !errors.Is(err, payment.ErrNotice) {
		m.Errorf("a notice under no signature: %v", err)
	}
}

func (m *model) stray() { m.must(m.told("elsewhere", fmt.Sprint("stray-", m.dice.IntN(3)), 700)) }

func (m *model) cancel() {
	m.allowed(m.store.Write(m.Context(), func(w services.Writer) error {
		_, err := orders.Cancel(w, m.pick(), m.clock.now)
		return err
	}), orders.ErrOrderOver)
}

func (m *model) askRefund() {
	f := m.world.order(m.pick())
	var which []certhall.EntitlementID
	for _, e := range f.Entitlements {
		if e.State == orders.Open && m.dice.IntN(2) == 0 {
			which = append(which, e.ID)
		}
	}
	if len(which) > 0 {
		m.write(func(w services.Writer) error {
			o, err := w.LockOrder(f.ID)
			if err == nil {
				_, _, err = orders.AskRefund(w, *o, which, "", "p", m.clock.now, m.random)
			}
			return err
		})
	}
}

// use opens a case with a right, or has the pair of one that is open become current.
func (m *model) use() {
	if len(m.cases) > 0 && m.dice.IntN(2) == 0 {
		m.endCase(func(w services.Writer, k services.Case) (services.Case, error) {
			m.serial++
			k.State, k.Acknowledged, k.NewSerial, k.AcknowledgedAt = services.Done, true, certhall.Serial(fmt.Sprintf("%04x", m.serial)), m.clock.now
			err := w.ProjectPair(authority.PairInfo{ID: certhall.PairID(k.ID), Lineage: k.Lineage, Case: k.ID, SignSerial: k.NewSerial, State: authority.Superseded}, 1)
			return k, errors.Join(err, orders.Spend(w, k.Entitlement, m.clock.now))
		})
		return
	}
	f := m.world.order(m.pick())
	for _, e := range f.Entitlements {
		if e.State == orders.Open && e.Case == "" {
			k := services.Case{ID: certhall.CaseID(certhall.NewID(m.clock.now, m.random)), Version: 1, State: services.Open, Lineage: e.Lineage, Entitlement: e.ID}
			m.write(func(w services.Writer) error {
				if _, err := w.AddCase(k); err != nil {
					return err
				}
				if _, err := w.AttachEntitlement(e.ID, "", k.ID); err != nil {
					return err
				}
				return w.AddEntry(services.Entry{Case: k.ID, Version: 1, Kind: services.EvOpened})
			})
			m.cases = append(m.cases, k)
			return
		}
	}
}

// closeCase lets the authority's signed closing of a case arrive.
func (m *model) closeCase() {
	m.endCase(func(w services.Writer, k services.Case) (services.Case, error) {
		k.State, k.ClosedThere, k.Closing = services.Closed, true, []byte("signed")
		return k, orders.Free(w, k.ID, k.Entitlement, m.clock.now)
	})
}

func (m *model) endCase(end func(services.Writer, services.Case) (services.Case, error)) {
	if len(m.cases) == 0 {
		return
	}
	i := m.dice.IntN(len(m.cases))
	k := m.cases[i]
	m.cases = append(m.cases[:i:i], m.cases[i+1:]...)
	m.write(func(w services.Writer) error {
		after, err := end(w, k)
		after.Version++
		if err == nil {
			_, err = w.SaveCase(after)
		}
		if err == nil {
			err = w.AddEntry(services.Entry{Case: k.ID, Version: 2, Kind: services.EvClosed})
		}
		return err
	})
}

// again has failed refunds made again by an officer.
func (m *model) again() {
	for _, f := range m.world.order(m.pick()).Refunds {
		if f.Standing == orders.RefundFailed {
			m.must(m.office.RefundAgain(m.Context(), f.ID, "officer", "again"))
		}
	}
}

func (m *model) fault() {
	calls := []sandbox.Call{sandbox.CallPrepay, sandbox.CallQuery, sandbox.CallClose, sandbox.CallRefund, sandbox.CallQueryRefund, sandbox.CallBill}
	f := sandbox.Fault{Call: calls[m.dice.IntN(len(calls))], Kind: lost[m.dice.IntN(len(lost))], Times: 1 + m.dice.IntN(3)}
	if f.Call == sandbox.CallRefund && m.dice.IntN(3) == 0 {
		f.Kind, f.Times = []sandbox.Kind{sandbox.Abnormal, sandbox.Shut}[m.dice.IntN(2)], 1
	}
	m.must(m.bank.Upset(f))
}

// die lets a node die between any two transactions of its work; another goes on.
func (m *model) die() {
	left := m.dice.IntN(6)
	dying := payment.NewTill(payment.TillOptions{Store: mortal{m.store.Till(), &left}, Channel: m.bank.Channel(), Clock: m.clock, Random: m.random})
	m.clock.now = m.clock.now.Add(10 * time.Second)
	for range 3 {
		if _, err := dying.Work(m.Context()); err != nil {
			break
		}
	}
	m.restart()
}

func (m *model) wait() {
	m.clock.now = m.clock.now.Add([]time.Duration{time.Second, 10 * time.Second, 10 * time.Second, time.Minute, time.Minute, 2 * time.Minute, 20 * time.Minute, 14 * time.Hour}[m.dice.IntN(8)])
	m.work()
}

// calm ends all faults and lets a few days pass.
func (m *model) calm() {
	m.bank.Calm()
	for range 8 {
		for id := range m.placed {
			for _, f := range m.world.order(m.placed[id]).Refunds {
				if f.Trouble == payment.ErrRefundClosed.Code && f.Standing == orders.RefundFailed {
					m.must(m.office.RefundAgain(m.Context(), f.ID, "officer", "again"))
				}
			}
		}
		m.clock.now = m.clock.now.Add(12 * time.Hour)
		m.work()
		m.notices()
		m.clock.now = m.clock.now.Add(time.Hour)
		m.work()
	}
	for len(m.cases) > 0 {
		m.closeCase()
	}
	for range 3 {
		m.clock.now = m.clock.now.Add(time.Hour)
		m.work()
		m.notices()
	}
	m.sound()
}

// TestModel: whatever happens, what the bank has is what the books say.
func TestModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &model{world: newWorld(t), dice: rand.New(rand.NewPCG(seed, 1))}
			m.order()
			for range 60 {
				m.step()
			}
			m.calm()
			m.balance()
			if t.Failed() {
				t.Fatalf("seed %d: %v", seed, m.played)
			}
		})
	}
}

// balance compares the bank's books with the hall's: paid = issued + refunded +
// entitled, and what bought nothing went back.
func (m *model) balance() {
	m.Helper()
	channel := m.bank.Channel()
	for _, id := range m.placed {
		f := m.world.order(id)
		var came, back, used, open certhall.Money
		p, err := channel.Query(m.Context(), id)
		if err == nil && p.Transaction != "" {
			came = p.Amount
		} else if !errors.Is(err, payment.ErrUnknown) {
			m.must(err)
		}
		for _, r := range f.Refunds {
			if r.Whole && len(r.Transaction) > 6 && r.Transaction[:6] == "forged" {
				continue // the bank has nothing to give back: it has failed, and an officer knows
			}
			stuck := r.Standing == orders.RefundFailed && r.Trouble == payment.ErrRefundAbnormal.Code
			if r.Standing != orders.RefundDone && r.Standing != orders.RefundDropped && !stuck {
				m.Errorf("a refund is %s (%s) for ever", r.Standing, r.Trouble)
			}
			back += r.Amount
		}
		for _, l := range f.Lines {
			for _, e := range f.Entitlements {
				switch {
				case e.ID != l.Entitlement:
				case e.State == orders.Spent:
					used += l.Subtotal()
				case e.State == orders.Open:
					open += l.Subtotal()
				}
			}
		}
		if f.Live() || came != used+back+open {
			m.Errorf("order %s: %s came; %s used, %s back, %s open", f.Standing, came, used, back, open)
		}
		if (came > 0) != (f.Standing == orders.Paid) && back != came {
			m.Errorf("order %s with %s paid and %s given back", f.Standing, came, back)
		}
	}
	open, err := m.office.Differences(m.Context(), "", true, 0)
	m.must(err)
	for _, d := range open {
		if d.Kind != payment.StrayPayment && d.Kind != payment.UnsettledMoney && d.Number[:5] != "stray" && d.Number[:5] != "forge" {
			m.Errorf("books differ: %+v", d)
		}
	}
}
