package storetest_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/proof"
	store "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/fsck"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// records is an authority whose record is kept: a database, a keeper, and the
// file beside the database.
type records struct {
	*testing.T
	clock  *demo.Clock
	now    time.Time
	db     *sqldb.DB
	store  *store.Store
	office *demo.Authority
	keeper *audit.Keeper
	file   string
	cases  int
}

func keepRecords(t *testing.T, address string) *records {
	t.Helper()
	r := &records{T: t, clock: new(demo.Clock), now: morning, file: filepath.Join(t.TempDir(), audit.JournalName)}
	r.clock.Set(r.now)
	r.db = storetest.Open(t, address, store.Migrations())
	r.store = store.New(r.db)
	var err error
	r.office, err = demo.NewAuthority(t.Context(), demo.Options{ID: "test", Name: "测试机构", Store: r.store, Policy: ca.DefaultPolicy(),
		Base: "https://hall.example", Clock: r.clock, Random: rand.Reader})
	r.must(err)
	r.keeper = audit.NewKeeper(r.store, r.office.CA.Checkpoint, &audit.Journal{Path: r.file}, r.clock)
	return r
}

func (r *records) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(certhall.CauseText(err))
	}
}

func (r *records) wait(d time.Duration) {
	r.now = r.now.Add(d)
	r.clock.Set(r.now)
}

// checkpoint numbers and signs what waits.
func (r *records) checkpoint() {
	r.Helper()
	_, err := r.keeper.Finish(r.Context())
	r.must(err)
}

// request is a pair asked for and decided, not issued yet.
func (r *records) request(a demo.Applicant) authority.IssueRequest {
	r.Helper()
	r.cases++
	id := certhall.CaseID("case" + strconv.Itoa(r.cases))
	signed, err := r.office.CA.Ticket(r.Context(), authority.TicketRequest{Service: certhall.Apply, Case: id})
	r.must(err)
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	r.must(err)
	key, err := sm2.GenerateKey(rand.Reader)
	r.must(err)
	p10, err := demo.Request(rand.Reader, key, "anything")
	r.must(err)
	decision, err := r.office.Decide(r.Context(), a, ticket, "KEY1", p10)
	r.must(err)
	return authority.IssueRequest{Case: id, Attempt: 1, Request: p10, Evidence: decision}
}

func (r *records) issue(lineage string) {
	r.Helper()
	_, err := r.office.CA.Issue(r.Context(), r.request(holderOf(lineage)))
	r.must(err)
}

func holderOf(lineage string) demo.Applicant {
	return demo.Applicant{Name: "张三", Organisation: "91310000MA1K35XE0X", Lineage: certhall.LineageID(lineage),
		Project: demo.Procurement, KeyNumber: "HT-1", TermYears: 1}
}

// sql runs statements apart from every store.
func (r *records) sql(statements ...string) {
	r.Helper()
	for _, s := range statements {
		if _, err := r.db.Writer().ExecContext(r.Context(), s); err != nil {
			r.Fatalf("%s: %v", s, err)
		}
	}
}

func (r *records) verify() (audit.Report, error) {
	r.Helper()
	file, err := os.Open(r.file)
	r.must(err)
	defer file.Close()
	return audit.VerifyStore(r.Context(), r.store, file, nil, audit.Trust{Root: r.office.Founded.Root.Certificate, Authority: "test"})
}

// rewrite computes the chain anew, as somebody does who has the database and
// not the notary's key.
func (r *records) rewrite() {
	r.Helper()
	all, err := r.store.Records(r.Context(), 0, 1000)
	r.must(err)
	var hash []byte
	for _, e := range all {
		hash = audit.Link(hash, e)
		_, err := r.db.Writer().ExecContext(r.Context(), "UPDATE records SET hash = $1 WHERE seq = $2", hash, e.Seq)
		r.must(err)
	}
	_, err = r.db.Writer().ExecContext(r.Context(), "UPDATE chain SET hash = $1, seq = $2", hash, all[len(all)-1].Seq)
	r.must(err)
}

