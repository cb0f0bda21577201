package e2e

import (
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/jobs"
	hallstore "github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// TestRenewSingle renews a single certificate of each algorithm through
// everything that runs in production.
func TestRenewSingle(t *testing.T) {
	for _, profile := range []string{"rsa2048", "p256"} {
		t.Run(profile, func(t *testing.T) {
			const kind = "sqlite-file"
			who := applicant1
			who.Profile = profile
			s := newStackFor(t, storetest.Address(t, kind), "http://hall.example", who)
			var queue *jobs.Queue
			s.openHall(kind, func(db *sqldb.DB) hallstore.Enqueuer {
				var err error
				if queue, err = jobs.New(t.Context(), db, jobs.Options{}); err != nil {
					t.Fatal(err)
				}
				return queue
			})
			last, leftover, err := s.carry(s.run(), queue)
			if err != nil || leftover != nil || last.State != courier.StateDone || last.Result == nil {
				t.Fatalf("%+v, %v, %s", last, leftover, certhall.CauseText(err))
			}
			s.sound()
		})
	}
}
