// Package notify reaches people: short messages and mail now, reminders later.
// A Provider is one way to send short messages, a Mailer one to send mail;
// Outbox is the built-in one of both, which only keeps what would have been
// sent, for the demo and the tests to show.
package notify

import (
	"context"
	"errors"
)

// Templates of messages. A code says what it is for, so that nobody reads out
// one for a log-in to whoever asks for one of a case. Vars: code, minutes.
const (
	TemplateLogin    = "login"     // a code for a log-in
	TemplateCase     = "case"      // a code for a case
	TemplateMyself   = "myself"    // a code by which somebody who has logged in shows that it is he
	TemplateNewPhone = "new-phone" // a code that makes this phone that of an account
	TemplateMail     = "mail"      // a code that makes this mail address that of an account
)

// TemplatePhoneMoved tells the old number that an account has another phone
// now, and how to object. Vars: phone (masked), contact.
const TemplatePhoneMoved = "phone-moved"

// TemplateInvited tells somebody that an organisation invites him: he joins when
// he logs in with this phone. Vars: organisation (name), days, site (address).
const TemplateInvited = "invited"

// Templates that tell whoever asked for a locked key to be unlocked how it
// stands. Vars: key (serial of the USB key).
const (
	TemplateUnlockReady   = "unlock-ready"   // he can unlock it now
	TemplateUnlockRefused = "unlock-refused" // he cannot; the page says why
)

// Provider sends a short message.
type Provider interface {
	// Send hands one message over. The same idempotency key sends once.
	// The provider's own id of the message is for its support desk.
	Send(ctx context.Context, phone, template string, vars map[string]string, idempotencyKey string) (providerID string, err error)
}

// Mailer sends a mail.
type Mailer interface {
	// SendMail hands one mail over, under the same rules as Provider.Send.
	SendMail(ctx context.Context, address, template string, vars map[string]string, idempotencyKey string) (providerID string, err error)
}

// None is the provider of a hall that has none: nothing is sent.
type None struct{}

// SendMail refuses.
func (None) SendMail(context.Context, string, string, map[string]string, string) (string, error) {
	return "", errors.New("notify: there is no way to send mail")
}

// Send refuses.
func (None) Send(context.Context, string, string, map[string]string, string) (string, error) {
	return "", errors.New("notify: there is no provider of short messages")
}
