package accounts

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/notify"
)

// line is what a code is sent on: what its sends and tries are counted by,
// and what it is good for.
type line struct {
	counted  string // a phone; for log-ins by user name a digest of that
	good     string // part of the digest of every code
	template string // of the message
	visitor  bool   // whoever asks names any number: neither a log-in nor a case vouches for him
}

// caseLine is the line of cases: the phone itself.
func caseLine(phone string) line { return line{phone, phone, notify.TemplateCase, false} }

// SendCode sends a new code to a phone, for cases. The send is counted and
// durable before the provider is called; older codes stay valid. A decoy counts
// and answers the same, but nothing is sent and nobody ever learns its code.
func (d *Desk) SendCode(ctx context.Context, s Session, phone, address string, decoy bool) error {
	send, err := d.prepareCode(ctx, s, caseLine(phone), address, "")
	if err != nil || decoy {
		return err
	}
	return send(ctx, phone)
}

// prepareCode draws and counts a code; what it answers sends it. A stranger
// brings work that he has done for it.
func (d *Desk) prepareCode(ctx context.Context, s Session, l line, address, done string) (send func(context.Context, string) error, err error) {
	now := d.Clock.Now()
	c := Code{Session: s, Phone: l.counted, Address: network(address), SentAt: now}
	code, err := d.draw()
	if err != nil {
		return nil, err
	}
	c.ID = certhall.NewID(now, d.Random)
	c.Digest = d.digest(c.ID, l.good, code)
	err = d.Store.Write(ctx, func(w Writer) (err error) {
		if c.Stranger, err = d.stranger(w, s, l); err != nil {
			return err
		}
		if c.Stranger {
			if err := d.takeWork(w, done); err != nil {
				return err
			}
		}
		if err := d.mayWeSend(w, c); err != nil {
			return err
		}
		if err := w.ForgetCodes(now.Add(-rememberSendOf)); err != nil {
			return err
		}
		return w.AddCode(c)
	})
	return func(ctx context.Context, to string) error {
		vars := map[string]string{"code": code, "minutes": strconv.Itoa(int(CodeLife / time.Minute))}
		send := d.SMS.Send
		if l.template == notify.TemplateMail {
			send = d.Mail.SendMail
		}
		if _, err := send(ctx, to, l.template, vars, c.ID); err != nil {
			return ErrSendFailed.Because(err)
		}
		return nil
	}, err
}

// mayWeSend judges the limits under locks, so that two requests at once
// cannot both be the last one allowed.
func (d *Desk) mayWeSend(w Writer, c Code) error {
	phone, address, now := c.Phone, c.Address, c.SentAt
	if err := w.LockAddress(address); err != nil {
		return err
	}
	if err := w.LockPhone(phone); err != nil {
		return err
	}
	codes, err := w.LiveCodes(phone, now.Add(-CodeLife))
	if err != nil {
		return err
	}
	if triesLeft(codes) == 0 { // a new code could not be tried either
		return triesSpent()
	}
	inHour, last, err := w.SendsTo(phone, now.Add(-time.Hour))
	if err != nil {
		return err
	}
	if wait := last.Add(ResendAfter).Sub(now); inHour > 0 && wait > 0 {
		return ErrResend.With("seconds", strconv.Itoa(seconds(wait)))
	}
	inDay, _, err := w.SendsTo(phone, now.Add(-24*time.Hour))
	if err != nil {
		return err
	}
	fromHour, err := w.SendsFrom(address, now.Add(-time.Hour))
	if err != nil {
		return err
	}
	fromDay, err := w.SendsFrom(address, now.Add(-24*time.Hour))
	if err != nil {
		return err
	}
	if inHour >= d.SendsAnHour || inDay >= d.SendsADay || fromHour >= AddressAnHour || fromDay >= AddressADay {
		return ErrSendLimit
	}
	if c.Stranger {
		return d.mayStrangers(w, c)
	}
	return nil
}

// network is what counts as one address: of IPv6, whose hosts choose the lower
// half as they like, the first 64 bits.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}

// draw makes six digits, each value as likely as any other.
func (d *Desk) draw() (string, error) {
	for {
		var b [3]byte
		if _, err := io.ReadFull(d.Random, b[:]); err != nil {
			return "", err
		}
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		if n < 16*codeModulus { // the rest would favour small numbers
			return fmt.Sprintf("%0*d", codeDigits, n%codeModulus), nil
		}
	}
}

// digest is what is kept of a code. The secret lies outside the database: six
// digits under a salt alone could be guessed from a stolen row.
func (d *Desk) digest(id, good, code string) []byte {
	return gm.SM3([]byte("certhall/sms-code/1\x00"), gm.SM3(d.Secret), []byte(id+"\x00"+good+"\x00"+code))
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