// TestTampering does to a real database what somebody might who owns it.
func TestTampering(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		r := keepRecords(t, address)
		r.issue("l1")
		r.checkpoint()
		middle, err := r.store.End(t.Context())
		r.must(err)
		r.wait(time.Hour)
		r.issue("l2")
		r.checkpoint()
		signed, err := r.store.End(t.Context())
		r.must(err)
		r.wait(time.Hour)
		r.issue("l3")
		_, err = audit.Sequencer{Store: r.store}.Run(t.Context())
		r.must(err)
		report, err := r.verify()
		if err != nil || report.Signed != signed.Number || report.Checkpoints != 2 || report.Lines != 2 || report.Records != signed.Number+3 { // attempt-opened, intended, issued
			t.Fatalf("%+v, %v", report, err)
		}
		r.sql("CREATE TABLE kept_records AS SELECT * FROM records", "CREATE TABLE kept_chain AS SELECT * FROM chain", "CREATE TABLE kept_checkpoints AS SELECT * FROM checkpoints")
		last := strconv.FormatInt(signed.Number, 10)
		for name, c := range map[string]struct {
			tamper []string
			then   func()
			want   error
			record string
		}{
			"data":           {tamper: []string{"UPDATE records SET data = salt WHERE seq = 4"}, want: audit.ErrDataChanged, record: "4"},
			"salt":           {tamper: []string{"UPDATE records SET salt = digest WHERE seq = 4"}, want: audit.ErrDataChanged, record: "4"},
			"digest":         {tamper: []string{"UPDATE records SET digest = salt, data = NULL WHERE seq = 4"}, want: audit.ErrChanged, record: "4"},
			"data gone":      {tamper: []string{"UPDATE records SET data = NULL WHERE seq = 4"}, want: audit.ErrDataGone, record: "4"},
			"kind":           {tamper: []string{"UPDATE records SET kind = 'closed' WHERE seq = 4"}, want: audit.ErrChanged, record: "4"},
			"time":           {tamper: []string{"UPDATE records SET at = at + 1 WHERE seq = 4"}, want: audit.ErrChanged, record: "4"},
			"case":           {tamper: []string{"UPDATE records SET case_id = 'x' WHERE seq = 4"}, want: audit.ErrChanged, record: "4"},
			"attempt":        {tamper: []string{"UPDATE records SET attempt = attempt + 1 WHERE seq = 4"}, want: audit.ErrChanged, record: "4"},
			"lineage":        {tamper: []string{"UPDATE records SET lineage = 'x' WHERE seq = 4"}, want: audit.ErrChanged, record: "4"},
			"pair":           {tamper: []string{"UPDATE records SET pair = 'x' WHERE seq = 4"}, want: audit.ErrChanged, record: "4"},
			"hash":           {tamper: []string{"UPDATE records SET hash = digest WHERE seq = 4"}, want: audit.ErrChanged, record: "4"},
			"removed":        {tamper: []string{"DELETE FROM records WHERE seq = 4"}, want: audit.ErrMissing, record: "4"},
			"removed, moved": {tamper: []string{"DELETE FROM records WHERE seq = 4", "UPDATE records SET seq = -seq WHERE seq > 4", "UPDATE records SET seq = -seq - 1 WHERE seq < 0"}, want: audit.ErrChanged, record: "4"},
			"swapped":        {tamper: []string{"UPDATE records SET seq = -4 WHERE seq = 4", "UPDATE records SET seq = 4 WHERE seq = 5", "UPDATE records SET seq = 5 WHERE seq = -4"}, want: audit.ErrChanged, record: "4"},
			"put in": {tamper: []string{"UPDATE records SET seq = -seq WHERE seq > 3", "UPDATE records SET seq = -seq + 1 WHERE seq < 0",
				"INSERT INTO records (n, seq, at, kind, case_id, attempt, lineage, pair, salt, data, digest, hash) SELECT 1000, 4, at, kind, case_id, attempt, lineage, pair, salt, data, digest, hash FROM records WHERE seq = 3"}, want: audit.ErrChanged, record: "4"},
			"cut off":                  {tamper: []string{"DELETE FROM records WHERE seq > " + last}, want: audit.ErrCutOff},
			"cut off, with its notes":  {tamper: []string{"DELETE FROM records WHERE seq > 4", "DELETE FROM checkpoints"}, then: r.rewrite, want: audit.ErrCutOff},
			"changed and computed":     {tamper: []string{"UPDATE records SET case_id = 'x' WHERE seq = 4"}, then: r.rewrite, want: audit.ErrOtherChain},
			"the end":                  {tamper: []string{"UPDATE chain SET hash = NULL"}, want: audit.ErrEnd},
			"a checkpoint":             {tamper: []string{"UPDATE checkpoints SET hash = signed WHERE number = " + last}, want: audit.ErrForged},
			"a checkpoint's signature": {tamper: []string{"UPDATE checkpoints SET signed = hash WHERE number = " + last}, want: audit.ErrForged},
		} {
			t.Run(name, func(t *testing.T) {
				r.sql(c.tamper...)
				if c.then != nil {
					c.then()
				}
				_, err := r.verify()
				if !errors.Is(err, c.want) || c.record != "" && certhall.AsError(err).Params["record"] != c.record {
					t.Errorf("found %v, want %v of %s", err, c.want, c.record)
				}
				if c.want == audit.ErrOtherChain && certhall.AsError(err).Params["number"] != strconv.FormatInt(middle.Number, 10) {
					t.Errorf("found at %v, want the first checkpoint behind it", err)
				}
				if found, err := fsck.Check(t.Context(), r.db, nil); err != nil || len(found) == 0 && c.want != audit.ErrForged {
					t.Errorf("fsck: %v %v", found, err)
				}
				r.sql("DELETE FROM records", "INSERT INTO records SELECT * FROM kept_records", "DELETE FROM chain", "INSERT INTO chain SELECT * FROM kept_chain",
					"DELETE FROM checkpoints", "INSERT INTO checkpoints SELECT * FROM kept_checkpoints")
				if _, err := r.verify(); err != nil {
					t.Fatalf("put right: %v", err)
				}
			})
		}
	})
}

