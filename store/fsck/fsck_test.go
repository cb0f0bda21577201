package fsck_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/locale"
	"github.com/certhall/certhall/proof"
	storeauthority "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/fsck"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
	"github.com/emmansun/gmsm/sm2"
)

type clock struct{ time.Time }

func (c *clock) Now() time.Time { return c.Time }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(certhall.CauseText(err))
	}
}

func memory(t *testing.T, snapshot []byte) *sqldb.DB {
	t.Helper()
	db, err := sqldb.OpenSnapshot(t.Context(), "sqlite::memory:", snapshot)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// databases are an authority that renewed one pair and issued another, and a
// hall that has heard of all of it, as snapshots. The renewal's case is "done",
// the other's "waiting".
func databases(t *testing.T) (authorityDB, hallDB []byte) {
	db := storetest.Open(t, "sqlite::memory:", storeauthority.Migrations())
	store := storeauthority.New(db)
	now := &clock{time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)}
	a, err := demo.NewAuthority(t.Context(), demo.Options{ID: "test", Name: "测试机构", Store: store, Policy: ca.DefaultPolicy(),
		Base: "https://hall.example", Clock: now, Random: rand.Reader})
	must(t, err)
	first := apply(t, a)
	now.Time = now.AddDate(0, 11, 0)
	second := renew(t, a, "done", first, true)
	now.Time = now.AddDate(0, 11, 0)
	renew(t, a, "waiting", second, false)
	_, err = a.CA.Close(t.Context(), "shut")
	must(t, err)
	_, err = audit.Sequencer{Store: store}.Run(t.Context())
	must(t, err)
	crls := status.Publisher{Store: store, Issuers: []string{authority.MainIssuer}, Signer: a.CA.Issuer, Policy: status.DefaultCRLPolicy(),
		Node: "node", Clock: now, Log: slog.New(slog.DiscardHandler)}
	if made, err := crls.Run(t.Context()); made != 1 || err != nil {
		t.Fatal(made, err)
	}

	h := storetest.Open(t, "sqlite::memory:", hall.Migrations())
	follow(t, h, a)
	authorityDB, err = db.Snapshot(t.Context())
	must(t, err)
	hallDB, err = h.Snapshot(t.Context())
	must(t, err)
	return authorityDB, hallDB
}

type holder struct {
	key    *sm2.PrivateKey
	serial certhall.Serial
	cert   []byte
}

func p10(t *testing.T) (*sm2.PrivateKey, []byte) {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	must(t, err)
	request, err := demo.Request(rand.Reader, key, "")
	must(t, err)
	return key, request
}

func apply(t *testing.T, a *demo.Authority) holder {
	t.Helper()
	signed, err := a.CA.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Apply, Case: "applied"})
	must(t, err)
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	must(t, err)
	key, request := p10(t)
	decision, err := a.Decide(t.Context(), demo.Applicant{Name: "测试单位", Organisation: "91110000MA00000000", Lineage: "lineage",
		Project: "procurement", KeyNumber: "K1", TermYears: 1}, ticket, "USB1", request)
	must(t, err)
	return finish(t, a, authority.IssueRequest{Case: "applied", Attempt: 1, Request: request, Evidence: decision}, key, true)
}

func renew(t *testing.T, a *demo.Authority, c certhall.CaseID, old holder, acknowledge bool) holder {
	t.Helper()
	signed, err := a.CA.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: c, OldSerial: old.serial})
	must(t, err)
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	must(t, err)
	key, request := p10(t)
	_, digest, err := gm.ParseRequest(request)
	must(t, err)
	evidence := sign(t, old, proof.OldKey{Authority: "test", Service: "renew", Case: string(c), Attempt: 1, Entitlement: "right" + string(c),
		OldSerial: string(old.serial), Project: "procurement", Profile: "organisation", TermYears: 1, RequestDigest: digest,
		Disposal: "keep", KeySerial: "USB1", Nonce: ticket.Nonce, Expiry: ticket.Expiry})
	return finish(t, a, authority.IssueRequest{Case: c, Attempt: 1, Request: request, Evidence: evidence}, key, acknowledge)
}

