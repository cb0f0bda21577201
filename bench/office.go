// Package bench measures what the house can carry: pairs a second through
// CA.Issue with everything durable, beside a ceiling in the same run, which
// does the same cryptography and stores the same rows with none of our code.
// docs/bench.md says what was found. `make bench` runs it.
package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/sync/errgroup"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	storeauthority "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
)

// clients is how many callers ask at the same time.
const clients = 32

// office is an authority over a database, with one holder whose old pair is
// the model of all that are renewed.
type office struct {
	*demo.Authority
	db    *sqldb.DB
	store *storeauthority.Store
	key   *sm2.PrivateKey // the holder's
	model ca.Pair
	made  atomic.Int64
}

func newOffice(ctx context.Context, address string) (*office, error) {
	db, err := sqldb.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, storeauthority.Migrations()); err != nil {
		return nil, err
	}
	o := &office{db: db, store: storeauthority.New(db)}
	o.Authority, err = demo.NewAuthority(ctx, demo.Options{ID: "bench", Name: "测速机构", Store: o.store, Policy: ca.DefaultPolicy(),
		Base: "https://hall.example", Clock: certhall.SystemClock{}, Random: rand.Reader})
	if err != nil {
		return nil, err
	}
	return o, o.makeModel(ctx)
}

// makeModel gives the holder a pair by decision, as any first pair is given.
func (o *office) makeModel(ctx context.Context) error {
	const c = "model"
	signed, err := o.CA.Ticket(ctx, authority.TicketRequest{Service: certhall.Apply, Case: c})
	if err != nil {
		return err
	}
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	if err != nil {
		return err
	}
	if o.key, err = sm2.GenerateKey(rand.Reader); err != nil {
		return err
	}
	request, err := demo.Request(rand.Reader, o.key, "")
	if err != nil {
		return err
	}
	decision, err := o.Decide(ctx, demo.Applicant{Name: "测速单位有限公司", Organisation: "91310000MA1FL00000", Lineage: "model",
		Project: "政府采购项目", KeyNumber: "HT20260001", TermYears: 1}, ticket, "HT20260001", request)
	if err != nil {
		return err
	}
	if _, err := o.CA.Issue(ctx, authority.IssueRequest{Case: c, Attempt: 1, Request: request, Evidence: decision}); err != nil {
		return err
	}
	return o.store.Read(ctx, func(r ca.Reader) error {
		p, err := r.PairOfAttempt(c, 1)
		if err == nil {
			o.model = *p
		}
		return err
	})
}

// prepare makes n requests that Issue will grant: old pairs near their end,
// cases with tickets, P10s and evidence signed with the old key.
func (o *office) prepare(ctx context.Context, n int) ([]authority.IssueRequest, error) {
	requests := make([]authority.IssueRequest, n)
	var g errgroup.Group
	g.SetLimit(clients)
	for i := range requests {
		g.Go(func() (err error) {
			requests[i], err = o.prepareOne(ctx)
			return err
		})
	}
	return requests, g.Wait()
}

func (o *office) prepareOne(ctx context.Context) (authority.IssueRequest, error) {
	old, err := o.oldPair(ctx)
	if err != nil {
		return authority.IssueRequest{}, err
	}
	c := certhall.CaseID(certhall.NewID(time.Now(), rand.Reader))
	signed, err := o.CA.Ticket(ctx, authority.TicketRequest{Service: certhall.Renew, Case: c, OldSerial: old.SignSerial})
	if err != nil {
		return authority.IssueRequest{}, err
	}
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	if err != nil {
		return authority.IssueRequest{}, err
	}
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return authority.IssueRequest{}, err
	}
	request, err := demo.Request(rand.Reader, key, "")
	if err != nil {
		return authority.IssueRequest{}, err
	}
	_, digest, err := gm.ParseRequest(request)
	if err != nil {
		return authority.IssueRequest{}, err
	}
	evidence, err := proof.Sign(proof.OldKey{
		Authority: o.ID, Service: string(certhall.Renew), Case: string(c), Attempt: 1, Entitlement: string(c),
		OldSerial: string(old.SignSerial), Project: old.Project, Profile: old.Profile, TermYears: 1, RequestDigest: digest,
		Disposal: string(certhall.Keep), KeySerial: old.KeySerial, Nonce: ticket.Nonce, Expiry: ticket.Expiry,
	}, old.SignCert, func(m []byte) ([]byte, error) { return gm.Sign(rand.Reader, o.key, m) })
	return authority.IssueRequest{Case: c, Attempt: 1, Request: request, Evidence: evidence}, err
}

