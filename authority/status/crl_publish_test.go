package status_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/status"
	storeauthority "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// clock is set by tests.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// publication is an authority's store with one issuing CA and the means to
// publish its CRL.
type publication struct {
	*testing.T
	db     *sqldb.DB
	store  *storeauthority.Store
	clock  *clock
	issuer ca.Signer
	sealed bool
	log    bytes.Buffer
}

func newPublication(t *testing.T) *publication {
	t.Helper()
	db := storetest.Open(t, "sqlite:"+t.TempDir()+"/authority.db", storeauthority.Migrations())
	p := &publication{T: t, db: db, store: storeauthority.New(db), clock: &clock{t: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}}
	founded, err := ceremony.Found(ceremony.Plan{ID: "test", Name: "测试", Address: "https://hall.example", Clock: p.clock, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	p.issuer = founded.Keys(rand.Reader).Issuers[authority.MainIssuer]
	return p
}

// node is one of several that publish over the same store.
func (p *publication) node(name string, store status.CRLStore) *status.Publisher {
	return &status.Publisher{
		Store: store, Issuers: []string{authority.MainIssuer}, Policy: status.DefaultCRLPolicy(), Node: name, Clock: p.clock,
		Signer: func(string) (ca.Signer, error) {
			if p.sealed {
				return ca.Signer{}, authority.ErrSealed
			}
			return p.issuer, nil
		},
		Log: slog.New(slog.NewTextHandler(&p.log, nil)),
	}
}

func (p *publication) round(n *status.Publisher, want int) {
	p.Helper()
	if made, err := n.Run(p.Context()); made != want || err != nil {
		p.Fatalf("made %d, want %d: %v", made, want, err)
	}
}

func (p *publication) shelf() *status.Shelf {
	return &status.Shelf{Store: p.store, Issuers: []string{authority.MainIssuer}, Clock: p.clock}
}

// crl is the newest CRL as the world gets it, verified.
func (p *publication) crl() *smx509.RevocationList {
	p.Helper()
	d, err := p.shelf().Find(p.Context(), authority.MainIssuer)
	if err != nil || d == nil {
		p.Fatal(d, err)
	}
	der, err := io.ReadAll(d.Content)
	if err != nil {
		p.Fatal(err)
	}
	l, err := smx509.ParseRevocationList(der)
	if err != nil {
		p.Fatal(err)
	}
	if err := l.CheckSignatureFrom(p.issuer.Certificate); err != nil {
		p.Fatal(err)
	}
	return l
}

// lose puts a serial on the list of what was lost, with its record: the
// shortest way to change status.
func (p *publication) lose(serial string) {
	p.Helper()
	err := p.db.Write(p.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec("INSERT INTO lost_serials (issuer, serial, revoked_at, reason) VALUES ($1, $2, $3, 4)",
			authority.MainIssuer, serial, p.clock.Now().UnixMilli())
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
	p.record("serials-lost")
}

// record adds a numbered record that names no pair.
func (p *publication) record(kind string) {
	p.Helper()
	err := p.db.Write(p.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec("INSERT INTO records (seq, at, kind, case_id, attempt, lineage, pair, salt, digest) SELECT seq + 1, 0, $1, '', 0, '', '', $2, $2 FROM chain", kind, []byte{1})
		if err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE chain SET seq = seq + 1")
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
}

func (p *publication) listed() string {
	p.Helper()
	var serials []string
	for _, e := range p.crl().RevokedCertificateEntries {
		serials = append(serials, string(certhall.SerialOf(e.SerialNumber)))
	}
	return strings.Join(serials, " ")
}

// vault#2844: a CRL is not made again for every revocation; those
// that come together are told by one, within a minute.
func TestRevocationsAreGathered(t *testing.T) {
	p := newPublication(t)
	n := p.node("a", p.store)
	p.round(n, 1) // the first, empty, at once
	if got := p.listed(); got != "" {
		t.Errorf("listed: %s", got)
	}
	p.round(n, 0)
	p.clock.add(time.Hour)
	p.round(n, 0) // nothing changed
	p.lose("51")
	p.round(n, 1) // at once: the last is older than the gathering
	revoked := p.clock.Now()
	p.lose("52")
	made := 0
	for ; made == 0; p.clock.add(time.Second) {
		var err error
		if made, err = n.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.lose(fmt.Sprintf("60%08x", p.clock.Now().Unix())) // more and more come meanwhile
	}
	if took := p.clock.Now().Sub(revoked); took < 45*time.Second || took+status.MaxAge > time.Minute {
		t.Errorf("a revocation is seen after %v, and caches keep %v", took, status.MaxAge)
	}
	if got := p.listed(); !strings.HasPrefix(got, "51 52 60") {
		t.Errorf("listed: %s", got)
	}
}

// asked notes from which record on news are looked for.
type asked struct {
	status.CRLStore
	from []int64
}

func (a *asked) StatusChanged(ctx context.Context, issuer string, seen int64) (bool, int64, error) {
	a.from = append(a.from, seen)
	return a.CRLStore.StatusChanged(ctx, issuer, seen)
}

// What was found to be no news of an issuer is not read again every second
// until its next CRL: others may have a hundred thousand such records by then.
func TestOthersRecordsAreReadOnce(t *testing.T) {
	p := newPublication(t)
	store := &asked{CRLStore: p.store}
	n := p.node("a", store)
	p.round(n, 1)
	p.clock.add(time.Minute)
	p.record("revoked")
	p.round(n, 0)
	p.round(n, 0)
	if !slices.Equal(store.from, []int64{0, 1}) {
		t.Errorf("news are looked for behind the records %v", store.from)
	}
	p.lose("61")
	p.round(n, 1)
	p.clock.add(time.Minute)
	p.round(n, 0)
	if !slices.Equal(store.from, []int64{0, 1, 1, 1, 2}) || p.listed() != "61" {
		t.Errorf("news are looked for behind the records %v, listed %s", store.from, p.listed())
	}
}

// vault#16762: a CRL does not expire although nothing is revoked. It
// is made again at half life; if it cannot be, readiness says so, with when.
func TestQuietCRLDoesNotExpire(t *testing.T) {
	p := newPublication(t)
	n, shelf := p.node("a", p.store), p.shelf()
	ready := func() error { return shelf.Ready(t.Context(), authority.MainIssuer) }
	if err := ready(); !errors.Is(err, status.ErrCRLMissing) {
		t.Errorf("before the first: %v", err)
	}
	p.round(n, 1)
	first := p.crl()
	if err := ready(); err != nil {
		t.Error(err)
	}
	p.clock.add(84*time.Hour - time.Second)
	p.round(n, 0)
	p.clock.add(time.Second)
	p.round(n, 1)
	second := p.crl()
	if second.Number.Cmp(first.Number) <= 0 || !second.ThisUpdate.Equal(p.clock.Now()) || second.NextUpdate.Sub(second.ThisUpdate) != 7*24*time.Hour {
		t.Errorf("%v until %v, number %v after %v", second.ThisUpdate, second.NextUpdate, second.Number, first.Number)
	}
	p.sealed = true
	p.clock.add(126*time.Hour - time.Second)
	p.round(n, 0)
	if !strings.Contains(p.log.String(), "level=ERROR") || strings.Count(p.log.String(), "sealed") != 1 {
		t.Errorf("log of a sealed authority whose CRL is due: %s", p.log.String())
	}
	p.round(n, 0)
	if strings.Count(p.log.String(), "sealed") != 1 {
		t.Error("the log repeats itself every second")
	}
	if err := ready(); err != nil {
		t.Error(err)
	}
	p.clock.add(time.Second)
	err := certhall.AsError(ready())
	if !errors.Is(err, status.ErrCRLEnding) || err.Params["until"] != "2026-03-12 04:00:00"[:10]+second.NextUpdate.In(certhall.Beijing).Format(" 15:04:05") {
		t.Errorf("at three quarters: %v", err)
	}
	p.sealed = false
	p.round(n, 1)
	if err := ready(); err != nil {
		t.Error(err)
	}
}

// dogtag#3873: the number never goes backwards: not with the clock,
// and not after a restore from an old copy.
func TestNumbersOnlyGrow(t *testing.T) {
	p := newPublication(t)
	n := p.node("a", p.store)
	p.round(n, 1)
	old, err := p.db.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.clock.add(time.Minute)
	p.lose("51")
	p.round(n, 1)
	before := p.crl()

	p.clock.add(-time.Hour)
	p.lose("52")
	p.round(n, 1)
	after := p.crl()
	if after.Number.Cmp(before.Number) <= 0 || !after.ThisUpdate.After(before.ThisUpdate) { // or If-Modified-Since would find nothing new
		t.Errorf("the clock was set back: %v %v after %v %v", after.Number, after.ThisUpdate, before.Number, before.ThisUpdate)
	}
	if err := p.shelf().Ready(t.Context(), authority.MainIssuer); !errors.Is(err, status.ErrCRLAhead) {
		t.Errorf("a CRL from the future is fine: %v", err)
	}
	p.clock.add(2 * time.Hour)
	p.lose("53")
	p.round(n, 1)
	last := p.crl()

	restored, err := sqldb.OpenSnapshot(t.Context(), "sqlite::memory:", old)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	p.db, p.store = restored, storeauthority.New(restored)
	p.clock.add(time.Second)
	p.lose("54")
	p.round(p.node("b", p.store), 1)
	if again := p.crl(); again.Number.Cmp(last.Number) <= 0 {
		t.Errorf("restored from an old copy: %v after %v", again.Number, last.Number)
	}
}

// certificates#1351: of several nodes one makes the CRL.
func TestTwoNodesMakeOne(t *testing.T) {
	p := newPublication(t)
	nodes := []*status.Publisher{p.node("a", p.store), p.node("b", p.store), p.node("c", p.store)}
	for round := range 5 {
		total := 0
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(func() {
				made, err := n.Run(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				total += made
			})
		}
		all.Wait()
		if total != 1 {
			t.Errorf("round %d: %d CRLs", round, total)
		}
		p.clock.add(time.Minute)
		p.lose(fmt.Sprintf("5%d", round))
	}
}

// hesitating lets another node go first between seeing that a CRL is due and
// taking the turn.
type hesitating struct {
	status.CRLStore
	meanwhile func()
}

func (h hesitating) TakeTurn(ctx context.Context, issuer, holder string, now, until time.Time) (status.Turn, bool, error) {
	h.meanwhile()
	return h.CRLStore.TakeTurn(ctx, issuer, holder, now, until)
}

func TestNodeThatComesLateMakesNone(t *testing.T) {
	p := newPublication(t)
	p.round(p.node("a", hesitating{p.store, func() { p.round(p.node("b", p.store), 1) }}), 0)
}

// dying is a node's store that fails at one call: before it, or after it was done.
type dying struct {
	status.CRLStore
	at   string
	done bool
}

var errDead = errors.New("the node is dead")

func (d *dying) AddCRLPart(ctx context.Context, t status.Turn, part int, b []byte) error {
	if d.at == "store" && !d.done {
		return errDead
	}
	if err := d.CRLStore.AddCRLPart(ctx, t, part, b); err != nil || d.at != "store" {
		return err
	}
	return errDead
}

func (d *dying) PublishCRL(ctx context.Context, t status.Turn, p status.Published) (bool, error) {
	if d.at == "publish" && !d.done {
		return false, errDead
	}
	done, err := d.CRLStore.PublishCRL(ctx, t, p)
	if d.at == "publish" {
		return false, errDead
	}
	return done, err
}

// KeepTurn: the dead give nothing back.
func (d *dying) KeepTurn(context.Context, status.Turn, time.Time) (bool, error) {
	return false, errDead
}

// A node that dies between signing and storing holds the others up for the
// turn's time at most; its CRL never appears, or whole.
func TestNodeDies(t *testing.T) {
	for _, c := range []dying{{at: "store"}, {at: "store", done: true}, {at: "publish"}, {at: "publish", done: true}} {
		t.Run(fmt.Sprint(c.at, c.done), func(t *testing.T) {
			p := newPublication(t)
			alive := p.node("b", p.store)
			p.round(alive, 1)
			first := p.crl()
			p.clock.add(time.Minute)
			p.lose("51")
			c.CRLStore = p.store
			if made, err := p.node("a", &c).Run(t.Context()); made != 0 || !errors.Is(err, errDead) {
				t.Fatal(made, err)
			}
			if c.at == "publish" && c.done { // done, but the reply was lost
				p.round(alive, 0)
				if got := p.listed(); got != "51" {
					t.Errorf("listed: %s", got)
				}
				return
			}
			if p.crl().Number.Cmp(first.Number) != 0 {
				t.Error("half a CRL is published")
			}
			p.round(alive, 0) // the dead node's turn
			p.clock.add(30 * time.Second)
			p.round(alive, 1)
			if got := p.listed(); got != "51" {
				t.Errorf("listed: %s", got)
			}
			left := 0
			err := p.db.Read(t.Context(), func(tx *sqldb.Tx) error {
				return tx.QueryRow("SELECT count(*) FROM crl_parts WHERE number NOT IN (SELECT number FROM crls)").Scan(&left)
			})
			if err != nil || left != 0 {
				t.Errorf("%d parts are left of the dead node's CRL: %v", left, err)
			}
		})
	}
}

// slow lets another node take over while this one signs.
type slow struct {
	status.CRLStore
	meanwhile func()
}

func (s slow) PublishCRL(ctx context.Context, t status.Turn, p status.Published) (bool, error) {
	s.meanwhile()
	return s.CRLStore.PublishCRL(ctx, t, p)
}

// A node that was too slow cannot put its CRL in place of a newer one.
func TestOlderNeverReplacesNewer(t *testing.T) {
	p := newPublication(t)
	other := p.node("b", p.store)
	late := p.node("a", slow{p.store, func() {
		p.clock.add(31 * time.Second)
		p.lose("51")
		p.round(other, 1)
	}})
	p.round(late, 0)
	if got := p.listed(); got != "51" {
		t.Errorf("listed: %s", got)
	}
	if !strings.Contains(p.log.String(), "dropped") {
		t.Errorf("the log says nothing of it: %s", p.log.String())
	}
}

// What a node cannot do it does not try every second.
func TestFailureIsRetriedLater(t *testing.T) {
	p := newPublication(t)
	n := p.node("a", p.store)
	tries := 0
	n.Signer = func(string) (ca.Signer, error) { tries++; return ca.Signer{}, errDead }
	for range 20 {
		_, _ = n.Run(t.Context())
		p.clock.add(time.Second)
	}
	if tries != 2 {
		t.Errorf("tried %d times in 20 seconds", tries)
	}
}

// RFC 5280, 3.3: a certificate that ended leaves the CRL only after it was on
// one made after its end; here, on those of a whole life more. However long
// nothing was published, and also if it was revoked after its end.
func TestEndedCertificateIsToldOnceMore(t *testing.T) {
	p := newPublication(t)
	n := p.node("a", p.store)
	begin := p.clock.Now()
	pair := func(id string, ends, revoked time.Duration) {
		t.Helper()
		err := p.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`INSERT INTO pairs (id, lineage, case_id, attempt, state, subject, organisation, project, profile, term_years, key_number, key_serial,
				sign_serial, enc_serial, not_before, not_after, entitlement, old_pair, old_serial, disposal, evidence_kind, key_digest, request_digest, intended_at, revoked_at)
				VALUES ($1, $1, $1, 1, 'void', '', '', '', '', 1, '', '', $2, $3, 0, $4, $1, '', '', '', '', $5, $5, 1, $6)`,
				id, "5"+id, "6"+id, begin.Add(ends).UnixMilli(), []byte("d"), begin.Add(revoked).UnixMilli())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	pair("1", 2*day, -day)
	p.round(n, 1)
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{4 * day, "51 61"}, {4 * day, "51 61"}, {4 * day, "51 61"}, // made after its end: at 4, 8 and 12 days
		{4 * day, ""}, // at 16 days: the one before, at 12, was made more than a life after the end
	} {
		p.clock.add(c.after)
		p.round(n, 1)
		if got := p.listed(); got != c.want {
			t.Errorf("%v: listed %q, want %q", p.clock.Now().Sub(begin), got, c.want)
		}
	}
	pair("2", 17*day, 16*day) // it ends, and nothing is published for a year
	pair("3", -300*day, 376*day)
	p.clock.add(365 * day)
	p.round(n, 1)
	if got := p.listed(); got != "52 62 53 63" {
		t.Errorf("after a year: listed %q", got)
	}
}
