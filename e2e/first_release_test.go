package e2e

import (
	"archive/tar"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	folder "github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/jobs"
	authoritystore "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/backup"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// What lies in e2e/testdata/first-release.tar.gz.
var (
	releasedAt      = time.Date(2026, 11, 23, 5, 10, 0, 0, time.UTC) // minutes after it was stopped
	releasedOpen    = certhall.Serial("62779da9c1dae2e261debdb1976a98f0")
	releasedSerials = map[certhall.Serial]authority.State{
		releasedOpen:                       authority.Current,
		"6a0377e23a552fdbd5687fa294009c7e": authority.Revoked, // renewed, and its container retired
		"5b7cd4cb4afa25b06b68ec8ebbac8f1f": authority.Current,
	}
)

// firstRelease unpacks the state folder that the first release left.
func firstRelease(t *testing.T) (dir string) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "first-release.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zip, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for entries := tar.NewReader(zip); ; {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o700)
		} else {
			var content []byte
			if content, err = io.ReadAll(entries); err == nil {
				err = os.WriteFile(path, content, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inPostgres gives the same rows to PostgreSQL, in a schema of their own
// release: no migration has touched them.
func inPostgres(t *testing.T, dir string) (authorityAddress, hallAddress string) {
	t.Helper()
	var dbs [2]*sqldb.DB
	for i, name := range []string{"authority", "hall"} {
		db, err := sqldb.Open(t.Context(), "sqlite:"+filepath.Join(dir, name+".db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		dbs[i] = db
	}
	archive := filepath.Join(t.TempDir(), "archive")
	m, err := backup.Write(t.Context(), archive, backup.Source{Dir: dir, Authority: dbs[0], Hall: dbs[1], ID: "first"})
	if err != nil {
		t.Fatal(err)
	}
	if m.Stores[backup.Authority].Schema != 1 || m.Stores[backup.Hall].Schema != 3 {
		t.Fatalf("not the first release: %+v", m)
	}
	authorityAddress, hallAddress = storetest.Postgres(t), storetest.Postgres(t)
	for _, s := range []struct{ name, address string }{{backup.Authority, authorityAddress}, {backup.Hall, hallAddress}} {
		db, err := sqldb.Open(t.Context(), s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		migrations := authoritystore.Migrations()
		if s.name == backup.Hall {
			migrations = hallstore.Migrations()
		}
		if err := backup.Load(t.Context(), archive, &m, s.name, db, migrations); err != nil {
			t.Fatal(err)
		}
		if err := backup.Finish(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	return authorityAddress, hallAddress
}

// revive opens a state folder of the demo's over two databases, with a stopped clock.
func revive(t *testing.T, dir, authorityAddress, hallAddress string, now time.Time) (*stack, *jobs.Queue) {
	t.Helper()
	ctx := t.Context()
	pin, err := demo.HandlerPIN(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{t: t, clock: new(demo.Clock), key: demo.HandlerSerial, pin: pin, phone: demo.Phone}
	s.clock.Set(now)
	s.authorityDB, s.hallDB = s.open(authorityAddress), s.open(hallAddress)
	if err := sqldb.Migrate(ctx, s.authorityDB, authoritystore.Migrations()); err != nil {
		t.Fatal(err)
	}
	s.authorityStore = authoritystore.New(s.authorityDB)
	pass, err := os.ReadFile(filepath.Join(dir, "passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := folder.Open(filepath.Join(dir, "authority"), []byte(strings.TrimSpace(string(pass))))
	if err != nil {
		t.Fatal(certhall.CauseText(err))
	}
	public, err := folder.ReadPublic(filepath.Join(dir, "authority"))
	if err != nil {
		t.Fatal(err)
	}
	s.authority = &demo.Authority{Founded: opened, CA: ca.New(ca.Options{
		ID: public.ID, Store: s.authorityStore, KMC: kmc.New(public.Escrow, rand.Reader), Policy: ca.DefaultPolicy(),
		Chains: public.Chains(), Profiles: ca.Profiles(), Addresses: ca.AddressesAt(public.Address),
		Clock: s.clock, Random: rand.Reader,
	})}
	if err := s.authority.CA.Unseal(ctx, opened.Keys(rand.Reader)); err != nil {
		t.Fatal(err)
	}
	s.agent = agent.New(agent.Options{
		Keys: softkey.Folder(filepath.Join(dir, demo.HandlerKeys)), Roots: []*smx509.Certificate{public.Root},
		Person: typist{s}, Clock: s.clock, Random: rand.Reader,
	})
	var queue *jobs.Queue
	s.openHallOver(func(db *sqldb.DB) hallstore.Enqueuer {
		if queue, err = jobs.New(ctx, db, jobs.Options{}); err != nil {
			t.Fatal(err)
		}
		return queue
	})
	return s, queue
}

// TestFirstRelease: what the first release left behind comes up with this
// program on both databases: nothing is broken, the case that was cut off is
// brought to its end, and of old certificates it is told what they are.
func TestFirstRelease(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			dir := firstRelease(t)
			authorityAddress, hallAddress := "sqlite:"+filepath.Join(dir, "authority.db"), "sqlite:"+filepath.Join(dir, "hall.db")
			if kind == "postgres" {
				authorityAddress, hallAddress = inPostgres(t, dir)
			}
			s, queue := revive(t, dir, authorityAddress, hallAddress, releasedAt)
			s.sound()
			for serial, want := range releasedSerials {
				v, err := s.authority.CA.Pair(t.Context(), authority.PairQuery{Serial: serial})
				if err != nil || v.Pair == nil || v.Pair.State != want || v.Pair.Issuer != authority.MainIssuer {
					t.Errorf("%s: %+v, %v", serial, v.Pair, err)
				}
			}
			last, leftover, err := s.carry(courier.Run{
				Server: &courier.HTTP{Base: s.origin, Lang: "en"}, Agent: s.agent, Person: typist{s},
				KeySerial: s.key, Service: certhall.Repair, Serial: releasedOpen,
			}, queue)
			if err != nil || leftover != nil || last.State != courier.StateDone || last.Result == nil {
				t.Fatalf("%+v, %v, %s", last, leftover, certhall.CauseText(err))
			}
			if !last.Result.New.NotAfter.After(releasedAt.AddDate(0, 11, 0)) {
				t.Errorf("%+v", last.Result)
			}
			s.sound()
		})
	}
}
