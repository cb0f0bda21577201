package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/nodes"
	"github.com/certhall/certhall/authority/wire"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// wired is the way between hall and authority where they run apart.
type wired struct {
	address string
	tls     *tls.Config // the hall's
}

// moveApart puts the authority behind mutual TLS: from here on the hall
// reaches it by the wire alone.
func (s *stack) moveApart() wired {
	s.t.Helper()
	ca, err := nodes.Found("test", time.Now(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	own := func(role string) nodes.Own {
		n, err := ca.Issue(role, "node1", time.Now(), rand.Reader)
		if err != nil {
			s.t.Fatal(err)
		}
		return func() (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: [][]byte{n.Certificate.Raw}, PrivateKey: n.Key}, nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	server := &http.Server{TLSConfig: nodes.ServerTLS(ca.Certificate, own(nodes.Issue)), Handler: wire.Handler(wire.ServerOptions{
		Authority: s.authority.CA, Ready: func(context.Context) error { return nil }, Log: log,
	})}
	go func() { _ = server.ServeTLS(l, "", "") }() // ends with the test
	s.t.Cleanup(func() { server.Close() })
	w := wired{l.Addr().String(), nodes.ClientTLS(ca.Certificate, own(nodes.Hall), nodes.Issue)}
	client := wire.NewClient(wire.ClientOptions{Nodes: []string{w.address}, TLS: w.tls, Clock: certhall.SystemClock{}, Log: log})
	s.t.Cleanup(client.HangUp)
	s.door = client
	return w
}

// TestHallTakenOver gives a stranger the hall's process: its certificate, its
// key and every route of the authority's. He gets no certificate, no receipt,
// no key of anybody's, and undoes no suspension; what he can do is what a hall
// may do on its own word: open and close cases, and suspend (limited a day).
func TestHallTakenOver(t *testing.T) {
	s := newStack(t, "sqlite-memory")
	w := s.moveApart()
	q := new(byHand)
	s.openHall("sqlite-memory", func(*sqldb.DB) hallstore.Enqueuer { return q })
	honest := s.prepared(q)
	if err := s.counter.Work(t.Context(), services.Effect{Kind: services.EffectIssue, Case: honest.ID, Attempt: honest.Attempt}); err != nil {
		t.Fatal(err)
	}
	ctx, lineage := t.Context(), applicant1.Lineage
	stranger, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(m proof.Message, certificate []byte) proof.Signed {
		return must(proof.Sign(m, certificate, func(message []byte) ([]byte, error) { return gm.Sign(rand.Reader, stranger, message) }))
	}
	request := must(demo.Request(rand.Reader, stranger, "stranger"))
	_, digest, err := gm.ParseRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	view := must(s.door.Pair(ctx, authority.PairQuery{Case: honest.ID}))
	if view.Bundle == nil {
		t.Fatal("the pair that he is after is not issued")
	}
	id, old, next := s.authority.ID, string(view.Old), serialIn(t, view.Bundle.Sign)
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	nonce := func() []byte { return must(proof.NewNonce(rand.Reader)) }
	reviewer := must(s.authority.Reviewer.Sign(ctx, proof.Draft{Message: digest})).Signatures[0].Certificate
	order := func(service string) proof.Decision {
		return proof.Decision{
			Authority: id, Service: service, Case: string(honest.ID), Attempt: honest.Attempt, Lineage: string(lineage), Organisation: applicant1.Organisation,
			Project: applicant1.Project, Profile: "organisation", TermYears: 1, RequestDigest: digest, Verdict: proof.Approve, Nonce: nonce(), Expiry: soon,
		}
	}
	byKey := proof.OldKey{Authority: id, Service: string(certhall.Revoke), Case: string(honest.ID), Attempt: 1, OldSerial: old, RequestDigest: digest, Nonce: nonce(), Expiry: soon}
	acknowledge := proof.Acknowledgement{
		Authority: id, Case: string(honest.ID), Attempt: honest.Attempt, SignSerial: next, EncSerial: serialIn(t, view.Bundle.Enc),
		KeyDigest: view.KeyDigest, Untestable: true, // as if a driver could not decrypt: no nonce is asked for
	}
	before := s.signed()
	for name, try := range map[string]func() error{
		"issue on a decision of his own": func() error {
			_, err := s.door.Issue(ctx, authority.IssueRequest{Case: honest.ID, Attempt: honest.Attempt, Request: request, Evidence: signed(order(string(certhall.Renew)), reviewer)})
			return err
		},
		"issue on an application of his own": func() error {
			mine := certhall.CaseID(certhall.NewID(time.Now(), rand.Reader))
			ticket := must(proof.Decode[proof.Ticket](must(s.door.Ticket(ctx, authority.TicketRequest{Service: certhall.Apply, Case: mine})).Message))
			d := order(string(certhall.Apply))
			d.Case, d.Attempt, d.Nonce, d.Lineage = ticket.Case, ticket.Attempt, ticket.Nonce, "stranger"
			_, err := s.door.Issue(ctx, authority.IssueRequest{Case: mine, Attempt: ticket.Attempt, Request: request, Evidence: signed(d, reviewer)})
			return err
		},
		"a receipt by his own key": func() error { _, err := s.door.Acknowledge(ctx, signed(acknowledge, view.Bundle.Sign)); return err },
		"a receipt without a signature": func() error {
			_, err := s.door.Acknowledge(ctx, proof.Signed{Message: proof.Encode(acknowledge)})
			return err
		},
		"a void notice by a claim": func() error {
			_, err := s.door.Claim(ctx, signed(proof.Claim{Authority: id, Case: string(honest.ID), Attempt: 1, OldSerial: old, Reason: proof.Absent}, s.pair.Sign))
			return err
		},
		"a void notice by a decision": func() error {
			d := order("")
			d.Verdict = proof.VoidAttempt
			_, err := s.door.Claim(ctx, signed(d, reviewer))
			return err
		},
		"an end to a grace": func() error {
			return s.door.Retired(ctx, signed(proof.Retired{Authority: id, Case: string(honest.ID), Attempt: 1, ReceiptDigest: digest}, view.Bundle.Sign))
		},
		"a revocation by decision":    func() error { return s.door.Revoke(ctx, signed(order(string(certhall.Revoke)), reviewer)) },
		"a revocation by the old key": func() error { return s.door.Revoke(ctx, signed(byKey, s.pair.Sign)) },
	} {
		err := try()
		if err == nil {
			t.Errorf("%s: granted", name)
		} else if e := certhall.AsError(err); e.Kind == certhall.Internal || errors.Is(e, wire.ErrUnreachable) {
			t.Errorf("%s: not refused but failed: %s", name, certhall.CauseText(err))
		} else {
			t.Logf("%s: %s", name, certhall.CauseText(err))
		}
	}
	if err := s.door.Suspend(ctx, lineage, "he can"); err != nil {
		t.Error(err)
	}
	for _, evidence := range []proof.Signed{signed(order(proof.ResumeService), reviewer), {}} {
		if err := s.door.Resume(ctx, evidence); err == nil {
			t.Error("he undoes a suspension")
		}
	}
	if n := s.signed(); n != before {
		t.Errorf("%d pairs signed for him", n-before)
	}
	after := must(s.door.Pair(ctx, authority.PairQuery{Case: honest.ID}))
	if !after.Receipt.IsZero() || !after.Void.IsZero() || after.Pair.State != authority.Issued || !after.Pair.Suspended || after.Closed {
		t.Errorf("the pair is %+v, receipt %v, void notice %v", after.Pair, !after.Receipt.IsZero(), !after.Void.IsZero())
	}
	if _, err := gm.OpenEnvelopedKey(stranger, view.Bundle.Envelope); err == nil {
		t.Error("he opens the envelope of somebody's encryption key")
	}
	s.strangeRoutes(w)
}

// strangeRoutes calls what the authority does not offer, and sends what is no
// call at all.
func (s *stack) strangeRoutes(w wired) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: w.tls, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	garbage := make([]byte, 4096)
	_, _ = rand.Read(garbage)
	for _, name := range []string{
		"recover", "enrol", "unseal", "keys", "escrow", "tidy", "issue/", "../issue", "", "metrics",
		"eligible", "ticket", "issue", "acknowledge", "retired", "claim", "close", "revoke", "suspend", "resume", "pair", "events",
	} {
		for _, body := range [][]byte{garbage, nil, []byte("{"), []byte(`{"Case":7}`), []byte(`{"Message":"AAAA","Signatures":[{}]}`), bytes.Repeat([]byte("["), 1<<20)} {
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				r, err := http.NewRequest(method, "https://"+w.address+"/v1/"+name, bytes.NewReader(body))
				if err != nil {
					s.t.Fatal(err)
				}
				response, err := client.Do(r)
				if err != nil {
					s.t.Errorf("%s %s: %v", method, name, err)
					continue
				}
				text, _ := io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode < 400 || response.StatusCode == http.StatusInternalServerError {
					if name == "events" || name == "pair" {
						continue
					}
					s.t.Errorf("%s %s with %.20q answers %d %.200s", method, name, body, response.StatusCode, text)
				}
			}
		}
	}
}
