package ca_test

import (
	"crypto/rand"
	"errors"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/ocsp"
	"github.com/certhall/certhall/proof"
	storeauthority "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/backup"
	"github.com/certhall/certhall/store/fsck"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// publisher makes the main issuing CA's CRL.
func (o *office) publisher() *status.Publisher {
	return &status.Publisher{
		Store: o.store, Issuers: []string{authority.MainIssuer}, Policy: status.DefaultCRLPolicy(), Node: "n", Clock: o.clock, Log: slog.New(slog.DiscardHandler),
		Signer: func(string) (ca.Signer, error) { return o.founded.Keys(rand.Reader).Issuers[authority.MainIssuer], nil },
		Gate:   ca.Reconciled(o.store),
	}
}

// crl publishes the main issuing CA's CRL.
func (o *office) crl() status.Published {
	o.t.Helper()
	_, err := audit.Sequencer{Store: o.store}.Run(o.t.Context())
	must(o.t, err)
	n, err := o.publisher().Run(o.t.Context())
	must(o.t, err)
	if n != 1 {
		o.t.Fatalf("%d CRLs were made", n)
	}
	list, err := o.store.NewestCRL(o.t.Context(), authority.MainIssuer)
	must(o.t, err)
	return *list
}

func (o *office) standing(serial certhall.Serial) status.Standing {
	o.t.Helper()
	answers, err := o.store.Standings(o.t.Context(), []status.Question{{Issuer: authority.MainIssuer, Serial: serial}})
	must(o.t, err)
	return answers[0]
}

// answer is how a responder answers a request about a serial.
func (o *office) answer(serial certhall.Serial) status.OCSPStatus {
	o.t.Helper()
	main := o.founded.Main()
	issuer := status.Issuer{Name: authority.MainIssuer, Certificate: main.Certificate, Responder: ca.Signer{
		Certificate: main.OCSP.Certificate, Sign: func(message []byte) ([]byte, error) { return gm.SignAny(rand.Reader, main.OCSP.Key, message) },
	}}
	r := status.NewResponder(status.OCSPOptions{Store: o.store, Clock: o.clock, Gate: ca.Reconciled(o.store)})
	must(o.t, r.SetIssuers([]status.Issuer{issuer}))
	request, err := ocsp.Request(issuer.Certificate, nil, serial.Big())
	must(o.t, err)
	return r.Answer(o.t.Context(), request).Status
}

func (o *office) backUp(address string) (path string, m backup.Manifest) {
	o.t.Helper()
	db, err := sqldb.Open(o.t.Context(), address)
	must(o.t, err)
	defer db.Close()
	path = filepath.Join(o.t.TempDir(), "archive")
	m, err = backup.Write(o.t.Context(), path, backup.Source{Dir: o.t.TempDir(), Authority: db, ID: "archive", TakenAt: o.clock.Now()})
	must(o.t, err)
	return path, m
}

// restored is the office over a database made anew from an archive.
func (o *office) restored(path string, m backup.Manifest, address string) (*office, *sqldb.DB) {
	o.t.Helper()
	ctx := o.t.Context()
	db, err := sqldb.Open(ctx, address)
	must(o.t, err)
	o.t.Cleanup(func() { db.Close() })
	must(o.t, backup.Load(ctx, path, &m, backup.Authority, db, storeauthority.Migrations()))
	must(o.t, sqldb.Migrate(ctx, db, storeauthority.Migrations()))
	n := *o
	n.store = storeauthority.New(db)
	must(o.t, audit.MarkRestored(ctx, n.store, ca.Restoration{
		RestoredFrom: ca.RestoredFrom{Archive: m.ID, TakenAt: m.TakenAt}, RestoredAt: o.clock.Now(),
	}, rand.Reader))
	must(o.t, backup.Finish(ctx, db))
	n.gates = []ca.Gate{ca.Reconciled(n.store)}
	n.CA = n.node(n.store)
	return &n, db
}

func known(all ...ca.KnownSerial) iter.Seq2[ca.KnownSerial, error] {
	return func(yield func(ca.KnownSerial, error) bool) {
		for _, k := range all {
			if !yield(k, nil) {
				return
			}
		}
	}
}

// TestRestoreKeepsSerialsAndRevocations is certificates#606 and #1351 (a
// restore from a backup loses serials and revocations) and dogtag#3873 (serials
// given twice, CRL numbers going backwards): an authority restored from an old
// backup issues nothing until everything that was published after it counts again.
func TestRestoreKeepsSerialsAndRevocations(t *testing.T) {
	for from, to := range map[string]string{"sqlite-file": "postgres", "postgres": "sqlite-file"} {
		t.Run(from+" to "+to, func(t *testing.T) {
			ctx := t.Context()
			address := storetest.Address(t, from)
			o := newOfficeOn(t, address)
			renewed, stolen, held, busy := o.apply("renewed", 1), o.apply("stolen", 1), o.apply("held", 1), o.apply("busy", 1)
			o.clock.advance(300 * day)
			open := o.prepare(certhall.Renew, o.newCase(), busy)
			if _, err := o.Issue(ctx, open.call(t, busy.person)); err != nil {
				t.Fatal(err)
			}
			before := o.events()
			path, m := o.backUp(address)

			// What comes now is lost with the database, but the world knows of it.
			o.clock.advance(time.Hour)
			lost, _ := o.renew(certhall.Renew, renewed)
			must(t, o.Revoke(ctx, signBy(t, o.order("revoke", "stolen", "keyCompromise"), o.reviewer)))
			must(t, o.Revoke(ctx, signBy(t, o.order("revoke", "busy", "cessationOfOperation"), o.reviewer)))
			must(t, o.Suspend(ctx, "held", "asked"))
			revokedAt := o.clock.Now()
			published := o.crl()
			heard := o.events()[len(o.events())-1].Seq

			o.clock.advance(time.Hour)
			n, db := o.restored(path, m, storetest.Address(t, to))
			other := n.apply0("another")
			if !errors.Is(other, authority.ErrRestored) {
				t.Fatalf("before it is reconciled: %v", other)
			}
			if _, err := n.Enrol(ctx, p10(t, newKey(t)), n.enrolment(proof.Reviewer, "二", p10(t, newKey(t)))); err == nil {
				t.Error("a reviewer is enrolled before it is reconciled")
			}

			// What was revoked after the backup stands there as good: nobody is told so.
			if made, err := n.publisher().Run(ctx); made != 0 || err != nil {
				t.Errorf("%d CRLs are published before it is reconciled: %v", made, err)
			}
			if s := n.answer(stolen.pair.SignSerial); s != status.OCSPTryLater {
				t.Errorf("the status of a stolen key is told before it is reconciled: %d", s)
			}

			sources := []ca.KnownSerial{
				{Issuer: authority.MainIssuer, Serial: lost.pair.SignSerial}, {Issuer: authority.MainIssuer, Serial: lost.pair.EncSerial},
				{Issuer: authority.MainIssuer, Serial: renewed.pair.SignSerial},
				{Issuer: authority.MainIssuer, Serial: stolen.pair.SignSerial, Revoked: &ca.Revocation{At: revokedAt, Reason: 1}},
				{Issuer: authority.MainIssuer, Serial: stolen.pair.EncSerial, Revoked: &ca.Revocation{At: revokedAt, Reason: 1}},
				{Issuer: authority.MainIssuer, Serial: busy.pair.SignSerial, Revoked: &ca.Revocation{At: revokedAt, Reason: 5}},
				{Issuer: authority.MainIssuer, Serial: held.pair.SignSerial, Revoked: &ca.Revocation{At: revokedAt, Reason: 6}},
			}
			done, err := n.Reconcile(ctx, known(sources...), ca.Reconciliation{Sources: []string{"test"}})
			must(t, err)
			if done.Known != 1 || done.Lost != 2 || done.Before != 0 || done.Revoked != 4 || !slices.Contains(done.LostSerials, lost.pair.EncSerial) {
				t.Errorf("%+v", done)
			}
			for serial, reason := range map[certhall.Serial]int{lost.pair.SignSerial: 4, lost.pair.EncSerial: 4, stolen.pair.SignSerial: 1,
				stolen.pair.EncSerial: 1, busy.pair.SignSerial: 5, held.pair.SignSerial: status.ReasonCertificateHold} {
				if s := n.standing(serial); !s.Known || !s.Revoked || s.Reason != reason {
					t.Errorf("%s: %+v, want reason %d", serial, s, reason)
				}
			}
			if s := n.answer(stolen.pair.SignSerial); s != status.OCSPSuccessful {
				t.Errorf("reconciled, but status is not told: %d", s)
			}
			if s := n.standing(renewed.pair.SignSerial); !s.Known || s.Revoked {
				t.Errorf("the pair whose renewal was lost: %+v", s)
			}
			if v, err := n.Pair(ctx, authority.PairQuery{Case: certhall.CaseID(open.ticket.Case)}); err != nil || !v.Closed {
				t.Errorf("the case on a pair that was revoked goes on: %v", err)
			}

			must(t, n.apply0("another"))
			o.clock.advance(time.Hour)
			if now := n.crl(); now.Number <= published.Number || now.Entries < published.Entries {
				t.Errorf("CRL %d with %d entries after %d with %d", now.Number, now.Entries, published.Number, published.Entries)
			}
			if done, err = n.Reconcile(ctx, known(sources...), ca.Reconciliation{Sources: []string{"again"}}); err != nil || done.Lost != 0 || done.Before != 2 || done.Revoked != 0 || done.Known != 5 {
				t.Errorf("again: %+v, %v", done, err)
			}
			if found, err := fsck.Check(ctx, db, nil); err != nil || len(found) > 0 {
				t.Errorf("fsck: %v, %v", found, err)
			}

			// Numbers of the record that were given before are not given again.
			after := n.events()
			for i, e := range after {
				switch {
				case i < len(before) && e.Seq != before[i].Seq:
					t.Errorf("record %d is now %d", before[i].Seq, e.Seq)
				case i == len(before) && (e.Kind != authority.Restored || e.Kept != before[len(before)-1].Seq):
					t.Errorf("behind the backup stands %+v", e)
				case i >= len(before) && e.Seq <= heard:
					t.Errorf("number %d is given twice", e.Seq)
				}
			}
		})
	}
}

// apply0 is apply that may be refused.
func (o *office) apply0(lineage string) error {
	o.t.Helper()
	c := o.newCase()
	ticket := o.ticket(certhall.Apply, c, "")
	request := p10(o.t, newKey(o.t))
	_, err := o.Issue(o.t.Context(), authority.IssueRequest{Case: c, Attempt: ticket.Attempt, Request: request,
		Evidence: signBy(o.t, o.decision(c, lineage, 1, request), o.reviewer)})
	return err
}

// Without a restoration there is nothing to reconcile, and nothing in the way.
func TestReconcileWithoutRestoration(t *testing.T) {
	o := newOffice(t)
	if _, err := o.Reconcile(t.Context(), known(), ca.Reconciliation{}); !errors.Is(err, ca.ErrNotRestored) {
		t.Error(err)
	}
	must(t, ca.Reconciled(o.store)(t.Context()))
}
