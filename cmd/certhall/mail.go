package main

import (
	"cmp"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/locale"
)

// mailFlags say how mail goes out.
type mailFlags struct {
	Mail             string `enum:"none,outbox,smtp" default:"none" help:"Mail: none; outbox (for trials: it is not sent, it lies in the hall's database); or smtp."`
	MailServer       string `help:"Mail server, host:port. Always by TLS: from the first byte on port 465, else by STARTTLS."`
	MailFrom         string `help:"Sender of mail, such as 证书大厅 <hall@hall.example>."`
	MailUser         string `help:"User name at the mail server; empty: no log-in."`
	MailPasswordFile string `type:"path" help:"File with the password at the mail server; default is the systemd credential certhall-mail."`
}

// mailCredential is the systemd credential with the password (LoadCredential=).
const mailCredential = "certhall-mail"

var errMail = certhall.NewError("mail-settings", certhall.Invalid)

// mailer is how mail goes out.
func (f mailFlags) mailer(outbox *notify.Outbox) (notify.Mailer, error) {
	switch f.Mail {
	case "outbox":
		return outbox, nil
	case "smtp":
		return f.smtp()
	}
	return notify.None{}, nil
}

func (f mailFlags) smtp() (*notify.SMTP, error) {
	host, digits, err := net.SplitHostPort(f.MailServer)
	if err != nil || f.MailFrom == "" {
		return nil, errMail.Because(err)
	}
	port, err := strconv.Atoi(digits)
	if err != nil {
		return nil, errMail.Because(err)
	}
	s := &notify.SMTP{Host: host, Port: port, Implicit: port == 465, From: f.MailFrom, User: f.MailUser, Words: mailWords}
	if f.MailUser == "" {
		return s, nil
	}
	file := cmp.Or(f.MailPasswordFile, filepath.Join(os.Getenv("CREDENTIALS_DIRECTORY"), mailCredential))
	password, err := os.ReadFile(file)
	if err != nil {
		return nil, errMail.Because(err)
	}
	s.Password = strings.TrimRight(string(password), "\r\n")
	return s, nil
}

// mailWords writes both languages: who reads a mail may not be who asked for it.
func mailWords(_ string, vars map[string]string) (subject, body string) {
	both := func(key string, between string) string {
		return locale.Text(locale.Chinese, key, vars) + between + locale.Text(locale.English, key, vars)
	}
	return both("mail.code.subject", " / "), both("mail.code.body", "\n\n")
}
