package bench

import (
	"crypto/rand"
	"flag"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/gm/ocsp"
	"github.com/certhall/certhall/store/storetest"
)

// certificates is how many are loaded: `make bench CERTIFICATES=10000000`.
var certificates = flag.Int64("certificates", 1_000_000, "certificates that are loaded before searches and status are measured")

// each is how many questions of a kind are asked in one go.
const each = 8_000

// BenchmarkMillions asks for status and searches among millions of
// certificates, from all clients at once, each time for others: what half and
// what all but a hundredth of the answers take at most.
func BenchmarkMillions(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		amongMillions(b, "sqlite:"+filepath.Join(b.TempDir(), "authority.db"))
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
		amongMillions(b, cluster.URL("postgres")+"&search_path=authority")
	})
}

func amongMillions(b *testing.B, address string) {
	ctx := b.Context()
	o, err := newOffice(ctx, address)
	if err != nil {
		b.Fatal(certhall.CauseText(err))
	}
	defer o.db.Close()
	begin := time.Now()
	pairs := *certificates / 2
	if err := loadPairs(ctx, o.db, firstLoaded, pairs); err != nil {
		b.Fatal(certhall.CauseText(err))
	}
	b.Logf("%d certificates loaded in %s", *certificates, time.Since(begin).Round(time.Second))
	r := o.responder(b)
	issuer := o.Founded.Main().Certificate
	b.Run("OCSP", func(b *testing.B) {
		latencies(b, func(n int64) error {
			n += firstLoaded
			request, err := ocsp.Request(issuer, nil, signSerial(n).Big())
			if err != nil {
				return err
			}
			said, err := ocsp.Parse(r.Answer(ctx, request).DER, issuer, nil, time.Now())
			if err != nil || len(said) != 1 || (said[0].Standing == ocsp.Revoked) != (n%100 == 0) {
				b.Errorf("pair %d: %v %v", n, said, err)
			}
			return err
		}, pairs)
	})
	reg := &register.Register{Store: o.store}
	inner := pairs - 200 // whose organisation and key are whole
	for _, s := range []struct {
		name   string
		search func(n int64) register.Search
		want   int
	}{
		{"serial", func(n int64) register.Search { return register.Search{Serial: signSerial(n)} }, 1},
		{"key-number", func(n int64) register.Search { return register.Search{KeyNumber: keyNumberOf(n)} }, 2},
		{"organisation", func(n int64) register.Search { return register.Search{Organisation: organisationOf(n)} }, 50},
		{"expiry", func(int64) register.Search {
			return register.Search{ExpiresBefore: time.Now().AddDate(1, 0, 0), Limit: 50}
		}, 50},
	} {
		b.Run("search/"+s.name, func(b *testing.B) {
			latencies(b, func(n int64) error { return find(b, reg, s.search(firstLoaded+100+n), s.want) }, inner)
		})
	}
}

// find searches, and wants as many as there are.
func find(b *testing.B, reg *register.Register, s register.Search, want int) error {
	found, err := reg.Find(b.Context(), s)
	if err == nil && len(found.Pairs) != want {
		b.Errorf("%+v: %d found, want %d", s, len(found.Pairs), want)
	}
	return err
}

// latencies asks at random from all clients and reports how long answers took.
func latencies(b *testing.B, ask func(n int64) error, pairs int64) {
	var mu sync.Mutex
	var took []time.Duration
	for b.Loop() {
		if err := serve(clients, func(int) error {
			var seed [32]byte
			if _, err := rand.Read(seed[:]); err != nil {
				return err
			}
			random := mathrand.New(mathrand.NewChaCha8(seed))
			own := make([]time.Duration, 0, each/clients)
			for range each / clients {
				n := random.Int64N(pairs)
				begin := time.Now()
				if err := ask(n); err != nil {
					return err
				}
				own = append(own, time.Since(begin))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
			return nil
		}); err != nil {
			b.Fatal(certhall.CauseText(err))
		}
	}
	slices.Sort(took)
	milliseconds := func(share float64) float64 {
		return float64(took[int(float64(len(took)-1)*share)].Microseconds()) / 1000
	}
	b.ReportMetric(milliseconds(0.5), "p50-ms")
	b.ReportMetric(milliseconds(0.99), "p99-ms")
	b.ReportMetric(0, "ns/op")
}
