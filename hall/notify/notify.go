// Package notify reaches people: short messages now, mail and reminders later.
// A Provider is one way to send them; Outbox is the built-in one, which only
// keeps what would have been sent, for the demo and the tests to show.
package notify

import (
	"context"
	"errors"
)

// Templates of short messages. A code says what it is for, so that nobody reads
// out one for a log-in to whoever asks for one of a case. Vars: code, minutes.
const (
	TemplateLogin = "login" // a code for a log-in
	TemplateCase  = "case"  // a code for a case
)

// Provider sends a short message.
type Provider interface {
	// Send hands one message over. The same idempotency key sends once.
	// The provider's own id of the message is for its support desk.
	Send(ctx context.Context, phone, template string, vars map[string]string, idempotencyKey string) (providerID string, err error)
}

// None is the provider of a hall that has none: nothing is sent.
type None struct{}

// Send refuses.
func (None) Send(context.Context, string, string, map[string]string, string) (string, error) {
	return "", errors.New("notify: there is no provider of short messages")
}