// TestNothingIssuedUnrecorded: an INSERT into the record that fails takes the
// certificate with it, and the same request succeeds once it works again.
func TestNothingIssuedUnrecorded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		r := keepRecords(t, address)
		request := r.request(holderOf("l1"))
		count := func() (n int) {
			r.must(r.db.Writer().QueryRow("SELECT (SELECT count(*) FROM pairs) + (SELECT count(*) FROM escrow) + (SELECT count(*) FROM serials WHERE pair <> '')").Scan(&n))
			return n
		}
		broken, mended := []string{"CREATE TRIGGER full_disk BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no room'); END"}, "DROP TRIGGER full_disk"
		if r.db.Dialect() == sqldb.Postgres {
			broken = []string{"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$",
				"CREATE TRIGGER full_disk BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION full_disk()"}
			mended = "DROP TRIGGER full_disk ON records"
		}
		r.sql(broken...)
		if _, err := r.office.CA.Issue(t.Context(), request); err == nil {
			t.Error("issued without a record")
		}
		if n := count(); n != 0 {
			t.Errorf("%d rows of a pair that is not on record", n)
		}
		r.sql(mended)
		if _, err := r.office.CA.Issue(t.Context(), request); err != nil {
			t.Errorf("issuing does not go on: %s", certhall.CauseText(err))
		}
		if n := count(); n != 4 {
			t.Errorf("%d rows", n)
		}
	})
}

