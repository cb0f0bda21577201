package predecessors_test

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/authority/predecessors/earlier"
	"github.com/certhall/certhall/gm"
	store "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/storetest"
)

type clock struct{ t time.Time }

func (c *clock) Now() time.Time { return c.t }

// world is a predecessor with a server for its status, and a database.
type world struct {
	*testing.T
	clock  *clock
	old    *earlier.CA
	p      *ca.Predecessor
	store  *store.Store
	fetch  *predecessors.Fetcher
	status *predecessors.Status

	mu     sync.Mutex
	serve  http.HandlerFunc
	asked  int
	server *httptest.Server
}

func newWorld(t *testing.T, address string, kind gm.Algorithm, crl, ocsp bool) *world {
	t.Helper()
	w := &world{T: t, clock: &clock{time.Date(2026, 5, 1, 1, 0, 0, 0, time.UTC)}}
	w.old = earlier.New(t, kind, "old", w.clock.t)
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		serve := w.serve
		w.asked++
		w.mu.Unlock()
		serve(rw, r)
	}))
	t.Cleanup(w.server.Close)
	w.store = store.New(storetest.Open(t, address, store.Migrations()))
	w.p = &ca.Predecessor{Name: "old", Certificate: w.old.Certificate.Raw, Evidence: []byte{1}, AddedAt: w.clock.t, Issuer: w.old.Certificate}
	if crl {
		w.p.CRL = w.server.URL + "/ca.crl"
	}
	if ocsp {
		w.p.OCSP = w.server.URL + "/ocsp"
	}
	w.must(w.store.Write(t.Context(), func(wr ca.Writer) error { return wr.SavePredecessor(*w.p) }))
	w.fetch = &predecessors.Fetcher{Store: w.store, Clock: w.clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	w.status = &predecessors.Status{Store: w.store, Clock: w.clock}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(certhall.CauseText(err))
	}
}

func (w *world) answers(f http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serve = f
}

func bytesOf(data []byte) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(data) }
}

// later makes a round after a time.
func (w *world) later(d time.Duration) {
	w.clock.t = w.clock.t.Add(d)
	w.fetch.Round(w.Context())
}

func each(t *testing.T, f func(t *testing.T, address string)) {
	storetest.Each(t, f)
}

// TestLists: a list is fetched, kept over every kind of failure, never goes
// back, and counts until its nextUpdate.
func TestLists(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		for _, kind := range []gm.Algorithm{gm.SM2, gm.RSA, gm.ECDSA} {
			if kind != gm.SM2 && address != "sqlite::memory:" {
				continue
			}
			w := newWorld(t, address, kind, true, false)
			key := earlier.NewKey(t, gm.SM2)
			good := w.old.Issue("甲", key.Public(), earlier.Signing, w.clock.t, w.clock.t.AddDate(1, 0, 0))
			bad := w.old.Issue("乙", key.Public(), earlier.Signing, w.clock.t, w.clock.t.AddDate(1, 0, 0))
			held := w.old.Issue("丙", key.Public(), earlier.Signing, w.clock.t, w.clock.t.AddDate(1, 0, 0))
			stands := func(what string, want error) {
				t.Helper()
				if err := w.status.Standing(t.Context(), w.p, good); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
			}
			stale := authority.ErrPredecessorStale
			stands("nothing fetched", stale)
			first := w.old.CRL(w.clock.t, time.Hour, earlier.Revocation{Certificate: bad, Reason: 1}, earlier.Revocation{Certificate: held, Reason: 6})
			thief := earlier.New(t, kind, "old", w.clock.t)
			for name, f := range map[string]http.HandlerFunc{
				"refused":    func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) },
				"redirected": func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/elsewhere", http.StatusFound) },
				"cut off": func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Set("Content-Length", "100000")
					_, _ = rw.Write(first)
				},
				"half":        bytesOf(first[:len(first)/2]),
				"with a tail": bytesOf(append(append([]byte{}, first...), 0)),
				"not changed": func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNotModified) },
				"another's":   bytesOf(thief.CRL(w.clock.t, time.Hour)),
				"over":        bytesOf(w.old.CRL(w.clock.t.Add(-2*time.Hour), time.Hour)),
				"to come":     bytesOf(w.old.CRL(w.clock.t.Add(24*time.Hour), time.Hour)),
				"nothing":     bytesOf(nil),
			} {
				w.answers(f)
				w.later(time.Minute)
				stands(name, stale)
			}
			if names, err := w.status.Stale(t.Context()); err != nil || len(names) != 1 {
				t.Error(names, err)
			}
			w.clock.t = w.clock.t.Add(time.Second)
			current := w.old.CRL(w.clock.t, time.Hour, earlier.Revocation{Certificate: bad, Reason: 1}, earlier.Revocation{Certificate: held, Reason: 6})
			w.answers(func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("ETag", `"1"`)
				if r.Header.Get("If-None-Match") == `"1"` {
					rw.WriteHeader(http.StatusNotModified)
					return
				}
				_, _ = rw.Write(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: current}))
			})
			w.later(time.Minute)
			stands("fetched", nil)
			if err := w.status.Standing(t.Context(), w.p, bad); !errors.Is(err, authority.ErrRevoked) {
				t.Error(err)
			}
			if err := w.status.Standing(t.Context(), w.p, held); !errors.Is(err, authority.ErrSuspended) {
				t.Error(err)
			}
			asked := w.asked
			w.later(time.Minute)
			if w.asked != asked {
				t.Error("asked again at once")
			}
			w.later(15 * time.Minute)
			if w.asked != asked+1 {
				t.Error("not asked again")
			}
			stands("not changed since", nil)
			w.answers(bytesOf(first))
			w.later(15 * time.Minute)
			stands("an earlier list", nil)
			w.later(40 * time.Minute)
			stands("over", stale)
			if err := w.status.Standing(t.Context(), w.p, bad); !errors.Is(err, authority.ErrRevoked) {
				t.Errorf("revoked for good, the list's end changes nothing: %v", err)
			}
			w.answers(bytesOf(w.old.CRL(w.clock.t, time.Hour)))
			w.later(time.Minute)
			stands("it goes on", nil)
			if names, err := w.status.Stale(t.Context()); err != nil || len(names) != 0 {
				t.Error(names, err)
			}
		}
	})
}

