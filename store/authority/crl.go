package authority

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/store/sqldb"
)

var _ status.CRLStore = (*Store)(nil)

const crlColumns = "issuer, number, this_update, next_update, made_at, ended, seen, entries, size, digest"

func crlFields(p *status.Published) []any {
	return []any{&p.Issuer, &p.Number, instant{&p.ThisUpdate}, instant{&p.NextUpdate}, instant{&p.MadeAt}, instant{&p.Ended},
		&p.Seen, &p.Entries, &p.Size, &p.Digest}
}

// NewestCRL implements status.CRLReader.
func (s *Store) NewestCRL(ctx context.Context, issuer string) (p *status.Published, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		p, err = newestCRL(tx, issuer)
		return err
	})
	return p, err
}

func newestCRL(tx *sqldb.Tx, issuer string) (*status.Published, error) {
	p := new(status.Published)
	found, err := one(tx.QueryRow("SELECT "+crlColumns+" FROM crls WHERE issuer = $1 ORDER BY number DESC LIMIT 1", issuer), crlFields(p)...)
	if !found {
		return nil, err
	}
	return p, err
}

// CRLPart implements status.CRLReader.
func (s *Store) CRLPart(ctx context.Context, issuer string, number int64, part int) (bytes []byte, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		_, err := one(tx.QueryRow("SELECT bytes FROM crl_parts WHERE issuer = $1 AND number = $2 AND part = $3", issuer, number, part), &bytes)
		return err
	})
	return bytes, err
}

