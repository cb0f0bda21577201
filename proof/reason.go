package proof

import "slices"

// reasonWords are the reasons of revocation (CRLReason, RFC 5280, 5.3.1) by
// code, in the standard's own writing; 7 is not used.
var reasonWords = []string{
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
	certificateHold, "", removeFromCRL, "privilegeWithdrawn", "aACompromise",
}

// These are no reasons to decide on: the one comes by suspending, the other
// stands in delta CRLs alone.
const (
	certificateHold = "certificateHold"
	removeFromCRL   = "removeFromCRL"
)

// ReasonWord is a CRLReason in the standard's words; "" for a number that is none.
func ReasonWord(code int) string {
	if code < 0 || code >= len(reasonWords) {
		return ""
	}
	return reasonWords[code]
}

// ReasonCode is the CRLReason of a word that a Decision to revoke may give as
// its reason; false for every other word.
func ReasonCode(word string) (code int, ok bool) {
	code = slices.Index(reasonWords, word)
	if word == "" || word == certificateHold || word == removeFromCRL || code < 0 {
		return 0, false
	}
	return code, true
}

// RevocationReasons are the words that ReasonCode knows, by code.
func RevocationReasons() []string {
	return slices.DeleteFunc(slices.Clone(reasonWords), func(word string) bool {
		_, ok := ReasonCode(word)
		return !ok
	})
}
