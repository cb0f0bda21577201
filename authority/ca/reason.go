package ca

import (
	"slices"

	"github.com/certhall/certhall/proof"
)

// Reason codes of revocation (CRLReason, RFC 5280, 5.3.1) that this package
// itself gives.
const (
	reasonUnspecified = 0
	reasonSuperseded  = 4
	reasonCessation   = 5
	reasonWithdrawn   = 9
)

// reasonWords are the names of the codes, in the standard's own writing; 7 is
// not used.
var reasonWords = []string{
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
	"certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
}

// reasonCodes are the words that a decision to revoke may give. certificateHold
// comes by suspending alone, removeFromCRL stands in delta CRLs alone.
var reasonCodes = map[string]int{}

func init() {
	for code, word := range reasonWords {
		if word != "" && word != "certificateHold" && word != "removeFromCRL" {
			reasonCodes[word] = code
		}
	}
}

// ReasonWord is a code in the standard's words; "" for a number that is none.
func ReasonWord(code int) string {
	if code < 0 || code >= len(reasonWords) {
		return ""
	}
	return reasonWords[code]
}

// RevocationReasons are the words that a decision to revoke may give, by code.
func RevocationReasons() []string {
	return slices.DeleteFunc(slices.Clone(reasonWords), func(word string) bool {
		_, ok := reasonCodes[word]
		return !ok
	})
}

// reasonOf maps a decision's reason to its code; words that are none of RFC
// 5280's stay in the evidence and count as unspecified: a revocation that is
// signed never waits for its spelling.
func reasonOf(d proof.Decision) int { return reasonCodes[d.Reason] }
