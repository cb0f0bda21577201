package register_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	store "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

const pin = "24681357"

type typist struct{}

func (typist) PIN(context.Context, agent.PINRequest) (string, error)       { return pin, nil }
func (typist) NewPIN(context.Context, agent.NewPINRequest) (string, error) { return pin, nil }
func (typist) Consent(context.Context, agent.ConsentRequest) (bool, error) { return true, nil }

// office is an authority with one pair, on hold and lifted again.
type office struct {
	*demo.Authority
	*register.Register
	db     *sqldb.DB
	serial certhall.Serial
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(certhall.CauseText(err))
		}
		return v
	}
}

func newOffice(t *testing.T) *office {
	t.Helper()
	db := storetest.Open(t, "sqlite::memory:", store.Migrations())
	s := store.New(db)
	a := must[*demo.Authority](t)(demo.NewAuthority(t.Context(), demo.Options{
		ID: "test", Name: "测试机构", Store: s, Policy: ca.DefaultPolicy(), Base: "http://hall.example", Clock: new(demo.Clock), Random: rand.Reader,
	}))
	folder := t.TempDir()
	if err := softkey.Create(filepath.Join(folder, "key"+softkey.Extension), softkey.Options{Serial: "KEY1", PIN: pin, Room: 4, Iterations: 1, Random: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	desk := agent.New(agent.Options{Keys: softkey.Folder(folder), Roots: []*smx509.Certificate{a.Founded.Root.Certificate}, Person: typist{}, Clock: a.Clock, Random: rand.Reader})
	bundle := must[proof.Bundle](t)(a.Apply(t.Context(), desk, "KEY1", demo.Applicant{
		Name: "示例医疗器械有限公司", Organisation: "91310000MA1K35XE0X", Lineage: "lineage1", Project: demo.Procurement, KeyNumber: "HT-1", TermYears: 1,
	}))
	c := must[*smx509.Certificate](t)(gm.ParseCertificate(bundle.Sign))
	o := &office{a, &register.Register{Store: s, ID: "test", Root: a.Founded.Root.Certificate, Chains: map[string][][]byte{authority.MainIssuer: a.Founded.Chain()}, Clock: a.Clock, Random: rand.Reader},
		db, certhall.SerialOf(c.SerialNumber)}
	if err := a.CA.Suspend(t.Context(), "lineage1", "lost key"); err != nil {
		t.Fatal(err)
	}
	o.carryOut(t, a.CA.Resume, must[proof.Draft](t)(o.DraftResumption(t.Context(), o.serial, "found", time.Hour)))
	must[int](t)(audit.Sequencer{Store: s}.Run(t.Context()))
	return o
}

func (o *office) carryOut(t *testing.T, order func(context.Context, proof.Signed) error, d proof.Draft) {
	t.Helper()
	if err := order(t.Context(), must[proof.Signed](t)(o.Reviewer.Sign(t.Context(), d))); err != nil {
		t.Fatal(certhall.CauseText(err))
	}
}

func (o *office) run(t *testing.T, statement string) {
	t.Helper()
	err := o.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStory: everything that happened, each on its proof.
func TestStory(t *testing.T) {
	o := newOffice(t)
	o.carryOut(t, o.CA.Revoke, must[proof.Draft](t)(o.DraftRevocation(t.Context(), o.serial, "keyCompromise", time.Hour)))
	s := must[register.Story](t)(o.OfCertificate(t.Context(), certhall.Serial(strings.ToUpper(string(o.serial)))))
	var what []string
	for _, e := range s.Entries {
		kinds := e.What
		for _, p := range e.Proofs {
			kinds += " " + p.Kind + ":" + p.Role
			if p.Trouble != "" {
				t.Errorf("%s %s: %s", e.What, p.Kind, p.Trouble)
			}
		}
		what = append(what, kinds)
	}
	want := []string{
		"attempt-opened ticket:notary", "intended decision:reviewer", "issued certificate:issuer certificate:issuer",
		"acknowledged receipt:notary acknowledgement:new-key", "suspended", "resumed decision:reviewer", "revoked decision:reviewer",
	}
	if strings.Join(what, "\n") != strings.Join(want, "\n") || !s.Sound() {
		t.Errorf("told, sound %v:\n%s", s.Sound(), strings.Join(what, "\n"))
	}
	if e := s.Entries[4]; e.Reason != "lost key" || e.Seq == 0 {
		t.Errorf("suspended as %+v", e)
	}
	byCase := must[register.Story](t)(o.OfCase(t.Context(), s.Pair.Case))
	if len(byCase.Entries) != len(s.Entries) {
		t.Errorf("the case tells %d entries, the certificate %d", len(byCase.Entries), len(s.Entries))
	}
	if _, err := o.OfCase(t.Context(), "none"); !errors.Is(err, authority.ErrUnknownCase) {
		t.Error(err)
	}
}

// TestTamperingIsTold: whatever somebody changes behind the authority's back,
// the story says so.
func TestTamperingIsTold(t *testing.T) {
	for name, c := range map[string]struct{ statement, trouble string }{
		"a record's data":            {`UPDATE records SET data = replace(data, 'lost key', 'holidays') WHERE kind = 'suspended'`, register.DataChanged},
		"the evidence":               {`UPDATE papers SET evidence = substr(evidence, 1, length(evidence) - 1) || CASE substr(evidence, -1) WHEN x'00' THEN x'01' ELSE x'00' END`, register.SignatureWrong},
		"evidence that is none":      {`UPDATE papers SET evidence = x'3000'`, register.Malformed},
		"evidence of something else": {`UPDATE pairs SET request_digest = x'00'`, register.OtherContent},
		"a certificate":              {`UPDATE certificates SET sign = substr(sign, 1, length(sign) - 1) || CASE substr(sign, -1) WHEN x'00' THEN x'01' ELSE x'00' END`, register.SignatureWrong},
		"another certificate":        {`UPDATE certificates SET sign = enc`, register.OtherContent},
		"the receipt's serial":       {`UPDATE pairs SET enc_serial = '41'`, register.OtherContent},
		"the ticket":                 {`UPDATE attempts SET ticket = substr(ticket, 1, length(ticket) - 1) || CASE substr(ticket, -1) WHEN x'00' THEN x'01' ELSE x'00' END`, register.SignatureWrong},
		"who reviewed":               {`UPDATE staff SET role = 'officer' WHERE role = 'reviewer'`, register.SignerUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.run(t, c.statement)
			s := must[register.Story](t)(o.OfCertificate(t.Context(), o.serial))
			var told []string
			for _, e := range s.Entries {
				told = append(told, e.Trouble)
				for _, p := range e.Proofs {
					told = append(told, p.Trouble)
				}
			}
			if !slices.Contains(told, c.trouble) || s.Sound() {
				t.Errorf("sound %v, %s is not told: %q", s.Sound(), c.trouble, told)
			}
		})
	}
}

// TestDrafts: what cannot be decided is not drafted, and a draft over one
// lineage revokes no other.
func TestDrafts(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	for name, c := range map[string]struct {
		draft func() (proof.Draft, error)
		want  error
	}{
		"no reason":       {func() (proof.Draft, error) { return o.DraftRevocation(ctx, o.serial, "", time.Hour) }, register.ErrReason},
		"a reason of its": {func() (proof.Draft, error) { return o.DraftRevocation(ctx, o.serial, "lost", time.Hour) }, register.ErrReason},
		"a hold":          {func() (proof.Draft, error) { return o.DraftRevocation(ctx, o.serial, "certificateHold", time.Hour) }, register.ErrReason},
		"not on hold":     {func() (proof.Draft, error) { return o.DraftResumption(ctx, o.serial, "why not", time.Hour) }, register.ErrNotSuspended},
		"no certificate":  {func() (proof.Draft, error) { return o.DraftRevocation(ctx, "00", "keyCompromise", time.Hour) }, authority.ErrUnknownCert},
		"nobody retires":  {func() (proof.Draft, error) { return o.DraftRetirement(ctx, proof.Reviewer, "00", time.Hour) }, register.ErrNotStaff},
	} {
		if _, err := c.draft(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := must[proof.Draft](t)(o.DraftRevocation(ctx, o.serial, "keyCompromise", time.Hour))
	m := must[proof.Decision](t)(proof.Decode[proof.Decision](d.Message))
	m.Documents = [][]byte{gm.SM3([]byte("another lineage's certificate"))}
	d.Message = proof.Encode(m)
	if err := o.CA.Revoke(ctx, must[proof.Signed](t)(o.Reviewer.Sign(ctx, d))); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("revoked what the reviewer was not shown: %v", err)
	}
}

// TestStaffEnding: who can decide no longer before long is named.
func TestStaffEnding(t *testing.T) {
	o := newOffice(t)
	if ending := must[[]register.Member](t)(o.Ending(t.Context())); len(ending) != 0 {
		t.Errorf("ending: %+v", ending)
	}
	staff := must[[]register.Member](t)(o.Staff(t.Context(), proof.Reviewer))
	clock := new(demo.Clock)
	clock.Set(staff[0].NotAfter.Add(-register.Notice + time.Hour))
	o.Register.Clock = clock
	if ending := must[[]register.Member](t)(o.Ending(t.Context())); len(ending) != 3 { // two officers, one reviewer
		t.Errorf("ending: %+v", ending)
	}
}

// TestExport: the folder holds what was signed, apart from the signatures.
func TestExport(t *testing.T) {
	o := newOffice(t)
	s := must[register.Story](t)(o.OfCertificate(t.Context(), o.serial))
	dir := filepath.Join(t.TempDir(), "evidence")
	if err := o.Export(dir, s, "how to check"); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"README.txt", "story.json", "root.cer", "*-ticket.message", "*-decision.sig", "*-receipt.signer.cer", "*-certificate.der"} {
		if found, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(found) == 0 {
			t.Errorf("no %s: %v", pattern, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// TestExportStaysInItsFolder: what a changed database calls a message does not
// choose where it is written.
func TestExportStaysInItsFolder(t *testing.T) {
	o := newOffice(t)
	above := t.TempDir()
	dir := filepath.Join(above, "evidence")
	s := register.Story{Entries: []register.Entry{{Proofs: []register.Proof{{Kind: "/../../outside", DER: []byte("x")}}}}}
	if err := o.Export(dir, s, "how to check"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(above, "outside.der")); err == nil {
		t.Error("written beside the folder")
	}
	if _, err := os.Stat(filepath.Join(dir, "01-unknown.der")); err != nil {
		t.Error(err)
	}
}