func sign(t *testing.T, by holder, m proof.Message) proof.Signed {
	t.Helper()
	signed, err := proof.Sign(m, by.cert, func(message []byte) ([]byte, error) { return gm.Sign(rand.Reader, by.key, message) })
	must(t, err)
	return signed
}

func finish(t *testing.T, a *demo.Authority, r authority.IssueRequest, key *sm2.PrivateKey, acknowledge bool) holder {
	t.Helper()
	b, err := a.CA.Issue(t.Context(), r)
	must(t, err)
	view, err := a.CA.Pair(t.Context(), authority.PairQuery{Case: r.Case})
	must(t, err)
	h := holder{key, view.Pair.SignSerial, b.Sign}
	if !acknowledge {
		return h
	}
	enc, err := gm.OpenEnvelopedKey(key, b.Envelope)
	must(t, err)
	nonce, err := gm.Open(enc, b.SealedNonce)
	must(t, err)
	_, err = a.CA.Acknowledge(t.Context(), sign(t, h, proof.Acknowledgement{Authority: "test", Case: b.Case, Attempt: b.Attempt,
		SignSerial: string(view.Pair.SignSerial), EncSerial: string(view.Pair.EncSerial), KeyDigest: view.KeyDigest, Nonce: nonce}))
	must(t, err)
	return h
}

// follow writes the hall's rows as they stand once it has heard everything.
func follow(t *testing.T, db *sqldb.DB, a *demo.Authority) {
	t.Helper()
	events, err := a.CA.Events(t.Context(), 0, 1000)
	must(t, err)
	exec(t, db, fmt.Sprintf("UPDATE cursors SET seq = %d", events[len(events)-1].Seq))
	serials := map[certhall.CaseID]certhall.Serial{}
	for _, c := range []certhall.CaseID{"applied", "done", "waiting"} {
		view, err := a.CA.Pair(t.Context(), authority.PairQuery{Case: c})
		must(t, err)
		p := view.Pair
		serials[c] = p.SignSerial
		insert(t, db, "certificates", map[string]any{"pair_id": p.ID, "seq": 1, "lineage": p.Lineage, "case_id": p.Case, "attempt": p.Attempt,
			"state": p.State, "entitlement": p.Entitlement, "not_before": p.NotBefore.UnixMilli(), "not_after": p.NotAfter.UnixMilli(),
			"sign_serial": p.SignSerial, "enc_serial": p.EncSerial})
	}
	for _, c := range []map[string]any{
		{"id": "done", "state": "done", "attempt": 1, "attempt_rank": 3, "acknowledged": true, "acknowledged_at": 1, "new_serial": serials["done"]},
		{"id": "waiting", "state": "open", "busy": true, "attempt": 1, "attempt_rank": 2},
		{"id": "shut", "state": "closed", "closed_there": true, "closing": []byte("signed")},
	} {
		id := c["id"].(string)
		c["version"], c["entitlement"], c["lineage"] = 2, "right"+id, "lineage"
		insert(t, db, "cases", c)
		insert(t, db, "journal", map[string]any{"case_id": id, "version": 1, "kind": "opened"})
		insert(t, db, "journal", map[string]any{"case_id": id, "version": 2, "kind": "entitled"})
		state := map[string]string{"done": "spent", "waiting": "open", "shut": "freed"}[id]
		e := map[string]any{"id": "right" + id, "case_id": id, "lineage": "lineage", "state": state}
		if state != "open" {
			e["ended_at"] = 1
		}
		insert(t, db, "entitlements", e)
	}
	// bought and not used, being refunded, and refunded
	insert(t, db, "orders", map[string]any{"id": "order", "standing": "paid", "total": 600, "channel": "wechat", "payment_number": "T1"})
	for i, e := range []map[string]any{
		{"id": "bought", "state": "open"}, {"id": "asked", "state": "refunding", "refund_id": "r1"}, {"id": "back", "state": "refunded", "refund_id": "r2", "ended_at": 1},
	} {
		e["order_id"], e["lineage"], e["years"] = "order", fmt.Sprint("other", i), 2
		insert(t, db, "entitlements", e)
		insert(t, db, "order_lines", map[string]any{"order_id": "order", "place": i, "entitlement": e["id"], "lineage": e["lineage"], "years": 2, "price": 100})
	}
	for id, standing := range map[string]string{"r1": "sent", "r2": "done"} {
		insert(t, db, "refunds", map[string]any{"id": id, "order_id": "order", "payment_number": "T1", "amount": 200, "total": 600, "standing": standing})
	}
	// and what was paid for nothing
	insert(t, db, "payments", map[string]any{"number": "T1", "order_id": "order", "amount": 600, "verdict": "taken"})
	insert(t, db, "payments", map[string]any{"number": "T2", "order_id": "order", "amount": 600, "verdict": "second"})
	insert(t, db, "refunds", map[string]any{"id": "r3", "order_id": "order", "payment_number": "T2", "whole": true, "amount": 600, "total": 600, "standing": "wanted"})
	insert(t, db, "tokens", map[string]any{"session": "s1", "case_id": "waiting"})
}

