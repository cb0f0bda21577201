package fsck

// hallRules are what the hall's database shows by itself.
var hallRules = []Rule{
	{Key: "hall-one-busy", broken: `
		SELECT lineage FROM cases WHERE busy GROUP BY lineage HAVING count(*) > 1
		UNION SELECT id FROM cases WHERE busy <> (state IN ('open', 'closing') OR state = 'refused' AND NOT closed_there)`},
	{Key: "hall-one-entitlement", broken: `
		SELECT id FROM cases c WHERE 1 <> (SELECT count(*) FROM entitlements e WHERE e.case_id = c.id AND e.id = c.entitlement)
		UNION SELECT case_id FROM entitlements GROUP BY case_id HAVING count(*) > 1
		UNION SELECT id FROM entitlements e WHERE NOT EXISTS (SELECT 1 FROM cases c WHERE c.id = e.case_id)`},
	{Key: "hall-made-spent-freed", broken: `SELECT e.id FROM entitlements e JOIN cases c ON c.id = e.case_id WHERE
		(e.state = 'spent') <> c.acknowledged OR (e.state = 'freed') <> (c.closing IS NOT NULL)
		OR (e.state = 'open') <> (e.ended_at IS NULL)`},
	{Key: "hall-done", broken: `SELECT id FROM cases WHERE
		(state IN ('done', 'needs-reissue')) <> acknowledged OR acknowledged <> (new_serial <> '' AND acknowledged_at <> 0)
		OR acknowledged AND NOT EXISTS (SELECT 1 FROM certificates k WHERE k.sign_serial = new_serial AND k.case_id = cases.id)`},
	{Key: "hall-journal", broken: `
		SELECT c.id FROM cases c WHERE c.version <> (SELECT count(*) FROM journal j WHERE j.case_id = c.id)
			OR c.version <> (SELECT max(j.version) FROM journal j WHERE j.case_id = c.id)
			OR 1 <> (SELECT min(j.version) FROM journal j WHERE j.case_id = c.id)
		UNION SELECT case_id FROM journal WHERE (version = 1) <> (kind = 'opened') OR (version = 2) <> (kind = 'entitled')`},
	{Key: "hall-one-token", broken: `SELECT case_id FROM tokens GROUP BY case_id HAVING count(*) > 1`},
	{Key: "hall-names", broken: `
		SELECT id FROM persons WHERE (user_name = '') <> (name_key = '')
		UNION SELECT name_key FROM persons WHERE name_key <> '' GROUP BY name_key HAVING count(*) > 1`},
	{Key: "hall-first-password", broken: `SELECT v.person FROM visits v LEFT JOIN persons p ON p.id = v.person
		WHERE p.id IS NULL OR v.must_set_password AND p.password <> ''`},
	{Key: "hall-one-current", broken: `SELECT lineage FROM certificates WHERE state = 'current' GROUP BY lineage HAVING count(*) > 1`},
}

// hallState is what the hall believes, to be compared with the authority.
type hallState struct {
	cursor       int64
	cases        []hallCase
	certificates []hallCertificate
	entitlements []hallEntitlement
}

type hallCase struct {
	id                    string
	attempt, rank         int
	acknowledged          bool
	newSerial             string
	closedThere, returned bool // by event; by signed closing
}

type hallCertificate struct {
	id, lineage, caseID, state string
	suspended                  bool
	entitlement                string
	notBefore, notAfter        int64
	signSerial, encSerial      string
}

type hallEntitlement struct{ id, state string }

func (r *run) readHall() error {
	h := &r.hall
	if err := r.tx.QueryRow("SELECT seq FROM cursors WHERE name = 'authority'").Scan(&h.cursor); err != nil {
		return err
	}
	err := r.each("SELECT id, attempt, attempt_rank, acknowledged, new_serial, closed_there, closing IS NOT NULL FROM cases ORDER BY id",
		func(scan func(...any) error) error {
			var c hallCase
			err := scan(&c.id, &c.attempt, &c.rank, &c.acknowledged, &c.newSerial, &c.closedThere, &c.returned)
			h.cases = append(h.cases, c)
			return err
		})
	if err != nil {
		return err
	}
	err = r.each("SELECT pair_id, lineage, case_id, state, suspended, entitlement, not_before, not_after, sign_serial, enc_serial FROM certificates ORDER BY pair_id",
		func(scan func(...any) error) error {
			var c hallCertificate
			err := scan(&c.id, &c.lineage, &c.caseID, &c.state, &c.suspended, &c.entitlement, &c.notBefore, &c.notAfter, &c.signSerial, &c.encSerial)
			h.certificates = append(h.certificates, c)
			return err
		})
	if err != nil {
		return err
	}
	return r.each("SELECT id, state FROM entitlements ORDER BY id", func(scan func(...any) error) error {
		var e hallEntitlement
		err := scan(&e.id, &e.state)
		h.entitlements = append(h.entitlements, e)
		return err
	})
}
