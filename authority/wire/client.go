package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// Times of the calling side.
const (
	tryTime  = 10 * time.Second // for one node to answer
	dialTime = 2 * time.Second
	shyTime  = 5 * time.Second // a node that failed is asked last for so long
	pingTime = 5 * time.Second // a connection that says nothing is tried by HTTP/2's ping
)

// ClientOptions are what the calling side is made of.
type ClientOptions struct {
	Nodes []string    // host:port of the nodes that issue, the first preferred
	TLS   *tls.Config // nodes.ClientTLS
	Clock certhall.Clock
	Log   *slog.Logger
	Try   time.Duration // for one node to answer; 0 means ten seconds
}

// Client is the authority as a hall on another machine sees it. A node that
// does not answer, or is sealed, is passed over for the next.
type Client struct {
	ClientOptions
	http *http.Client
	mu   sync.Mutex
	shy  map[string]time.Time // until when a node is asked last
}

var _ authority.Authority = (*Client)(nil)

// NewClient makes a client; it connects when it is first called.
func NewClient(o ClientOptions) *Client {
	if o.Try == 0 {
		o.Try = tryTime
	}
	return &Client{ClientOptions: o, shy: map[string]time.Time{}, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: o.TLS, ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTime,
			DialContext:     (&net.Dialer{Timeout: dialTime}).DialContext,
			IdleConnTimeout: 5 * time.Minute,
			HTTP2:           &http.HTTP2Config{SendPingTimeout: pingTime, PingTimeout: pingTime},
		},
	}}
}

// HangUp closes the connections that nobody uses.
func (c *Client) HangUp() { c.http.CloseIdleConnections() }

// Eligible implements authority.Authority.
func (c *Client) Eligible(ctx context.Context, service certhall.Service, serial certhall.Serial) (authority.Eligibility, error) {
	e, err := ask(ctx, c, eligible, eligibleIn{service, serial})
	e.Eligibility.Refusal = e.Refusal.error()
	return e.Eligibility, err
}

// Ticket implements authority.Authority.
func (c *Client) Ticket(ctx context.Context, r authority.TicketRequest) (proof.Signed, error) {
	return ask(ctx, c, ticket, r)
}

// Issue implements authority.Authority.
func (c *Client) Issue(ctx context.Context, r authority.IssueRequest) (proof.Bundle, error) {
	return ask(ctx, c, issue, r)
}

// Acknowledge implements authority.Authority.
func (c *Client) Acknowledge(ctx context.Context, ack proof.Signed) (proof.Signed, error) {
	return ask(ctx, c, acknowledge, ack)
}

// Retired implements authority.Authority.
func (c *Client) Retired(ctx context.Context, r proof.Signed) error {
	_, err := ask(ctx, c, retired, r)
	return err
}

// Claim implements authority.Authority.
func (c *Client) Claim(ctx context.Context, s proof.Signed) (proof.Signed, error) {
	return ask(ctx, c, claim, s)
}

// Close implements authority.Authority.
func (c *Client) Close(ctx context.Context, id certhall.CaseID) (proof.Signed, error) {
	return ask(ctx, c, closing, id)
}

// Revoke implements authority.Authority.
func (c *Client) Revoke(ctx context.Context, evidence proof.Signed) error {
	_, err := ask(ctx, c, revoke, evidence)
	return err
}

// Suspend implements authority.Authority. It alone is not sent again when its
// answer is lost: ErrUnreachable then means that nobody knows.
func (c *Client) Suspend(ctx context.Context, lineage certhall.LineageID, reason string) error {
	_, err := ask(ctx, c, suspend, suspendIn{lineage, reason})
	return err
}

// Resume implements authority.Authority.
func (c *Client) Resume(ctx context.Context, evidence proof.Signed) error {
	_, err := ask(ctx, c, resume, evidence)
	return err
}

// Unlockable implements authority.Authority.
func (c *Client) Unlockable(ctx context.Context, keySerial string) error {
	_, err := ask(ctx, c, unlockable, keySerial)
	return err
}

// Unlock implements authority.Authority.
func (c *Client) Unlock(ctx context.Context, r authority.UnlockRequest) (proof.Signed, error) {
	return ask(ctx, c, unlock, r)
}

