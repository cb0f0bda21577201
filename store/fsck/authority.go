package fsck

import (
	"bytes"
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	store "github.com/certhall/certhall/store/authority"
)

// authorityRules are what the authority's database shows by itself.
var authorityRules = []Rule{
	{Key: "one-current", broken: `SELECT lineage FROM pairs WHERE state = 'current' GROUP BY lineage HAVING count(*) > 1`},
	{Key: "one-coming", broken: `SELECT lineage FROM pairs WHERE state IN ('intended', 'issued') GROUP BY lineage HAVING count(*) > 1`},
	{Key: "one-entitlement", broken: `SELECT entitlement FROM pairs WHERE state <> 'void' GROUP BY entitlement HAVING count(*) > 1`},
	{Key: "one-pair-an-attempt", broken: `SELECT case_id FROM pairs WHERE NOT given_up GROUP BY case_id, attempt HAVING count(*) > 1`},
	{Key: "attempts", broken: `
		SELECT case_id FROM attempts GROUP BY case_id HAVING min(number) <> 1 OR max(number) <> count(*)
		UNION SELECT case_id FROM attempts WHERE standing = 'open' GROUP BY case_id HAVING count(*) > 1
		UNION SELECT case_id FROM attempts WHERE standing = 'acknowledged' GROUP BY case_id HAVING count(*) > 1
		UNION SELECT a.case_id FROM attempts a WHERE a.standing <> 'void'
			AND EXISTS (SELECT 1 FROM attempts b WHERE b.case_id = a.case_id AND b.number > a.number)`},
	{Key: "case-and-attempts", broken: `
		SELECT id FROM cases WHERE state = 'open' AND NOT EXISTS (SELECT 1 FROM attempts WHERE case_id = id AND standing = 'open')
		UNION SELECT id FROM cases WHERE state = 'acknowledged' AND NOT EXISTS (SELECT 1 FROM attempts WHERE case_id = id AND standing = 'acknowledged')
		UNION SELECT id FROM cases WHERE state = 'closed' AND EXISTS (SELECT 1 FROM attempts WHERE case_id = id AND standing <> 'void')
		UNION SELECT id FROM cases WHERE (state = 'open') <> (ended_at = 0)`},
	{Key: "pair-and-attempt", broken: `
		SELECT p.id FROM pairs p JOIN attempts a ON a.case_id = p.case_id AND a.number = p.attempt WHERE NOT p.given_up AND (
			a.standing = 'open' AND p.state NOT IN ('intended', 'issued')
			OR a.standing = 'acknowledged' AND p.state NOT IN ('current', 'superseded', 'revoked')
			OR a.standing = 'void' AND p.state <> 'void')
		UNION SELECT case_id FROM attempts WHERE standing = 'acknowledged'
			AND NOT EXISTS (SELECT 1 FROM pairs p WHERE p.case_id = attempts.case_id AND p.attempt = number AND NOT p.given_up)`},
	{Key: "references", broken: `
		SELECT id FROM pairs p WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.case_id = p.case_id AND a.number = p.attempt)
		UNION SELECT id FROM pairs p WHERE NOT EXISTS (SELECT 1 FROM lineages l WHERE l.id = p.lineage)
		UNION SELECT id FROM pairs p WHERE NOT EXISTS (SELECT 1 FROM cases c WHERE c.id = p.case_id AND c.lineage = p.lineage AND c.old_pair = p.old_pair)
		UNION SELECT id FROM pairs p WHERE old_pair <> '' AND NOT EXISTS (SELECT 1 FROM pairs o WHERE o.id = p.old_pair AND o.lineage = p.lineage AND o.sign_serial = p.old_serial)
		UNION SELECT case_id FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM cases c WHERE c.id = a.case_id)`},
	{Key: "state-and-times", broken: `SELECT id FROM pairs WHERE CASE state
		WHEN 'intended' THEN issued_at <> 0 OR acknowledged_at <> 0 OR superseded_at <> 0 OR revoked_at <> 0
		WHEN 'issued' THEN issued_at = 0 OR acknowledged_at <> 0 OR superseded_at <> 0 OR revoked_at <> 0
		WHEN 'current' THEN issued_at = 0 OR acknowledged_at = 0 OR superseded_at <> 0 OR revoked_at <> 0
		WHEN 'superseded' THEN issued_at = 0 OR acknowledged_at = 0 OR superseded_at = 0 OR grace_ends = 0 OR revoked_at <> 0
		WHEN 'revoked' THEN issued_at = 0 OR acknowledged_at = 0 OR revoked_at = 0
		ELSE acknowledged_at <> 0 OR superseded_at <> 0 OR receipt IS NOT NULL OR revoked_at = 0 END
		OR given_up AND state <> 'void' OR intended_at = 0
		OR receipt IS NULL AND evidence_kind <> 'import' AND state IN ('current', 'superseded', 'revoked')`},
	{Key: "superseded-by", broken: `
		SELECT id FROM pairs p WHERE superseded_at <> 0
			AND NOT EXISTS (SELECT 1 FROM pairs n WHERE n.lineage = p.lineage AND n.old_pair = p.id AND n.acknowledged_at <> 0)
		UNION SELECT n.id FROM pairs n JOIN pairs o ON o.id = n.old_pair WHERE n.acknowledged_at <> 0 AND o.superseded_at = 0 AND o.state = 'current'`},
	{Key: "papers", broken: `
		SELECT id FROM pairs p WHERE NOT EXISTS (SELECT 1 FROM papers WHERE papers.n = p.n AND (evidence_kind = 'import' OR (length(evidence) > 0) = (p.erased_at = 0)))
		UNION SELECT id FROM pairs p WHERE evidence_kind <> 'import' AND (enc_serial <> '') <> EXISTS (SELECT 1 FROM escrow WHERE escrow.n = p.n AND length(sealed) > 0)
		UNION SELECT id FROM pairs p WHERE (issued_at <> 0 AND erased_at = 0) <> EXISTS (SELECT 1 FROM certificates c WHERE c.n = p.n)`},
	{Key: "serials", broken: `
		SELECT serial FROM serials GROUP BY serial HAVING count(*) > 1
		UNION SELECT id FROM pairs p WHERE NOT EXISTS (SELECT 1 FROM serials s WHERE s.serial = p.sign_serial AND s.pair = p.id)
			OR enc_serial <> '' AND NOT EXISTS (SELECT 1 FROM serials s WHERE s.serial = p.enc_serial AND s.pair = p.id) OR sign_serial = enc_serial
		UNION SELECT m.serial FROM staff m WHERE NOT EXISTS (SELECT 1 FROM serials s WHERE s.serial = m.serial)`},
	{Key: "recorded", broken: `
		SELECT id FROM pairs p WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.pair = p.id AND r.kind = CASE evidence_kind WHEN 'import' THEN 'imported' ELSE 'intended' END)
		UNION SELECT id FROM pairs p WHERE (issued_at <> 0 AND evidence_kind <> 'import') <> EXISTS (SELECT 1 FROM records r WHERE r.pair = p.id AND r.kind = 'issued')
		UNION SELECT id FROM pairs p WHERE (acknowledged_at <> 0 AND evidence_kind <> 'import') <> EXISTS (SELECT 1 FROM records r WHERE r.pair = p.id AND r.kind = 'acknowledged')
		UNION SELECT id FROM pairs p WHERE (state IN ('revoked', 'void')) <> EXISTS (SELECT 1 FROM records r WHERE r.pair = p.id AND r.kind IN ('revoked', 'retired', 'voided'))
		UNION SELECT id FROM cases c WHERE (state = 'closed') <> EXISTS (SELECT 1 FROM records r WHERE r.case_id = c.id AND r.kind = 'closed')`},
	{Key: "certificates", check: (*run).certificates},
	{Key: "chain", check: (*run).chain},
	{Key: "crl-numbers", broken: `
		SELECT issuer FROM crls GROUP BY issuer, number HAVING count(*) > 1
		UNION SELECT a.issuer FROM crls a JOIN crls b ON b.issuer = a.issuer AND b.number > a.number WHERE b.this_update < a.this_update
		UNION SELECT issuer FROM crls c WHERE NOT EXISTS (SELECT 1 FROM crl_turns t WHERE t.issuer = c.issuer AND t.number >= c.number)`},
	{Key: "crl-complete", check: (*run).crls},
	{Key: "checkpoints", broken: `
		SELECT CAST(number AS TEXT) FROM checkpoints c WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.seq = c.number AND r.hash = c.hash)
		UNION SELECT CAST(number AS TEXT) FROM (SELECT number, lag(number) OVER (ORDER BY n) AS earlier FROM checkpoints) AS c WHERE earlier >= number`},
	{Key: "admin-pins", broken: `
		SELECT key_serial FROM admin_pins WHERE state NOT IN ('known', 'lost', 'forgotten') OR (sealed IS NULL) <> (state = 'forgotten')
			OR pending IS NOT NULL AND (sealed IS NULL OR last IS NULL) OR length(key_digest) <> 32
		UNION SELECT key_serial FROM admin_pins a WHERE last IS NOT NULL AND NOT EXISTS (SELECT 1 FROM unlockings u WHERE u.digest = a.last AND u.key_serial = a.key_serial)`},
	{Key: "unlockings", check: (*run).unlockings},
	{Key: "erased", broken: `
		SELECT CAST(n AS TEXT) FROM records WHERE (data IS NULL) <> (length(salt) = 0)`},
}

