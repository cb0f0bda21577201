package fsck_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	storeauthority "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/fsck"
	hall "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
)

// A single certificate lacks nothing: no rule takes it for half a pair, and
// none overlooks half a pair.
func TestSingleCertificate(t *testing.T) {
	db := storetest.Open(t, "sqlite::memory:", storeauthority.Migrations())
	store := storeauthority.New(db)
	a, err := demo.NewAuthority(t.Context(), demo.Options{ID: "test", Name: "测试机构", Store: store, Policy: ca.DefaultPolicy(), Algorithms: []gm.Algorithm{gm.ECDSA},
		Base: "https://hall.example", Clock: &clock{time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)}, Random: rand.Reader})
	must(t, err)
	signed, err := a.CA.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Apply, Case: "single"})
	must(t, err)
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	must(t, err)
	key, err := gm.ECDSA.GenerateKey(rand.Reader, 0)
	must(t, err)
	request, err := demo.Request(rand.Reader, key, "")
	must(t, err)
	decision, err := a.Decide(t.Context(), demo.Applicant{Name: "测试单位", Organisation: "91110000MA00000000", Lineage: "lineage",
		Project: "procurement", KeyNumber: "K1", TermYears: 1, Profile: "p256"}, ticket, "USB1", request)
	must(t, err)
	_, err = a.CA.Issue(t.Context(), authority.IssueRequest{Case: "single", Attempt: 1, Request: request, Evidence: decision})
	must(t, err)
	_, err = audit.Sequencer{Store: store}.Run(t.Context())
	must(t, err)
	sound, err := db.Snapshot(t.Context())
	must(t, err)
	h := storetest.Open(t, "sqlite::memory:", hall.Migrations())
	for rule, damage := range map[string]string{
		"":             "SELECT 1",
		"papers":       "INSERT INTO escrow (n, sealed) SELECT n, enc_tbs || 'x' FROM papers",
		"serials":      "UPDATE pairs SET enc_serial = 'e1'",
		"certificates": "UPDATE certificates SET enc = sign",
	} {
		authorityDB := memory(t, sound)
		exec(t, authorityDB, damage)
		findings, err := fsck.Check(t.Context(), authorityDB, h)
		must(t, err)
		if rule == "" && len(findings) > 0 || rule != "" && !slices.ContainsFunc(findings, func(f fsck.Finding) bool { return f.Rule == rule }) {
			t.Errorf("%s: found %v", damage, findings)
		}
	}
}
