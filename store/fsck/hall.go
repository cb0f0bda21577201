package fsck

// hallRules are what the hall's database shows by itself.
var hallRules = []Rule{
	{Key: "hall-one-busy", broken: `
		SELECT lineage FROM cases WHERE busy GROUP BY lineage HAVING count(*) > 1
		UNION SELECT id FROM cases WHERE busy <> (state IN ('open', 'closing') OR state = 'refused' AND NOT closed_there)`},
	{Key: "hall-one-entitlement", broken: `
		SELECT c.id FROM cases c LEFT JOIN entitlements e ON e.id = c.entitlement WHERE
			c.entitlement = '' AND (c.acknowledged OR c.request IS NOT NULL)
			OR c.entitlement <> '' AND (e.id IS NULL OR e.lineage <> c.lineage OR (e.case_id <> c.id) <> (c.closing IS NOT NULL AND e.order_id <> ''))
		UNION SELECT e.id FROM entitlements e LEFT JOIN cases c ON c.id = e.case_id WHERE
			e.case_id <> '' AND (c.id IS NULL OR c.entitlement <> e.id)
			OR e.case_id = '' AND (e.order_id = '' OR e.state IN ('spent', 'freed'))
		UNION SELECT case_id FROM entitlements WHERE case_id <> '' GROUP BY case_id HAVING count(*) > 1`},
	{Key: "hall-made-spent-freed", broken: `
		SELECT e.id FROM entitlements e JOIN cases c ON c.id = e.case_id WHERE
			(e.state = 'spent') <> c.acknowledged OR (e.state = 'freed') <> (c.closing IS NOT NULL AND e.order_id = '')
		UNION SELECT id FROM entitlements WHERE (state IN ('open', 'refunding')) <> (ended_at IS NULL) OR state IN ('refunding', 'refunded') AND refund_id = ''`},
	{Key: "hall-orders", broken: `
		SELECT o.id FROM orders o WHERE o.total <> (SELECT COALESCE(SUM(l.price * l.years), -1) FROM order_lines l WHERE l.order_id = o.id)
			OR (o.total = 0) <> (o.channel = '') OR o.standing = 'paid' AND (o.channel = '') <> (o.payment_number = '')
		UNION SELECT l.entitlement FROM order_lines l JOIN orders o ON o.id = l.order_id LEFT JOIN entitlements e ON e.id = l.entitlement WHERE
			l.live <> (o.standing IN ('unpaid', 'closing')) OR (o.standing = 'paid') <> (e.id IS NOT NULL)
			OR e.id IS NOT NULL AND (e.order_id <> o.id OR e.lineage <> l.lineage OR e.years <> l.years)
		UNION SELECT id FROM entitlements e WHERE order_id <> '' AND NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.entitlement = e.id)`},
	{Key: "hall-refunds", broken: `
		SELECT r.id FROM refunds r WHERE NOT r.whole AND r.standing <> 'waiting' AND r.amount <> (SELECT COALESCE(SUM(l.price * l.years), 0)
			FROM order_lines l JOIN entitlements e ON e.id = l.entitlement WHERE e.refund_id = r.id AND e.state IN ('refunding', 'refunded'))
		UNION SELECT e.id FROM entitlements e LEFT JOIN refunds r ON r.id = e.refund_id WHERE
			e.state = 'refunding' AND (r.id IS NULL OR r.standing NOT IN ('waiting', 'wanted', 'sent', 'failed'))
			OR e.state = 'refunded' AND (r.id IS NULL OR r.standing <> 'done')`},
	{Key: "hall-payments", broken: `
		SELECT p.number FROM payments p LEFT JOIN orders o ON o.id = p.order_id WHERE
			p.verdict = 'taken' AND (o.id IS NULL OR o.standing <> 'paid' OR o.payment_number <> p.number OR o.total <> p.amount)
			OR p.verdict IN ('late', 'second', 'wrong') AND 1 <> (SELECT count(*) FROM refunds r
				WHERE r.whole AND r.payment_number = p.number AND r.amount = p.amount AND r.standing NOT IN ('waiting', 'dropped'))
			OR p.verdict = 'stray' AND NOT EXISTS (SELECT 1 FROM payment_differences d WHERE d.number = p.number AND d.kind = 'stray')
			OR p.amount < (SELECT COALESCE(SUM(r.amount), 0) FROM refunds r WHERE r.payment_number = p.number)
		UNION SELECT o.id FROM orders o WHERE o.standing = 'paid' AND o.channel <> ''
			AND 1 <> (SELECT count(*) FROM payments p WHERE p.order_id = o.id AND p.verdict = 'taken')
		UNION SELECT r.id FROM refunds r LEFT JOIN payments p ON p.number = r.payment_number WHERE
			r.payment_number <> '' AND (p.number IS NULL OR p.order_id <> r.order_id OR r.total <> p.amount
				OR r.whole <> (p.verdict IN ('late', 'second', 'wrong')))`},
	{Key: "hall-done", broken: `SELECT id FROM cases WHERE
		(state IN ('done', 'needs-reissue')) <> acknowledged OR acknowledged <> (new_serial <> '' AND acknowledged_at <> 0)
		OR acknowledged AND NOT EXISTS (SELECT 1 FROM certificates k WHERE k.sign_serial = new_serial AND k.case_id = cases.id)`},
	{Key: "hall-journal", broken: `
		SELECT c.id FROM cases c WHERE c.version <> (SELECT count(*) FROM journal j WHERE j.case_id = c.id)
			OR c.version <> (SELECT max(j.version) FROM journal j WHERE j.case_id = c.id)
			OR 1 <> (SELECT min(j.version) FROM journal j WHERE j.case_id = c.id)
		UNION SELECT case_id FROM journal WHERE (version = 1) <> (kind = 'opened')`},
	{Key: "hall-one-token", broken: `SELECT case_id FROM tokens GROUP BY case_id HAVING count(*) > 1`},
	{Key: "hall-names", broken: `
		SELECT id FROM persons WHERE (user_name = '') <> (name_key = '')
		UNION SELECT name_key FROM persons WHERE name_key <> '' GROUP BY name_key HAVING count(*) > 1`},
	{Key: "hall-first-password", broken: `SELECT v.person FROM visits v LEFT JOIN persons p ON p.id = v.person
		WHERE p.id IS NULL OR v.must_set_password AND p.password <> ''`},
	{Key: "hall-one-current", broken: `SELECT lineage FROM certificates WHERE state = 'current' GROUP BY lineage HAVING count(*) > 1`},
	{Key: "hall-catalog", check: (*run).catalogs},
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
