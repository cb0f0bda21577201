package bench

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/storetest"
)

// round is how many pairs are made in one go, by us and by the ceiling in
// turns, so that both meet the same moods of the machine.
const round = 16 * clients

// BenchmarkIssue measures pairs a second: ours, the ceiling's, and the ratio.
func BenchmarkIssue(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		dir := b.TempDir()
		path := filepath.Join(dir, "ceiling.db")
		measure(b, "sqlite:"+filepath.Join(dir, "authority.db"), "sqlite:"+path, func() (*sql.DB, error) {
			return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)")
		})
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		cluster, err := storetest.StartCluster(true)
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := cluster.Stop(); err != nil {
				b.Error(err)
			}
		}()
		url := cluster.URL("postgres")
		measure(b, url+"&search_path=ours", url+"&search_path=ceiling", func() (*sql.DB, error) {
			return sql.Open("pgx", url+"&search_path=ceiling&synchronous_commit=on")
		})
	})
}

func measure(b *testing.B, addressOurs, addressTheirs string, open func() (*sql.DB, error)) {
	ctx := b.Context()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cmd/certhall
	us, err := newOffice(ctx, addressOurs)
	if err != nil {
		b.Fatal(certhall.CauseText(err))
	}
	defer us.db.Close()
	them, err := newOffice(ctx, addressTheirs)
	if err != nil {
		b.Fatal(certhall.CauseText(err))
	}
	defer them.db.Close()
	db, err := open()
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	top, err := newCeiling(ctx, them, db)
	if err != nil {
		b.Fatal(err)
	}

	var cpuOurs, cpuTheirs time.Duration
	both := func() (ours, theirs time.Duration) {
		b.StopTimer()
		requests, err := us.prepare(ctx, round)
		if err != nil {
			b.Fatal(certhall.CauseText(err))
		}
		orders, err := top.prepare(ctx, them, round)
		if err != nil {
			b.Fatal(certhall.CauseText(err))
		}
		before := cpu()
		if theirs, err = top.run(ctx, orders); err != nil {
			b.Fatal(err)
		}
		cpuTheirs += cpu() - before
		b.StartTimer()
		before = cpu()
		if ours, err = us.issue(ctx, requests); err != nil {
			b.Fatal(certhall.CauseText(err))
		}
		cpuOurs += cpu() - before
		return ours, theirs
	}
	both() // compiles statements, warms caches
	cpuOurs, cpuTheirs = 0, 0
	b.ResetTimer()
	var ours, theirs time.Duration
	pairs := 0.0
	for b.Loop() {
		o, t := both()
		ours, theirs, pairs = ours+o, theirs+t, pairs+round
	}
	b.ReportMetric(pairs/ours.Seconds(), "pairs/s")
	b.ReportMetric(pairs/theirs.Seconds(), "ceiling/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-ceiling")
	b.ReportMetric(float64(cpuOurs.Microseconds())/pairs, "cpu-µs/pair")
	b.ReportMetric(float64(cpuTheirs.Microseconds())/pairs, "ceiling-cpu-µs/pair")
	b.ReportMetric(0, "ns/op")
}

// cpu is the processor time that this process has used; PostgreSQL's own is
// not in it.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// newCeiling takes what it needs from an authority's database that was
// prepared like ours.
func newCeiling(ctx context.Context, o *office, db *sql.DB) (*ceiling, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(o.model.PairInfo)
	if err != nil {
		return nil, err
	}
	c := &ceiling{conn: conn, bytes: "BLOB", statements: map[string]*sql.Stmt{}, model: model{
		issuer: o.Founded.Main().Key.(*sm2.PrivateKey), escrow: o.Founded.EscrowKey(), signTBS: o.model.SignTBS, encTBS: o.model.EncTBS,
		subject: o.model.SubjectDER, identity: o.model.IdentityDER, data: data, subjectText: o.model.Subject,
		organisation: o.model.Organisation, project: o.model.Project, profile: o.model.Profile, keyNumber: o.model.KeyNumber,
	}}
	if o.db.Dialect() == "postgres" {
		c.bytes = "BYTEA"
	}
	return c, nil
}

// prepare makes orders out of requests, in the same database.
func (c *ceiling) prepare(ctx context.Context, o *office, n int) ([]order, error) {
	requests, err := o.prepare(ctx, n)
	if err != nil {
		return nil, err
	}
	orders := make([]order, n)
	for i, r := range requests {
		var kase *ca.Case
		err := o.store.Read(ctx, func(rd ca.Reader) (err error) {
			kase, err = rd.Case(r.Case)
			return err
		})
		if err != nil {
			return nil, err
		}
		orders[i] = orderOf(r, kase)
	}
	// Everything that preparing wrote lies before the ceiling's own rows.
	err = c.conn.QueryRowContext(ctx, "SELECT (SELECT coalesce(max(n), 0) FROM pairs) + 1000000, (SELECT coalesce(max(seq), 0) FROM records)").Scan(&c.pairs, &c.seq)
	return orders, err
}

func orderOf(r authority.IssueRequest, c *ca.Case) order {
	return order{
		caseID: string(r.Case), oldID: string(c.OldPair), lineage: string(c.Lineage), request: r.Request, evidence: proof.Encode(r.Evidence),
		message: r.Evidence.Message, signature: r.Evidence.Signatures[0].Value, oldCert: r.Evidence.Signatures[0].Certificate,
	}
}
