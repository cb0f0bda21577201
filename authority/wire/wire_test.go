package wire_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/nodes"
	"github.com/certhall/certhall/authority/wire"
	"github.com/certhall/certhall/proof"
)

// site is an internal CA and what it gave out.
type site struct {
	t  *testing.T
	ca *nodes.CA
}

func newSite(t *testing.T) site {
	t.Helper()
	ca, err := nodes.Found("test", time.Now(), rand.Reader)
	must(t, err)
	return site{t, ca}
}

func (s site) own(role string) nodes.Own {
	s.t.Helper()
	n, err := s.ca.Issue(role, "node1", time.Now(), rand.Reader)
	must(s.t, err)
	return func() (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{n.Certificate.Raw}, PrivateKey: n.Key, Leaf: n.Certificate}, nil
	}
}

// serve serves h as a node of a role, and gives its address.
func (s site) serve(role string, h http.Handler) string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	server := &http.Server{Handler: h, TLSConfig: nodes.ServerTLS(s.ca.Certificate, s.own(role)), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = server.ServeTLS(l, "", "") }() // ends with the test
	s.t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

// client calls nodes as a hall.
func (s site) client(addresses ...string) *wire.Client { return s.clientAs(nodes.Hall, addresses...) }

func (s site) clientAs(role string, addresses ...string) *wire.Client {
	return s.clientWith(s.own(role), addresses...)
}

func (s site) clientWith(own nodes.Own, addresses ...string) *wire.Client {
	c := wire.NewClient(wire.ClientOptions{
		Nodes: addresses, TLS: nodes.ClientTLS(s.ca.Certificate, own, nodes.Issue),
		Clock: certhall.SystemClock{}, Log: slog.New(slog.DiscardHandler), Try: time.Second,
	})
	s.t.Cleanup(c.HangUp)
	return c
}

func handler(a *spoken) http.Handler {
	return wire.Handler(wire.ServerOptions{
		Authority: a, Ready: func(context.Context) error { return a.err }, Log: slog.New(slog.DiscardHandler),
	})
}

// spoken is an authority that says what it is told to, and notes what it heard.
type spoken struct {
	mu    sync.Mutex
	heard []any
	err   error
}

func (s *spoken) hear(what ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, what)
	return s.err
}

func (s *spoken) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.heard)
}

var (
	moment = time.Date(2026, 3, 1, 2, 3, 4, 5e6, time.UTC)
	signed = proof.Signed{Message: []byte{1, 2}, Signatures: []proof.Signature{{Certificate: []byte{3}, Value: []byte{4}}}}
	info   = authority.PairInfo{
		ID: "p1", Lineage: "l1", Case: "c1", Attempt: 2, State: authority.Current, Suspended: true, Subject: "示例公司", Organisation: "91",
		Project: "gov", Profile: "org", Issuer: "issuing", TermYears: 1, KeyNumber: "HT", KeySerial: "K", SignSerial: "0a", EncSerial: "0b",
		NotBefore: moment, NotAfter: moment.AddDate(1, 0, 0), Entitlement: "e1",
	}
	bundle = proof.Bundle{
		Authority: "test", Case: "c1", Attempt: 2, OldSerial: "01", Subject: []byte{5}, Sign: []byte{6}, Enc: []byte{7},
		Chain: [][]byte{{8}, {9}}, Envelope: []byte{10}, SealedNonce: []byte{11},
	}
	view = authority.PairView{
		Case: "c1", Service: certhall.Renew, Closed: true, Attempt: 2, Standing: authority.AttemptOpen, Ticket: signed, KeyDigest: []byte{12},
		Pair: &info, Certificate: []byte{13}, Bundle: &bundle, Receipt: signed, Void: signed, Old: "01", ReplacedBy: "c2", ReplacedByAttempt: 1,
	}
	terms = authority.Eligibility{
		Pair: info, Refusal: authority.ErrTooEarly.With("date", "2026-04-01"), MaxYears: 3, NotAfter: moment, Escrowed: true,
	}
	page = []authority.Event{
		{Seq: 7, At: moment, Kind: authority.PairIssued, Case: "c1", Attempt: 2, Lineage: "l1", Pair: &info},
		{Seq: 8, At: moment, Kind: authority.CaseClosed, Case: "c2"},
	}
)

func (s *spoken) Eligible(_ context.Context, service certhall.Service, serial certhall.Serial) (authority.Eligibility, error) {
	return terms, s.hear(service, serial)
}

func (s *spoken) Ticket(_ context.Context, r authority.TicketRequest) (proof.Signed, error) {
	return signed, s.hear(r)
}

func (s *spoken) Issue(_ context.Context, r authority.IssueRequest) (proof.Bundle, error) {
	return bundle, s.hear(r)
}

func (s *spoken) Acknowledge(_ context.Context, in proof.Signed) (proof.Signed, error) {
	return signed, s.hear(in)
}

func (s *spoken) Retired(_ context.Context, in proof.Signed) error { return s.hear(in) }

func (s *spoken) Claim(_ context.Context, in proof.Signed) (proof.Signed, error) {
	return signed, s.hear(in)
}

func (s *spoken) Close(_ context.Context, c certhall.CaseID) (proof.Signed, error) {
	return signed, s.hear(c)
}

func (s *spoken) Revoke(_ context.Context, in proof.Signed) error { return s.hear(in) }

func (s *spoken) Suspend(_ context.Context, l certhall.LineageID, reason string) error {
	return s.hear(l, reason)
}

func (s *spoken) Resume(_ context.Context, in proof.Signed) error { return s.hear(in) }

