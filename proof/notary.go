package proof

import "encoding/asn1"

// Extended key usages (RFC 5280, 4.2.1.12) that tell the authority's two
// special certificates from every other: both are signed by the root itself.
// They lie in the arc for documentation (RFC 5612) until the project has its own.
var (
	// OIDNotary marks the certificate that signs tickets, receipts, void
	// notices, closings and checkpoints.
	OIDNotary = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 8083, 1}
	// OIDOriginList marks the certificate that signs lists of portals.
	OIDOriginList = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 8083, 2}
)
