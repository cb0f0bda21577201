package authority

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
)

// What only a wrong caller can meet.
var (
	errNotOpen    = errors.New("store/authority: the attempt is not open")
	errTransition = errors.New("store/authority: no such transition")
)

// What is written with the intent, in pairs and in papers.
const (
	intentColumns = `id, lineage, case_id, attempt, state, subject, organisation, project, profile, term_years,
		key_number, key_serial, sign_serial, enc_serial, not_before, not_after, entitlement, old_pair, old_serial,
		disposal, evidence_kind, key_digest, request_digest, intended_at, issuer`
	laterColumns = `suspended, suspended_at, given_up, issued_at, acknowledged_at, superseded_at, grace_ends, retired_at,
		revoked_at, reason, receipt, erased_at`
	paperColumns = `subject_der, identity_der, request, evidence, sign_tbs, enc_tbs, envelope, nonce, sealed_nonce`

	intentWidth, paperWidth = 25, 9
)

func intentFields(p *ca.Pair) []any {
	return []any{&p.ID, &p.Lineage, &p.Case, &p.Attempt, &p.State, &p.Subject, &p.Organisation, &p.Project,
		&p.Profile, &p.TermYears, &p.KeyNumber, &p.KeySerial, &p.SignSerial, &p.EncSerial, instant{&p.NotBefore},
		instant{&p.NotAfter}, &p.Entitlement, &p.OldPair, &p.OldSerial, &p.Disposal, &p.EvidenceKind,
		&p.KeyDigest, &p.RequestDigest, instant{&p.IntendedAt}, &p.Issuer}
}

func intentValues(p *ca.Pair) []any {
	return []any{p.ID, p.Lineage, p.Case, p.Attempt, p.State, p.Subject, p.Organisation, p.Project,
		p.Profile, p.TermYears, p.KeyNumber, p.KeySerial, p.SignSerial, p.EncSerial, milliseconds(p.NotBefore),
		milliseconds(p.NotAfter), p.Entitlement, p.OldPair, p.OldSerial, p.Disposal, p.EvidenceKind,
		p.KeyDigest, p.RequestDigest, milliseconds(p.IntendedAt), p.Issuer}
}

func laterFields(p *ca.Pair) []any {
	return []any{&p.Suspended, instant{&p.SuspendedAt}, &p.GivenUp, instant{&p.IssuedAt}, instant{&p.AcknowledgedAt},
		instant{&p.SupersededAt}, instant{&p.GraceEnds}, instant{&p.RetiredAt}, instant{&p.RevokedAt}, &p.Reason, &p.Receipt,
		instant{&p.ErasedAt}}
}

func paperFields(p *ca.Pair) []any {
	return []any{&p.SubjectDER, &p.IdentityDER, &p.Request, &p.Evidence, &p.SignTBS, &p.EncTBS,
		&p.Envelope, &p.Nonce, &p.SealedNonce}
}

func paperValues(p *ca.Pair) []any {
	return []any{p.SubjectDER, null(p.IdentityDER), p.Request, p.Evidence, p.SignTBS, blob(p.EncTBS),
		blob(p.Envelope), blob(p.Nonce), blob(p.SealedNonce)}
}

const (
	pairColumns = intentColumns + ", " + laterColumns + ", " + paperColumns + ", sign, enc"
	pairTables  = " FROM pairs JOIN papers ON papers.n = pairs.n LEFT JOIN certificates ON certificates.n = pairs.n WHERE "
)

func pairFields(p *ca.Pair) []any {
	return append(append(append(intentFields(p), laterFields(p)...), paperFields(p)...), &p.SignCert, &p.EncCert)
}

func (r rows) pairs(where string, args ...any) (pairs []*ca.Pair, err error) {
	found, err := r.Query("SELECT "+pairColumns+pairTables+where, args...)
	err = all(found, err, func(row *sql.Rows) error {
		p := new(ca.Pair)
		pairs = append(pairs, p)
		return row.Scan(pairFields(p)...)
	})
	return pairs, err
}

func (r rows) pair(where string, args ...any) (*ca.Pair, error) {
	pairs, err := r.pairs(where, args...)
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	return pairs[0], nil
}