// oldPair stores a copy of the model as the current pair of a new lineage, ten
// days before its end.
func (o *office) oldPair(ctx context.Context) (ca.Pair, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	p := o.model
	id := certhall.NewID(now, rand.Reader)
	p.ID, p.Lineage, p.Case, p.Entitlement = certhall.PairID(id), certhall.LineageID(id), certhall.CaseID(id), certhall.EntitlementID(id)
	n := o.made.Add(1)
	p.SignSerial, p.EncSerial = certhall.Serial(fmt.Sprintf("41%030x", n)), certhall.Serial(fmt.Sprintf("42%030x", n))
	p.NotAfter, p.State, p.IntendedAt = now.AddDate(0, 0, 10), authority.Intended, now
	err := o.store.Write(ctx, func(w ca.Writer) error {
		return errors.Join(w.AddLineage(p.Lineage, now),
			w.AddCase(ca.Case{ID: p.Case, Service: certhall.Apply, State: ca.CaseAcknowledged, Lineage: p.Lineage, OpenedAt: now, EndedAt: now}),
			w.AddAttempt(ca.Attempt{Case: p.Case, Number: 1, Standing: authority.AttemptAcknowledged, OpenedAt: now, Nonce: p.Nonce}))
	})
	if err != nil {
		return p, err
	}
	record := ca.Record{At: now, Kind: authority.PairIntended, Pair: p.ID, Salt: p.Nonce, Data: []byte("{}"), Digest: p.Nonce}
	if err := o.store.SaveIntent(ctx, ca.Intent{Pair: p, Escrow: p.Envelope, Record: record}, func(ca.Standing) error { return nil }); err != nil {
		return p, err
	}
	if _, err := o.store.SaveIssued(ctx, ca.Signatures{ID: p.ID, SignCert: p.SignCert, EncCert: p.EncCert, At: now, Record: record}); err != nil {
		return p, err
	}
	return p, o.store.Write(ctx, func(w ca.Writer) error {
		_, err := w.MovePair(p.ID, authority.Issued, authority.Current, ca.Change{AcknowledgedAt: now, Receipt: p.Evidence})
		return err
	})
}

// issue grants all requests, with the sequencer numbering the records beside
// it as the authority's rounds do, and answers how long that took until
// everything was durable and numbered.
func (o *office) issue(ctx context.Context, requests []authority.IssueRequest) (time.Duration, error) {
	sequencer := audit.Sequencer{Store: o.store}
	begin := time.Now()
	done := make(chan struct{})
	numbered := make(chan error, 1)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond) // as package rounds
		defer tick.Stop()
		for {
			select {
			case <-done:
				_, err := sequencer.Run(ctx)
				numbered <- err
				return
			case <-tick.C:
				if _, err := sequencer.Run(ctx); err != nil {
					numbered <- err
					return
				}
			}
		}
	}()
	err := serve(len(requests), func(i int) error {
		_, err := o.CA.Issue(ctx, requests[i])
		return err
	})
	close(done)
	err = errors.Join(err, <-numbered)
	return time.Since(begin), err
}

// serve lets the clients work through n items.
func serve(n int, work func(i int) error) error {
	var next atomic.Int64
	var g errgroup.Group
	for range clients {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := work(i); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}
