package rounds_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/authority/rounds"
	storeauthority "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/storetest"
)

type clock struct{ t time.Time }

func (c *clock) Now() time.Time { return c.t }

// numbered tells when a record was given its number.
type numbered struct {
	*storeauthority.Store
	seen chan int
}

func (n numbered) Sequence(ctx context.Context, limit int, link func([]byte, ca.Record) []byte) (int, error) {
	count, err := n.Store.Sequence(ctx, limit, link)
	if count > 0 {
		n.seen <- count
	}
	return count, err
}

func TestRounds(t *testing.T) {
	db := storetest.Open(t, "sqlite::memory:", storeauthority.Migrations())
	store := storeauthority.New(db)
	now := &clock{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	founded, err := ceremony.Found(ceremony.Plan{ID: "test", Name: "测试", Address: "https://hall.example", Clock: now, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	a := ca.New(ca.Options{ID: "test", Store: store, KMC: kmc.New(founded.EscrowKey(), rand.Reader), Policy: ca.DefaultPolicy(),
		Profiles: ca.Profiles(), Chains: founded.Chains(), Addresses: ca.AddressesAt("https://hall.example"), Clock: now, Random: rand.Reader})
	r := rounds.Rounds{CA: a, Sequencer: audit.Sequencer{Store: store}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if n, err := r.Tidy(t.Context()); n != 0 || err != nil {
		t.Errorf("nothing to do while sealed: %d %v", n, err)
	}
	if err := a.Unseal(t.Context(), founded.Keys(rand.Reader)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Ticket(t.Context(), authority.TicketRequest{Service: "apply", Case: "c"}); err != nil {
		t.Fatal(err)
	}
	now.t = now.t.AddDate(0, 0, 31)
	if n, err := r.Tidy(t.Context()); n != 1 || err != nil {
		t.Errorf("one case lapsed: %d %v", n, err)
	}
	seen := make(chan int, 8)
	r.Sequencer.Store = numbered{store, seen}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	if n := <-seen; n != 4 { // unsealed, attempt-opened, voided, closed
		t.Errorf("numbered %d records", n)
	}
	stop()
	<-ended
}