// Pair implements ca.Reader.
func (r rows) Pair(id certhall.PairID) (*ca.Pair, error) { return r.pair("id = $1", id) }

// PairBySerial implements ca.Reader.
func (r rows) PairBySerial(s certhall.Serial) (*ca.Pair, error) {
	return r.pair("id = (SELECT pair FROM serials WHERE serial = $1 AND pair <> '')", s)
}

// PairOfAttempt implements ca.Reader.
func (r rows) PairOfAttempt(c certhall.CaseID, n int) (*ca.Pair, error) {
	return r.pair("case_id = $1 AND attempt = $2 AND NOT given_up", c, n)
}

// SuccessorOf implements ca.Reader: it lies in the same lineage, and one in
// force goes before one that is only coming.
func (r rows) SuccessorOf(id certhall.PairID) (*ca.Pair, error) {
	return r.pair(`lineage = (SELECT lineage FROM pairs old WHERE old.id = $1) AND old_pair = $1 AND state <> 'void'
		ORDER BY acknowledged_at DESC LIMIT 1`, id)
}

// LineagePairs implements ca.Reader.
func (r rows) LineagePairs(l certhall.LineageID) ([]*ca.Pair, error) {
	return r.pairs("lineage = $1 ORDER BY intended_at, pairs.n", l)
}

// OpenIntents implements ca.Reader.
func (r rows) OpenIntents(limit int) ([]*ca.Pair, error) {
	return r.pairs("state = 'intended' AND NOT suspended ORDER BY id LIMIT $1", limit)
}

// GraceEnded implements ca.Reader.
func (r rows) GraceEnded(now time.Time, limit int) ([]*ca.Pair, error) {
	return r.pairs("state = 'superseded' AND grace_ends <= $1 ORDER BY grace_ends, pairs.n LIMIT $2", milliseconds(now), limit)
}

// Escrowed implements ca.Reader.
func (r rows) Escrowed(id certhall.PairID) (held bool, err error) {
	err = r.QueryRow("SELECT EXISTS (SELECT 1 FROM pairs JOIN escrow ON escrow.n = pairs.n WHERE id = $1)", id).Scan(&held)
	return held, err
}

// MovePair implements ca.Writer. Revoked and void never become anything else ◆.
func (w writer) MovePair(id certhall.PairID, from, to authority.State, ch ca.Change) (bool, error) {
	if from == authority.Revoked || from == authority.Void {
		return false, errTransition
	}
	args := []any{string(to)}
	set := []string{"state = $1"}
	add := func(column string, value any) {
		args = append(args, value)
		set = append(set, column+" = $"+strconv.Itoa(len(args)))
	}
	for _, t := range []struct {
		column string
		at     time.Time
	}{
		{"acknowledged_at", ch.AcknowledgedAt}, {"superseded_at", ch.SupersededAt}, {"grace_ends", ch.GraceEnds},
		{"retired_at", ch.RetiredAt}, {"revoked_at", ch.RevokedAt},
	} {
		if !t.at.IsZero() {
			add(t.column, milliseconds(t.at))
		}
	}
	if ch.Receipt != nil {
		add("receipt", ch.Receipt)
	}
	if ch.Reason != 0 {
		add("reason", ch.Reason)
	}
	if ch.GivenUp {
		add("given_up", true)
	}
	n := len(args)
	args = append(args, id, string(from))
	moved, err := changed(w.Exec("UPDATE pairs SET "+strings.Join(set, ", ")+
		" WHERE id = $"+strconv.Itoa(n+1)+" AND state = $"+strconv.Itoa(n+2), args...))
	return moved, taken(w.db, err)
}

// SetSuspended implements ca.Writer.
func (w writer) SetSuspended(l certhall.LineageID, since time.Time) (int, error) {
	result, err := w.Exec(`UPDATE pairs SET suspended = $1, suspended_at = $2 WHERE lineage = $3 AND suspended <> $1
		AND (state IN ('issued', 'current', 'superseded') OR state = 'intended' AND evidence_kind = 'old-key')`,
		!since.IsZero(), milliseconds(since), l)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// LockSuspensions implements ca.Writer.
func (w writer) LockSuspensions() error { return w.Lock("suspensions") }
