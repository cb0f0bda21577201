// Package notify reaches people: short messages now, mail and reminders later.
// A Provider is one way to send them; Outbox is the built-in one, which only
// keeps what would have been sent, for the demo and the tests to show.
package notify

import "context"

// Templates of short messages.
const (
	TemplateCode = "code" // vars: code, minutes
)

// Provider sends a short message.
type Provider interface {
	// Send hands one message over. The same idempotency key sends once.
	// The provider's own id of the message is for its support desk.
	Send(ctx context.Context, phone, template string, vars map[string]string, idempotencyKey string) (providerID string, err error)
}
