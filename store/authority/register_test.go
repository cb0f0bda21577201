package authority

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

var morning = time.Date(2026, 5, 1, 1, 0, 0, 0, time.UTC)

// filled is a register over n current pairs of their own lineages: every third
// of one organisation, every fourth on one key, ends a day apart.
func filled(t *testing.T, address string, n int) (*Store, *sqldb.DB) {
	t.Helper()
	db := storetest.Open(t, address, Migrations())
	s := New(db)
	for i := range n {
		id := fmt.Sprintf("%03d", i)
		p := ca.Pair{PairInfo: authority.PairInfo{
			ID: certhall.PairID("p" + id), Lineage: certhall.LineageID("l" + id), Case: certhall.CaseID("c" + id), Attempt: 1, State: authority.Intended,
			Subject: fmt.Sprintf("单位%d%s", i%2, id), Organisation: fmt.Sprint("org", i%3), Project: fmt.Sprint("project", i%5), Profile: "organisation", TermYears: 1,
			KeyNumber: fmt.Sprint("HT-", i%4), SignSerial: certhall.Serial("a" + id), EncSerial: certhall.Serial("e" + id),
			NotBefore: morning, NotAfter: morning.AddDate(0, 0, n-i), Entitlement: certhall.EntitlementID("r" + id), Issuer: "issuing",
		}, SubjectDER: []byte("s"), Request: []byte("r"), RequestDigest: []byte("d"), KeyDigest: []byte("k" + id), Evidence: []byte("e"), EvidenceKind: "decision",
			Disposal: certhall.Keep, SignTBS: []byte("t"), EncTBS: []byte("t"), Envelope: []byte("v"), Nonce: []byte("n"), SealedNonce: []byte("z"), IntendedAt: morning}
		err := s.Write(t.Context(), func(w ca.Writer) error {
			if err := w.AddCase(ca.Case{ID: p.Case, Service: certhall.Apply, State: ca.CaseOpen, OpenedAt: morning}); err != nil {
				return err
			}
			return w.AddAttempt(ca.Attempt{Case: p.Case, Number: 1, Standing: authority.AttemptOpen, OpenedAt: morning, Nonce: []byte("n"), Expiry: morning, Ticket: []byte("ticket" + id)})
		})
		if err == nil {
			err = s.SaveIntent(t.Context(), ca.Intent{Pair: p, NewLineage: true, Escrow: []byte("x"), Record: ca.Record{At: morning, Kind: authority.PairIntended, Case: p.Case, Pair: p.ID, Salt: []byte("s"), Digest: []byte("d")}},
				func(ca.Standing) error { return nil })
		}
		if err == nil {
			_, err = s.SaveIssued(t.Context(), ca.Signatures{ID: p.ID, SignCert: []byte("c"), EncCert: []byte("c"), At: morning, Record: ca.Record{At: morning, Kind: authority.PairIssued, Case: p.Case, Pair: p.ID, Salt: []byte("s"), Digest: []byte("d")}})
		}
		if err == nil {
			err = s.Write(t.Context(), func(w ca.Writer) error {
				_, err := w.MovePair(p.ID, authority.Issued, authority.Current, ca.Change{AcknowledgedAt: morning, Receipt: []byte("r")})
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s, db
}

// searches are the ways to search, with how many of 60 pairs they find.
var searches = map[string]struct {
	register.Search
	found int
}{
	"serial":                {register.Search{Serial: "a007"}, 1},
	"encryption serial":     {register.Search{Serial: "e007"}, 1},
	"nothing":               {register.Search{Serial: "00"}, 0},
	"key number":            {register.Search{KeyNumber: "HT-1"}, 15},
	"organisation":          {register.Search{Organisation: "org2"}, 20},
	"organisation, project": {register.Search{Organisation: "org2", Project: "project1"}, 4},
	"subject":               {register.Search{Subject: "单位1"}, 30},
	"whole subject":         {register.Search{Subject: "单位1007"}, 1},
	"subject, state":        {register.Search{Subject: "单位", State: authority.Revoked}, 0},
	"end":                   {register.Search{ExpiresBefore: morning.AddDate(0, 0, 11)}, 10},
}

// TestFindPagesAreStable: pages follow each other without gap or repetition,
// also when pairs come meanwhile.
func TestFindPagesAreStable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		s, _ := filled(t, address, 60)
		r := &register.Register{Store: s}
		for name, c := range searches {
			var all []certhall.PairID
			for next := c.Search; ; {
				next.Limit = 7
				page, err := r.Find(t.Context(), next)
				if err != nil {
					t.Fatal(name, err)
				}
				for _, p := range page.Pairs {
					all = append(all, p.ID)
				}
				if len(page.Pairs) > 7 {
					t.Errorf("%s: a page of %d", name, len(page.Pairs))
				}
				if page.Next == "" {
					break
				}
				next.After = page.Next
			}
			sorted := slices.Clone(all)
			slices.Sort(sorted)
			if len(all) != c.found || len(slices.Compact(sorted)) != c.found {
				t.Errorf("%s: found %d, want %d: %v", name, len(all), c.found, all)
			}
			if name == "end" && all[0] != "p059" { // the soonest first
				t.Errorf("the first to end is %s", all[0])
			}
		}
		if _, err := r.Find(t.Context(), register.Search{Project: "project1"}); err == nil {
			t.Error("a project alone was searched")
		}
		err := s.Look(t.Context(), func(rd register.Reader) error {
			ticket, err := rd.LastTicket()
			if string(ticket) != "ticket059" {
				t.Errorf("last ticket %s", ticket)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestSearchesUseIndexes: with ten million certificates nothing may be read
// through or sorted.
func TestSearchesUseIndexes(t *testing.T) {
	for _, kind := range []string{"sqlite-file", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			_, db := filled(t, storetest.Address(t, kind), 3)
			explain, forbidden := "EXPLAIN QUERY PLAN ", []string{"SCAN pairs", "TEMP B-TREE", "SCAN records"}
			if kind == "postgres" {
				explain, forbidden = "EXPLAIN ", []string{"Seq Scan"}
			}
			err := db.Read(t.Context(), func(tx *sqldb.Tx) error {
				check := func(name, query string, args ...any) {
					var plan []string
					found, err := tx.Query(explain+query, args...)
					err = all(found, err, func(row *sql.Rows) error {
						names, err := row.Columns()
						if err != nil {
							return err
						}
						into := make([]any, len(names))
						for i := range into {
							into[i] = new(any)
						}
						err = row.Scan(into...)
						plan = append(plan, fmt.Sprint(*into[len(into)-1].(*any)))
						return err
					})
					if err != nil {
						t.Fatal(name, err)
					}
					text := strings.Join(plan, "\n")
					for _, word := range forbidden {
						if strings.Contains(text, word) || text == "" {
							t.Errorf("%s: %s\n%s", name, query, text)
						}
					}
				}
				for name, c := range searches {
					c.Limit = 8
					query, args := search(tx, c.Search)
					check(name, query, args...)
					c.After = "a001"
					query, args = search(tx, c.Search)
					check(name+", next page", query, args...)
				}
				check("records of a case", "SELECT n FROM records WHERE case_id = $1 AND case_id <> '' ORDER BY n", "c1")
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
