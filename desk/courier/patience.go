package courier

import (
	"context"
	"time"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// busyAgain is how often a busy key is tried.
const busyAgain = time.Second

// Patience waits for a key that another program uses, or whose library has not
// answered yet. Nothing was begun on it.
type Patience struct {
	Time time.Duration                              // how long; 0: not at all
	Wait func(context.Context, time.Duration) error // Sleep, or a test's
	Tell func(why error, left time.Duration)        // told at each try how long it still waits, and 0 at the end; may be nil
}

// For tries until the key is free: token.ErrKeyBusy or token.ErrDriverSlow if it
// is not within the time.
func (p Patience) For(ctx context.Context, try func() error) error {
	told := false
	tell := func(why error, left time.Duration) {
		if p.Tell != nil {
			p.Tell(why, left)
			told = left > 0
		}
	}
	defer func() {
		if told {
			tell(nil, 0)
		}
	}()
	for left := p.Time; ; left -= busyAgain {
		err := try()
		if !token.Passes(err) || left <= 0 {
			return err
		}
		tell(err, left)
		if err := p.Wait(ctx, min(left, busyAgain)); err != nil {
			return err
		}
	}
}

// Patient is an Agent that waits for busy keys.
type Patient struct {
	Agent
	Patience
}

// Do carries out an order.
func (p Patient) Do(ctx context.Context, keySerial string, order []byte) (reply []byte, err error) {
	err = p.For(ctx, func() (err error) {
		reply, err = p.Agent.Do(ctx, keySerial, order)
		return err
	})
	return reply, err
}

// SignOpening signs an opening.
func (p Patient) SignOpening(ctx context.Context, keySerial string, o proof.Opening) (signed proof.Signed, err error) {
	err = p.For(ctx, func() (err error) {
		signed, err = p.Agent.SignOpening(ctx, keySerial, o)
		return err
	})
	return signed, err
}