// unlockings holds request, decision, answer and report of each unlocking
// against each other, and their number against the record's.
func (r *run) unlockings() error {
	answered, reported := 0, 0
	err := r.each("SELECT digest, key_serial, request, decision, answer, outcome, report FROM unlockings ORDER BY n", func(scan func(...any) error) error {
		var u ca.Unlocking
		if err := scan(&u.Digest, &u.KeySerial, &u.Request, &u.Decision, &u.Answer, &u.Outcome, &u.Report); err != nil {
			return err
		}
		answered++
		if u.Outcome != "" {
			reported++
		}
		if !agree(u) {
			r.found(u.KeySerial)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for kind, n := range map[authority.EventKind]int{authority.KeyUnlocked: answered, authority.UnlockReported: reported} {
		var recorded int
		if err := r.tx.QueryRow("SELECT count(*) FROM records WHERE kind = $1", kind).Scan(&recorded); err != nil {
			return err
		}
		if recorded != n {
			r.found(string(kind))
		}
	}
	return nil
}

// agree tells whether all that is stored of an unlocking is about one request.
func agree(u ca.Unlocking) bool {
	q, err := proof.Decode[proof.UnlockRequest](u.Request)
	if err != nil || !bytes.Equal(q.Digest(), u.Digest) || q.KeySerial != u.KeySerial {
		return false
	}
	d, err := said[proof.UnlockDecision](u.Decision)
	if err != nil || !bytes.Equal(d.RequestDigest, u.Digest) || d.KeySerial != u.KeySerial {
		return false
	}
	a, err := said[proof.UnlockAnswer](u.Answer)
	if err != nil || !bytes.Equal(a.RequestDigest, u.Digest) || a.KeySerial != u.KeySerial {
		return false
	}
	if len(u.Report) == 0 {
		return u.Outcome == ""
	}
	m, err := said[proof.UnlockReport](u.Report)
	return err == nil && bytes.Equal(m.RequestDigest, u.Digest) && m.Outcome == u.Outcome
}

// said is the message in a proof.Signed.
func said[M proof.Message](der []byte) (m M, err error) {
	s, err := proof.Decode[proof.Signed](der)
	if err != nil {
		return m, err
	}
	return proof.Decode[M](s.Message)
}

// certificates compares every certificate with the bytes that were linted, where
// it was made here, and with the serial in the pair's row.
func (r *run) certificates() error {
	return r.each(`SELECT id, evidence_kind, sign_serial, enc_serial, sign_tbs, enc_tbs, sign, enc FROM pairs
		JOIN papers ON papers.n = pairs.n JOIN certificates ON certificates.n = pairs.n ORDER BY pairs.n`,
		func(scan func(...any) error) error {
			var id, kind string
			var serials [2]certhall.Serial
			var tbs, certificates [2][]byte
			if err := scan(&id, &kind, &serials[0], &serials[1], &tbs[0], &tbs[1], &certificates[0], &certificates[1]); err != nil {
				return err
			}
			for i, der := range certificates {
				if len(der) == 0 && serials[i] == "" {
					continue // a single certificate
				}
				c, err := gm.ParseCertificate(der)
				if err != nil || certhall.SerialOf(c.SerialNumber) != serials[i] || kind != ca.KindImport && !bytes.Equal(c.RawTBSCertificate, tbs[i]) {
					r.found(id)
				}
			}
			return nil
		})
}

// chain walks the numbered records, which must end where the sequencer stands.
func (r *run) chain() error {
	last, hash, err := audit.Verify(r.tx.Context(), numbered{r})
	var broken brokenStore
	switch {
	case errors.As(err, &broken):
		return broken.error
	case err != nil:
		r.found(err.Error())
		return nil
	}
	var seq int64
	var end []byte
	if err := r.tx.QueryRow("SELECT seq, hash FROM chain WHERE n = 1").Scan(&seq, &end); err != nil {
		return err
	}
	if seq != last || !bytes.Equal(end, hash) {
		r.found("chain")
	}
	return nil
}

// numbered gives audit.Verify the records of this one state of the database.
type numbered struct{ *run }

type brokenStore struct{ error }

func (n numbered) Records(_ context.Context, after int64, limit int) ([]ca.Record, error) {
	records, err := store.RecordsIn(n.tx, after, limit)
	if err != nil {
		return nil, brokenStore{err}
	}
	return records, nil
}
