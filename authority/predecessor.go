package authority

import "github.com/certhall/certhall"

// What predecessors bring about.
const (
	PairImported         EventKind = "imported"              // a pair was brought from a predecessor
	PredecessorTaken     EventKind = "predecessor-taken"     // audit only
	PredecessorWithdrawn EventKind = "predecessor-withdrawn" // audit only
)

// What the authority answers about predecessors.
var (
	// ErrPredecessorStale: the predecessor's list or answer is not there or too
	// old; what asked waits and goes on by itself.
	ErrPredecessorStale   = certhall.NewError("predecessor-status-stale", certhall.Unavailable)
	ErrPredecessorUnknown = certhall.NewError("predecessor-unknown", certhall.NotFound)
	ErrPredecessorName    = certhall.NewError("predecessor-name", certhall.Invalid)
	ErrPredecessorAddress = certhall.NewError("predecessor-address", certhall.Invalid)
	ErrPredecessorExists  = certhall.NewError("predecessor-exists", certhall.Conflict)
	ErrPredecessorCert    = certhall.NewError("predecessor-certificate", certhall.Invalid)
	ErrPredecessorOther   = certhall.NewError("predecessor-other-issuer", certhall.Denied)
)
