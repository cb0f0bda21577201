package notify

import (
	"context"
	"time"

	"github.com/wneessen/go-mail"
)

// sendTime bounds the sending of one mail.
const sendTime = 15 * time.Second

// SMTP sends mail by a mail server, over TLS only.
type SMTP struct {
	Host     string
	Port     int
	Implicit bool   // TLS from the first byte (465); else STARTTLS, which must succeed
	From     string // address, or name and address
	User     string // "" without a log-in
	Password string
	// Words puts a template into words.
	Words func(template string, vars map[string]string) (subject, body string)
}

// SendMail implements Mailer. A server has no idempotency keys: a repeated call
// sends again, under the same Message-ID, by which readers know it.
func (s *SMTP) SendMail(ctx context.Context, address, template string, vars map[string]string, idempotencyKey string) (string, error) {
	subject, body := s.Words(template, vars)
	m := mail.NewMsg()
	if err := m.From(s.From); err != nil {
		return "", err
	}
	if err := m.To(address); err != nil {
		return "", err
	}
	m.SetMessageIDWithValue(idempotencyKey + "@" + s.Host)
	m.SetDate()
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, body)
	options := []mail.Option{mail.WithPort(s.Port), mail.WithTimeout(sendTime), mail.WithTLSPolicy(mail.TLSMandatory)}
	if s.Implicit {
		options = append(options, mail.WithSSL())
	}
	if s.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.User), mail.WithPassword(s.Password))
	}
	client, err := mail.NewClient(s.Host, options...)
	if err != nil {
		return "", err
	}
	return idempotencyKey, client.DialAndSendWithContext(ctx, m)
}
