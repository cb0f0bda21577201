// Package fsck states the invariants of the protocol that the two databases
// can show, and checks them: each database by itself (authority.go, hall.go),
// and both against each other (both.go). It only reads.
package fsck

import (
	"context"

	"github.com/certhall/certhall/store/sqldb"
)

// Finding is one place where a rule is broken.
type Finding struct {
	Rule  string // a Rule's key
	Where string // the ids concerned
}

// Rule is one invariant. What it says to people stands in package locale under
// "cli.fsck." and its key.
type Rule struct {
	Key string
	// broken selects one text column: what breaks the rule.
	broken string
	// check is for what SQL cannot say.
	check func(*run) error
}

// Rules are all invariants, in the order in which they are checked.
func Rules() []Rule {
	return append(append(append([]Rule(nil), authorityRules...), hallRules...), bothRules...)
}

// Check checks every rule over the authority's database and, unless it is nil,
// the hall's. They may be in use: the hall is read first, and what it has heard
// the authority has already done.
func Check(ctx context.Context, authority, hall *sqldb.DB) ([]Finding, error) {
	r := &run{}
	if hall != nil {
		err := hall.Read(ctx, func(tx *sqldb.Tx) error {
			if err := r.begin(tx); err != nil {
				return err
			}
			if err := r.all(hallRules); err != nil {
				return err
			}
			return r.readHall()
		})
		if err != nil {
			return nil, err
		}
	}
	err := authority.Read(ctx, func(tx *sqldb.Tx) error {
		if err := r.begin(tx); err != nil {
			return err
		}
		if err := r.all(authorityRules); err != nil || hall == nil {
			return err
		}
		if err := r.readAuthority(); err != nil {
			return err
		}
		return r.all(bothRules)
	})
	return r.findings, err
}

// CheckHall checks what the hall's database shows by itself.
func CheckHall(ctx context.Context, hall *sqldb.DB) ([]Finding, error) {
	r := &run{}
	err := hall.Read(ctx, func(tx *sqldb.Tx) error {
		if err := r.begin(tx); err != nil {
			return err
		}
		return r.all(hallRules)
	})
	return r.findings, err
}

// run is one check in progress.
type run struct {
	tx        *sqldb.Tx
	rule      string
	findings  []Finding
	hall      hallState
	authority authorityState
}

// begin lets PostgreSQL read whole tables, which the stores otherwise never do.
func (r *run) begin(tx *sqldb.Tx) error {
	r.tx = tx
	if tx.Dialect() != sqldb.Postgres {
		return nil
	}
	_, err := tx.Exec("SET LOCAL enable_seqscan = on")
	return err
}

func (r *run) all(rules []Rule) error {
	for _, rule := range rules {
		r.rule = rule.Key
		if rule.check != nil {
			if err := rule.check(r); err != nil {
				return err
			}
			continue
		}
		err := r.each(rule.broken, func(scan func(...any) error) error {
			var where string
			err := scan(&where)
			r.found(where)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) found(where string) {
	r.findings = append(r.findings, Finding{Rule: r.rule, Where: where})
}

// each calls f for every row.
func (r *run) each(query string, f func(scan func(...any) error) error) error {
	rows, err := r.tx.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
