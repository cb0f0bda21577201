package accounts

import (
	"context"
	"time"

	"github.com/certhall/certhall"
)

// What a log-in is answered beside success.
var (
	ErrLogin           = certhall.NewError("login-wrong", certhall.Denied)
	ErrLoginCodeNeeded = certhall.NewError("login-code-needed", certhall.Conflict)
)

// attempt is one log-in on its way.
type attempt struct {
	Login
	name     login
	account  *Account  // who is named; nil if nobody yet
	phone    string    // typed, or on record; "" if nobody has the name
	provedAt time.Time // when the phone was proved; zero: it was not
	password bool      // gave one of his own
	first    bool      // gave the first one
	nonce    []byte    // signed by a key of his; nil if none was needed
	expires  time.Time // of the nonce
	move     *Move     // gives him the phone he has proved; nil if it is his already
}

// Login lets a person in: by a password of his own; or by a code; or by the
// first password (首次密码) together with a code, to set one of his own and
// nothing else. What names him is a phone or a user name. An unknown phone that
// is proved becomes an account. It answers the token of a new session, in which
// a phone that was just proved stays proved; the session he came with ends.
func (d *Desk) Login(ctx context.Context, in Login) (token string, me Me, err error) {
	t, err := d.begin(ctx, in)
	if err != nil {
		return "", Me{}, err
	}
	token, me, err = d.login(ctx, t)
	return token, me, d.noted(ctx, t, err)
}

func (d *Desk) login(ctx context.Context, t *attempt) (token string, me Me, err error) {
	if err := d.checkCodeOf(ctx, t); err != nil {
		return "", Me{}, err
	}
	if err := d.checkPasswordOf(ctx, t); err != nil {
		return "", Me{}, err
	}
	if err := d.checkIdle(ctx, t); err != nil {
		return "", Me{}, err
	}
	return d.enter(ctx, t)
}

func (d *Desk) begin(ctx context.Context, in Login) (*attempt, error) {
	name, err := parseLogin(in.Name)
	if err != nil {
		return nil, err
	}
	t := &attempt{Login: in, name: name, phone: name.phone}
	err = d.Store.Read(ctx, func(r Reader) (err error) {
		t.account, err = name.account(r)
		return err
	})
	if t.account != nil {
		t.phone = t.account.Phone
	}
	return t, err
}

// checkPasswordOf judges the password, if one is given: of six digits it is
// the first one, whoever is named, and asks for a code.
func (d *Desk) checkPasswordOf(ctx context.Context, t *attempt) error {
	var hash string
	if t.account != nil {
		hash = t.account.Password
	}
	t.first = isFirst(t.Password)
	t.password = t.Password != "" && !t.first
	switch {
	case t.password:
		err := d.compare(ctx, t.Password, hash, ErrLogin,
			d.limitOf("address", network(t.Address), triesOfAddress), d.limitOf("name", t.name.phone+t.name.key, triesOfName))
		if err == nil && t.account.PhoneUnproved && t.provedAt.IsZero() {
			err = ErrLoginCodeNeeded
		}
		return err
	case t.provedAt.IsZero():
		return ErrLoginCodeNeeded
	case t.first && (hash != "" || t.Password != t.phone[len(t.phone)-firstLength:]):
		return ErrLogin
	}
	return nil
}

// compare compares a password, within limits on the wrong ones.
func (d *Desk) compare(ctx context.Context, typed, hash string, wrong error, limits ...limit) error {
	try, err := d.try(ctx, limits...)
	if err != nil {
		return err
	}
	fits, err := d.isPassword(ctx, typed, hash)
	if err != nil {
		return err
	}
	if !fits {
		return wrong
	}
	return d.takeBack(ctx, try)
}
