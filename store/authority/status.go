package authority

import (
	"context"
	"database/sql"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/store/sqldb"
)

var _ status.OCSPStore = (*Store)(nil)

// standingsTime bounds a batch of lookups: on a database that hangs, no caller's
// own limit ends it.
const standingsTime = 5 * time.Second

// inquiry is one caller's question for standings.
type inquiry struct {
	questions []status.Question
	answers   []status.Standing
	err       error
}

// Standings implements status.OCSPStore: questions that wait at the same time
// are answered with the same statements.
func (s *Store) Standings(ctx context.Context, questions []status.Question) ([]status.Standing, error) {
	item := &inquiry{questions: questions}
	if err := s.inquiries.Do(ctx, item); err != nil {
		return nil, err
	}
	return item.answers, item.err
}

func (s *Store) answerInquiries(batch []*inquiry) {
	var serials []certhall.Serial
	for _, i := range batch {
		for _, q := range i.questions {
			serials = append(serials, q.Serial)
		}
	}
	found := map[status.Question]status.Standing{}
	ctx, end := context.WithTimeout(context.Background(), standingsTime)
	defer end()
	err := s.db.Read(ctx, func(tx *sqldb.Tx) error {
		clear(found) // a run before may have failed half-way
		return standingsOf(tx, unique(serials), found)
	})
	for _, i := range batch {
		i.err, i.answers = err, make([]status.Standing, len(i.questions))
		for n, q := range i.questions {
			i.answers[n] = found[q]
			i.answers[n].Serial = q.Serial
		}
	}
}

// standingsOf finds what stands of serials, whoever issued them. Only what is
// no pair's is looked for among staff and the lost.
func standingsOf(tx *sqldb.Tx, serials []certhall.Serial, into map[status.Question]status.Standing) error {
	if len(serials) == 0 {
		return nil
	}
	ids := padded(serials)
	pairs := make(map[certhall.Serial]bool, len(serials))
	rows, err := tx.Query(`SELECT serial, id, issuer, state, suspended, suspended_at, issued_at, revoked_at, reason
		FROM serials JOIN pairs ON pairs.id = serials.pair WHERE serial IN `+list(len(ids)), anys(ids)...)
	err = all(rows, err, func(row *sql.Rows) error {
		var s status.Standing
		var issuer string
		var state authority.State
		var suspended bool
		var since, issued time.Time
		err := row.Scan(&s.Serial, &s.Pair, &issuer, &state, &suspended, instant{&since}, instant{&issued}, instant{&s.RevokedAt}, &s.Reason)
		pairs[s.Serial] = true
		into[status.Question{Issuer: issuer, Serial: s.Serial}] = status.StandingOf(s, state, suspended, latest(since, issued))
		return err
	})
	if err != nil {
		return err
	}
	var rest []certhall.Serial
	for _, serial := range serials {
		if !pairs[serial] {
			rest = append(rest, serial)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return othersOf(tx, padded(rest), into)
}

// latest is for pairs that were put on hold before it was kept since when: not
// before they were issued.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func othersOf(tx *sqldb.Tx, serials []certhall.Serial, into map[status.Question]status.Standing) error {
	rows, err := tx.Query("SELECT serial, state, retired_at, reason FROM staff WHERE serial IN "+list(len(serials)), anys(serials)...)
	err = all(rows, err, func(row *sql.Rows) error {
		var s status.Standing
		var state string
		err := row.Scan(&s.Serial, &state, instant{&s.RevokedAt}, &s.Reason)
		s.Known, s.Revoked = state != ca.StaffIntended, state == ca.StaffRetired
		into[status.Question{Issuer: authority.MainIssuer, Serial: s.Serial}] = s
		return err
	})
	if err != nil {
		return err
	}
	rows, err = tx.Query("SELECT issuer, serial, revoked_at, reason FROM lost_serials WHERE serial IN "+list(len(serials)), anys(serials)...)
	return all(rows, err, func(row *sql.Rows) error {
		s := status.Standing{Known: true, Revoked: true}
		var issuer string
		err := row.Scan(&issuer, &s.Serial, instant{&s.RevokedAt}, &s.Reason)
		into[status.Question{Issuer: issuer, Serial: s.Serial}] = s
		return err
	})
}

// StatusKinds are the kinds of records that change status, as the index
// records_of_status has them.
const StatusKinds = "kind IN ('revoked', 'retired', 'voided', 'suspended', 'resumed', 'staff-retired', 'serials-lost')"

// Changes implements status.OCSPStore.
func (s *Store) Changes(ctx context.Context, after int64, limit int) (pairs []certhall.PairID, last int64, err error) {
	add := func(row *sql.Rows) error {
		var pair certhall.PairID
		err := row.Scan(&pair)
		pairs = append(pairs, pair)
		return err
	}
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		pairs = nil
		if err := tx.QueryRow("SELECT seq FROM chain WHERE n = 1").Scan(&last); err != nil {
			return err
		}
		if last > after {
			rows, err := tx.Query("SELECT pair FROM records WHERE seq > $1 AND "+StatusKinds+" ORDER BY seq LIMIT $2", after, limit)
			if err := all(rows, err, add); err != nil {
				return err
			}
		}
		rows, err := tx.Query("SELECT pair FROM records WHERE seq IS NULL AND "+StatusKinds+" ORDER BY n LIMIT $1", limit)
		return all(rows, err, add)
	})
	return pairs, last, err
}
