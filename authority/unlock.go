package authority

import (
	"github.com/certhall/certhall"
	"github.com/certhall/certhall/proof"
)

// What unlocking USB keys brings about; all audit only.
const (
	AdminPINsImported EventKind = "admin-pins-imported"
	AdminPINForgotten EventKind = "admin-pin-forgotten"
	KeyUnlocked       EventKind = "key-unlocked"    // an answer was given: the agent can unlock the key
	UnlockReported    EventKind = "unlock-reported" // what lies on the key since
)

// UnlockRequest carries what an agent asks and a reviewer decided.
type UnlockRequest struct {
	Request  []byte       // proof.UnlockRequest, DER
	Decision proof.Signed // UnlockDecision over it
	Response []byte       // the maker's answer, where the request has a challenge; its truth shows at the key
}

// What the authority answers about unlocking, beside success.
var (
	// ErrAdminPINUnknown: the administrator's PIN of that key is not escrowed, or
	// turned out not to be the one on it (parameter key): the key must be reissued.
	ErrAdminPINUnknown = certhall.NewError("admin-pin-unknown", certhall.NotFound)
	// ErrUnlockKey: the authority has no key pair that opens what is escrowed, or another one.
	ErrUnlockKey      = certhall.NewError("unlock-key-missing", certhall.Unavailable)
	ErrUnlockResponse = certhall.NewError("unlock-response-missing", certhall.Conflict)
	ErrUnlockLimited  = certhall.NewError("unlock-limited", certhall.Limited)
	ErrUnlockMissing  = certhall.NewError("unlocking-unknown", certhall.NotFound)
)
