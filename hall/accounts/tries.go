package accounts

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// What may be tried within an hour, unless something else is said.
const (
	triesOfName    = 10 // wrong passwords for one name
	triesOfAddress = 60 // wrong passwords from one network address; whole offices share one
	triesToRename  = 10 // user names that one person asks for
	triesToMove    = 10 // other people's phones that one administrator sets
	tryLife        = time.Hour
	longestLife    = day // of what is counted by days
)

// ErrLoginLimited says that something was tried too often. (minutes)
var ErrLoginLimited = certhall.NewError("login-limited", certhall.Limited)

// limit is how often something may be tried.
type limit struct {
	subject string
	most    int
	within  time.Duration
}

// a is the limit for another time than an hour.
func (l limit) a(within time.Duration) limit {
	l.within = within
	return l
}

// limitOf keeps what people typed out of the database.
func (d *Desk) limitOf(kind, of string, most int) limit {
	sum := gm.SM3([]byte("certhall/tries/1\x00"), gm.SM3(d.Secret), []byte(kind+"\x00"+of))
	return limit{kind + " " + hex.EncodeToString(sum[:16]), most, tryLife}
}

// try counts a try before it is made, so that many at once cannot all be the
// last one allowed. Who wants only the wrong ones counted takes it back.
func (d *Desk) try(ctx context.Context, limits ...limit) (id string, err error) {
	now := d.now()
	id = certhall.NewID(now, d.Random)
	return id, d.Store.Write(ctx, func(w Writer) error {
		for _, l := range limits {
			if err := w.LockTries(l.subject); err != nil {
				return err
			}
			n, first, err := w.Tries(l.subject, now.Add(-l.within))
			if err != nil {
				return err
			}
			if n >= l.most {
				wait := first.Add(l.within).Sub(now)
				return ErrLoginLimited.With("minutes", strconv.Itoa(int((wait+time.Minute-1)/time.Minute)))
			}
			if err := w.AddTry(id, l.subject, now); err != nil {
				return err
			}
		}
		return w.ForgetTries(now.Add(-longestLife))
	})
}

// MaySetPhones counts how often an administrator sets phones of his members:
// the answer tells whether somebody has an account with a number.
func (d *Desk) MaySetPhones(ctx context.Context, v Visit) error {
	_, err := d.try(ctx, d.limitOf("move", v.Person, triesToMove))
	return err
}

func (d *Desk) takeBack(ctx context.Context, id string) error {
	return d.Store.Write(ctx, func(w Writer) error { return w.DropTry(id) })
}