// StatusChanged implements status.CRLStore. A record without a pair concerns
// some issuer, unless it is of an attempt that never had one.
func (s *Store) StatusChanged(ctx context.Context, issuer string, seen int64) (changed bool, last int64, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		if err := tx.QueryRow("SELECT seq FROM chain WHERE n = 1").Scan(&last); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM records WHERE seq > $1 AND `+StatusKinds+` AND (kind IN ('staff-retired', 'serials-lost')
			OR EXISTS (SELECT 1 FROM pairs WHERE pairs.id = records.pair AND pairs.issuer = $2)))`, seen, issuer).Scan(&changed)
	})
	return changed, last, err
}

// TakeTurn implements status.CRLStore.
func (s *Store) TakeTurn(ctx context.Context, issuer, holder string, now, until time.Time) (t status.Turn, ok bool, err error) {
	t = status.Turn{Issuer: issuer, Holder: holder}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := insert(tx, "crl_turns (issuer, number, holder, until)", []any{issuer, 0, "", 0}, " ON CONFLICT DO NOTHING"); err != nil {
			return err
		}
		ok, err = one(tx.QueryRow(`UPDATE crl_turns SET number = CASE WHEN number >= $1 THEN number + 1 ELSE $1 END, holder = $2, until = $3
			WHERE issuer = $4 AND (holder = $2 OR until <= $1) RETURNING number`,
			milliseconds(now), holder, milliseconds(until), issuer), &t.Number)
		return err
	})
	return t, ok, err
}

// KeepTurn implements status.CRLStore.
func (s *Store) KeepTurn(ctx context.Context, t status.Turn, until time.Time) (kept bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		kept, err = changed(tx.Exec("UPDATE crl_turns SET until = $1 WHERE issuer = $2 AND holder = $3 AND number = $4",
			milliseconds(until), t.Issuer, t.Holder, t.Number))
		return err
	})
	return kept, err
}

// revokedPage is how many pairs one statement reads: no statement runs long.
const revokedPage = 20_000

// Revoked implements status.CRLStore.
func (s *Store) Revoked(ctx context.Context, issuer string, ended time.Time, f func(status.Entry) error) (seen int64, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		if err := tx.QueryRow("SELECT seq FROM chain WHERE n = 1").Scan(&seen); err != nil {
			return err
		}
		for after, more := int64(0), true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			if after, more, err = revokedPairs(tx, issuer, milliseconds(ended), after, f); err != nil {
				return err
			}
		}
		if err := lostSerials(tx, issuer, f); err != nil || issuer != authority.MainIssuer {
			return err
		}
		return retiredStaff(tx, ended, f)
	})
	return seen, err
}

// revokedPairs reads one page of pairs: those of the index pairs_not_good that
// StandingOf says are revoked.
func revokedPairs(tx *sqldb.Tx, issuer string, ended, after int64, f func(status.Entry) error) (last int64, more bool, err error) {
	found, err := tx.Query(`SELECT n, sign_serial, enc_serial, state, suspended, suspended_at, issued_at, revoked_at, reason FROM pairs
		WHERE issuer = $1 AND (state IN ('revoked', 'void') OR suspended) AND n > $2
			AND (not_after >= $3 OR revoked_at >= $3 OR suspended_at >= $3)
		ORDER BY n LIMIT $4`, issuer, after, ended, revokedPage)
	count := 0
	var sign, enc, state string
	var suspended bool
	var since, issued, revoked time.Time
	var reason int
	into := []any{&last, &sign, &enc, &state, &suspended, instant{&since}, instant{&issued}, instant{&revoked}, &reason}
	err = all(found, err, func(row *sql.Rows) error {
		if err := row.Scan(into...); err != nil {
			return err
		}
		count++
		s := status.StandingOf(status.Standing{RevokedAt: revoked, Reason: reason}, authority.State(state), suspended, latest(since, issued))
		for _, serial := range [...]string{sign, enc} {
			if !s.Revoked || serial == "" { // never signed; a single certificate
				continue
			}
			if err := f(status.Entry{Serial: certhall.Serial(serial), At: s.RevokedAt, Reason: s.Reason}); err != nil {
				return err
			}
		}
		return nil
	})
	return last, count == revokedPage, err
}

// lostSerials reads the serials that were given away, but whose certificates
// nobody has: they stay on the CRL for good.
func lostSerials(tx *sqldb.Tx, issuer string, f func(status.Entry) error) error {
	found, err := tx.Query("SELECT serial, revoked_at, reason FROM lost_serials WHERE issuer = $1 ORDER BY n", issuer)
	return all(found, err, func(row *sql.Rows) error {
		var e status.Entry
		if err := row.Scan(&e.Serial, instant{&e.At}, &e.Reason); err != nil {
			return err
		}
		return f(e)
	})
}

// retiredStaff reads the certificates of those who lost their role.
func retiredStaff(tx *sqldb.Tx, ended time.Time, f func(status.Entry) error) error {
	staff, err := rows{tx}.staff("state = 'retired' ORDER BY n")
	if err != nil {
		return err
	}
	for _, m := range staff {
		c, err := gm.ParseCertificate(m.Certificate)
		if err == nil && c.NotAfter.Before(ended) && m.RetiredAt.Before(ended) {
			continue
		}
		if err := f(status.Entry{Serial: m.Serial, At: m.RetiredAt, Reason: m.Reason}); err != nil {
			return err
		}
	}
	return nil
}

// AddCRLPart implements status.CRLStore.
func (s *Store) AddCRLPart(ctx context.Context, t status.Turn, part int, bytes []byte) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := insert(tx, "crl_parts (issuer, number, part, bytes)", []any{t.Issuer, t.Number, part, bytes}, "")
		return err
	})
}

// PublishCRL implements status.CRLStore.
func (s *Store) PublishCRL(ctx context.Context, t status.Turn, p status.Published) (done bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done = false
		var number int64
		var holder string
		err := tx.QueryRow("SELECT number, holder FROM crl_turns WHERE issuer = $1"+tx.ForUpdate(), t.Issuer).Scan(&number, &holder)
		if err != nil || number != t.Number || holder != t.Holder {
			return err
		}
		before, err := newestCRL(tx, t.Issuer)
		if err != nil || before != nil && (before.Number >= t.Number || before.ThisUpdate.After(p.ThisUpdate)) {
			return err
		}
		keep := []int64{t.Number}
		if before != nil {
			keep = append(keep, before.Number)
		}
		oldest := slices.Min(keep)
		if _, err := insert(tx, "crls ("+crlColumns+")", []any{t.Issuer, t.Number, milliseconds(p.ThisUpdate), milliseconds(p.NextUpdate),
			milliseconds(p.MadeAt), milliseconds(p.Ended), p.Seen, p.Entries, p.Size, p.Digest}, ""); err != nil {
			return err
		}
		done = true
		return tx.ExecAll([]sqldb.Statement{
			{Query: "DELETE FROM crls WHERE issuer = $1 AND number < $2", Args: []any{t.Issuer, oldest}},
			// What a node that died left behind goes too.
			{Query: "DELETE FROM crl_parts WHERE issuer = $1 AND number NOT IN ($2, $3)", Args: []any{t.Issuer, t.Number, oldest}},
			{Query: "UPDATE crl_turns SET holder = '', until = 0 WHERE issuer = $1", Args: []any{t.Issuer}},
		})
	})
	return done && err == nil, err
}
