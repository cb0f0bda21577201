package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
)

// byHand keeps effects until the test works them.
type byHand struct{ waiting []services.Effect }

func (q *byHand) Enqueue(_ context.Context, _ *sql.Tx, e services.Effect) error {
	q.waiting = append(q.waiting, e)
	return nil
}

// prepared carries a renewal to where the authority owes the certificate, and
// stops there: request and evidence lie in the hall's row.
func (s *stack) prepared(q *byHand) services.Case {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	run := s.run()
	var id certhall.CaseID
	run.Progress = func(n courier.Next) {
		id = n.Case
		if n.Wait != nil && n.Wait.Reason == "issuing" {
			cancel()
		}
	}
	run.Wait = func(ctx context.Context, _ time.Duration) error {
		for _, e := range q.waiting {
			if e.Kind == services.EffectTicket {
				if err := s.counter.Work(ctx, e); err != nil {
					return err
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.sequence(ctx)
	}
	if _, _, err := run.Do(ctx); err == nil || ctx.Err() == nil {
		s.t.Fatalf("the renewal did not stop at issue: %s", certhall.CauseText(err))
	}
	return s.row(id)
}

func (s *stack) row(id certhall.CaseID) (c services.Case) {
	s.t.Helper()
	err := s.hall.Read(s.t.Context(), func(r services.Reader) error {
		k, err := r.Case(id)
		if err == nil {
			c = *k
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// signed counts the pairs that the authority signed or meant to.
func (s *stack) signed() (n int) {
	s.t.Helper()
	err := s.authorityDB.Read(s.t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM pairs").Scan(&n)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// TestForgedHall gives an intruder the hall's whole database and its way to
// the authority. He writes what he likes into a case that waits for its
// certificate; the authority signs nothing for him, and still serves the
// rightful holder. So it is in one process, and with the hall's certificate
// and key over the wire.
func TestForgedHall(t *testing.T) {
	t.Run("one process", func(t *testing.T) { forgedHall(t, newStack(t, "sqlite-memory")) })
	t.Run("apart", func(t *testing.T) {
		s := newStack(t, "sqlite-memory")
		s.moveApart()
		forgedHall(t, s)
	})
}

func forgedHall(t *testing.T, s *stack) {
	q := new(byHand)
	s.openHall("sqlite-memory", func(*sqldb.DB) hallstore.Enqueuer { return q })
	honest := s.prepared(q)
	before := s.signed()

	intruder, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := demo.Request(rand.Reader, intruder, "intruder")
	if err != nil {
		t.Fatal(err)
	}
	_, digest, err := gm.ParseRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	genuine, err := proof.Decode[proof.Signed](honest.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	said, err := proof.Decode[proof.OldKey](genuine.Message)
	if err != nil {
		t.Fatal(err)
	}
	about := said
	about.RequestDigest = digest
	byIntruder := func(m proof.Message, certificate []byte) proof.Signed {
		signed, err := proof.Sign(m, certificate, func(message []byte) ([]byte, error) { return gm.Sign(rand.Reader, intruder, message) })
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	decision := proof.Decision{
		Authority: said.Authority, Service: said.Service, Case: said.Case, Attempt: said.Attempt, Entitlement: said.Entitlement,
		Lineage: string(applicant1.Lineage), Organisation: applicant1.Organisation, Project: said.Project, KeySerial: stackKey,
		Profile: said.Profile, TermYears: said.TermYears, RequestDigest: digest, Verdict: proof.Approve, Nonce: said.Nonce, Expiry: said.Expiry,
	}
	moved := proof.Signed{Message: proof.Encode(about), Signatures: genuine.Signatures}
	for name, forged := range map[string]services.Case{
		"his key under the holder's evidence":           {Request: request, Evidence: honest.Evidence},
		"his key, the holder's signature moved":         {Request: request, Evidence: proof.Encode(moved)},
		"his own signature under the old certificate":   {Request: request, Evidence: proof.Encode(byIntruder(about, s.pair.Sign))},
		"a decision under the old certificate":          {Request: request, Evidence: proof.Encode(byIntruder(decision, s.pair.Sign))},
		"a decision under the issuing certificate":      {Request: request, Evidence: proof.Encode(byIntruder(decision, s.authority.Founded.Main().Certificate.Raw))},
		"a ticket in place of evidence":                 {Request: request, Evidence: proof.Encode(byIntruder(proof.Ticket{Authority: said.Authority, Case: said.Case, Attempt: 1, Expiry: said.Expiry}, s.authority.Founded.Notary.Certificate.Raw))},
		"no evidence":                                   {Request: request, Evidence: proof.Encode(proof.Signed{})},
		"the holder's request, evidence of another one": {Request: honest.Request, Evidence: proof.Encode(byIntruder(said, s.pair.Sign))},
	} {
		_, err := s.door.Issue(t.Context(), authority.IssueRequest{
			Case: honest.ID, Attempt: honest.Attempt, Request: forged.Request, Evidence: must(proof.Decode[proof.Signed](forged.Evidence)),
		})
		if err == nil {
			t.Errorf("%s: issued", name)
		}
		s.forge(honest, forged)
		if err := s.counter.Work(t.Context(), services.Effect{Kind: services.EffectIssue, Case: honest.ID, Attempt: honest.Attempt}); err != nil {
			t.Logf("%s: %v", name, err)
		}
		if n := s.signed(); n != before {
			t.Fatalf("%s: the authority signed", name)
		}
	}

	// The rows put right again, the holder gets his certificate.
	s.forge(honest, honest)
	if err := s.counter.Work(t.Context(), services.Effect{Kind: services.EffectIssue, Case: honest.ID, Attempt: honest.Attempt}); err != nil {
		t.Fatal(certhall.CauseText(err))
	}
	if n := s.signed(); n != before+1 {
		t.Errorf("%d certificates signed for the holder", n-before)
	}
	view, err := s.door.Pair(t.Context(), authority.PairQuery{Case: honest.ID, Attempt: honest.Attempt})
	if err != nil || view.Bundle == nil {
		t.Fatalf("no bundle: %v", err)
	}
	certificate, err := gm.ParseCertificate(view.Bundle.Sign)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := gm.CertificateKey(certificate); err != nil || gm.SameKey(key, &intruder.PublicKey) {
		t.Errorf("the certificate is for another key: %v", err)
	}
	if old, err := gm.ParseCertificate(s.pair.Sign); err != nil || !bytes.Equal(old.RawSubject, certificate.RawSubject) {
		t.Errorf("another subject: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// forge overwrites a case's row, whatever became of it: as honest, open, with
// the request and evidence given.
func (s *stack) forge(honest, forged services.Case) {
	s.t.Helper()
	err := s.hall.Write(s.t.Context(), func(w services.Writer) error {
		stored, err := w.LockCase(honest.ID)
		if err != nil {
			return err
		}
		row := honest
		row.Version, row.Request, row.Evidence = stored.Version+1, forged.Request, forged.Evidence
		_, err = w.SaveCase(row)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
