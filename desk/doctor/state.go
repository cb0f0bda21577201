package doctor

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/ocsp"
)

// state is what the authority says of a certificate now.
type state int

const (
	unasked   state = iota // nobody could be asked, or the answer cannot be believed
	valid                  // good
	revoked                // for good
	replaced               // revoked because a newer pair took its place
	suspended              // on hold
	unheardOf              // the authority does not know it
)

// Reasons of a revocation (CRLReason: RFC 5280, 5.3.1).
const (
	superseded      = 4
	certificateHold = 6 // suspended
)

// askTime bounds one question: a person waits for the answer.
const askTime = 10 * time.Second

// ask asks the responder that the certificates name (RFC 5280, 4.2.2.1) about
// both; the worse answer counts.
func (d *Doctor) ask(ctx context.Context, h *token.Holding) state {
	if d.Client == nil {
		return unasked
	}
	worst := valid
	for _, c := range []*smx509.Certificate{h.Sign, h.Enc} {
		if c == nil {
			continue
		}
		issuer := d.issuerOf(c)
		if issuer == nil || len(c.OCSPServer) == 0 {
			return unasked
		}
		said := d.askOne(ctx, c, issuer)
		if said == unasked || said == valid {
			if said == unasked && worst == valid {
				worst = unasked
			}
			continue
		}
		return said
	}
	return worst
}

// issuerOf finds the certificate's issuing CA, if it is under a trusted root.
func (d *Doctor) issuerOf(c *smx509.Certificate) *smx509.Certificate {
	if _, err := d.trust.Root(c, d.chain); err != nil {
		return nil
	}
	for _, der := range d.chain {
		if issuer, err := gm.ParseCertificate(der); err == nil && bytes.Equal(c.RawIssuer, issuer.RawSubject) && c.CheckSignatureFrom(issuer) == nil {
			return issuer
		}
	}
	return nil
}

func (d *Doctor) askOne(ctx context.Context, c, issuer *smx509.Certificate) state {
	request, err := ocsp.Request(issuer, nil, c.SerialNumber)
	if err != nil {
		return unasked
	}
	ctx, end := context.WithTimeout(ctx, askTime)
	defer end()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.OCSPServer[0], bytes.NewReader(request))
	if err != nil {
		return unasked
	}
	r.Header.Set("Content-Type", "application/ocsp-request")
	answer, err := d.Client.Do(r)
	if err != nil {
		return unasked
	}
	defer answer.Body.Close()
	der, err := io.ReadAll(io.LimitReader(answer.Body, ocsp.MaxAnswer+1))
	if err != nil {
		return unasked
	}
	said, err := ocsp.Parse(der, issuer, nil, d.now)
	if err != nil || len(said) != 1 || said[0].Serial.Cmp(c.SerialNumber) != 0 {
		return unasked
	}
	switch {
	case said[0].Standing == ocsp.Good:
		return valid
	case said[0].Standing == ocsp.Revoked && said[0].Reason == certificateHold:
		return suspended
	case said[0].Standing == ocsp.Revoked && said[0].Reason == superseded:
		return replaced
	case said[0].Standing == ocsp.Revoked:
		return revoked
	}
	return unheardOf
}