func (s *spoken) Unlockable(_ context.Context, keySerial string) error { return s.hear(keySerial) }

func (s *spoken) Unlock(_ context.Context, r authority.UnlockRequest) (proof.Signed, error) {
	return signed, s.hear(r)
}

func (s *spoken) Unlocked(_ context.Context, in proof.Signed) error { return s.hear(in) }

func (s *spoken) Pair(_ context.Context, q authority.PairQuery) (authority.PairView, error) {
	return view, s.hear(q)
}

func (s *spoken) Origins(context.Context) (proof.Signed, error) { return signed, s.hear() }

func (s *spoken) Events(_ context.Context, after int64, limit int) ([]authority.Event, error) {
	return page, s.hear(after, limit)
}

// calls is every call with its arguments; each gives all that is answered.
var calls = map[string]func(context.Context, authority.Authority) []any{
	"Eligible": func(ctx context.Context, a authority.Authority) []any {
		return all2(a.Eligible(ctx, certhall.Repair, "0a"))
	},
	"Ticket": func(ctx context.Context, a authority.Authority) []any {
		return all2(a.Ticket(ctx, authority.TicketRequest{Service: certhall.Renew, Case: "c1", OldSerial: "01", Grace: 36 * time.Hour}))
	},
	"Issue": func(ctx context.Context, a authority.Authority) []any {
		return all2(a.Issue(ctx, authority.IssueRequest{Case: "c1", Attempt: 2, Request: []byte{1}, Evidence: signed}))
	},
	"Acknowledge": func(ctx context.Context, a authority.Authority) []any { return all2(a.Acknowledge(ctx, signed)) },
	"Retired":     func(ctx context.Context, a authority.Authority) []any { return []any{a.Retired(ctx, signed)} },
	"Claim":       func(ctx context.Context, a authority.Authority) []any { return all2(a.Claim(ctx, signed)) },
	"Close":       func(ctx context.Context, a authority.Authority) []any { return all2(a.Close(ctx, "c1")) },
	"Revoke":      func(ctx context.Context, a authority.Authority) []any { return []any{a.Revoke(ctx, signed)} },
	"Suspend":     func(ctx context.Context, a authority.Authority) []any { return []any{a.Suspend(ctx, "l1", "挂失")} },
	"Resume":      func(ctx context.Context, a authority.Authority) []any { return []any{a.Resume(ctx, signed)} },
	"Unlockable":  func(ctx context.Context, a authority.Authority) []any { return []any{a.Unlockable(ctx, "K")} },
	"Unlock": func(ctx context.Context, a authority.Authority) []any {
		return all2(a.Unlock(ctx, authority.UnlockRequest{Request: []byte{1}, Decision: signed, Response: []byte{2}}))
	},
	"Unlocked": func(ctx context.Context, a authority.Authority) []any { return []any{a.Unlocked(ctx, signed)} },
	"Pair": func(ctx context.Context, a authority.Authority) []any {
		return all2(a.Pair(ctx, authority.PairQuery{Case: "c1", Attempt: 2, Serial: "0a"}))
	},
	"Origins": func(ctx context.Context, a authority.Authority) []any { return all2(a.Origins(ctx)) },
	"Events":  func(ctx context.Context, a authority.Authority) []any { return all2(a.Events(ctx, 6, 100)) },
}

func all2[T any](v T, err error) []any { return []any{v, err} }

// TestEveryCall: each call of the interface arrives with the same arguments
// and comes back with the same answer, or the same error of each kind.
func TestEveryCall(t *testing.T) {
	if n := reflect.TypeFor[authority.Authority]().NumMethod(); n != len(calls) {
		t.Fatalf("%d calls tried of %d", len(calls), n)
	}
	s := newSite(t)
	errs := []error{nil, authority.ErrTooEarly.With("date", "2026-04-01"), certhall.NewError("limited", certhall.Limited), certhall.ErrInternal}
	for _, e := range []*certhall.Error{authority.ErrEvidence, authority.ErrUnknownCert, authority.ErrCaseClosed, authority.ErrSealed, authority.ErrRequest} {
		errs = append(errs, e, e.Becausef("a cause that nobody shall see"))
	}
	for _, e := range errs {
		here, there := &spoken{err: e}, &spoken{err: e}
		client := s.client(s.serve(nodes.Issue, handler(there)))
		for name, call := range calls {
			want, got := call(t.Context(), here), call(t.Context(), client)
			if e == nil {
				if !reflect.DeepEqual(want, got) {
					t.Errorf("%s answers\n%+v, want\n%+v", name, got, want)
				}
				continue
			}
			var w, g *certhall.Error
			err, _ := got[len(got)-1].(error)
			if !errors.As(e, &w) || !errors.As(err, &g) || g.Code != w.Code || g.Kind != w.Kind || !reflect.DeepEqual(g.Params, w.Params) || !errors.Is(err, w) {
				t.Errorf("%s: %v came back as %v", name, e, err)
			}
			if errors.Unwrap(g) != nil {
				t.Errorf("%s: the cause %v travelled", name, errors.Unwrap(g))
			}
		}
		if !reflect.DeepEqual(here.heard, there.heard) {
			t.Errorf("heard\n%v, want\n%v", there.heard, here.heard)
		}
	}
}

// TestReady tells what /readyz of a hall says of the authority.
func TestReady(t *testing.T) {
	s := newSite(t)
	if err := s.client(s.serve(nodes.Issue, handler(&spoken{}))).Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.client(s.serve(nodes.Issue, handler(&spoken{err: authority.ErrSealed}))).Ready(t.Context()); !errors.Is(err, authority.ErrSealed) {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
