package main

import "slices"

// The roles that a process may play. Run apart, each on a machine of its own,
// they keep what the world can break into away from what it must not reach:
// the hall holds no key of the authority's and opens no database of its, what
// publishes holds only the keys of status answers.
const (
	roleHall    = "hall"    // portal, cases and their queue
	roleIssue   = "issue"   // checks evidence, signs, keeps the record
	rolePublish = "publish" // status, certificates of the CAs, checkpoints
)

// roleFlags say what this process is.
type roleFlags struct {
	Roles []string `enum:"hall,issue,publish" default:"hall,issue,publish" help:"What this process does: hall (portal and cases), issue (checks evidence and signs), publish (status and records)."`
}

func (f roleFlags) has(role string) bool { return slices.Contains(f.Roles, role) }

// houseFlags are all that a house is opened by.
type houseFlags struct {
	roleFlags
	stateFlags
	ocspFlags
	hallFlags
	nodeFlags
}
