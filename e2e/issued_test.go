package e2e

import (
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
)

// issued is a pair that the authority issued to a key the test holds in the
// clear, so that other people's programs can open its envelope.
type issued struct {
	signing   *sm2.PrivateKey
	request   []byte
	bundle    proof.Bundle
	ticket    proof.Signed
	authority *demo.Authority
	dir       string // of the files that the programs read
}

var applicant = demo.Applicant{
	Name: "示例医疗器械有限公司", Organisation: "91310000MA1K35XE0L", Lineage: "lineage1",
	Project: demo.Procurement, KeyNumber: "HT-2026-0009", TermYears: 2,
}

func issue(t *testing.T) issued {
	t.Helper()
	ctx := t.Context()
	db, err := sqldb.Open(ctx, "sqlite::memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := sqldb.Migrate(ctx, db, authoritystore.Migrations()); err != nil {
		t.Fatal(err)
	}
	a, err := demo.NewAuthority(ctx, demo.Options{
		ID: "demo", Name: "测试机构", Store: authoritystore.New(db), Policy: ca.DefaultPolicy(),
		Base: "http://hall.example", Clock: certhall.SystemClock{}, Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	i := issued{authority: a, dir: t.TempDir()}
	if i.signing, err = sm2.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if i.request, err = demo.Request(rand.Reader, i.signing, "anything"); err != nil {
		t.Fatal(err)
	}
	id := certhall.CaseID(certhall.NewID(time.Now(), rand.Reader))
	if i.ticket, err = a.CA.Ticket(ctx, authority.TicketRequest{Service: certhall.Apply, Case: id}); err != nil {
		t.Fatal(err)
	}
	ticket, err := proof.Decode[proof.Ticket](i.ticket.Message)
	if err != nil {
		t.Fatal(err)
	}
	decision, err := a.Decide(ctx, applicant, ticket, "KEY1", i.request)
	if err != nil {
		t.Fatal(err)
	}
	i.bundle, err = a.CA.Issue(ctx, authority.IssueRequest{Case: id, Attempt: 1, Request: i.request, Evidence: decision})
	if err != nil {
		t.Fatal(err)
	}
	i.write(t)
	return i
}

// write lays everything out as DER files, certificates and key as PEM too.
func (i issued) write(t *testing.T) {
	t.Helper()
	key, err := smx509.MarshalPKCS8PrivateKey(i.signing)
	if err != nil {
		t.Fatal(err)
	}
	founded := i.authority.Founded
	for name, der := range map[string][]byte{
		"root.cer": founded.Root.Certificate.Raw, "ca.cer": founded.Main().Certificate.Raw,
		"notary.cer": founded.Notary.Certificate.Raw, "origins.cer": founded.Origins.Certificate.Raw,
		"ocsp.cer": founded.Main().OCSP.Certificate.Raw,
		"sign.cer": i.bundle.Sign, "enc.cer": i.bundle.Enc,
		"request.p10": i.request, "envelope.der": i.bundle.Envelope,
		"ticket.msg": i.ticket.Message, "ticket.sig": i.ticket.Signatures[0].Value,
	} {
		i.file(t, name, der)
		if filepath.Ext(name) == ".cer" {
			i.file(t, name[:len(name)-len(".cer")]+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		}
	}
	i.file(t, "signing.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	i.file(t, "signing.key", []byte(i.signing.D.Text(16)))
}

func (i issued) file(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(i.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
