// Package accounts knows people: their phones, the codes that prove a phone,
// who handles which certificates, and the tokens that open one case. Passwords,
// organisations and operators will live here too. A proved phone alone never
// gives a certificate: it tells who stands at the counter.
package accounts

import (
	"cmp"
	"io"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/notify"
)

// Rules about codes by SMS.
const (
	CodeLife       = 10 * time.Minute
	CodeTries      = 5 // over all live codes of a phone
	ResendAfter    = time.Minute
	SendsAnHour    = 5 // to one phone
	SendsADay      = 10
	AddressAnHour  = 30 // from one network address; whole offices share one
	AddressADay    = 100
	ProofLife      = 8 * time.Hour
	codeDigits     = 6
	codeModulus    = 1000000
	rememberSendOf = 48 * time.Hour
)

// What the desk answers beside success.
var (
	ErrPhone       = certhall.NewError("phone-malformed", certhall.Invalid)
	ErrCodeWrong   = certhall.NewError("code-wrong", certhall.Denied)      // tries_left
	ErrCodeExpired = certhall.NewError("code-expired", certhall.Denied)    // no code lives
	ErrCodeTries   = certhall.NewError("code-tries", certhall.Limited)     // minutes
	ErrResend      = certhall.NewError("code-resend", certhall.Limited)    // seconds
	ErrSendLimit   = certhall.NewError("sms-limited", certhall.Limited)    // too many to this phone or from this address
	ErrSendFailed  = certhall.NewError("sms-failed", certhall.Unavailable) // the provider did not take it
)

// Options of a Desk.
type Options struct {
	Store  Store
	SMS    notify.Provider
	Clock  certhall.Clock
	Random io.Reader
	Secret []byte // keys the digests of codes; kept outside the database

	SendsAnHour, SendsADay int // to one phone; 0 is the default
}

// Desk is the counter where phones are proved.
type Desk struct{ Options }

// New makes a Desk.
func New(o Options) *Desk {
	o.SendsAnHour, o.SendsADay = cmp.Or(o.SendsAnHour, SendsAnHour), cmp.Or(o.SendsADay, SendsADay)
	return &Desk{o}
}

func (d *Desk) now() time.Time { return d.Clock.Now().UTC().Truncate(time.Millisecond) }
