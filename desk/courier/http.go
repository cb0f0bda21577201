package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/proof"
)

// How lost connections are met.
const (
	retryAfter = 500 * time.Millisecond // doubled each time
	retries    = 5
	maxAnswer  = 1 << 20
)

// HTTP is a hall reached over its HTTP API.
type HTTP struct {
	Base   string       // such as https://hall.example
	Lang   string       // in which problems are told
	Client *http.Client // nil is one with a time limit of half a minute
	Wait   func(context.Context, time.Duration) error
	Heard  func(server time.Time) // told the server's clock with every answer; may be nil

	last string // token of the case opened last
}

// What is answered to addresses.
var (
	// ErrAddress: not an address of the form https://hall.example.
	ErrAddress = certhall.NewError("server-address", certhall.Invalid)
	// ErrOrigin: the hall calls itself by another address than it was reached at.
	ErrOrigin = certhall.NewError("server-origin", certhall.Denied)
)

// Nonce begins an opening. What the key will sign names the hall's origin; it
// must be the address at which the hall was reached, or somebody between could
// pass on an opening that was meant for him.
func (h *HTTP) Nonce(ctx context.Context) (n Nonce, err error) {
	reached := origin(h.Base)
	if reached == "" {
		return n, ErrAddress.With("server", h.Base)
	}
	if err = h.patiently(ctx, "/api/openings", "", struct{}{}, &n); err != nil {
		return n, err
	}
	if origin(n.Origin) != reached {
		return n, ErrOrigin.With("server", h.Base).With("origin", n.Origin)
	}
	return n, nil
}

// origin is scheme, host and port of an address (RFC 6454, 4), or empty.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}

// Open opens a case. It is sent once: an opening counts once. The hall is shown
// the token of the case opened before: what was proved there counts here.
func (h *HTTP) Open(ctx context.Context, opening proof.Signed) (c CaseRef, err error) {
	err = h.post(ctx, "/api/cases", h.last, map[string][]byte{"opening": proof.Encode(opening)}, &c)
	if err == nil {
		h.last = c.Token
	}
	return c, err
}

// Next brings a reply or an answer and asks what comes next. It may be sent
// again as it is.
func (h *HTTP) Next(ctx context.Context, c CaseRef, in Input) (n Next, err error) {
	err = h.patiently(ctx, "/api/cases/"+url.PathEscape(string(c.Case))+"/next", c.Token, in, &n)
	return n, err
}

// Close asks for the end of the case.
func (h *HTTP) Close(ctx context.Context, c CaseRef) (n Next, err error) {
	err = h.patiently(ctx, "/api/cases/"+url.PathEscape(string(c.Case))+"/close", c.Token, struct{}{}, &n)
	return n, err
}

// patiently posts again where the connection or the answer was lost.
func (h *HTTP) patiently(ctx context.Context, path, token string, in, out any) error {
	pause := h.Wait
	if pause == nil {
		pause = Sleep
	}
	d := retryAfter
	for n := 1; ; n++ {
		err := h.post(ctx, path, token, in, out)
		if n == retries || !errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, d); err != nil {
			return err
		}
		d *= 2
	}
}

// OriginList fetches the authority's signed origin list (DER), and the issuing
// certificates (DER) that the hall hands out with it.
func (h *HTTP) OriginList(ctx context.Context) (list []byte, issuers [][]byte, err error) {
	if origin(h.Base) == "" {
		return nil, nil, ErrAddress.With("server", h.Base)
	}
	var answer struct {
		List    []byte   `json:"list"`
		Issuers [][]byte `json:"issuers"`
	}
	err = h.call(ctx, http.MethodGet, "/api/origin-list", "", nil, &answer)
	return answer.List, answer.Issuers, err
}

// kindLimit bounds how many certificates the hall is asked about at once.
const kindLimit = 64

// Over tells which of these pairs have had their day: revoked, or superseded by
// another one of these. Nothing is signed for it; what the hall does not know,
// and pairs beyond its limit, are not over.
func (h *HTTP) Over(ctx context.Context, serials []certhall.Serial) ([]certhall.Serial, error) {
	if len(serials) == 0 {
		return nil, nil
	}
	var answer struct {
		Kinds []struct {
			Serial certhall.Serial `json:"serial"`
			Over   string          `json:"over"`
		} `json:"kinds"`
	}
	in := map[string][]certhall.Serial{"serials": serials[:min(len(serials), kindLimit)]}
	if err := h.post(ctx, "/api/certificates/kinds", "", in, &answer); err != nil {
		return nil, err
	}
	var over []certhall.Serial
	for _, k := range answer.Kinds {
		if k.Over != "" && slices.Contains(serials, k.Serial) {
			over = append(over, k.Serial)
		}
	}
	return over, nil
}

func (h *HTTP) post(ctx context.Context, path, token string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return h.call(ctx, http.MethodPost, path, token, body, out)
}

func (h *HTTP) call(ctx context.Context, method, path, token string, body []byte, out any) error {
	status, data, err := h.ask(ctx, method, path, token, body)
	if err != nil {
		return err
	}
	if status < 200 || status > 299 {
		return h.problem(status, data)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return ErrAnswer.Because(err)
	}
	return nil
}

// ask sends one request and reads the answer, whatever its status.
func (h *HTTP) ask(ctx context.Context, method, path, token string, body []byte) (status int, data []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(h.Base, "/")+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, ErrAnswer.Because(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	if h.Lang != "" {
		req.Header.Set("Accept-Language", h.Lang)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := h.Client
	if client == nil {
		client = &http.Client{Timeout: 30 * time.Second}
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, ErrUnreachable.With("server", h.Base).Because(err)
	}
	defer resp.Body.Close()
	data, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, ErrUnreachable.With("server", h.Base).Because(err)
	}
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil && h.Heard != nil {
		h.Heard(t)
	}
	return resp.StatusCode, data, nil
}

// problem reads a problem document (RFC 9457). A gateway's error without one
// is as good as no connection.
func (h *HTTP) problem(status int, data []byte) error {
	var p struct {
		Code   string            `json:"code"`
		Params map[string]string `json:"params"`
		Detail string            `json:"detail"`
		Hint   string            `json:"hint"`
	}
	if err := json.Unmarshal(data, &p); err != nil || p.Code == "" {
		switch status {
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
			return ErrUnreachable.With("server", h.Base).Becausef("status %d", status)
		}
		return ErrAnswer.Becausef("status %d", status)
	}
	e := &certhall.Error{Code: p.Code, Kind: kindOf(status), Params: p.Params}
	return e.Because(said{p.Detail, p.Hint})
}

func kindOf(status int) certhall.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return certhall.Invalid
	case http.StatusUnauthorized, http.StatusForbidden:
		return certhall.Denied
	case http.StatusNotFound:
		return certhall.NotFound
	case http.StatusConflict:
		return certhall.Conflict
	case http.StatusTooManyRequests:
		return certhall.Limited
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return certhall.Unavailable
	}
	return certhall.Internal
}

// said is the cause of an error the hall told of: its own words.
type said struct{ message, hint string }

func (s said) Error() string { return fmt.Sprintf("the hall says: %s %s", s.message, s.hint) }

// Words are the hall's own words for an error, for codes this program has
// none for.
func Words(err error) (message, hint string, ok bool) {
	var s said
	if !errors.As(err, &s) || s.message == "" {
		return "", "", false
	}
	return s.message, s.hint, true
}
