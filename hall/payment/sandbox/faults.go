package sandbox

import (
	"fmt"
	"slices"
	"time"

	"github.com/certhall/certhall/hall/payment"
)

// Call names what can go wrong: a request, or the sending of a notice.
type Call string

// The calls.
const (
	CallPrepay      Call = "prepay"
	CallQuery       Call = "query"
	CallClose       Call = "close"
	CallRefund      Call = "refund"
	CallQueryRefund Call = "query-refund"
	CallBill        Call = "bill"
	CallDownload    Call = "download"
	CallNotice      Call = "notice"
)

// Kind is how it goes wrong.
type Kind string

// The kinds of faults of a request.
const (
	Refuse    Kind = "refuse"     // with Code; nothing is done
	Lose      Kind = "lose"       // the request is lost: nothing is done, nothing is answered
	LoseReply Kind = "lose-reply" // done, but nothing is answered
	Hang      Kind = "hang"       // nothing is done, and nothing answered until the caller leaves
	Slow      Kind = "slow"       // done, and answered after Delay, or once Server.Release is called
	Forge     Kind = "forge"      // done, and answered under a wrong signature
	Late      Kind = "late"       // on its way for Delay, by the bank's clock: done when the caller has long left
	Abnormal  Kind = "abnormal"   // a refund that will reach no account
	Shut      Kind = "closed"     // a refund that will be refused for good
)

// The kinds of faults of a notice, beside Lose.
const (
	Delay   Kind = "delay"   // sent Delay later
	Repeat  Kind = "repeat"  // sent twice
	Reorder Kind = "reorder" // sent after all others that are due; alone, after the first pause
)

// Fault is one thing that is to go wrong, at the next call of that name.
type Fault struct {
	Call  Call          `json:"call"`
	Kind  Kind          `json:"kind"`
	Code  string        `json:"code,omitempty"`  // of Refuse; default SYSTEM_ERROR
	Times int           `json:"times,omitempty"` // at so many calls; default 1
	Delay time.Duration `json:"-"`               // of Slow, Late and Delay
}

var (
	callKinds   = []Kind{Refuse, Lose, LoseReply, Hang, Slow, Forge, Late}
	refundKinds = []Kind{Abnormal, Shut}
	noticeKinds = []Kind{Lose, Delay, Repeat, Reorder}
	calls       = []Call{CallPrepay, CallQuery, CallClose, CallRefund, CallQueryRefund, CallBill, CallDownload}
)

func (f Fault) check() error {
	known := slices.Contains(calls, f.Call) && slices.Contains(callKinds, f.Kind) ||
		f.Call == CallRefund && slices.Contains(refundKinds, f.Kind) || f.Call == CallNotice && slices.Contains(noticeKinds, f.Kind)
	if !known || f.Code != "" && refusals[f.Code] == nil || f.Times < 0 {
		return fmt.Errorf("sandbox: there is no fault %+v", f)
	}
	return nil
}

// Upset asks for a fault; several of one call come one after another.
func (b *Bank) Upset(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f.Times = max(f.Times, 1)
	b.faults = append(b.faults, f)
	return nil
}

// Calm takes back all faults that have not come.
func (b *Bank) Calm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
}

// fault is what this call is to suffer; of kind "" if nothing.
func (b *Bank) fault(c Call) Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.faults, func(f Fault) bool { return f.Call == c })
	if i < 0 {
		return Fault{}
	}
	f := b.faults[i]
	if b.faults[i].Times--; b.faults[i].Times == 0 {
		b.faults = slices.Delete(b.faults, i, i+1)
	}
	return f
}

// late is a request on its way.
type late struct {
	due time.Time
	act func()
}

// hold keeps a request on its way.
func (b *Bank) hold(f Fault, act func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.late = append(b.late, late{b.o.Clock.Now().Add(f.Delay), act})
	b.wake()
}

// arrive does what was on its way until now.
func (b *Bank) arrive() {
	b.mu.Lock()
	now := b.o.Clock.Now()
	var due []late
	b.late = slices.DeleteFunc(b.late, func(l late) bool {
		if now.Before(l.due) {
			return false
		}
		due = append(due, l)
		return true
	})
	b.mu.Unlock()
	for _, l := range due {
		l.act()
	}
}

// refusal is what the fault refuses with.
func (f Fault) refusal() *refusal {
	if r := refusals[f.Code]; r != nil {
		return r
	}
	return &systemError
}

// ends is how a refund under this fault will end.
func (f Fault) ends() payment.RefundState {
	return map[Kind]payment.RefundState{Abnormal: payment.RefundAbnormal, Shut: payment.RefundClosed}[f.Kind]
}
