package ca

import "github.com/certhall/certhall/proof"

// Reason codes of revocation (RFC 5280, 5.3.1).
const (
	reasonUnspecified = 0
	reasonSuperseded  = 4
	reasonCessation   = 5
)

var reasonCodes = map[string]int{
	"":                     reasonUnspecified,
	"unspecified":          reasonUnspecified,
	"keyCompromise":        1,
	"affiliationChanged":   3,
	"superseded":           reasonSuperseded,
	"cessationOfOperation": reasonCessation,
	"privilegeWithdrawn":   9,
}

// reasonOf maps a decision's reason to its code; words that are none of RFC
// 5280's stay in the evidence and count as unspecified.
func reasonOf(d proof.Decision) int { return reasonCodes[d.Reason] }
