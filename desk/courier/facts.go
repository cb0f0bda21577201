package courier

import (
	"context"
	"encoding/json"
	"net/http"
)

// Facts are what everybody may know of a hall.
type Facts struct {
	Name        string `json:"name"`
	Authority   string `json:"authority"`   // id of the authority
	Origin      string `json:"origin"`      // what keys sign as the hall's origin
	Fingerprint string `json:"fingerprint"` // SM3 over the root certificate, in hex
	AgentAPI    int    `json:"agent_api"`   // version of the local API that its pages speak; 0 if it does not tell
	PayPage     string `json:"pay_page"`    // of a demo: where orders are paid without a telephone, with the query code_url; else empty
}

// Facts asks what everybody may know.
func (h *HTTP) Facts(ctx context.Context) (f Facts, err error) {
	if origin(h.Base) == "" {
		return f, ErrAddress.With("server", h.Base)
	}
	if err = h.call(ctx, http.MethodGet, "/api/hall", "", nil, &f); err == nil && (f.Authority == "" || f.Origin == "") {
		err = ErrAnswer.Becausef("no hall's facts")
	}
	return f, err
}

// Ready asks whether the hall can serve now; if not, Message says why, in
// words for people.
func (h *HTTP) Ready(ctx context.Context) (ready bool, message string, err error) {
	var answer struct {
		Ready  bool `json:"ready"`
		Checks []struct {
			Ready   bool   `json:"ready"`
			Message string `json:"message"`
		} `json:"checks"`
	}
	status, data, err := h.ask(ctx, http.MethodGet, "/readyz", "", nil)
	if err != nil {
		return false, "", err
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return false, "", ErrAnswer.Becausef("status %d: %w", status, err)
	}
	for _, c := range answer.Checks {
		if !c.Ready && message == "" {
			message = c.Message
		}
	}
	return answer.Ready, message, nil
}

// SameOrigin tells whether two addresses are of one origin (RFC 6454, 5).
func SameOrigin(a, b string) bool { return origin(a) != "" && origin(a) == origin(b) }
