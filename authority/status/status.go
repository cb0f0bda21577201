// Package status tells the world what became of certificates: CRLs (RFC 5280,
// 5), OCSP answers (RFC 6960, RFC 5019) and the certificates of the CAs. To the
// world an intended pair is unknown; issued, current and superseded within
// grace are good; void and revoked are revoked, and a suspended one is on hold.
package status

import (
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
)

// Reasons of revocation (CRLReason, RFC 5280, 5.3.1) that this package itself
// gives.
const (
	ReasonUnspecified     = 0
	ReasonCertificateHold = 6
)

// Issuer is an issuing CA as its status is told.
type Issuer struct {
	Name        string // in pairs.issuer, /crl/NAME.crl and /ca/NAME.cer: authority.MainIssuer or another
	Certificate *smx509.Certificate
	Responder   ca.Signer // the delegated OCSP certificate (RFC 6960, 4.2.2.2) with its key; zero where this node has none
}

// Standing is what the world may know of one serial of an issuer.
type Standing struct {
	Serial    certhall.Serial
	Known     bool // the authority issued it, or lost it (table lost_serials)
	Revoked   bool // or on hold
	RevokedAt time.Time
	Reason    int             // CRLReason
	Pair      certhall.PairID // whose standing it is; "" of staff and of lost serials
}

// StandingOf says of s, which tells of a pair in a state (on hold since, if
// suspended), what the world may know.
func StandingOf(s Standing, state authority.State, suspended bool, since time.Time) Standing {
	switch {
	case state == authority.Intended:
	case state == authority.Void, state == authority.Revoked:
		s.Known, s.Revoked = true, true
	case suspended:
		s.Known, s.Revoked, s.RevokedAt, s.Reason = true, true, since, ReasonCertificateHold
	default:
		s.Known = true
	}
	return s
}