// TestCheckpointsOfSeveralNodes: of two nodes one signs; both have it in their
// files, with every serial that was given away.
func TestCheckpointsOfSeveralNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		r := keepRecords(t, address)
		other := filepath.Join(t.TempDir(), "other")
		second := audit.NewKeeper(r.store, r.office.CA.Checkpoint, &audit.Journal{Path: other}, r.clock)
		r.issue("l1")
		r.checkpoint()
		r.wait(time.Minute)
		r.issue("l2")
		done := make(chan error, 2)
		for _, k := range []*audit.Keeper{r.keeper, second} {
			go func() {
				_, err := k.Run(t.Context())
				done <- err
			}()
		}
		r.must(errors.Join(<-done, <-done))
		for _, k := range []*audit.Keeper{r.keeper, second} { // what the other has signed meanwhile
			_, err := k.Run(t.Context())
			r.must(err)
		}
		one, err := os.ReadFile(r.file)
		r.must(err)
		two, err := os.ReadFile(other)
		r.must(err)
		if !bytes.Equal(one, two) {
			t.Errorf("the nodes' files differ:\n%s\n%s", one, two)
		}
		var given, known int
		for e, err := range audit.ReadJournal(bytes.NewReader(one)) {
			r.must(err)
			given += len(e.Serials[authority.MainIssuer])
		}
		r.must(r.db.Writer().QueryRow("SELECT count(*) FROM serials").Scan(&known))
		if list, err := r.store.Checkpoints(t.Context(), 0, 10); err != nil || len(list) != 2 || given != known || known != 7 {
			t.Errorf("%d checkpoints, %d of %d serials, %v", len(list), given, known, err)
		}
		end, err := r.store.End(t.Context())
		r.must(err)
		if added, err := r.store.AddCheckpoint(t.Context(), end.Last); added || err != nil {
			t.Errorf("a second checkpoint for one number: %v %v", added, err)
		}
		end.Last.Number++
		if added, err := r.store.AddCheckpoint(t.Context(), end.Last); added || err == nil {
			t.Errorf("a checkpoint of no record: %v %v", added, err)
		}
	})
}

// decide is a reviewer's signed decision about a lineage.
func (r *records) decide(service, lineage, reason string) proof.Signed {
	r.Helper()
	nonce, err := proof.NewNonce(rand.Reader)
	r.must(err)
	signed, err := r.office.Reviewer.Sign(r.Context(), proof.Draft{Message: proof.Encode(proof.Decision{Authority: "test", Service: service, Lineage: lineage,
		Verdict: proof.Approve, Reason: reason, Nonce: nonce, Expiry: r.now.Add(time.Hour)})})
	r.must(err)
	return signed
}

// holding counts the rows in which a name still stands.
func (r *records) holding(name string) (n int) {
	r.Helper()
	for _, q := range []string{"SELECT data FROM records", "SELECT subject FROM pairs", "SELECT subject_der FROM papers", "SELECT request FROM papers",
		"SELECT evidence FROM papers", "SELECT sign_tbs FROM papers", "SELECT enc_tbs FROM papers", "SELECT sign FROM certificates", "SELECT enc FROM certificates"} {
		rows, err := r.db.Writer().QueryContext(r.Context(), q)
		r.must(err)
		for rows.Next() {
			var text []byte
			r.must(rows.Scan(&text))
			if bytes.Contains(text, []byte(name)) {
				n++
			}
		}
		r.must(rows.Err())
		rows.Close()
	}
	return n
}