// Unlocked implements authority.Authority.
func (c *Client) Unlocked(ctx context.Context, report proof.Signed) error {
	_, err := ask(ctx, c, unlocked, report)
	return err
}

// Pair implements authority.Authority.
func (c *Client) Pair(ctx context.Context, q authority.PairQuery) (authority.PairView, error) {
	return ask(ctx, c, pair, q)
}

// Origins implements authority.Authority.
func (c *Client) Origins(ctx context.Context) (proof.Signed, error) {
	return ask(ctx, c, origins, nothing{})
}

// Events implements authority.Authority.
func (c *Client) Events(ctx context.Context, after int64, limit int) ([]authority.Event, error) {
	return ask(ctx, c, events, eventsIn{after, limit})
}

// Ready tells whether a node can issue, for /readyz.
func (c *Client) Ready(ctx context.Context) error {
	_, err := ask(ctx, c, ready, nothing{})
	return err
}

// ask makes a call of one node after the other until one says what holds for
// all of them.
func ask[In, Out any](ctx context.Context, c *Client, call call[In, Out], in In) (out Out, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	var sealed, lost error
	for _, node := range c.order() {
		t := &try{node: node, path: version + call.name, body: body}
		said, err := send[Out](ctx, c, t)
		if err != nil && t.reused && call.again && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil { // the node may have started anew since
			said, err = send[Out](ctx, c, t)
		}
		switch {
		case err != nil:
			c.avoid(ctx, node, err)
			lost = errors.Join(lost, err)
			if t.sent && !call.again || ctx.Err() != nil {
				return out, ErrUnreachable.Because(lost)
			}
		case said.Error == nil:
			return *said.Done, nil
		case said.Error.Code == authority.ErrSealed.Code: // another one may have its keys
			c.avoid(ctx, node, authority.ErrSealed)
			sealed = authority.ErrSealed
		default:
			return out, said.Error.error()
		}
	}
	if sealed != nil {
		return out, sealed
	}
	return out, ErrUnreachable.Because(lost)
}

// try is one call on its way to one node.
type try struct {
	node, path string
	body       []byte
	sent       bool // it may have reached the authority there
	reused     bool // over a connection that stood already
}

// send asks one node. Its error means that the authority's answer is not known.
func send[Out any](ctx context.Context, c *Client, t *try) (said answer[Out], err error) {
	ctx, end := context.WithTimeout(ctx, c.Try)
	defer end()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { t.sent, t.reused = true, i.Reused },
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+t.node+t.path, bytes.NewReader(t.body))
	if err != nil {
		return said, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(r)
	if err != nil {
		return said, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxAnswer))
	if err != nil {
		return said, fmt.Errorf("wire: %s: %w", t.node, err)
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return said, fmt.Errorf("wire: %s answers %d and no answer: %w", t.node, response.StatusCode, err)
	}
	switch {
	case said.Refused != nil:
		t.sent = false
		return said, fmt.Errorf("wire: %s: %w", t.node, said.Refused.error())
	case said.Error != nil && said.Error.Code == ErrUnreachable.Code, said.Error == nil && said.Done == nil:
		return said, fmt.Errorf("wire: %s answers %d without an answer", t.node, response.StatusCode)
	}
	return said, nil
}

// order is in which order the nodes are asked: those that failed just now last.
func (c *Client) order() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Clock.Now()
	nodes := slices.Clone(c.Nodes)
	slices.SortStableFunc(nodes, func(a, b string) int {
		switch shyA, shyB := c.shy[a].After(now), c.shy[b].After(now); {
		case shyA == shyB:
			return 0
		case shyA:
			return 1
		}
		return -1
	})
	return nodes
}

// avoid asks a node last for a while.
func (c *Client) avoid(ctx context.Context, node string, why error) {
	c.mu.Lock()
	now := c.Clock.Now()
	known := c.shy[node].After(now)
	c.shy[node] = now.Add(shyTime)
	c.mu.Unlock()
	if !known && ctx.Err() == nil {
		c.Log.WarnContext(ctx, "a node of the authority does not answer", "node", node, "cause", certhall.CauseText(why))
	}
}