// insert adds a row; columns that are not given and may not be NULL get a zero.
func insert(t *testing.T, db *sqldb.DB, table string, values map[string]any) {
	t.Helper()
	rows, err := db.Writer().Query("SELECT name, type, \"notnull\" FROM pragma_table_info('" + table + "')")
	must(t, err)
	for rows.Next() {
		var name, kind string
		var needed bool
		must(t, rows.Scan(&name, &kind, &needed))
		if _, given := values[name]; !given && needed {
			values[name] = map[string]any{"TEXT": "", "BIGINT": 0, "BOOLEAN": false, "BLOB": []byte{0}}[kind]
		}
	}
	must(t, rows.Err())
	var names, places []string
	var args []any
	for name, v := range values {
		names, args = append(names, name), append(args, v)
		places = append(places, fmt.Sprintf("$%d", len(args)))
	}
	_, err = db.Writer().Exec("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(places, ", ")+")", args...)
	must(t, err)
}

func exec(t *testing.T, db *sqldb.DB, statements string) {
	t.Helper()
	for _, s := range strings.Split(statements, ";") {
		if _, err := db.Writer().Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// Every rule notices what breaks it. Constraints are dropped first where they
// would not let it happen.
func TestEveryRuleNotices(t *testing.T) {
	authorityDB, hallDB := databases(t)
	check := func(t *testing.T, damage func(a, h *sqldb.DB)) []string {
		a, h := memory(t, authorityDB), memory(t, hallDB)
		if damage != nil {
			damage(a, h)
		}
		findings, err := fsck.Check(context.Background(), a, h)
		must(t, err)
		var keys []string
		for _, f := range findings {
			if f.Where == "" {
				t.Errorf("%s says not where", f.Rule)
			}
			keys = append(keys, f.Rule)
		}
		return keys
	}
	if found := check(t, nil); len(found) > 0 {
		t.Fatal("sound databases break", found)
	}
	inAuthority := map[string]string{
		"one-current":         "DROP INDEX pairs_lineage_current; UPDATE pairs SET state = 'current' WHERE state = 'superseded'",
		"one-coming":          "DROP INDEX pairs_lineage_coming; UPDATE pairs SET state = 'issued' WHERE state = 'superseded'",
		"one-entitlement":     "DROP INDEX pairs_entitlement; UPDATE pairs SET entitlement = 'rightdone'",
		"one-pair-an-attempt": "DROP INDEX pairs_case_id_attempt; UPDATE pairs SET case_id = 'done'",
		"attempts":            "UPDATE attempts SET number = 2 WHERE case_id = 'waiting'",
		"case-and-attempts":   "UPDATE cases SET state = 'closed' WHERE id = 'waiting'",
		"pair-and-attempt":    "UPDATE attempts SET standing = 'void' WHERE case_id = 'waiting'",
		"references":          "DELETE FROM lineages",
		"state-and-times":     "UPDATE pairs SET receipt = NULL",
		"superseded-by":       "UPDATE pairs SET old_pair = '' WHERE case_id = 'done'",
		"papers":              "DELETE FROM escrow",
		"serials":             "DELETE FROM serials WHERE n = 1",
		"recorded":            "UPDATE pairs SET state = 'void' WHERE state = 'issued'",
		"certificates":        "UPDATE certificates SET sign = enc",
		"chain":               "UPDATE records SET kind = 'closed' WHERE seq = 5",
		"crl-numbers":         "UPDATE crl_turns SET number = 1",
		"crl-complete":        "UPDATE pairs SET state = 'revoked', revoked_at = 1 WHERE state = 'superseded'; UPDATE records SET kind = 'revoked' WHERE kind = 'intended'",
		"checkpoints":         "INSERT INTO checkpoints (number, hash, at, signed) VALUES (5, x'00', 1, x'00')",
		"admin-pins":          "INSERT INTO admin_pins (key_serial, state, key_digest, imported_at, changed_at) VALUES ('K', 'known', x'00', 1, 1)",
		"unlockings":          "INSERT INTO unlockings (digest, key_serial, request, decision, answer, answered_at, outcome, reported_at) VALUES (x'00', 'K', x'00', x'00', x'00', 1, '', 0)",
		"erased":              "UPDATE records SET data = NULL WHERE seq = 5",
	}
	inHall := map[string]string{
		"hall-one-busy":         "DROP INDEX cases_lineage_busy; UPDATE cases SET busy = TRUE WHERE id = 'shut'",
		"hall-one-entitlement":  "UPDATE entitlements SET case_id = 'done'",
		"hall-made-spent-freed": "UPDATE entitlements SET state = 'freed' WHERE state = 'open'",
		"hall-orders":           "DELETE FROM entitlements WHERE id = 'bought'",
		"hall-refunds":          "UPDATE refunds SET amount = 100 WHERE id = 'r2'",
		"hall-payments":         "UPDATE payments SET amount = 500",
		"hall-done":             "UPDATE cases SET state = 'open' WHERE id = 'done'",
		"hall-journal":          "DELETE FROM journal WHERE version = 1",
		"hall-one-token":        "CREATE TABLE t AS SELECT * FROM tokens; INSERT INTO t SELECT * FROM tokens; DROP TABLE tokens; ALTER TABLE t RENAME TO tokens",
		"hall-names":            "INSERT INTO persons (id, phone, made_at, user_name) VALUES ('p', '1', 0, 'somebody')",
		"hall-first-password":   "INSERT INTO persons (id, phone, made_at, password) VALUES ('p', '1', 0, 'hash'); INSERT INTO visits (session, person, must_set_password, started_at, seen_at) VALUES ('s', 'p', TRUE, 0, 0)",
		"hall-one-current":      "UPDATE certificates SET state = 'current'",
		"hall-catalog":          "INSERT INTO catalogs (version, at, operator, reason, document) VALUES (1, 0, 'o', 'r', 'version = 2')",
		"both-attempts":         "UPDATE cases SET attempt = 7 WHERE id = 'waiting'",
		"both-ends":             "UPDATE cases SET closed_there = TRUE WHERE id = 'waiting'",
		"both-projection":       "UPDATE certificates SET suspended = TRUE",
		"both-entitlements":     "UPDATE entitlements SET state = 'spent'",
	}
	for _, rule := range fsck.Rules() {
		t.Run(rule.Key, func(t *testing.T) {
			found := check(t, func(a, h *sqldb.DB) {
				if s, ok := inAuthority[rule.Key]; ok {
					exec(t, a, s)
				} else {
					exec(t, h, inHall[rule.Key])
				}
			})
			if !slices.Contains(found, rule.Key) {
				t.Errorf("found only %v", found)
			}
			for _, lang := range []string{locale.Chinese, locale.English} {
				if key := "cli.fsck." + rule.Key; locale.Text(lang, key, nil) == key {
					t.Errorf("%s has no words in %s", key, lang)
				}
			}
		})
	}
}

// A hall that has not heard everything yet is behind, not wrong.
func TestHallMayBeBehind(t *testing.T) {
	authorityDB, hallDB := databases(t)
	a, h := memory(t, authorityDB), memory(t, hallDB)
	exec(t, h, `UPDATE cursors SET seq = 3; DELETE FROM certificates WHERE case_id <> 'applied'; UPDATE certificates SET state = 'issued';
		UPDATE cases SET state = 'open', busy = FALSE, attempt = 0, attempt_rank = 0, acknowledged = FALSE, new_serial = '', acknowledged_at = 0 WHERE id IN ('done', 'waiting');
		UPDATE entitlements SET state = 'open', ended_at = NULL WHERE state = 'spent'`)
	findings, err := fsck.Check(t.Context(), a, h)
	must(t, err)
	for _, f := range findings {
		if f.Rule != "hall-one-busy" { // two cases of one lineage are open here
			t.Error(f)
		}
	}
}

// The rules' one text is understood by every database.
func TestEmptyDatabases(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		other := address
		if strings.HasPrefix(address, "postgres") {
			address, other = address+"&search_path=authority", address+"&search_path=hall"
		} else if other != "sqlite::memory:" {
			other += ".hall"
		}
		a, err := sqldb.Open(t.Context(), address)
		must(t, err)
		defer a.Close()
		h, err := sqldb.Open(t.Context(), other)
		must(t, err)
		defer h.Close()
		must(t, sqldb.Migrate(t.Context(), a, storeauthority.Migrations()))
		must(t, hall.Migrate(t.Context(), h))
		findings, err := fsck.Check(t.Context(), a, h)
		if err != nil || len(findings) > 0 {
			t.Error(findings, err)
		}
	})
}

