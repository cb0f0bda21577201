package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/status"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// A long CRL, and one that others can make beside it without filling the memory.
const (
	longList  = 1_000_000
	shortList = 100_000
)

// crlEntry is the n-th entry of a long CRL, as entries are: serials of 16
// octets, a time of their own, mostly with a reason.
func crlEntry(n int) status.Entry {
	return status.Entry{Serial: certhall.Serial(fmt.Sprintf("4%031x", n)), At: time.UnixMilli(1772323200000 + int64(n)*1000), Reason: []int{0, 1, 4, 5, 9}[n%5]}
}

// BenchmarkCRL makes CRLs of a million entries: from memory, beside smx509 at a
// tenth of that, and from the database, beside a bare scan of the same rows.
func BenchmarkCRL(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cmd/certhall
	b.Run("memory", benchmarkEncoder)
	b.Run("SQLite", func(b *testing.B) {
		benchmarkPublish(b, "sqlite:"+filepath.Join(b.TempDir(), "authority.db"))
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
		benchmarkPublish(b, cluster.URL("postgres")+"&search_path=ours")
	})
}

func foundedIssuer(b *testing.B) ca.Signer {
	founded, err := ceremony.Found(ceremony.Plan{ID: "bench", Name: "bench", Address: "https://hall.example", Clock: certhall.SystemClock{}, Random: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	return founded.Keys(rand.Reader).Issuers[authority.MainIssuer]
}

// encode makes a list of entries and reads it whole.
func encode(entries []status.Entry, issuer ca.Signer) error {
	var d status.Draft
	defer d.Close()
	for _, e := range entries {
		if err := d.Add(e); err != nil {
			return err
		}
	}
	now := time.Now()
	l, err := d.Sign(issuer, status.Head{Number: now.UnixMilli(), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7)})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, l.Reader())
	return err
}

func benchmarkEncoder(b *testing.B) {
	issuer := foundedIssuer(b)
	entries := make([]status.Entry, longList)
	for n := range entries {
		entries[n] = crlEntry(n)
	}
	theirs := smx509Time(b, issuer, entries[:shortList])
	began := time.Now()
	if err := encode(entries[:shortList], issuer); err != nil {
		b.Fatal(err)
	}
	ours := time.Since(began)
	var failed error
	peak := 0.0
	b.ResetTimer()
	for b.Loop() {
		peak = max(peak, peakOf(func() { failed = encode(entries, issuer) }))
		if failed != nil {
			b.Fatal(failed)
		}
	}
	b.ReportMetric(longList*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/million")
	b.ReportMetric(peak, "peak-MB")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-smx509")
	b.ReportMetric(0, "ns/op")
}

// smx509Time is how long others take for the same entries.
func smx509Time(b *testing.B, issuer ca.Signer, entries []status.Entry) time.Duration {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &smx509.Certificate{SerialNumber: big.NewInt(1), RawSubject: issuer.Certificate.RawSubject, SubjectKeyId: []byte{1}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: smx509.KeyUsageCRLSign, NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := smx509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		b.Fatal(err)
	}
	own, err := smx509.ParseCertificate(der)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	list := &smx509.RevocationList{Number: big.NewInt(1), ThisUpdate: began, NextUpdate: began.AddDate(0, 0, 7)}
	for _, e := range entries {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, smx509.RevocationListEntry{SerialNumber: e.Serial.Big(), RevocationTime: e.At, ReasonCode: e.Reason})
	}
	if _, err := smx509.CreateRevocationList(rand.Reader, list, own, key); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

// peakOf is by how many MB the heap grows at most while f runs.
func peakOf(f func()) float64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() float64 { metrics.Read(sample); return float64(sample[0].Value.Uint64()) }
	runtime.GC()
	before := read()
	peak, stop, ended := before, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				peak = max(peak, read())
			}
		}
	}()
	f()
	close(stop)
	<-ended
	return (peak - before) / (1 << 20)
}

func benchmarkPublish(b *testing.B, address string) {
	ctx := b.Context()
	db, err := sqldb.Open(ctx, address)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := sqldb.Migrate(ctx, db, authoritystore.Migrations()); err != nil {
		b.Fatal(err)
	}
	if err := revokedPairs(ctx, db, longList/2); err != nil {
		b.Fatal(err)
	}
	issuer, clock := foundedIssuer(b), &tickingClock{time.Now()}
	p := status.Publisher{
		Store: authoritystore.New(db), Issuers: []string{authority.MainIssuer}, Policy: status.CRLPolicy{Life: time.Hour}, Node: "bench", Clock: clock,
		Signer: func(string) (ca.Signer, error) { return issuer, nil }, Log: slog.New(slog.DiscardHandler),
	}
	if err := scan(ctx, db); err != nil { // warms caches
		b.Fatal(err)
	}
	var bare, ours time.Duration
	peak := 0.0
	b.ResetTimer()
	for b.Loop() {
		began := time.Now()
		if err := scan(ctx, db); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(began)
		clock.t = clock.t.Add(time.Hour) // half life is over
		var made int
		peak = max(peak, peakOf(func() {
			began := time.Now()
			made, err = p.Run(ctx)
			ours += time.Since(began)
		}))
		if made != 1 || err != nil {
			b.Fatal(made, err)
		}
	}
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/million")
	b.ReportMetric(peak, "peak-MB")
	b.ReportMetric(ours.Seconds()/bare.Seconds(), "times-bare-scan")
	b.ReportMetric(0, "ns/op")
}

type tickingClock struct{ t time.Time }

func (c *tickingClock) Now() time.Time { return c.t }

// scan reads what a CRL is made of, and does nothing with it.
func scan(ctx context.Context, db *sqldb.DB) error {
	return db.Read(ctx, func(tx *sqldb.Tx) error {
		rows, err := tx.Query("SELECT n, sign_serial, enc_serial, state, revoked_at, reason FROM pairs WHERE issuer = 'issuing' AND (state IN ('revoked', 'void') OR suspended) ORDER BY n")
		if err != nil {
			return err
		}
		defer rows.Close()
		var n, revoked, reason int64
		var sign, enc, state string
		for rows.Next() {
			if err := rows.Scan(&n, &sign, &enc, &state, &revoked, &reason); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// revokedPairs fills the table: what stands beside the pairs counts for nothing here.
func revokedPairs(ctx context.Context, db *sqldb.DB, n int) error {
	hex := "printf('%032x', x)"
	if db.Dialect() == sqldb.Postgres {
		hex = "lpad(to_hex(x), 32, '0')"
	}
	const step = 50_000
	for from := 0; from < n; from += step {
		err := db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`WITH RECURSIVE i(x) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT x + 1 FROM i WHERE x < $2)
				INSERT INTO pairs (id, lineage, case_id, attempt, state, subject, organisation, project, profile, term_years, key_number, key_serial,
					sign_serial, enc_serial, not_before, not_after, entitlement, old_pair, old_serial, disposal, evidence_kind, key_digest, request_digest,
					intended_at, issued_at, acknowledged_at, revoked_at, reason)
				SELECT `+hex+`, `+hex+`, `+hex+`, 1, 'revoked', 'subject', 'organisation', 'project', 'standard', 1, '', '',
					`+hex+`, 'e' || substr(`+hex+`, 2), 0, 4102444800000, `+hex+`, '', '', 'keep', 'old-key', $3, $3,
					1, 1, 1, 1772323200000 + x * 1000, 4 FROM i`, from+1, from+step, []byte("digest"))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