// TestErasing: after the law's five years a reviewer's decision takes names,
// salts, evidence and certificates; chain, status and fsck stay whole, and the
// record says who decided and why.
func TestErasing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		r := keepRecords(t, address)
		one, two := holderOf("l1"), holderOf("l2")
		one.Name, two.Name = "李四", "王五"
		for _, a := range []demo.Applicant{one, two} {
			_, err := r.office.CA.Issue(t.Context(), r.request(a))
			r.must(err)
		}
		r.checkpoint()
		finish := func() int {
			_, err := audit.Sequencer{Store: r.store}.Run(t.Context())
			r.must(err)
			n, err := r.office.CA.FinishErasures(t.Context())
			r.must(err)
			return n
		}
		erase := func(evidence proof.Signed, what ca.Erasure) error {
			return r.office.CA.Erase(t.Context(), evidence, what)
		}

		if err := erase(r.decide("revoke", "l1", "x"), ca.Erasure{}); !errors.Is(err, authority.ErrEvidence) {
			t.Errorf("on a decision to revoke: %v", err)
		}
		if err := erase(r.decide(proof.EraseService, "l3", "x"), ca.Erasure{}); !errors.Is(err, authority.ErrUnknownLineage) {
			t.Errorf("of nobody: %v", err)
		}
		age := func(years int) { // staff's own certificates would have ended, too
			r.sql(fmt.Sprintf("UPDATE pairs SET not_after = not_after - %d", years*365*24*3600*1000))
		}
		age(5)
		if err := erase(r.decide(proof.EraseService, "l1", "保存期满"), ca.Erasure{}); !errors.Is(err, ca.ErrKeep) {
			t.Errorf("four years after the end: %v", err)
		}
		// Early, one record: its data goes, certificate and evidence stay.
		var first int64
		r.must(r.db.Writer().QueryRow("SELECT min(seq) FROM records WHERE lineage = 'l1'").Scan(&first))
		if err := erase(r.decide(proof.EraseService, "l2", "判决"), ca.Erasure{Records: []int64{first}, Early: true}); !errors.Is(err, ca.ErrNotOfLineage) {
			t.Errorf("another's record: %v", err)
		}
		before := r.holding("李四")
		r.must(erase(r.decide(proof.EraseService, "l1", "判决"), ca.Erasure{Records: []int64{first}, Early: true}))
		if n := finish(); n != 1 || r.holding("李四") != before-1 {
			t.Errorf("%d records, %d rows of %d", n, r.holding("李四"), before)
		}
		// After the time, all of it, although the power fails half-way.
		age(2)
		evidence := r.decide(proof.EraseService, "l1", "保存期满")
		r.must(erase(evidence, ca.Erasure{}))
		if r.holding("李四") == 0 {
			t.Error("erased before the record of it has its number")
		}
		r.must(erase(evidence, ca.Erasure{}))
		if n := finish(); n == 0 || finish() != 0 {
			t.Errorf("erased %d records", n)
		}
		if n := r.holding("李四"); n != 0 {
			t.Errorf("the name still stands in %d rows", n)
		}
		if n := r.holding("王五"); n < 5 {
			t.Errorf("another's name stands in %d rows only", n)
		}
		var salts int
		r.must(r.db.Writer().QueryRow("SELECT count(*) FROM records WHERE data IS NULL AND length(salt) > 0").Scan(&salts))
		r.wait(time.Hour)
		r.checkpoint()
		report, err := r.verify()
		if err != nil || salts != 0 || report.Erased < 3 {
			t.Errorf("%d salts, %+v, %v", salts, report, err)
		}
		found, err := fsck.Check(t.Context(), r.db, nil)
		if err != nil || len(found) > 0 {
			t.Errorf("fsck: %v %v", found, err)
		}
		events, err := r.office.CA.Events(t.Context(), 0, 1000)
		if err != nil || int64(len(events)) != report.Records {
			t.Errorf("the hall hears %d events of %d: %v", len(events), report.Records, err)
		}
		var said ca.Erased
		for _, e := range read(t, r.store, ca.Reader.Erasures) {
			r.must(json.Unmarshal(e.Data, &said))
		}
		if said.Reason != "保存期满" || len(said.Pairs) != 1 || !bytes.Equal(said.Evidence, proof.Encode(evidence)) {
			t.Errorf("%+v", said)
		}
		view, err := r.office.CA.Pair(t.Context(), authority.PairQuery{Case: "case1", Attempt: 1})
		if err != nil || view.Pair == nil || view.Pair.Subject != "" || view.Pair.SignSerial == "" || view.Certificate != nil {
			t.Errorf("%+v %v", view.Pair, err)
		}
	})
}
