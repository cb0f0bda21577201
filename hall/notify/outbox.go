package notify

import (
	"context"
	"time"

	"github.com/certhall/certhall"
)

// Message is one message of the outbox.
type Message struct {
	Key      string // idempotency key
	Phone    string // "" for a mail
	Mail     string // address; "" for a short message
	Template string
	Vars     map[string]string
	At       time.Time
}

// Store keeps the outbox.
type Store interface {
	// AddMessage stores a message unless its key stands already.
	AddMessage(ctx context.Context, m Message) error
	// Messages are those behind a time, oldest first.
	Messages(ctx context.Context, after time.Time, limit int) ([]Message, error)
}

// Outbox is the provider that sends nothing: messages lie in the hall's
// database. It never serves in production unless configured, because whoever
// reads the database reads the codes.
type Outbox struct {
	Store Store
	Clock certhall.Clock
}

// Send keeps the message.
func (o *Outbox) Send(ctx context.Context, phone, template string, vars map[string]string, idempotencyKey string) (string, error) {
	m := Message{Key: idempotencyKey, Phone: phone, Template: template, Vars: vars, At: o.Clock.Now()}
	return idempotencyKey, o.Store.AddMessage(ctx, m)
}

// SendMail keeps the mail.
func (o *Outbox) SendMail(ctx context.Context, address, template string, vars map[string]string, idempotencyKey string) (string, error) {
	m := Message{Key: idempotencyKey, Mail: address, Template: template, Vars: vars, At: o.Clock.Now()}
	return idempotencyKey, o.Store.AddMessage(ctx, m)
}

// Since lists what was sent after a time, oldest first.
func (o *Outbox) Since(ctx context.Context, after time.Time) ([]Message, error) {
	return o.Store.Messages(ctx, after, 100)
}
