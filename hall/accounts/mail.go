package accounts

import (
	"context"
	"net/mail"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/notify"
)

// longestMail is in bytes (RFC 5321).
const longestMail = 254

// ErrMail says that something can be no mail address.
var ErrMail = certhall.NewError("mail-malformed", certhall.Invalid)

// ParseMail reads a mail address: one alone, in ASCII, of a domain with a dot.
func ParseMail(typed string) (string, error) {
	typed = strings.TrimSpace(typed)
	a, err := mail.ParseAddress(typed)
	if err != nil || a.Address != typed || len(typed) > longestMail {
		return "", ErrMail
	}
	local, domain, _ := strings.Cut(typed, "@")
	if !strings.Contains(strings.Trim(domain, "."), ".") || strings.ContainsFunc(typed, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.Contains(local, `"`) {
		return "", ErrMail
	}
	return local + "@" + strings.ToLower(domain), nil
}

// MaskMail hides most of a mail address: z***@example.com.
func MaskMail(address string) string {
	local, domain, found := strings.Cut(address, "@")
	if !found {
		return ""
	}
	return local[:1] + "***@" + domain
}

// mailLine sends to a mail address that is to become a person's. Sends and tries
// are counted by the address.
func mailLine(address, person string) line {
	return line{"mail " + strings.ToLower(address), "mail " + person + " " + address, notify.TemplateMail, false}
}

// SendMailCode sends a code to a mail address.
func (d *Desk) SendMailCode(ctx context.Context, v Visit, typed, from string) (CodeSent, error) {
	address, err := ParseMail(typed)
	if err != nil {
		return CodeSent{}, err
	}
	return d.sendNow(ctx, v.Session, mailLine(address, v.Person), address, from, "")
}

// SetMail gives a person the mail address that he proves by the code sent there.
func (d *Desk) SetMail(ctx context.Context, v Visit, typed, code string) (Me, error) {
	address, err := ParseMail(typed)
	if err != nil {
		return Me{}, err
	}
	l := mailLine(address, v.Person)
	if err := d.checkCode(ctx, v.Session, l, code, l.good, 0); err != nil { // it proves nothing beyond this moment
		return Me{}, err
	}
	return d.keepMail(ctx, v, address)
}

// RemoveMail leaves a person without a mail address.
func (d *Desk) RemoveMail(ctx context.Context, v Visit) (Me, error) { return d.keepMail(ctx, v, "") }

func (d *Desk) keepMail(ctx context.Context, v Visit, address string) (Me, error) {
	if err := d.Store.Write(ctx, func(w Writer) error { return w.SetMail(v.Person, address) }); err != nil {
		return Me{}, err
	}
	return d.Me(ctx, v)
}