// TestAnswers: a responder is asked about what somebody wants to know, and its
// answer counts as long as it is fresh and the responder's.
func TestAnswers(t *testing.T) {
	each(t, func(t *testing.T, address string) {
		w := newWorld(t, address, gm.SM2, false, true)
		key := earlier.NewKey(t, gm.SM2)
		c := w.old.Issue("甲", key.Public(), earlier.Signing, w.clock.t, w.clock.t.AddDate(1, 0, 0))
		thief := earlier.New(t, gm.SM2, "old", w.clock.t)
		stands := func(what string, want error) {
			t.Helper()
			if err := w.status.Standing(t.Context(), w.p, c); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		w.answers(func(http.ResponseWriter, *http.Request) { t.Error("asked about nothing") })
		w.later(time.Minute)
		stands("nobody has asked yet", authority.ErrPredecessorStale)
		for name, f := range map[string]http.HandlerFunc{
			"refused":                func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) },
			"another's":              bytesOf(thief.OCSP(c, earlier.Good, w.clock.t, time.Hour)),
			"over":                   bytesOf(w.old.OCSP(c, earlier.Good, w.clock.t.Add(-3*time.Hour), time.Hour)),
			"of another certificate": bytesOf(w.old.OCSP(w.old.Issue("乙", key.Public(), earlier.Signing, w.clock.t, w.clock.t.AddDate(1, 0, 0)), earlier.Good, w.clock.t, time.Hour)),
			"nothing":                bytesOf(nil),
		} {
			w.answers(f)
			w.later(time.Second)
			stands(name, authority.ErrPredecessorStale)
		}
		w.answers(bytesOf(w.old.OCSP(c, earlier.Good, w.clock.t, time.Hour)))
		w.later(time.Second)
		stands("good", nil)
		w.answers(func(http.ResponseWriter, *http.Request) { t.Error("asked again at once") })
		w.later(time.Minute)
		w.answers(bytesOf(w.old.OCSP(c, earlier.Revoked, w.clock.t.Add(40*time.Minute), time.Hour)))
		w.later(40 * time.Minute)
		stands("revoked since", authority.ErrRevoked)
		w.answers(bytesOf(w.old.OCSP(c, earlier.Good, w.clock.t.Add(-10*time.Minute), time.Hour)))
		w.later(35 * time.Minute)
		stands("an earlier answer", authority.ErrRevoked)
		w.answers(bytesOf(w.old.OCSP(c, earlier.Unknown, w.clock.t.Add(2*time.Hour), time.Hour)))
		w.later(2 * time.Hour)
		stands("unknown there", authority.ErrUnknownCert)
	})
}

// TestHostileLists: nothing that is not a complete CRL is read, and nothing
// makes the reader fall over.
func TestHostileLists(t *testing.T) {
	at := time.Date(2026, 5, 1, 1, 0, 0, 0, time.UTC)
	old := earlier.New(t, gm.SM2, "old", at)
	key := earlier.NewKey(t, gm.SM2)
	c := old.Issue("甲", key.Public(), earlier.Signing, at, at.AddDate(1, 0, 0))
	der := old.CRL(at, time.Hour, earlier.Revocation{Certificate: c, Reason: 1})
	if _, err := predecessors.Read(der, old.Certificate, "old", at); err != nil {
		t.Fatal(certhall.CauseText(err))
	}
	for i := range der {
		for _, flip := range []byte{1, 0x20, 0x80} {
			bad := append([]byte{}, der...)
			bad[i] ^= flip
			if _, err := predecessors.Read(bad, old.Certificate, "old", at); err == nil {
				t.Fatalf("byte %d does not matter", i)
			}
		}
		if _, err := predecessors.Read(der[:i], old.Certificate, "old", at); err == nil {
			t.Fatalf("cut off at %d", i)
		}
	}
	random := make([]byte, 4096)
	_, _ = rand.Read(random)
	if _, err := predecessors.Read(random, old.Certificate, "old", at); !errors.Is(err, predecessors.ErrList) {
		t.Error(err)
	}
}
