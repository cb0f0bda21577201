package fsck

import (
	"fmt"

	"github.com/certhall/certhall/hall/services"
)

// bothRules compare what the hall believes with what the authority has.
var bothRules = []Rule{
	{Key: "both-attempts", check: (*run).attempts},
	{Key: "both-ends", check: (*run).ends},
	{Key: "both-projection", check: (*run).projection},
	{Key: "both-entitlements", check: (*run).entitlements},
}

// authorityState is what the hall's beliefs are compared with.
type authorityState struct {
	cases    map[string]string        // state by id
	attempts map[attemptKey]string    // standing
	pairs    map[string]authorityPair // by id
	ahead    map[string]bool          // pairs of which the hall has not heard the last yet
	kept     map[string][]string      // states of the non-void pairs of an entitlement
}

type attemptKey struct {
	caseID string
	number int
}

type authorityPair struct {
	hallCertificate
	attempt int
	issued  bool
	erased  bool
}

func (r *run) readAuthority() error {
	a := &r.authority
	a.cases, a.attempts, a.pairs = map[string]string{}, map[attemptKey]string{}, map[string]authorityPair{}
	a.ahead, a.kept = map[string]bool{}, map[string][]string{}
	err := r.each("SELECT id, state FROM cases", func(scan func(...any) error) error {
		var id, state string
		err := scan(&id, &state)
		a.cases[id] = state
		return err
	})
	if err != nil {
		return err
	}
	err = r.each("SELECT case_id, number, standing FROM attempts", func(scan func(...any) error) error {
		var k attemptKey
		var standing string
		err := scan(&k.caseID, &k.number, &standing)
		a.attempts[k] = standing
		return err
	})
	if err != nil {
		return err
	}
	err = r.each(`SELECT id, lineage, case_id, state, suspended, entitlement, not_before, not_after, sign_serial, enc_serial, attempt, issued_at <> 0, erased_at <> 0
		FROM pairs ORDER BY n`, func(scan func(...any) error) error {
		var p authorityPair
		err := scan(&p.id, &p.lineage, &p.caseID, &p.state, &p.suspended, &p.entitlement, &p.notBefore, &p.notAfter, &p.signSerial, &p.encSerial, &p.attempt, &p.issued, &p.erased)
		a.pairs[p.id] = p
		if p.state != "void" {
			a.kept[p.entitlement] = append(a.kept[p.entitlement], p.state)
		}
		return err
	})
	if err != nil {
		return err
	}
	// A pair's acknowledgement supersedes the one before it: that one is behind, too.
	return r.each(fmt.Sprintf(`SELECT pair FROM records WHERE pair <> '' AND (seq IS NULL OR seq > %d)
		UNION SELECT old_pair FROM records JOIN pairs ON pairs.id = pair WHERE old_pair <> '' AND (seq IS NULL OR seq > %[1]d)`, r.hall.cursor),
		func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			a.ahead[id] = true
			return err
		})
}

// attempts: the hall's (attempt, rank) is known to the authority and never
// runs ahead of it.
func (r *run) attempts() error {
	issued := map[attemptKey]bool{}
	for _, p := range r.authority.pairs {
		k := attemptKey{p.caseID, p.attempt}
		issued[k] = issued[k] || p.issued
	}
	for _, c := range r.hall.cases {
		if c.attempt == 0 {
			continue
		}
		k := attemptKey{c.id, c.attempt}
		standing, known := r.authority.attempts[k]
		rank := services.Rank(c.rank)
		if !known || rank == services.RankIssued && !issued[k] || rank == services.RankEnded && standing == "open" {
			r.found(fmt.Sprintf("%s, attempt %d", c.id, c.attempt))
		}
	}
	return nil
}

// ends: an acknowledged case is acknowledged there, a closed one closed there.
func (r *run) ends() error {
	for _, c := range r.hall.cases {
		state := r.authority.cases[c.id]
		switch {
		case c.acknowledged && (state != "acknowledged" || r.authority.attempts[attemptKey{c.id, c.attempt}] != "acknowledged"),
			(c.closedThere || c.returned) && state != "closed":
			r.found(c.id)
		}
	}
	return nil
}

// projection: the hall lists no pair that the authority has not, and those
// whose last event it has heard are as they are there.
func (r *run) projection() error {
	listed := map[string]bool{}
	for _, c := range r.hall.certificates {
		listed[c.id] = true
		p, known := r.authority.pairs[c.id]
		if !known {
			r.found(c.id)
			continue
		}
		there := p.hallCertificate
		if r.authority.ahead[c.id] {
			there.state, there.suspended = c.state, c.suspended
		}
		if c != there {
			r.found(c.id)
		}
	}
	for id, p := range r.authority.pairs {
		if p.issued && !listed[id] && !r.authority.ahead[id] && !p.erased { // erased events list nothing
			r.found(id)
		}
	}
	return nil
}

// entitlements: a spent one has given exactly one pair that was taken into
// use; one that was given back has given none.
func (r *run) entitlements() error {
	for _, e := range r.hall.entitlements {
		kept := r.authority.kept[e.id]
		taken := len(kept) == 1 && kept[0] != "intended" && kept[0] != "issued"
		if e.state == "spent" && !taken || (e.state == "freed" || e.state == "refunded") && len(kept) > 0 {
			r.found(e.id)
		}
	}
	return nil
}