// TestCatalogs: a version is found that cannot be read, whose picture is gone or
// was changed, or that another was taken out before.
func TestCatalogs(t *testing.T) {
	empty, _ := databases(t)
	broken := func(statements string) int {
		h := storetest.Open(t, "sqlite::memory:", hall.Migrations())
		c := &catalog.Catalog{Version: 1, Brands: []catalog.Brand{{Code: "b", Picture: "b.png"}},
			Pictures: map[string]string{"b.png": catalog.DigestOf([]byte("b"))}}
		store := hall.New(h, nil).Catalogs()
		must(t, store.AddCatalog(t.Context(), catalog.Edition{Version: 1}, c, []catalog.Picture{{Digest: catalog.DigestOf([]byte("b")), Kind: "image/png", Body: []byte("b")}}))
		c.Version = 2
		must(t, store.AddCatalog(t.Context(), catalog.Edition{Version: 2}, c, nil))
		exec(t, h, statements)
		found, err := fsck.Check(t.Context(), memory(t, empty), h)
		must(t, err)
		n := 0
		for _, f := range found {
			if f.Rule == "hall-catalog" {
				n++
			}
		}
		return n
	}
	for statements, want := range map[string]int{
		"SELECT 1": 0,
		"UPDATE catalogs SET document = 'version = 2 x' WHERE version = 2":                       1,
		"UPDATE catalogs SET document = 'version = 1' WHERE version = 2":                         1,
		"UPDATE pictures SET body = x'00'":                                                       2,
		"DELETE FROM catalog_pictures WHERE version = 1":                                         1,
		"DELETE FROM catalog_pictures WHERE version = 1; DELETE FROM catalogs WHERE version = 1": 1,
		"PRAGMA foreign_keys = off; DELETE FROM pictures":                                        2,
		"UPDATE catalogs SET document = replace(document, 'b.png', 'lost.png')":                  2,
		"UPDATE catalogs SET document = replace(document, 'version = ', 'grase=')":               2,
	} {
		if got := broken(statements); got != want {
			t.Errorf("%s: %d findings, want %d", statements, got, want)
		}
	}
}
