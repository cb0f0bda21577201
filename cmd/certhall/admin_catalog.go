package main

import (
	"time"

	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/hall/catalog"
)

// catalogLimits are what the authority allows: a catalogue can only narrow it.
func catalogLimits() catalog.Limits {
	days := func(d time.Duration) int { return int(d / (24 * time.Hour)) }
	policy, years := ca.DefaultPolicy(), 0
	for _, p := range ca.Profiles() {
		years = max(years, p.MaxYears)
	}
	return catalog.Limits{RenewBefore: days(policy.RenewBefore), RepairAfter: days(policy.RepairAfter), Grace: days(policy.Grace), Years: years}
}
