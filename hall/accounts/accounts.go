// Package accounts knows people: their phones, the codes that prove a phone,
// their names, mail and passwords, who has logged in, when and from where, who
// handles which certificates, and the tokens that open one case. A proved phone or a password alone never gives a certificate: it tells
// who stands at the counter.
//
// Nobody learns here who has an account. Names that are known and names that
// are not get the same answers within the same limits, and cost the same time;
// what differs is told only to whoever has proved the phone.
package accounts

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/notify"
)

// Rules about codes by SMS.
const (
	CodeLife        = 10 * time.Minute
	CodeTries       = 5 // over all live codes of a phone
	ResendAfter     = time.Minute
	SendsAnHour     = 5 // to one phone
	SendsADay       = 10
	AddressAnHour   = 30 // from one network address; whole offices share one
	AddressADay     = 100
	StrangersADay   = 60   // from one network address, by those whom the hall does not know
	StrangersAnHour = 3000 // of the whole house: a brake
	ProofLife       = 8 * time.Hour
	codeDigits      = 6
	codeModulus     = 1000000
	rememberSendOf  = 48 * time.Hour
)

// What the desk answers beside success.
var (
	ErrPhone       = certhall.NewError("phone-malformed", certhall.Invalid)
	ErrCodeWrong   = certhall.NewError("code-wrong", certhall.Denied)      // tries_left
	ErrCodeExpired = certhall.NewError("code-expired", certhall.Denied)    // no code lives
	ErrCodeTries   = certhall.NewError("code-tries", certhall.Limited)     // minutes
	ErrResend      = certhall.NewError("code-resend", certhall.Limited)    // seconds
	ErrSendLimit   = certhall.NewError("sms-limited", certhall.Limited)    // too many to this phone or from this address
	ErrSendBrake   = certhall.NewError("sms-brake", certhall.Unavailable)  // too many strangers at once; who is known goes on
	ErrSendFailed  = certhall.NewError("sms-failed", certhall.Unavailable) // the provider did not take it
)

// Options of a Desk.
type Options struct {
	Store  Store
	SMS    notify.Provider
	Mail   notify.Mailer
	Clock  certhall.Clock
	Random io.Reader
	Secret []byte // keys the digests of codes; kept outside the database

	SendsAnHour, SendsADay int // to one phone; 0 is the default
	StrangersADay          int // from one network address; 0 is the default
	StrangersAnHour        int // of the whole house; 0 is the default

	// Difficulty of the work that strangers do before a message is sent for
	// them (hall/work); 0 asks for none.
	Difficulty int64
	// Contact tells people how to object, e.g. a telephone number.
	Contact string
	// Follow makes cases that wait for a code to a person's phone wait for one
	// to his new phone; nil: nobody does.
	Follow func(ctx context.Context, person, was, is string) error

	// For log-ins with a key:
	Authority   authority.Authority
	AuthorityID string
	Origin      string // of the hall, e.g. https://hall.example

	Log *slog.Logger // nil: silent

	// TestCost of one comparison of passwords takes the place of the full one in
	// tests of what passwords are for; nil: the full one.
	TestCost *argon2id.Params
}

// Desk is the counter where people say who they are.
type Desk struct {
	Options
	cost    argon2id.Params
	hashing chan struct{}  // places for comparisons of passwords
	sending sync.WaitGroup // messages on their way behind an answer
}

// New makes a Desk.
func New(o Options) *Desk {
	o.SendsAnHour, o.SendsADay = cmp.Or(o.SendsAnHour, SendsAnHour), cmp.Or(o.SendsADay, SendsADay)
	o.StrangersADay, o.StrangersAnHour = cmp.Or(o.StrangersADay, StrangersADay), cmp.Or(o.StrangersAnHour, StrangersAnHour)
	if o.Mail == nil {
		o.Mail = notify.None{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	cost := fullCost
	if o.TestCost != nil {
		cost = *o.TestCost
	}
	return &Desk{Options: o, cost: cost, hashing: make(chan struct{}, hashesAtOnce)}
}

// Wait waits for messages that are still on their way.
func (d *Desk) Wait() { d.sending.Wait() }

func (d *Desk) now() time.Time { return d.Clock.Now().UTC().Truncate(time.Millisecond) }
