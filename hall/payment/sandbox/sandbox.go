// Package sandbox is WeChat Pay for trials and tests; no money moves. Bank is the
// model of it, Server speaks the real protocol over that model (signatures,
// encrypted notices, bills), Bank.Channel is the same model without a wire, for
// the simulation. Faults can be asked for at every call and notice. Production
// refuses to run with it.
package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/durable"
)

// The merchant of trials, at an address where WeChat Pay has no merchants.
const (
	Merchant = "1900000001"
	App      = "wx0000000000000001"
)

// Options of a Bank.
type Options struct {
	Name       string // of the merchant, as payers read it
	Clock      certhall.Clock
	Random     io.Reader
	File       string          // where the books are kept; "": in memory alone
	RefundTime time.Duration   // how long a refund is processing
	Balance    *certhall.Money // what the merchant's account holds for refunds; nil: enough
}

// Bank is the model: orders, payments, refunds and the notices of them.
type Bank struct {
	o          Options
	mu         sync.Mutex
	books      books
	faults     []Fault
	late       []late // requests on their way
	misprint   Misprint
	saved      []byte        // what File holds
	due        chan struct{} // something new is due
	delivering sync.Mutex
}

// books are what a restart keeps.
type books struct {
	Orders  map[certhall.OrderID]*order   `json:"orders"`
	Refunds map[certhall.RefundID]*refund `json:"refunds"`
	Notes   []*Note                       `json:"notes"` // not settled yet
	Numbers int64                         `json:"numbers"`
	Balance *certhall.Money               `json:"balance,omitempty"`
}

// Open makes a bank, with the books of its file if there are any.
func Open(o Options) (*Bank, error) {
	b := &Bank{o: o, due: make(chan struct{}, 1), books: books{
		Orders: map[certhall.OrderID]*order{}, Refunds: map[certhall.RefundID]*refund{}, Balance: o.Balance,
	}}
	if o.Balance != nil {
		b.books.Balance = new(*o.Balance)
	}
	if o.File == "" {
		return b, nil
	}
	data, err := os.ReadFile(o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &b.books); err != nil {
		return nil, fmt.Errorf("sandbox: %s: %w", o.File, err)
	}
	return b, nil
}

// do runs one act on the books and keeps what it changed.
func do[T any](b *Bank, act func(now time.Time) (T, *refusal)) (T, *refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Clock.Now()
	b.pass(now)
	done, no := act(now)
	if err := b.save(); err != nil {
		return done, &systemError
	}
	return done, no
}

// pass lets happen what time brings: orders run out, refunds arrive.
func (b *Bank) pass(now time.Time) {
	for _, o := range b.books.Orders {
		if o.State == notPaid && !now.Before(o.Expires) {
			o.State = closed
		}
	}
	for _, r := range b.processing() {
		if !now.Before(r.Due) {
			b.settle(r)
		}
	}
}

func (b *Bank) save() error {
	if b.o.File == "" {
		return nil
	}
	data, err := json.Marshal(b.books)
	if err != nil || bytes.Equal(data, b.saved) {
		return err
	}
	if err := durable.Replace(b.o.File, data, durable.Secret); err != nil {
		return err
	}
	b.saved = data
	return nil
}

// number draws the next of the bank's own numbers.
func (b *Bank) number(prefix string, now time.Time) string {
	b.books.Numbers++
	return fmt.Sprintf("%s%s%010d", prefix, now.In(certhall.Beijing).Format("20060102"), b.books.Numbers)
}

// wake tells Run that something is due.
func (b *Bank) wake() {
	select {
	case b.due <- struct{}{}:
	default:
	}
}
