package wechat

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth"
	"github.com/wechatpay-apiv3/wechatpay-go/core/consts"

	"github.com/certhall/certhall"
)

const (
	signatureAge = 5 * time.Minute // how far its time may lie from ours
	maxReply     = 1 << 20
	maxBill      = 256 << 20
	downloadPath = "/v3/billdownload/file"
)

// witness tells whether a message comes from WeChat Pay. The SDK's own validator
// reads the machine's clock and lets refusals pass unverified.
type witness struct {
	verifier auth.Verifier
	clock    certhall.Clock
}

func (w witness) check(ctx context.Context, header http.Header, body []byte) error {
	stamp := header.Get(consts.WechatPayTimestamp)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("wechat: the message carries no time: %w", err)
	}
	if age := w.clock.Now().Sub(time.Unix(seconds, 0)).Abs(); age > signatureAge {
		return fmt.Errorf("wechat: the message's time is %s off", age)
	}
	message := stamp + "\n" + header.Get(consts.WechatPayNonce) + "\n" + string(body) + "\n"
	return w.verifier.Verify(ctx, header.Get(consts.WechatPaySerial), message, header.Get(consts.WechatPaySignature))
}

// wire carries requests to the gateway and lets only verified replies through.
type wire struct {
	gateway *url.URL
	witness witness
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper. Signatures cover path and query, not
// the host: the SDK knows one gateway, ours is put in its place.
func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = w.gateway.Scheme, w.gateway.Host, w.gateway.Host
	reply, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	most := int64(maxReply)
	if r.URL.Path == downloadPath {
		most = maxBill
	}
	body, err := io.ReadAll(io.LimitReader(reply.Body, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > most:
		return nil, fmt.Errorf("wechat: the reply is longer than %d bytes", most)
	}
	// Bills are not signed; the signed answer before tells their digest.
	if r.URL.Path != downloadPath || reply.StatusCode/100 != 2 {
		if err := w.witness.check(r.Context(), reply.Header, body); err != nil {
			return nil, fmt.Errorf("wechat: the reply with status %d (request %q) is not verified: %w",
				reply.StatusCode, reply.Header.Get(consts.RequestID), err)
		}
	}
	reply.Body = io.NopCloser(bytes.NewReader(body))
	return reply, nil
}

// withValidator tells the SDK by which key we want replies to be signed; what
// reaches it has been verified on the wire.
type withValidator struct{ witness }

func (v withValidator) Apply(s *core.DialSettings) error {
	s.Validator = v
	return nil
}

func (v withValidator) Validate(context.Context, *http.Response) error { return nil }

func (v withValidator) GetAcceptSerial(ctx context.Context) (string, error) {
	return v.verifier.GetSerial(ctx)
}
